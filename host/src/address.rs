//! Addresses that settings name: where something is sent to.

use reqwest::Url;

/// An http or https address without anything secret in it: it stands in settings and logs.
/// `example` is what a person may have meant, `secret` says where what is secret belongs.
pub(crate) fn plain(text: &str, example: &str, secret: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("expected an address {example} ({error})"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(format!("expected an http or https address {example}"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err(format!(
            "an address with a name, a password or `?` is kept where others read it: {secret}"
        ));
    }
    Ok(url)
}

/// Whether an address is one of this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let origin = url.origin().ascii_serialization();
    origin
        .parse::<crate::http::Origin>()
        .is_ok_and(|origin| origin.is_loopback())
}

/// Whether nobody on the way reads what is sent to an address.
pub(crate) fn is_safe(url: &Url) -> bool {
    url.scheme() == "https" || is_loopback(url)
}
