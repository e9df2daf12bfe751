//! What a caller may do.

use std::fmt;
use std::str::FromStr;

/// One thing that a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// See jobs, runs and messages.
    JobsRead,
    /// Create, change, pause and cancel jobs; say something in the chat.
    JobsWrite,
    /// Start runs at once, and say that a limit was raised.
    JobsRun,
    /// Add, limit, suspend and remove tenants; move a manual clock; see the host's figures.
    TenantsAdmin,
}

impl Scope {
    /// In the order in which a set of them is written.
    pub const ALL: [Self; 4] = [Self::JobsRead, Self::JobsWrite, Self::JobsRun, Self::TenantsAdmin];

    /// As it stands in tokens, settings and answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::JobsRead => "jobs:read",
            Self::JobsWrite => "jobs:write",
            Self::JobsRun => "jobs:run",
            Self::TenantsAdmin => "tenants:admin",
        }
    }

    /// The scope of a word, letter for letter; none for any other word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.word() == word)
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// The empty set: may do nothing.
    pub const NONE: Self = Self(0);

    /// Everything a tenant's own callers can do.
    #[must_use]
    pub fn jobs() -> Self {
        [Scope::JobsRead, Scope::JobsWrite, Scope::JobsRun]
            .into_iter()
            .fold(Self::NONE, Self::with)
    }

    /// Everything, an operator's scope included.
    #[must_use]
    pub fn all() -> Self {
        Scope::ALL.into_iter().fold(Self::NONE, Self::with)
    }

    /// These and one more.
    #[must_use]
    pub fn with(self, scope: Scope) -> Self {
        Self(self.0 | scope.bit())
    }

    /// Whether a scope is among these.
    #[must_use]
    pub fn has(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// All of these and those.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// These but for those.
    #[must_use]
    pub fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// As an authorization server writes them: what is no scope of ours is passed over.
    #[must_use]
    pub fn known(text: &str) -> Self {
        text.split_whitespace()
            .filter_map(Scope::parse)
            .fold(Self::NONE, Self::with)
    }

    /// The words of these scopes, in the order of [`Scope::ALL`].
    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        Scope::ALL
            .into_iter()
            .filter(|scope| self.has(*scope))
            .map(Scope::word)
            .collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.words().join(" "))
    }
}

impl FromStr for Scopes {
    type Err = String;

    /// Scopes separated by spaces or commas.
    fn from_str(text: &str) -> Result<Self, String> {
        let words = text.split([' ', ',']).filter(|word| !word.is_empty());
        words.into_iter().try_fold(Self::NONE, |scopes, word| {
            let scope = Scope::parse(word).ok_or_else(|| {
                let known = Scope::ALL.map(Scope::word).join(", ");
                format!("`{word}` is no scope; there are: {known}")
            })?;
            Ok(scopes.with(scope))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Scope, Scopes};

    #[test]
    fn scopes_are_read_as_they_are_written() {
        let scopes: Scopes = "jobs:run, jobs:read".parse().unwrap();
        assert_eq!(scopes.to_string(), "jobs:read jobs:run");
        assert!(scopes.has(Scope::JobsRun) && !scopes.has(Scope::JobsWrite));
        assert_eq!(Scopes::all().to_string().parse(), Ok(Scopes::all()));
    }

    #[test]
    fn an_unknown_scope_is_refused_here_and_passed_over_from_outside() {
        let error = "jobs:read jobs:all".parse::<Scopes>().unwrap_err();
        assert!(error.contains("jobs:all") && error.contains("jobs:write"));
        assert_eq!(
            Scopes::known("openid jobs:read"),
            Scopes::NONE.with(Scope::JobsRead)
        );
    }
}
