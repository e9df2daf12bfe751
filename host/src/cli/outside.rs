//! How the host faces the outside: what its settings say, put together and told.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;

use super::serve::session;
use crate::clock::Clock;
use crate::config::{Auth, OAuth, Outside, ServeSettings};
use crate::http::{ProtectedResource, Site};
use crate::tenants::{self, AccessTokens, Authenticator, Issuer, KeyTimes, Registry};

/// Tells whose a request is, for a host that listens on `address`.
pub(super) fn authenticator(
    settings: &ServeSettings,
    registry: Arc<dyn Registry>,
    clock: Arc<dyn Clock>,
    address: SocketAddr,
) -> anyhow::Result<Authenticator> {
    let authenticator = Authenticator::new(registry, clock);
    let Auth::Token { operator_token_file } = &settings.outside.auth else {
        return Ok(authenticator.without_token(session(settings)));
    };
    let token = operator_token(operator_token_file)
        .with_context(|| format!("`operator_token_file`: {}", operator_token_file.display()))?;
    let authenticator = authenticator.operator(&token);
    Ok(match &settings.outside.oauth {
        None => authenticator,
        Some(oauth) => authenticator.issuer(Arc::new(issuer(oauth, &settings.outside, address)?)),
    })
}

fn issuer(oauth: &OAuth, outside: &Outside, address: SocketAddr) -> anyhow::Result<Issuer> {
    let audience = oauth.audience.clone();
    let tokens = AccessTokens {
        issuer: oauth.issuer.clone(),
        audience: audience.unwrap_or_else(|| ProtectedResource::identifier(&outside.url(address))),
        tenant_claim: oauth.tenant_claim.clone(),
    };
    Issuer::new(tokens, KeyTimes::default()).map_err(|why| anyhow::anyhow!("`oauth_issuer`: {why}"))
}

/// What the host is called, and who may ask it.
pub(super) fn site(outside: &Outside, address: SocketAddr) -> Site {
    let resource = |oauth: &OAuth| ProtectedResource::new(&outside.url(address), oauth.issuer.as_str());
    Site {
        public_url: outside.public_url.clone(),
        allowed_origins: outside.allowed_origins.clone(),
        resource: outside.oauth.as_ref().map(resource),
    }
}

/// Logs what is allowed and still unwise.
pub(super) fn warn(outside: &Outside) {
    if let Some(url) = outside.public_url.as_ref().filter(|url| !url.is_safe()) {
        tracing::warn!(%url, "tokens travel unencrypted to `public_url`: put a proxy with TLS in front, and name https");
    }
}

/// Which authentication is in force, for people.
pub(super) async fn check(outside: &Outside) -> Result<String, String> {
    let operator = match &outside.auth {
        Auth::None => return Ok("none: every program on this machine calls as its one person".to_owned()),
        Auth::Token { operator_token_file } => operator_token_file,
    };
    let reached = match &outside.public_url {
        Some(url) if url.is_safe() => format!("at {url}"),
        Some(url) => format!("at {url}, where anybody on the way reads tokens: use https"),
        None => "on this machine".to_owned(),
    };
    let made = if operator.exists() {
        ""
    } else {
        " once the host has started"
    };
    let operator = operator.display();
    let own = format!("every request {reached} needs a token; the operator's is in {operator}{made}");
    let Some(oauth) = &outside.oauth else {
        return Ok(own);
    };
    let name = &oauth.issuer;
    let issuer = issuer(oauth, outside, outside.listen).map_err(|error| format!("{error:#}"))?;
    match issuer.check().await {
        Ok(keys) => Ok(format!(
            "{own}; access tokens of {name} are taken too ({keys} keys)"
        )),
        Err(why) => Err(format!(
            "access tokens of {name} cannot be checked: {why}. See `oauth_issuer`"
        )),
    }
}

/// The operator's token, made where there is none yet. It is never shown: the file is the
/// operator's way to it.
fn operator_token(path: &Path) -> anyhow::Result<String> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let token = text.trim().to_owned();
            anyhow::ensure!(
                tenants::operator_secret(&token).is_some(),
                "there is no operator's token in it: remove the file, and the next start makes a new one"
            );
            Ok(token)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let token = tenants::operator_token()?;
            if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                std::fs::create_dir_all(folder)?;
            }
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)?;
            writeln!(file, "{token}")?;
            tracing::info!(path = %path.display(), "the operator's token was made");
            Ok(token)
        }
        Err(error) => Err(error.into()),
    }
}
