//! The agent behind an address: the request is posted there, and the outcome comes as the answer, or later.

mod message;
mod signature;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::Utc;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode, Url};

pub use self::signature::Secret;

use self::message::Message;
use super::{Agent, Attempt, cancelled, failure, reply, wire};
use crate::address::{is_loopback, is_safe, plain};
use crate::limits::{
    AGENT_ANSWER_BYTES_MAX, AGENT_HTTP_CANCEL_TIME, AGENT_HTTP_CHECK_TIME, AGENT_HTTP_CONNECT_TIME,
    AGENT_HTTP_TOLD_BYTES, AGENT_HTTP_TOLD_TIME,
};
use crate::outbound::{self, cause};
use crate::secret;
use crate::tenants::AwaitedOutcome;
use crate::wit::agent_pipeline::Outcome;
use crate::wit::types::ErrorClass;

/// Names the secret that requests are signed with.
pub const SECRET_VARIABLE: &str = "MEANWHILE_AGENT_SECRET";
/// Names a file that has that secret.
pub const SECRET_FILE_VARIABLE: &str = "MEANWHILE_AGENT_SECRET_FILE";

/// Whether a setting names an agent behind an address.
#[must_use]
pub fn is_address(setting: &str) -> bool {
    let scheme = setting.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"))
}

/// Whether it names one that is on another machine.
#[must_use]
pub fn is_elsewhere(setting: &str) -> bool {
    is_address(setting) && address(setting).is_ok_and(|url| !is_loopback(&url))
}

/// The address of an agent.
///
/// # Errors
/// When it is none, shows a secret, or others could read on the way what is sent there.
pub fn address(text: &str) -> Result<Url, String> {
    let url = plain(
        text,
        "such as https://agents.example.com/work",
        &format!("the secret belongs into {SECRET_VARIABLE} or {SECRET_FILE_VARIABLE}"),
    )?;
    if !is_safe(&url) {
        return Err(
            "others could read what is sent there: expected https (http only on this machine)".into(),
        );
    }
    Ok(url)
}

/// See the module. The secret is nowhere but in the signatures it makes.
#[derive(Debug)]
pub struct Http {
    client: reqwest::Client,
    url: Url,
    secret: Option<Secret>,
    /// Where the host is reached from there, for outcomes that come later.
    host: Option<String>,
}

/// What was answered to a request.
enum Answered {
    Outcome(Box<Outcome>),
    /// The outcome comes later.
    Later,
}

/// What an error says of an attempt whose agent can do nothing about it.
fn no_randomness(error: impl fmt::Display) -> Outcome {
    failure(ErrorClass::Transient, format!("no randomness: {error}"))
}

impl Http {
    /// One that posts to `url`, and signs with `secret`. Only on this machine it does without.
    ///
    /// # Errors
    /// When the address is refused (see [`address`]), or there is no secret for another machine.
    pub fn new(url: &str, secret: Option<Secret>) -> Result<Self, String> {
        let url = address(url)?;
        if secret.is_none() && !is_loopback(&url) {
            return Err(format!(
                "requests to {url} have to be signed: set {SECRET_VARIABLE} or {SECRET_FILE_VARIABLE} here and at the \
                 agent to the same secret, such as `echo \"whsec_$(openssl rand -base64 32)\"` makes"
            ));
        }
        let client = outbound::client_to(&url)
            .redirect(Policy::none())
            .connect_timeout(AGENT_HTTP_CONNECT_TIME)
            // An idle connection may be closed as the next request is written to it, which costs an attempt.
            .pool_max_idle_per_host(0);
        Ok(Self {
            client: outbound::built(client)?,
            url,
            secret,
            host: None,
        })
    }

    /// The same with the secret of the environment.
    ///
    /// # Errors
    /// As [`Self::new`], and when the secret cannot be read or is none.
    pub fn from_environment(url: &str) -> Result<Self, String> {
        let secret = secret::from_environment(SECRET_VARIABLE, SECRET_FILE_VARIABLE)?;
        let secret =
            secret.map(|text| Secret::parse(&text).map_err(|why| format!("{SECRET_VARIABLE} {why}")));
        Self::new(url, secret.transpose()?)
    }

    /// Outcomes may be sent later to the host, which is reached at `host` from where the agent is.
    #[must_use]
    pub fn serving_at(mut self, host: Option<String>) -> Self {
        self.host = host;
        self
    }

    /// Posts a request and waits for its outcome, which comes in one of two ways.
    async fn ask(&self, message: &Message, awaited: Option<&AwaitedOutcome>) -> Outcome {
        let sent = async {
            match awaited {
                Some(awaited) => awaited.taken().await,
                None => std::future::pending().await,
            }
        };
        let mut sent = std::pin::pin!(sent);
        let answered = tokio::select! {
            biased;
            // It may come before the answer that announces it.
            outcome = &mut sent => return outcome,
            answered = self.answered(message) => answered,
        };
        match answered {
            Ok(Answered::Outcome(outcome)) => *outcome,
            Ok(Answered::Later) if awaited.is_some() => sent.await,
            Ok(Answered::Later) => {
                let message = format!(
                    "{} answered 202, and cannot reach this host to send the outcome later: answer 200 with it, or set \
                     `public_url`",
                    self.url
                );
                failure(ErrorClass::Permanent, message)
            }
            Err(failed) => failed,
        }
    }

    async fn answered(&self, message: &Message) -> Result<Answered, Outcome> {
        let request = message.request(&self.client, &self.url, self.secret.as_ref());
        let response = request.send().await.map_err(|error| self.silent(&error))?;
        let permanent = |why: String| failure(ErrorClass::Permanent, format!("{} {why}", self.url));
        match response.status() {
            StatusCode::OK => {
                let kind = response.headers().get(CONTENT_TYPE).cloned();
                let body = self.body(response).await?;
                let kind = kind.as_ref().and_then(|kind| kind.to_str().ok());
                let outcome = reply::of_body(kind, &body);
                let told = |why: String| {
                    permanent(self.shown(&format!("answered 200, but its answer {why}"), message))
                };
                Ok(Answered::Outcome(Box::new(outcome.map_err(told)?)))
            }
            StatusCode::ACCEPTED => Ok(Answered::Later),
            status if status.is_success() => Err(permanent(format!(
                "answered {status}: expected 200 with the outcome, or 202 and the outcome later"
            ))),
            status => Err(self.refused(status, response, message).await),
        }
    }

    /// What is answered, within its bound.
    async fn body(&self, mut response: Response) -> Result<Vec<u8>, Outcome> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.silent(&error))? {
            if body.len() + chunk.len() > AGENT_ANSWER_BYTES_MAX {
                let message = format!("{}: its answer {}", self.url, reply::too_long());
                return Err(failure(ErrorClass::Permanent, message));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// No answer, or half of one.
    fn silent(&self, error: &reqwest::Error) -> Outcome {
        failure(ErrorClass::Transient, self.why_silent(error))
    }

    fn why_silent(&self, error: &reqwest::Error) -> String {
        let url = &self.url;
        if error.is_connect() {
            format!(
                "{url} cannot be reached ({}): is the agent running?",
                cause(error)
            )
        } else if error.is_timeout() {
            format!("{url} did not answer in time")
        } else {
            format!("{url} broke off its answer ({})", cause(error))
        }
    }

    /// A status that is no success, and what else was said where it helps.
    async fn refused(&self, status: StatusCode, response: Response, message: &Message) -> Outcome {
        let wait = outbound::asked_wait(response.headers(), Utc::now());
        let told = match reply::beginning(&told(response).await) {
            told if told.is_empty() => told,
            told => self.shown(&format!(": {told}"), message),
        };
        let url = &self.url;
        let passing = [
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::TOO_EARLY,
            StatusCode::TOO_MANY_REQUESTS,
        ];
        let (class, mend) = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if self.secret.is_none() => (
                ErrorClass::Auth,
                format!(" (requests are not signed: set {SECRET_VARIABLE} or {SECRET_FILE_VARIABLE})"),
            ),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (
                ErrorClass::Auth,
                format!(" (is {SECRET_VARIABLE} the secret that it knows, and are both clocks right?)"),
            ),
            StatusCode::PAYMENT_REQUIRED => (ErrorClass::Quota, String::new()),
            _ if status.is_server_error() || passing.contains(&status) => {
                (ErrorClass::Transient, String::new())
            }
            _ if status.is_redirection() => (
                ErrorClass::Permanent,
                " (no redirect is followed: name the address it leads to)".to_owned(),
            ),
            _ => (ErrorClass::Permanent, String::new()),
        };
        Outcome {
            retry_after_seconds: wait.map(|wait| wait.as_secs_f64().ceil() as u32),
            ..failure(class, format!("{url} answered {status}{mend}{told}"))
        }
    }

    /// A foreign text as an error may have it: without what is secret.
    fn shown(&self, told: &str, message: &Message) -> String {
        let told = message.hidden_in(told);
        match &self.secret {
            Some(secret) => secret.hidden_in(&told),
            None => told,
        }
    }

    /// Says that an attempt is of no more use, and waits a moment whether it is heard.
    async fn tell_cancelled(&self, message: Message) {
        let request = message.request(&self.client, &self.url, self.secret.as_ref());
        match request.timeout(AGENT_HTTP_CANCEL_TIME).send().await {
            Ok(response) => tracing::debug!(status = %response.status(), "the agent was told to stop"),
            Err(error) => tracing::debug!(why = self.why_silent(&error), "the agent was not told to stop"),
        }
    }
}

/// How a refusal begins that may be long, or never come to its end.
async fn told(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    let reading = async {
        while body.len() < AGENT_HTTP_TOLD_BYTES
            && let Ok(Some(chunk)) = response.chunk().await
        {
            body.extend_from_slice(&chunk);
        }
    };
    // What is there by then is told.
    let _ = tokio::time::timeout(AGENT_HTTP_TOLD_TIME, reading).await;
    body
}

#[async_trait]
impl Agent for Http {
    async fn run(&self, attempt: Attempt) -> Outcome {
        let Attempt {
            tenant,
            request,
            access,
            stop,
            progress,
            ..
        } = attempt;
        let id = message::id(&tenant, &request);
        let cancellation = wire::Cancellation {
            task: wire::CancelTask::Cancel,
            run_id: request.run_id.clone(),
            job_id: request.job_id.clone(),
            idempotency_key: request.idempotency_key.clone(),
            attempt: request.attempt,
            tenant: tenant.clone(),
        };
        let mut awaited: Option<Arc<AwaitedOutcome>> = None;
        let mut way_back = None;
        if let Some(host) = &self.host {
            match access.await_outcome(&request.run_id, progress) {
                Ok((token, outcome)) => {
                    way_back = Some((host.clone(), token.to_owned()));
                    awaited = Some(outcome);
                }
                Err(error) => return no_randomness(error),
            }
        }
        let request = match wire::Request::new(&tenant, request) {
            Ok(request) => request,
            Err(error) => return no_randomness(error),
        };
        let message = match request.to_json() {
            Ok(body) => Message::new(id.clone(), body, way_back),
            Err(error) => return failure(ErrorClass::Permanent, format!("request: {error}")),
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            outcome = self.ask(&message, awaited.as_deref()) => return outcome,
        }
        if let Some(outcome) = awaited.and_then(|awaited| awaited.end()) {
            return outcome;
        }
        if let Ok(body) = serde_json::to_vec(&cancellation) {
            let message = Message::new(format!("{id}_cancel"), body, None);
            self.tell_cancelled(message).await;
        }
        cancelled()
    }

    async fn check(&self) -> Result<String, String> {
        let asked = self.client.head(self.url.clone());
        let answered = asked.timeout(AGENT_HTTP_CHECK_TIME).send().await;
        // Any answer will do: that it takes a POST only is its good right.
        let answered = answered.map_err(|error| self.why_silent(&error))?;
        let signed = match &self.secret {
            Some(_) => "requests are signed".to_owned(),
            None => format!("requests are not signed (no {SECRET_VARIABLE})"),
        };
        let later = match &self.host {
            Some(host) => format!("outcomes may be sent later to {host}"),
            None => {
                "outcomes cannot be sent later: others do not reach this host (set `public_url`)".to_owned()
            }
        };
        let (url, status) = (&self.url, answered.status());
        Ok(format!("{url} is there (HEAD: {status}); {signed}; {later}"))
    }
}
