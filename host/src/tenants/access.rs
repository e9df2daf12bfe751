//! A run as a caller: an agent may use the tools while it executes, as the run and no further.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::outcome::AwaitedOutcome;
use super::{Scopes, TokenHash, token};
use crate::agent::Progress;
use crate::limits::RUN_TOKENS_ENDED_MAX;
use crate::service::Session;
use crate::wit::types::Caller;

/// What every run's token begins with.
const PREFIX: &str = "mwr_";

/// The tokens of the attempts that execute in this host. They are nowhere else, and end with them.
#[derive(Default)]
pub struct RunTokens(Mutex<Issued>);

#[derive(Default)]
struct Issued {
    of_attempts: HashMap<TokenHash, RunLogin>,
    /// Those that have ended and could send an outcome, oldest first: who sends one then is told what came of it.
    ended: VecDeque<TokenHash>,
}

/// Whose a run's token is.
#[derive(Clone, Debug)]
pub struct RunLogin {
    /// As whom the run calls.
    pub session: Session,
    /// Where its outcome goes, if that is sent.
    pub outcome: Option<Arc<AwaitedOutcome>>,
    /// The attempt has ended: its token opens nothing any more.
    pub ended: bool,
}

impl RunTokens {
    /// The session of a run's token. None: it is none, or its attempt has ended.
    #[must_use]
    pub fn session(&self, token: &str) -> Option<Session> {
        let login = self.login(token).filter(|login| !login.ended)?;
        Some(login.session)
    }

    /// Whose a run's token is, or was a while ago. None: it is none, or forgotten.
    #[must_use]
    pub fn login(&self, token: &str) -> Option<RunLogin> {
        let secret = token.strip_prefix(PREFIX)?;
        // Looked up by its hash: how long that takes tells nothing about any secret.
        self.issued().of_attempts.get(&token::hash(secret)).cloned()
    }

    /// Whether a token says that it is a run's.
    #[must_use]
    pub fn is_runs(token: &str) -> bool {
        token.starts_with(PREFIX)
    }

    fn insert(&self, session: Session) -> Result<(TokenHash, String), getrandom::Error> {
        let (_, hash, secret) = token::secret()?;
        let login = RunLogin {
            session,
            outcome: None,
            ended: false,
        };
        self.issued().of_attempts.insert(hash, login);
        Ok((hash, format!("{PREFIX}{secret}")))
    }

    /// From now on the outcome of a token's attempt may be sent.
    fn await_outcome(&self, hash: &TokenHash, run: &str, progress: Progress) -> Arc<AwaitedOutcome> {
        let mut issued = self.issued();
        let known = issued.of_attempts.get_mut(hash);
        let new = Arc::new(AwaitedOutcome::new(run, progress));
        match known {
            Some(login) => Arc::clone(login.outcome.get_or_insert(new)),
            None => new,
        }
    }

    fn end(&self, hash: &TokenHash) {
        let mut issued = self.issued();
        let login = issued.of_attempts.get_mut(hash);
        let outcome = login.and_then(|login| {
            login.ended = true;
            login.session.scopes = Scopes::NONE;
            login.outcome.clone()
        });
        let Some(outcome) = outcome else {
            issued.of_attempts.remove(hash);
            return;
        };
        outcome.end();
        issued.ended.push_back(*hash);
        if issued.ended.len() > RUN_TOKENS_ENDED_MAX
            && let Some(oldest) = issued.ended.pop_front()
        {
            issued.of_attempts.remove(&oldest);
        }
    }

    fn issued(&self) -> MutexGuard<'_, Issued> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.issued().map(|(_, token)| token.as_str())
    }

    /// The same for one that sends its outcome later, and where it arrives. `run` is whose outcome it is.
    ///
    /// # Errors
    /// When the operating system gives no random numbers.
    pub fn await_outcome(
        &self,
        run: &str,
        progress: Progress,
    ) -> Result<(&str, Arc<AwaitedOutcome>), getrandom::Error> {
        let (hash, token) = self.issued()?;
        Ok((token, self.tokens.await_outcome(hash, run, progress)))
    }

    fn issued(&self) -> Result<&(TokenHash, String), getrandom::Error> {
        if self.issued.get().is_none() {
            let issued = self.tokens.insert(self.session.clone())?;
            if let Err((second, _)) = self.issued.set(issued) {
                // Two asked at once: one token is enough.
                self.tokens.end(&second);
            }
        }
        Ok(self.issued.get().expect("whoever asked first has set it"))
    }
}

impl Drop for RunAccess {
    fn drop(&mut self) {
        if let Some((hash, _)) = self.issued.get() {
            self.tokens.end(hash);
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
    use crate::agent::Progress;
    use crate::agent::answer;
    use crate::limits::RUN_TOKENS_ENDED_MAX;
    use crate::service::Session;
    use crate::tenants::{LateOutcome, Scopes};
    use crate::wit::agent_pipeline::OutcomeStatus;

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

    #[test]
    fn who_could_send_an_outcome_is_known_for_a_while_and_can_do_nothing_else() {
        let tokens = Arc::new(RunTokens::default());
        let ended = || {
            let access = RunAccess::new(Arc::clone(&tokens), "acme", Session::local().caller);
            access
                .await_outcome("run_1", Progress::default())
                .unwrap()
                .0
                .to_owned()
        };
        let first = ended();
        let login = tokens.login(&first).unwrap();
        assert!(login.ended && login.session.scopes == Scopes::NONE && tokens.session(&first).is_none());
        let late = login
            .outcome
            .unwrap()
            .take(answer(OutcomeStatus::Ok, String::new()));
        assert_eq!(late, Err(LateOutcome::Ended));
        for _ in 0..RUN_TOKENS_ENDED_MAX {
            ended();
        }
        assert!(tokens.login(&first).is_none(), "so many are kept and no more");
        let plain = RunAccess::new(Arc::clone(&tokens), "acme", Session::local().caller);
        let token = plain.token().unwrap().to_owned();
        assert!(tokens.login(&token).unwrap().outcome.is_none());
        drop(plain);
        assert!(tokens.login(&token).is_none());
    }
}
