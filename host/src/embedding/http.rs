//! A model behind an address: whatever answers as OpenAI's `/v1/embeddings` does.

pub(super) mod address;
mod answer;

use std::sync::OnceLock;

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode, Url};
use serde_json::json;

use self::address::{endpoint, is_loopback};
use super::text::start;
use super::{Embedder, EmbeddingError, Vector, VectorError};
use crate::limits::{
    EMBEDDER_HTTP_ANSWER_BYTES_MAX, EMBEDDER_HTTP_TEXT_BYTES_LESS, EMBEDDER_HTTP_TEXT_BYTES_MAX,
    EMBEDDER_HTTP_TEXTS_MAX, EMBEDDER_HTTP_TIME, EMBEDDER_HTTP_TOLD_CHARS,
};
use crate::outbound;

/// Stands for an empty text: some models refuse one.
const BLANK: &str = "-";

/// The embedder that asks an address. Its key is nowhere but in its requests.
pub struct Http {
    client: reqwest::Client,
    url: Url,
    /// The model's name there.
    asked: String,
    /// Its name here.
    model: String,
    /// What no error may show.
    key: Option<String>,
    /// Of the first vector that was answered; all others have as many.
    dimensions: OnceLock<usize>,
}

/// Why there is no answer.
struct Failure {
    error: EmbeddingError,
    /// Whether it may be that a text is longer than the model's window.
    perhaps_length: bool,
}

impl From<EmbeddingError> for Failure {
    fn from(error: EmbeddingError) -> Self {
        Self {
            error,
            perhaps_length: false,
        }
    }
}

impl Http {
    /// One that asks `url` for `model`. An address without a path is completed by `/v1/embeddings`,
    /// another one by `/embeddings` unless it ends so.
    ///
    /// # Errors
    /// When the address is none, or the key would be sent where others can read it.
    pub fn new(url: &str, model: &str, key: Option<&str>) -> Result<Self, EmbeddingError> {
        let refused = |why: &str| EmbeddingError::Unusable(format!("`embedder`: {why}"));
        let url = endpoint(url).map_err(|why| refused(&why))?;
        let near = is_loopback(&url);
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            if url.scheme() != "https" && !near {
                return Err(refused(
                    "there is a key, and others could read it on its way: expected an https address (http only \
                     on this machine)",
                ));
            }
            let header = HeaderValue::from_str(&format!("Bearer {key}"));
            let mut header = header.map_err(|_| refused("its key has characters that no key has"))?;
            header.set_sensitive(true);
            headers.insert(AUTHORIZATION, header);
        }
        let client = outbound::client_to(&url)
            .redirect(Policy::none())
            .timeout(EMBEDDER_HTTP_TIME)
            .default_headers(headers);
        Ok(Self {
            client: outbound::built(client).map_err(|why| refused(&why))?,
            model: format!("{model}@{url}"),
            url,
            asked: model.to_owned(),
            key: key.map(str::to_owned),
            dimensions: OnceLock::new(),
        })
    }

    /// The vectors of as many texts as are asked for at once. Where it may be that they are too long for
    /// the model, their beginnings are tried.
    async fn part(&self, texts: &[String]) -> Result<Vec<Vector>, EmbeddingError> {
        let mut answer = self.ask(texts, EMBEDDER_HTTP_TEXT_BYTES_MAX).await;
        for bytes_max in EMBEDDER_HTTP_TEXT_BYTES_LESS {
            match answer {
                Err(failure) if failure.perhaps_length && texts.iter().any(|it| it.len() > bytes_max) => {
                    answer = self.ask(texts, bytes_max).await;
                }
                _ => break,
            }
        }
        let numbers = answer.map_err(|failure| failure.error)?;
        numbers.iter().map(|numbers| self.vector(numbers)).collect()
    }

    fn vector(&self, numbers: &[f32]) -> Result<Vector, EmbeddingError> {
        let checked = Vector::of(numbers).and_then(|vector| {
            let (found, expected) = (
                vector.dimensions(),
                *self.dimensions.get_or_init(|| vector.dimensions()),
            );
            if found == expected {
                Ok(vector)
            } else {
                Err(VectorError::Dimensions { found, expected })
            }
        });
        checked.map_err(|error| EmbeddingError::Vector {
            model: self.model.clone(),
            error,
        })
    }

    async fn ask(&self, texts: &[String], bytes_max: usize) -> Result<Vec<Vec<f32>>, Failure> {
        let input = texts.iter().map(|text| match start(text, bytes_max) {
            "" => BLANK,
            text => text,
        });
        let request = json!({
            "model": self.asked,
            "input": input.collect::<Vec<_>>(),
            "encoding_format": "float",
        });
        let response = self.client.post(self.url.clone()).json(&request).send().await;
        let response = response.map_err(|error| self.silent(&error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(self.refused(status, response).await);
        }
        let body = self.body(response).await?;
        answer::numbers(&body, texts.len())
            .map_err(|why| EmbeddingError::Unusable(format!("{} {why}", self.url)).into())
    }

    /// What is answered, within its bound.
    async fn body(&self, mut response: Response) -> Result<Vec<u8>, EmbeddingError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.silent(&error))? {
            if body.len() + chunk.len() > EMBEDDER_HTTP_ANSWER_BYTES_MAX {
                return Err(EmbeddingError::Unusable(format!(
                    "{} answered more than {EMBEDDER_HTTP_ANSWER_BYTES_MAX} bytes: no embeddings are as long",
                    self.url
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn silent(&self, error: &reqwest::Error) -> EmbeddingError {
        let url = &self.url;
        EmbeddingError::Unavailable(if error.is_timeout() {
            format!("{url} did not answer within {} s", EMBEDDER_HTTP_TIME.as_secs())
        } else if error.is_connect() {
            format!("{url} cannot be reached: is the model's server running?")
        } else {
            format!("{url} broke off its answer")
        })
    }

    /// A status that is no success. What else was said goes into the error where it helps.
    async fn refused(&self, status: StatusCode, response: Response) -> Failure {
        let url = &self.url;
        let answered = format!("{url} answered {status}");
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let mend = match self.key {
                Some(_) => "it does not take the key of MEANWHILE_EMBEDDER_KEY",
                None => "set MEANWHILE_EMBEDDER_KEY, or MEANWHILE_EMBEDDER_KEY_FILE",
            };
            return EmbeddingError::Unusable(format!("{answered}: {mend}")).into();
        }
        let again = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
        if status.is_server_error() || again.contains(&status) {
            return EmbeddingError::Unavailable(answered).into();
        }
        if status.is_redirection() {
            return EmbeddingError::Unusable(format!("{answered}: name the address it leads to")).into();
        }
        let told = self.body(response).await.unwrap_or_default();
        let told = self.shown(&answer::told(&told));
        Failure {
            error: EmbeddingError::Unusable(format!("{answered} for the model {:?}: {told}", self.asked)),
            perhaps_length: matches!(
                status,
                StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY
            ),
        }
    }

    /// A foreign text as an error may have it: short, without what nobody sees, and without the key.
    fn shown(&self, told: &str) -> String {
        let told = match &self.key {
            Some(key) => told.replace(key.as_str(), "***"),
            None => told.to_owned(),
        };
        let told: String = told.chars().take(EMBEDDER_HTTP_TOLD_CHARS).collect();
        crate::visible::visible(&told).into_owned()
    }
}

#[async_trait]
impl Embedder for Http {
    fn model(&self) -> &str {
        &self.model
    }

    async fn embed(&self, texts: Vec<String>) -> Result<Vec<Vector>, EmbeddingError> {
        let mut vectors = Vec::with_capacity(texts.len());
        for part in texts.chunks(EMBEDDER_HTTP_TEXTS_MAX) {
            vectors.append(&mut self.part(part).await?);
        }
        Ok(vectors)
    }
}
