//! Where a request may come from and go to: the one check of `Host` and `Origin`, for the JSON
//! interface and for MCP.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::error::Failure;
use super::metadata::ProtectedResource;
use super::origin::{Authority, Origin};
use crate::limits::CORS_PREFLIGHT_AGE;

/// What others call the host, and who may call from a browser. This machine's names for itself
/// always fit.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// The host's own address.
    pub public_url: Option<Origin>,
    /// Origins of pages of others.
    pub allowed_origins: Vec<Origin>,
    /// How clients log in; none: they bring a token that the operator made.
    pub resource: Option<ProtectedResource>,
}

impl Site {
    /// Whether a request is for this host, and of a page that may ask it.
    fn admits(&self, headers: &HeaderMap, uri: &Uri) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) => host.to_str().ok(),
            // RFC 9112, section 3.2: more than one is malformed; none is HTTP/1.0.
            (Some(_), Some(_)) => return false,
            (None, _) => uri.authority().map(|it| it.as_str()),
        };
        // An absolute request target goes over `Host` for what comes behind us: both have to fit.
        let target = uri.authority().map(|it| it.as_str());
        host.is_some_and(|host| self.is_host(host))
            && target.is_none_or(|target| self.is_host(target))
            && headers
                .get_all(header::ORIGIN)
                .iter()
                .all(|origin| self.is_origin(origin))
    }

    fn is_host(&self, text: &str) -> bool {
        Authority::parse(text).is_some_and(|authority| {
            authority.is_loopback() || self.public_url.as_ref().is_some_and(|it| it.is_named(&authority))
        })
    }

    fn is_origin(&self, value: &HeaderValue) -> bool {
        let origin = value.to_str().ok().and_then(|text| text.parse::<Origin>().ok());
        origin.is_some_and(|origin| {
            origin.is_loopback()
                || self.public_url.as_ref() == Some(&origin)
                || self.allowed_origins.contains(&origin)
        })
    }

    /// Lets pages of the allowed origins read answers; none where there are none.
    pub(super) fn cors(&self) -> Option<CorsLayer> {
        let origins: Vec<HeaderValue> = self
            .allowed_origins
            .iter()
            .filter_map(|origin| origin.to_string().parse().ok())
            .collect();
        if origins.is_empty() {
            return None;
        }
        let layer = CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins))
            .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
            .allow_headers(tower_http::cors::AllowHeaders::mirror_request())
            .expose_headers([header::WWW_AUTHENTICATE, header::RETRY_AFTER])
            .max_age(CORS_PREFLIGHT_AGE);
        Some(layer)
    }
}

/// Refuses what is for another host, or of a page that may not ask.
pub(super) async fn check(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    if site.admits(request.headers(), request.uri()) {
        return next.run(request).await;
    }
    let ours = site.public_url.as_ref().map_or_else(
        || "this machine".to_owned(),
        |url| format!("{url} and this machine"),
    );
    let message = format!(
        "only requests to and of {ours} are answered: see `Host` and `Origin`, and the settings `public_url` and \
         `allowed_origins`"
    );
    Failure::new("forbidden", &message).into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use axum::http::{HeaderMap, HeaderName, header};

    use super::Site;

    fn admits(site: &Site, target: &str, headers: &[(HeaderName, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.clone(), value.parse().unwrap());
        }
        site.admits(&map, &target.parse().unwrap())
    }

    #[test]
    fn without_a_public_url_only_this_machine_is_answered() {
        let site = Site::default();
        let host = |host| (header::HOST, host);
        let origin = |origin| (header::ORIGIN, origin);
        assert!(admits(&site, "/", &[host("localhost:7803")]));
        assert!(admits(
            &site,
            "/",
            &[host("127.0.0.1"), origin("http://localhost:1")]
        ));
        for headers in [
            &[][..],
            &[host("evil.test")],
            &[host("localhost"), host("evil.test")],
            &[host("localhost"), origin("http://evil.test")],
            &[host("localhost"), origin("null")],
            &[
                host("localhost"),
                origin("http://localhost"),
                origin("http://evil.test"),
            ],
        ] {
            assert!(!admits(&site, "/", headers), "{headers:?}");
        }
        assert!(!admits(&site, "http://evil.test/", &[host("localhost")]));
    }

    #[test]
    fn a_public_url_is_host_and_origin_and_other_origins_are_allowed_by_name() {
        let site = Site {
            public_url: Some("https://jobs.example.com".parse().unwrap()),
            allowed_origins: vec!["https://app.example.com".parse().unwrap()],
            resource: None,
        };
        let ask = |host, origin| admits(&site, "/", &[(header::HOST, host), (header::ORIGIN, origin)]);
        assert!(ask("jobs.example.com", "https://jobs.example.com"));
        assert!(ask("jobs.example.com", "https://app.example.com"));
        assert!(ask("127.0.0.1:7803", "https://app.example.com"));
        assert!(!ask("jobs.example.com", "http://jobs.example.com"));
        assert!(!ask("jobs.example.com", "https://app.example.com:8443"));
        assert!(!ask("app.example.com", "https://app.example.com"));
    }
}
