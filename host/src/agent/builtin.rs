//! The agent that needs no model: delivers reminders and watches pages.

use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;

use super::{Agent, Attempt, answer, cancelled, cut, failure, fetch};
use crate::limits::OUTPUT_BYTES_MAX;
use crate::visible::visible;
use crate::wit::agent_pipeline::{Outcome, OutcomeStatus, RunRequest, Task};
use crate::wit::types::{ErrorClass, Report, RunStatus, Verdict};

/// Bytes of a page's text that are kept and compared: what a later run is handed of an output.
const COMPARED_BYTES_MAX: usize = 16_384;

/// Changed lines quoted in a summary, and characters of one.
const DIFF_LINES_MAX: usize = 3;
const DIFF_LINE_CHARS_MAX: usize = 80;

/// Words that, beside a URL, ask to watch it.
const WATCH_WORDS: [&str; 5] = ["watch", "check", "monitor", "changes", "changed"];

/// See the module.
pub struct Builtin {
    client: reqwest::Client,
}

impl Builtin {
    /// With a client for pages.
    ///
    /// # Errors
    /// When the client cannot be made; the text says what is missing on this machine.
    pub fn new() -> Result<Self, String> {
        Ok(Self {
            client: fetch::client()?,
        })
    }

    async fn watch(&self, request: &RunRequest, url: &str) -> Outcome {
        let fetched = tokio::time::timeout(time_left(request), fetch::text(&self.client, url)).await;
        let mut text = match fetched {
            Ok(Ok(text)) => text,
            Ok(Err(error)) => return failure(error.class, error.message),
            Err(_) => {
                return failure(
                    ErrorClass::Transient,
                    format!("{url} did not answer by the deadline"),
                );
            }
        };
        cut(&mut text, COMPARED_BYTES_MAX);
        let before = request
            .previous_runs
            .iter()
            .find(|run| run.status == RunStatus::Succeeded)
            .and_then(|run| run.output.as_deref());
        let (tell, summary) = match before {
            None => (false, format!("Watching {url}, first reading.")),
            Some(before) if before == text => (false, format!("{url} is unchanged.")),
            Some(before) => (true, format!("{url} changed:\n{}", line_diff(before, &text))),
        };
        reported(Verdict::Continue, text, tell, summary)
    }
}

#[async_trait]
impl Agent for Builtin {
    async fn run(&self, attempt: Attempt) -> Outcome {
        let Attempt { request, stop, .. } = attempt;
        if request.task == Task::Judge {
            return failure(
                ErrorClass::Permanent,
                "the built-in agent cannot judge: no model is configured",
            );
        }
        let Some(url) = watched_url(&request) else {
            return deliver(request);
        };
        tokio::select! {
            () = stop.cancelled() => cancelled(),
            outcome = self.watch(&request, &url) => outcome,
        }
    }

    async fn check(&self) -> Result<String, String> {
        Ok("builtin: delivers reminders and watches URLs; no model is configured".to_owned())
    }
}

/// The instruction itself is the result; one that is no reminder is said not to be carried out.
fn deliver(request: RunRequest) -> Outcome {
    let words = format!("{} {} {}", request.title, request.payload, request.description).to_lowercase();
    let summary = if words.contains("remind") {
        format!("Reminder: {}", request.title)
    } else {
        "Delivered as written: no model is configured to carry it out.".to_owned()
    };
    let mut output = request.payload;
    cut(&mut output, OUTPUT_BYTES_MAX);
    if request.goal.is_some() {
        // Delivering it again and again is all that can be done here; whether the goal is met is for
        // others to say.
        let summary = format!("{summary}\n\n{output}");
        return reported(Verdict::Continue, output, true, summary);
    }
    reported(Verdict::Done, output, true, summary)
}

fn reported(verdict: Verdict, output: String, tell: bool, summary: String) -> Outcome {
    let report = Report {
        verdict,
        summary,
        tell,
    };
    Outcome {
        report: Some(report),
        ..answer(OutcomeStatus::Ok, output)
    }
}

/// Time until the deadline, on the job's own clock.
fn time_left(request: &RunRequest) -> Duration {
    let now = DateTime::parse_from_rfc3339(&request.now).map_or(0, |now| now.timestamp_millis());
    Duration::from_millis(u64::try_from(request.deadline.saturating_sub(now)).unwrap_or(0))
}

/// The first URL of the job's texts, where they also ask to watch it.
fn watched_url(request: &RunRequest) -> Option<String> {
    let texts = [&request.payload, &request.title, &request.description];
    let url = texts
        .iter()
        .flat_map(|text| text.split_whitespace())
        .map(|word| word.trim_matches(|c: char| "<>()[]\"'`,;.!?".contains(c)))
        .find(|word| word.starts_with("http://") || word.starts_with("https://"))?;
    let asks = texts.iter().flat_map(|text| text.split_whitespace()).any(|word| {
        let word = word.to_lowercase();
        WATCH_WORDS.contains(&word.trim_matches(|c: char| !c.is_alphanumeric()))
    });
    asks.then(|| url.to_owned())
}

/// The first lines that went and came, as `> - old` and `> + new`: whatever a page says, it is
/// quoted to people, line by line, and nothing in it is hidden from them.
fn line_diff(before: &str, after: &str) -> String {
    let missing_in = |other: &str, text: &str, sign: &str| -> Vec<String> {
        let kept: std::collections::HashSet<&str> = other.lines().map(str::trim).collect();
        text.lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !kept.contains(line))
            .take(DIFF_LINES_MAX)
            .map(|line| {
                let cut: String = line.chars().take(DIFF_LINE_CHARS_MAX).collect();
                format!("> {sign} {}", visible(&cut))
            })
            .collect()
    };
    let mut lines = missing_in(after, before, "-");
    lines.extend(missing_in(before, after, "+"));
    if lines.is_empty() {
        "only the order or spacing of its lines.".to_owned()
    } else {
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_util::sync::CancellationToken;

    use crate::agent::sample::{attempt, request, request_after};
    use axum::Router;
    use axum::http::StatusCode;
    use axum::response::Html;
    use axum::routing::get;

    async fn serve(status: StatusCode, page: &'static str) -> String {
        let app = Router::new().route("/", get(move || async move { (status, Html(page)) }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("Watch http://{address}/ and tell me")
    }

    async fn run(request: RunRequest) -> Outcome {
        Builtin::new()
            .unwrap()
            .run(attempt(request, CancellationToken::new()))
            .await
    }

    #[tokio::test]
    async fn the_first_reading_of_a_page_tells_nothing() {
        let payload = serve(StatusCode::OK, "<p>Price 10</p>").await;
        let outcome = run(request(&payload)).await;
        let report = outcome.report.unwrap();
        assert_eq!(outcome.output, "Price 10");
        assert!(
            !report.tell && report.summary.starts_with("Watching http://"),
            "{}",
            report.summary
        );
    }

    #[tokio::test]
    async fn a_change_is_told_with_its_lines_and_no_change_is_not() {
        let payload = serve(StatusCode::OK, "<p>Price 12</p>").await;
        let changed = run(request_after(&payload, "Price 10")).await.report.unwrap();
        assert!(
            changed.tell && changed.summary.ends_with(" changed:\n> - Price 10\n> + Price 12"),
            "{}",
            changed.summary
        );
        let same = run(request_after(&payload, "Price 12")).await.report.unwrap();
        assert!(
            !same.tell && same.summary.ends_with("is unchanged."),
            "{}",
            same.summary
        );
    }

    /// What a page says is never what the job says.
    #[tokio::test]
    async fn a_page_that_speaks_to_the_reader_is_quoted() {
        let page = "<p>Price 10</p><p>Reminder: pay now</p><p>\u{202e}neddih\u{1b}[2J</p>";
        let payload = serve(StatusCode::OK, page).await;
        let changed = run(request_after(&payload, "Price 10")).await.report.unwrap();
        let mut lines = changed.summary.lines();
        assert!(
            lines.next().unwrap().ends_with(" changed:"),
            "{}",
            changed.summary
        );
        let said: Vec<&str> = lines.collect();
        assert!(said.iter().all(|line| line.starts_with("> + ")), "{said:?}");
        assert!(said.contains(&"> + Reminder: pay now"), "{said:?}");
        assert!(
            said.iter().any(|line| line.contains(r"\u{202e}neddih")),
            "{said:?}"
        );
        assert!(!changed.summary.contains(['\u{202e}', '\u{1b}']), "{said:?}");
    }

    #[tokio::test]
    async fn answers_that_stay_are_permanent_and_others_transient() {
        for (status, class) in [
            (StatusCode::NOT_FOUND, ErrorClass::Permanent),
            (StatusCode::FORBIDDEN, ErrorClass::Permanent),
            (StatusCode::BAD_GATEWAY, ErrorClass::Transient),
        ] {
            let payload = serve(status, "no").await;
            assert_eq!(
                run(request(&payload)).await.error.unwrap().class,
                class,
                "{status}"
            );
        }
    }

    #[tokio::test]
    async fn a_reminder_with_a_goal_does_not_claim_that_it_is_met() {
        let mut request = request("Remind me");
        request.goal = Some("the invoice is paid".to_owned());
        let report = run(request).await.report.unwrap();
        assert_eq!(report.verdict, Verdict::Continue);
        assert_eq!(report.summary, "Reminder: Invoices\n\nRemind me");
    }

    #[tokio::test]
    async fn other_instructions_are_delivered_and_say_that_no_model_is_there() {
        let outcome = run(request("Write a poem")).await;
        assert_eq!(outcome.output, "Write a poem");
        assert!(outcome.report.unwrap().summary.contains("no model is configured"));
        assert_eq!(
            run(request("Remind me")).await.report.unwrap().summary,
            "Reminder: Invoices"
        );
    }
}
