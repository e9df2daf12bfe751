//! What a reply is made of.

use std::sync::Arc;

use tokio::sync::watch;

use super::errors::Refusal;

/// The tokens of a request and its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Those of the request, the cached ones among them.
    pub input: u64,
    /// Those of the request that came from the provider's cache.
    pub cached: u64,
    pub output: u64,
}

/// Something that a reply waits for; never opened, it waits until the client goes away.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets everything through from now on.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    pub(super) async fn opened(&self) {
        // The sender is at hand: an error cannot be.
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Says(Says),
    Refuses(Problem),
    Raw {
        status: u16,
        content_type: String,
        body: String,
    },
}

/// What a model says.
#[derive(Clone, Debug, Default)]
pub(super) struct Says {
    pub(super) text: String,
    pub(super) calls: Vec<Made>,
    pub(super) ending: Ending,
    pub(super) usage: Option<Usage>,
}

/// A call that it makes.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) id: CallId,
    pub(super) name: String,
    /// JSON, or not.
    pub(super) arguments: String,
}

#[derive(Clone, Debug)]
pub(super) enum CallId {
    Counted,
    Given(String),
    Missing,
}

/// Why a model stops.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Ending {
    /// It has said what it had to say, or wants its calls done.
    #[default]
    Natural,
    /// It was allowed no more tokens.
    Length,
    /// A filter took the rest.
    Filtered,
    /// It does not want to, and says this.
    Refused(String),
}

/// What a provider has against a request that is well formed.
#[derive(Clone, Debug)]
pub(super) enum Problem {
    Status(u16),
    ContextTooLong,
    OutOfCredit,
    Other(Refusal),
}

/// What goes wrong in the middle of a reply.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    /// The connection breaks.
    Cut,
    /// The body ends as if it were complete.
    End,
    /// The provider says that it failed, and ends.
    Error,
    /// An event is no JSON; the rest follows.
    Garbage,
}
