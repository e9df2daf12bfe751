//! The settings of the agent that asks a model.

use std::path::PathBuf;

use reqwest::Url;
use rig_core::providers::registry::{ProviderId, ProviderRef};

use crate::address;

/// Names the key that is sent to the model's provider.
pub const KEY_VARIABLE: &str = "MEANWHILE_MODEL_KEY";
/// Names a file that has that key.
pub const KEY_FILE_VARIABLE: &str = "MEANWHILE_MODEL_KEY_FILE";

/// Which model is asked, and what for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LlmSetting {
    /// `PROVIDER:MODEL`. None: there is no model, and the agent `llm` cannot be used.
    pub model: Option<String>,
    /// The provider's address, where it is not its usual one: of any server that answers as OpenAI's does.
    pub url: Option<String>,
    /// The model that judges results, at the same provider. None: the same one.
    pub judge: Option<String>,
    /// A file with prices that go before the built-in ones, in the form of models.dev.
    pub prices: Option<PathBuf>,
    /// A folder with prompts that go before the built-in ones.
    pub prompts: Option<PathBuf>,
    /// A file that names the MCP servers whose tools may be used.
    pub tool_servers: Option<PathBuf>,
    /// The hosts that the tool `fetch` may read from.
    pub fetch_hosts: FetchHosts,
}

/// Providers that people know by another name than the library has for them.
const OTHER_NAMES: [(&str, &str); 3] = [
    ("gemini", "gcp.gemini"),
    ("google", "gcp.gemini"),
    ("openai-compatible", "openai/openai"),
];

/// The provider and the model that `PROVIDER:MODEL` names.
///
/// # Errors
/// What is expected, in words.
pub fn model_named(text: &str) -> Result<ProviderRef, String> {
    let expected = |why: String| {
        format!(
            "{why}; expected `PROVIDER:MODEL`, such as `anthropic:claude-haiku-4-5`, `openai:gpt-5.2` or `ollama:qwen3:8b`"
        )
    };
    let (provider, model) = text
        .split_once(':')
        .ok_or_else(|| expected("it names no model".into()))?;
    let known = OTHER_NAMES.iter().find(|(other, _)| *other == provider);
    let provider = known.map_or(provider, |(_, name)| *name);
    // A provider with several protocols is meant with its first one.
    let id = ProviderId::resolve(provider)
        .or_else(|error| ProviderId::vendor_selections(provider).next().ok_or(error))
        .map_err(|error| expected(error.to_string()))?;
    ProviderRef::registered(id, model).map_err(|error| expected(error.to_string()))
}

/// An address of a provider.
///
/// # Errors
/// What is expected, in words.
pub fn url_named(text: &str) -> Result<Url, String> {
    let example = "such as http://127.0.0.1:11434/v1";
    let secret = "the key belongs into MEANWHILE_MODEL_KEY or MEANWHILE_MODEL_KEY_FILE";
    address::plain(text, example, secret)
}

/// Hosts that may be read from.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum FetchHosts {
    /// All that the public network has.
    #[default]
    Public,
    /// These, and those below a name that begins with `*.`. A host that is named in full may be of the
    /// private network: who names it wants it.
    Only(Vec<String>),
}

impl std::str::FromStr for FetchHosts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected `public`, `none`, or names of hosts separated by commas, such as `example.com,*.example.org`";
        match text.trim() {
            "public" => Ok(Self::Public),
            "none" => Ok(Self::Only(Vec::new())),
            names => {
                let names: Vec<String> = names
                    .split(',')
                    .map(|name| name.trim().to_ascii_lowercase())
                    .collect();
                let is_name = |name: &String| {
                    let name = name.strip_prefix("*.").unwrap_or(name);
                    !name.is_empty() && !name.contains(['*', '/', ' ', '@', '?'])
                };
                if names.iter().all(is_name) {
                    Ok(Self::Only(names))
                } else {
                    Err(expected.to_owned())
                }
            }
        }
    }
}

impl FetchHosts {
    /// Whether a host may be read from, and whether it may be of the private network.
    pub(super) fn allows(&self, host: &str) -> Option<Reach> {
        let host = host.to_ascii_lowercase();
        match self {
            Self::Public => Some(Reach::Public),
            Self::Only(names) if names.contains(&host) => Some(Reach::Anywhere),
            Self::Only(names) => {
                let below = |name: &String| name.strip_prefix('*').is_some_and(|end| host.ends_with(end));
                names.iter().any(below).then_some(Reach::Public)
            }
        }
    }
}

/// Where a host may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Reach {
    Public,
    Anywhere,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_named_by_their_provider() {
        for (text, named) in [
            (
                "anthropic:claude-haiku-4-5",
                "anthropic/anthropic:claude-haiku-4-5",
            ),
            ("openai:gpt-5.2", "openai/openai:gpt-5.2"),
            ("gemini:gemini-3-flash", "gcp.gemini/gemini:gemini-3-flash"),
            ("ollama:qwen3:8b", "ollama/openai:qwen3:8b"),
        ] {
            assert_eq!(model_named(text).unwrap().to_string(), named);
        }
        for wrong in ["", "gpt-5.2", "nobody:gpt", "openai:"] {
            let error = model_named(wrong).unwrap_err();
            assert!(error.contains("PROVIDER:MODEL"), "{wrong}: {error}");
        }
    }

    #[test]
    fn an_address_that_shows_a_key_is_refused() {
        assert!(url_named("http://127.0.0.1:11434/v1").is_ok());
        for wrong in ["", "localhost", "ftp://a.example"] {
            assert!(
                url_named(wrong)
                    .unwrap_err()
                    .contains("such as http://127.0.0.1:11434/v1")
            );
        }
        for wrong in ["https://me:s3cret@a.example", "https://a.example?key=s3cret"] {
            let error = url_named(wrong).unwrap_err();
            assert!(
                error.contains("MEANWHILE_MODEL_KEY") && !error.contains("s3cret"),
                "{error}"
            );
        }
    }

    #[test]
    fn hosts_are_allowed_by_name() {
        let of = |text: &str| text.parse::<FetchHosts>().unwrap();
        assert_eq!(of("public").allows("example.com"), Some(Reach::Public));
        assert_eq!(of("none").allows("example.com"), None);
        let some = of("example.com, *.Example.org");
        assert_eq!(some.allows("EXAMPLE.com"), Some(Reach::Anywhere));
        assert_eq!(some.allows("a.b.example.org"), Some(Reach::Public));
        for other in ["example.org", "badexample.org", "example.com.evil.example", ""] {
            assert_eq!(some.allows(other), None, "{other}");
        }
        for wrong in ["", "a,,b", "*", "http://a", "a b"] {
            assert!(wrong.parse::<FetchHosts>().is_err(), "{wrong}");
        }
    }
}
