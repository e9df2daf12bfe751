//! A run as a caller: an agent may use the tools while it executes, as the run and no further.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::{Scopes, TokenHash, token};
use crate::service::Session;
use crate::wit::types::Caller;

/// What every run's token begins with.
const PREFIX: &str = "mwr_";

/// The tokens of the attempts that execute in this host. They are nowhere else, and end with them.
#[derive(Default)]
pub struct RunTokens {
    sessions: Mutex<HashMap<TokenHash, Session>>,
}

impl RunTokens {
    /// The session of a run's token. None: it is none, or its attempt has ended.
    #[must_use]
    pub fn session(&self, token: &str) -> Option<Session> {
        let secret = token.strip_prefix(PREFIX)?;
        // Looked up by its hash: how long that takes tells nothing about any secret.
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.get(&token::hash(secret)).cloned()
    }

    /// Whether a token says that it is a run's.
    #[must_use]
    pub fn is_runs(token: &str) -> bool {
        token.starts_with(PREFIX)
    }

    fn insert(&self, session: Session) -> Result<(TokenHash, String), getrandom::Error> {
        let (_, hash, secret) = token::secret()?;
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.insert(hash, session);
        Ok((hash, format!("{PREFIX}{secret}")))
    }

    fn remove(&self, hash: &TokenHash) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.remove(hash);
    }
}

/// An attempt's way to the tools. Its token ends when this is dropped.
pub struct RunAccess {
    session: Session,
    tokens: Arc<RunTokens>,
    issued: OnceLock<(TokenHash, String)>,
}

impl RunAccess {
    /// `caller` is the run's, with what the tenant lets its runs change.
    #[must_use]
    pub fn new(tokens: Arc<RunTokens>, tenant: impl Into<String>, caller: Caller) -> Self {
        let session = Session {
            tenant: tenant.into(),
            caller,
            scopes: Scopes::jobs(),
        };
        Self {
            session,
            tokens,
            issued: OnceLock::new(),
        }
    }

    /// For an agent in this process: whose calls of [`Service`](crate::service::Service) it makes.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// For an agent elsewhere: a bearer token for HTTP and MCP, good until the attempt ends.
    ///
    /// # Errors
    /// When the operating system gives no random numbers.
    pub fn token(&self) -> Result<&str, getrandom::Error> {
        if let Some((_, token)) = self.issued.get() {
            return Ok(token);
        }
        let issued = self.tokens.insert(self.session.clone())?;
        if let Err((second, _)) = self.issued.set(issued) {
            // Two asked at once: one token is enough.
            self.tokens.remove(&second);
        }
        Ok(self.issued.get().map_or("", |(_, token)| token))
    }
}

impl Drop for RunAccess {
    fn drop(&mut self) {
        if let Some((hash, _)) = self.issued.get() {
            self.tokens.remove(hash);
        }
    }
}

impl fmt::Debug for RunAccess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RunAccess").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use super::{RunAccess, RunTokens};
    use crate::service::Session;

    #[test]
    fn a_runs_token_ends_with_its_attempt() {
        let tokens = Arc::new(RunTokens::default());
        let access = RunAccess::new(Arc::clone(&tokens), "acme", Session::local().caller);
        let token = access.token().unwrap().to_owned();
        assert_eq!(access.token().unwrap(), token);
        assert_eq!(tokens.session(&token).unwrap().tenant, "acme");
        assert!(tokens.session("mwr_").is_none() && tokens.session(&token[1..]).is_none());
        drop(access);
        assert!(tokens.session(&token).is_none());
    }
}
