//! Who reaches the host, and what they have to show.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::check::Given;
use super::{ConfigError, Shown};
use crate::http::Origin;

/// Who may call.
#[derive(Clone, Debug, PartialEq)]
pub enum Auth {
    /// Everybody who reaches the host, as its one person.
    None,
    /// Whoever brings a token.
    Token { operator_token_file: PathBuf },
}

/// Whose access tokens are taken beside the host's own.
#[derive(Clone, Debug, PartialEq)]
pub struct OAuth {
    /// The authorization server's identifier, as its tokens name it.
    pub issuer: String,
    /// Whom tokens have to be for; none: the address of `/mcp`.
    pub audience: Option<String>,
    /// The claim that names the tenant.
    pub tenant_claim: String,
}

/// How the host faces the outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Outside {
    pub listen: SocketAddr,
    pub auth: Auth,
    /// Under which address clients know the host; none: what it listens on.
    pub public_url: Option<Origin>,
    /// Pages of other hosts that may call from a browser.
    pub allowed_origins: Vec<Origin>,
    pub oauth: Option<OAuth>,
}

impl Outside {
    /// The address that clients know, where the host listens on `address`.
    #[must_use]
    pub fn url(&self, address: SocketAddr) -> Origin {
        let listened = || Origin::listening(address);
        self.public_url.clone().unwrap_or_else(listened)
    }
}

/// Checks everything that has to do with the outside; `given` words the errors.
pub(super) fn check(shown: &Shown, given: &Given<'_>) -> Result<Outside, ConfigError> {
    let listen: SocketAddr = shown
        .listen
        .parse()
        .map_err(|_| given.wrong("listen", "expected ADDRESS:PORT, such as 127.0.0.1:7803"))?;
    let auth = match shown.auth.as_str() {
        "none" => Auth::None,
        "token" => Auth::Token {
            operator_token_file: PathBuf::from(&shown.operator_token_file),
        },
        _ => return Err(given.wrong("auth", "expected `none` or `token`")),
    };
    let public_url = match &shown.public_url {
        None => None,
        Some(url) => Some(url.parse().map_err(|why: String| {
            let expected = format!("expected an address such as https://jobs.example.com ({why})");
            given.wrong("public_url", &expected)
        })?),
    };
    if auth == Auth::None && public_url.as_ref().is_some_and(|url: &Origin| !url.is_loopback()) {
        let expected = "others than this machine use that address, and `auth` is `none`: set `auth = token`";
        return Err(given.wrong("public_url", expected));
    }
    if !is_local(listen.ip()) {
        if auth == Auth::None {
            let expected = "others than this machine reach that address, and `auth` is `none`: set `auth = token`, \
                            or listen on 127.0.0.1";
            return Err(given.wrong("listen", expected));
        }
        if public_url.is_none() {
            let expected = "others than this machine reach that address: set `public_url` to the address that they \
                            use, such as https://jobs.example.com";
            return Err(given.wrong("listen", expected));
        }
    }
    let allowed_origins = origins(shown, given)?;
    let oauth = oauth(shown, given, &auth)?;
    if oauth.is_some() && public_url.as_ref().is_some_and(|url: &Origin| !url.is_safe()) {
        let expected = "access tokens travel over it: expected https (a reverse proxy provides it)";
        return Err(given.wrong("public_url", expected));
    }
    Ok(Outside {
        listen,
        auth,
        public_url,
        allowed_origins,
        oauth,
    })
}

/// Whether only this machine reaches an address.
fn is_local(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

fn origins(shown: &Shown, given: &Given<'_>) -> Result<Vec<Origin>, ConfigError> {
    let origins = shown.allowed_origins.split(',').map(str::trim);
    origins
        .filter(|origin| !origin.is_empty())
        .map(|origin| {
            origin.parse().map_err(|why: String| {
                let expected = format!("`{origin}` is no origin such as https://app.example.com ({why})");
                given.wrong("allowed_origins", &expected)
            })
        })
        .collect()
}

fn oauth(shown: &Shown, given: &Given<'_>, auth: &Auth) -> Result<Option<OAuth>, ConfigError> {
    let Some(issuer) = &shown.oauth_issuer else {
        let needless = [
            ("oauth_audience", shown.oauth_audience.is_some()),
            ("oauth_tenant_claim", given.has("oauth_tenant_claim")),
        ];
        return match needless.into_iter().find(|(_, set)| *set) {
            Some((key, _)) => Err(given.wrong(key, "it means nothing without `oauth_issuer`")),
            None => Ok(None),
        };
    };
    crate::tenants::check_issuer(issuer).map_err(|why| given.wrong("oauth_issuer", &why))?;
    if *auth == Auth::None {
        return Err(given.wrong("oauth_issuer", "it needs `auth = token`"));
    }
    for (key, value) in [
        ("oauth_audience", shown.oauth_audience.as_deref()),
        ("oauth_tenant_claim", Some(shown.oauth_tenant_claim.as_str())),
    ] {
        if value.is_some_and(|value| value.trim().is_empty()) {
            return Err(given.wrong(key, "it is empty"));
        }
    }
    Ok(Some(OAuth {
        issuer: issuer.clone(),
        audience: shown.oauth_audience.clone(),
        tenant_claim: shown.oauth_tenant_claim.clone(),
    }))
}
