//! Whether a database is fit to be a store.

use super::codec;
use super::commit;
use super::session::{Scope, Sql};
use super::{LeaseClock, PostgresStorage};
use crate::clock::Clock as _;
use crate::limits::IDLE_LOOK;
use crate::wit::storage::{StorageError, Unit};

/// The oldest version whose manual was read for this.
const VERSION_MIN: i64 = 15;

/// A difference of the clocks that is worth a word, in milliseconds.
const CLOCK_DIFFERENCE_TOLD_MS: i64 = 1_000;

const QUESTIONS: &str = "SELECT current_setting('server_version_num')::bigint / 10000, current_setting('server_version'), \
     current_user::text, (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user)::int::bigint, \
     current_setting('fsync'), current_setting('synchronous_commit'), current_setting('full_page_writes')";

/// Who is to look at what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hint {
    /// This host first.
    Offer,
    /// All hosts.
    Tell,
}

impl PostgresStorage {
    pub(super) async fn is_sound(&self) -> Result<String, StorageError> {
        let rows = self.rows(Scope::Host, Sql::Fixed(QUESTIONS), &[]).await?;
        let Some(row) = rows.first() else {
            return Err(StorageError::Unavailable("Postgres answered nothing".into()));
        };
        let (version, shown, role) = (codec::int(row, 0)?, codec::text(row, 1)?, codec::text(row, 2)?);
        let name = self.connector.name();
        if version < VERSION_MIN {
            return Err(StorageError::Unavailable(format!(
                "{name} is Postgres {shown}: use version {VERSION_MIN} or later"
            )));
        }
        let mut warnings = Vec::new();
        if codec::int(row, 3)? != 0 {
            warnings.push(format!(
                "the role {role} passes row-level security, the second wall between tenants: use a role without \
                 SUPERUSER and BYPASSRLS"
            ));
        }
        for (column, setting) in [(4, "fsync"), (5, "synchronous_commit"), (6, "full_page_writes")] {
            if codec::text(row, column)? == "off" {
                warnings.push(format!("{setting} is off: a crash loses what was answered"));
            }
        }
        let mut text = format!("Postgres {shown} at {name}, as {role}");
        let ahead = self.shown.ahead();
        if ahead.abs() >= CLOCK_DIFFERENCE_TOLD_MS {
            warnings.push(format!(
                "this machine's clock is {ahead} ms ahead of the database's, which rules: set it, or its log misleads"
            ));
        }
        for warning in warnings {
            text = format!("{text}. WARNING: {warning}");
        }
        Ok(text)
    }

    /// Who should look at what units write. What is due at once this host may take; for what is due soon all make their
    /// plans; what is due later they find when they look anyway.
    pub(super) fn hint(&self, units: &[Unit]) -> Option<Hint> {
        let now = self.shown.now();
        let look = i64::try_from(IDLE_LOOK.as_millis()).unwrap_or(i64::MAX);
        let soon = now.saturating_add(look);
        let hint = |due| match due {
            // By a clock that is moved by hand this one does not know what is due.
            due if due <= now && self.clock == LeaseClock::Database => Some(Hint::Offer),
            due if due <= soon => Some(Hint::Tell),
            _ => None,
        };
        units.iter().flat_map(commit::dues).filter_map(hint).max()
    }
}
