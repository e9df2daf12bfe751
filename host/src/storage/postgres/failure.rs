//! What can go wrong, split by what to do next: try again, tell the caller, refuse a unit.

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use super::OpenError;
use crate::limits::READ_BYTES_MAX;
use crate::storage::limits::POSTGRES_ANSWER_WAIT;
use crate::wit::storage::StorageError;

/// Why a piece of work on Postgres did not succeed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("Postgres cannot be reached: {}", with_causes(.0))]
    Pool(#[from] PoolError),
    #[error("Postgres: {}", with_causes(.0))]
    Postgres(#[from] tokio_postgres::Error),
    #[error("a row of a later version, or damaged: {0}")]
    Unreadable(String),
    #[error("the rows come to more than {READ_BYTES_MAX} bytes: ask for fewer")]
    TooMuch,
    #[error(
        "the connection was lost while the commit was under way: whether it is stored is not known. Read again"
    )]
    Unknown,
    #[error("Postgres does not answer for {} s: the network may be cut", POSTGRES_ANSWER_WAIT.as_secs())]
    Silent,
    #[error("the store is closed")]
    Closed,
}

/// An error with what caused it: Postgres' own words stand there.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

impl Failure {
    fn state(&self) -> Option<&SqlState> {
        match self {
            Self::Postgres(error) | Self::Pool(PoolError::Backend(error)) => error.code(),
            _ => None,
        }
    }

    /// Postgres undid the transaction because of others' and says that it may succeed another time.
    pub(super) fn is_undone(&self) -> bool {
        matches!(
            self.state(),
            Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED)
        )
    }

    /// A transaction that wrote nothing may be tried again.
    pub(super) fn is_transient(&self) -> bool {
        match (self, self.state()) {
            (Self::Postgres(_) | Self::Pool(PoolError::Backend(_)), Some(state)) => {
                // Connection exceptions, an operator's intervention (restarts), no room for a
                // connection, a plan that another host's migration made stale.
                self.is_undone()
                    || state.code().starts_with("08")
                    || matches!(
                        *state,
                        SqlState::ADMIN_SHUTDOWN
                            | SqlState::CRASH_SHUTDOWN
                            | SqlState::CANNOT_CONNECT_NOW
                            | SqlState::TOO_MANY_CONNECTIONS
                            | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
                            | SqlState::FEATURE_NOT_SUPPORTED
                    )
            }
            // Without a state it is the connection that failed.
            (Self::Postgres(_) | Self::Pool(PoolError::Backend(_)), None) => true,
            _ => false,
        }
    }

    /// A value that no column, constraint or index can take: its unit's fault.
    pub(super) fn is_of_data(&self) -> bool {
        let class = self.state().map(|state| &state.code()[..2]);
        matches!(class, Some("22" | "23" | "54"))
    }
}

impl From<Failure> for OpenError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Postgres(error) | Failure::Pool(PoolError::Backend(error)) => Self::Postgres(error),
            other => Self::Unreadable(other.to_string()),
        }
    }
}

impl From<Failure> for StorageError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::TooMuch => Self::LimitExceeded(failure.to_string()),
            other => Self::Unavailable(other.to_string()),
        }
    }
}
