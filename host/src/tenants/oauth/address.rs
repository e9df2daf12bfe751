//! Addresses of an authorization server, and where it keeps what about it has to be known.

use reqwest::Url;

pub(super) use crate::address::is_loopback;

/// Whether a text can be an authorization server's identifier (RFC 8414, section 2).
///
/// # Errors
/// Why not.
pub fn check_issuer(text: &str) -> Result<(), String> {
    let url = safe_url(text)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("expected an address without `?` and `#`".into());
    }
    Ok(())
}

/// A document's address that nobody on the way can change the answer of.
pub(super) fn safe_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("expected an https address ({error})"))?;
    let named = url.host_str().is_some() && url.username().is_empty() && url.password().is_none();
    match url.scheme() {
        "https" if named => Ok(url),
        "http" if named && is_loopback(&url) => Ok(url),
        _ => Err("expected an https address (http only on this machine)".into()),
    }
}

/// Where the metadata of an issuer can be, in the order in which clients of MCP look (its
/// specification, "Authorization Server Metadata Discovery").
pub(super) fn metadata_urls(issuer: &Url) -> Vec<Url> {
    let path = issuer.path().trim_end_matches('/');
    let mut paths = vec![
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        paths.push(format!("{path}/.well-known/openid-configuration"));
    }
    let at = |path: String| {
        let mut url = issuer.clone();
        url.set_path(&path);
        url
    };
    paths.into_iter().map(at).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{check_issuer, metadata_urls};

    #[test]
    fn an_issuer_is_reached_safely() {
        for issuer in [
            "https://login.example.com",
            "https://login.example.com/",
            "https://login.example.com:8443/realms/acme",
            "http://127.0.0.1:8080",
            "http://localhost/issuer",
            "http://[::1]:1",
        ] {
            assert_eq!(check_issuer(issuer), Ok(()), "{issuer}");
        }
        for wrong in [
            "",
            "login.example.com",
            "http://login.example.com",
            "http://127.0.0.1.evil.test",
            "ftp://localhost",
            "https://user:word@login.example.com",
            "https://login.example.com?x",
            "https://login.example.com#x",
        ] {
            assert!(check_issuer(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn metadata_is_looked_for_where_both_standards_put_it() {
        let urls = |issuer: &str| -> Vec<String> {
            let urls = metadata_urls(&issuer.parse().unwrap());
            urls.into_iter().map(String::from).collect()
        };
        assert_eq!(
            urls("https://a.test/"),
            [
                "https://a.test/.well-known/oauth-authorization-server",
                "https://a.test/.well-known/openid-configuration",
            ]
        );
        assert_eq!(
            urls("https://a.test/realms/b"),
            [
                "https://a.test/.well-known/oauth-authorization-server/realms/b",
                "https://a.test/.well-known/openid-configuration/realms/b",
                "https://a.test/realms/b/.well-known/openid-configuration",
            ]
        );
    }
}
