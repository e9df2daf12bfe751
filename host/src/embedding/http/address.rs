//! Addresses of embeddings.

use reqwest::Url;

pub(super) use crate::address::is_loopback;
use crate::address::plain;

/// Where embeddings are asked for, of an address as a person writes it.
pub(in crate::embedding) fn endpoint(text: &str) -> Result<Url, String> {
    let mut url = plain(
        text,
        "such as http://127.0.0.1:11434/v1",
        "the key belongs into MEANWHILE_EMBEDDER_KEY or MEANWHILE_EMBEDDER_KEY_FILE",
    )?;
    let path = url.path().trim_end_matches('/').to_owned();
    if path.is_empty() {
        url.set_path("/v1/embeddings");
    } else if !path.ends_with("/embeddings") {
        url.set_path(&format!("{path}/embeddings"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::endpoint;

    #[test]
    fn an_address_is_completed() {
        for (written, meant) in [
            ("http://127.0.0.1:11434", "http://127.0.0.1:11434/v1/embeddings"),
            (
                "http://127.0.0.1:11434/v1/",
                "http://127.0.0.1:11434/v1/embeddings",
            ),
            (
                "https://ai.example.com/v1/embeddings",
                "https://ai.example.com/v1/embeddings",
            ),
            (
                "https://ai.example.com/openai/v1",
                "https://ai.example.com/openai/v1/embeddings",
            ),
        ] {
            assert_eq!(endpoint(written).unwrap().as_str(), meant);
        }
    }

    #[test]
    fn an_address_that_shows_a_secret_is_refused() {
        for wrong in [
            "https://me:s3cret@example.com",
            "https://example.com/v1?key=s3cret",
        ] {
            let error = endpoint(wrong).unwrap_err();
            assert!(
                error.contains("MEANWHILE_EMBEDDER_KEY") && !error.contains("s3cret"),
                "{error}"
            );
        }
        for wrong in ["", "example.com", "ftp://example.com/v1"] {
            assert!(endpoint(wrong).unwrap_err().contains("127.0.0.1:11434"));
        }
    }
}
