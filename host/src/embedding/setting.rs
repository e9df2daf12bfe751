//! The setting that says what makes vectors.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use super::files::default_directory;
use super::http::address::endpoint;
use super::{Candle, Embedder, EmbeddingError, Http};
use crate::secret;

/// Names the key that is sent to the address of an embedder.
pub const KEY_VARIABLE: &str = "MEANWHILE_EMBEDDER_KEY";
/// Names a file that has that key.
pub const KEY_FILE_VARIABLE: &str = "MEANWHILE_EMBEDDER_KEY_FILE";

/// What makes vectors of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmbedderSetting {
    /// Nothing does: words are compared, not meanings.
    None,
    /// The model in this process, where it lies in the user's directory; else nothing does.
    User,
    /// The model in this process, which lies in this directory.
    Directory(PathBuf),
    /// A model behind an address.
    Http {
        /// The address.
        url: String,
        /// The model's name there.
        model: String,
    },
}

impl FromStr for EmbedderSetting {
    type Err = String;

    fn from_str(setting: &str) -> Result<Self, String> {
        let expected = "expected `candle`, `candle:DIRECTORY`, `http:URL#MODEL` or `none`";
        match setting.split_once(':') {
            None if setting == "none" => Ok(Self::None),
            None if setting == "candle" => Ok(Self::User),
            Some(("candle", directory)) if !directory.is_empty() => Ok(Self::Directory(directory.into())),
            Some(("http", rest)) => match rest.rsplit_once('#') {
                Some((url, model)) if !model.is_empty() => {
                    // Whether it is an address, before anything is opened.
                    endpoint(url)?;
                    Ok(Self::Http {
                        url: url.to_owned(),
                        model: model.to_owned(),
                    })
                }
                _ => Err(format!(
                    "{expected}; the model's name stands behind `#`, as in http:http://127.0.0.1:11434/v1#all-minilm"
                )),
            },
            _ => Err(expected.to_owned()),
        }
    }
}

impl EmbedderSetting {
    /// What makes vectors then, if anything does. The key for an address comes from the environment.
    ///
    /// # Errors
    /// When a directory that is named has no model, or the key cannot be read or used.
    pub fn embedder(&self) -> Result<Option<Arc<dyn Embedder>>, EmbeddingError> {
        match self {
            Self::None => Ok(None),
            Self::User => Ok(of_user()),
            Self::Directory(directory) => Ok(Some(Arc::new(Candle::new(directory)?))),
            Self::Http { url, model } => {
                let key = key()?;
                Ok(Some(Arc::new(Http::new(url, model, key.as_deref())?)))
            }
        }
    }
}

/// The user's model; where there is none, one line of the log says how to get it.
fn of_user() -> Option<Arc<dyn Embedder>> {
    let absent = |why: &str| {
        tracing::info!(why, "jobs are found by their words only: the model is not there");
        None
    };
    let Some(directory) = default_directory() else {
        return absent("there is no home directory; name another one by `--embedder candle:DIRECTORY`");
    };
    match Candle::new(&directory) {
        Ok(embedder) => Some(Arc::new(embedder)),
        Err(error) => absent(&error.to_string()),
    }
}

fn key() -> Result<Option<String>, EmbeddingError> {
    secret::from_environment(KEY_VARIABLE, KEY_FILE_VARIABLE)
        .map_err(|why| EmbeddingError::Unusable(format!("`embedder`: {why}")))
}

#[cfg(test)]
mod tests {
    use super::EmbedderSetting;

    #[test]
    fn settings_are_read() {
        let parse = str::parse::<EmbedderSetting>;
        assert_eq!(parse("none"), Ok(EmbedderSetting::None));
        assert_eq!(parse("candle"), Ok(EmbedderSetting::User));
        assert_eq!(parse("candle:a:b"), Ok(EmbedderSetting::Directory("a:b".into())));
        let http = EmbedderSetting::Http {
            url: "http://127.0.0.1:11434/v1".into(),
            model: "a/b:c".into(),
        };
        assert_eq!(parse("http:http://127.0.0.1:11434/v1#a/b:c"), Ok(http));
        for wrong in [
            "",
            "llm",
            "candle:",
            "http:",
            "http:http://127.0.0.1",
            "http:http://127.0.0.1#",
        ] {
            assert!(
                parse(wrong).is_err_and(|error| error.contains("http:URL#MODEL")),
                "{wrong}"
            );
        }
        assert!(parse("http:nowhere#m").is_err_and(|error| error.contains("address")));
    }
}
