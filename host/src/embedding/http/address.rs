//! Addresses of embeddings.

use reqwest::Url;

/// Where embeddings are asked for, of an address as a person writes it.
pub(in crate::embedding) fn endpoint(text: &str) -> Result<Url, String> {
    let example = "such as http://127.0.0.1:11434/v1";
    let mut url = Url::parse(text).map_err(|error| format!("expected an address {example} ({error})"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(format!("expected an http or https address {example}"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err(
            "an address with a name, a password or `?` is kept where others read it: the key belongs into \
                    MEANWHILE_EMBEDDER_KEY or MEANWHILE_EMBEDDER_KEY_FILE"
                .into(),
        );
    }
    let path = url.path().trim_end_matches('/').to_owned();
    if path.is_empty() {
        url.set_path("/v1/embeddings");
    } else if !path.ends_with("/embeddings") {
        url.set_path(&format!("{path}/embeddings"));
    }
    Ok(url)
}

/// Whether an address is one of this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    let origin = url.origin().ascii_serialization();
    origin
        .parse::<crate::http::Origin>()
        .is_ok_and(|origin| origin.is_loopback())
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
