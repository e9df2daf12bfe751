//! What a provider is to reply, the same on every wire.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::errors::Refusal;
use super::plan::{CallId, Ending, Fault, Gate, Made, Problem, Says, Usage, What};

/// A reply, good or bad.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(super) what: What,
    pub(super) headers: Vec<(String, String)>,
    /// What the first byte waits for, the headers too.
    pub(super) silent: Option<Gate>,
    /// After how many events the rest waits, and for what.
    pub(super) held: Option<(usize, Gate)>,
    /// After how many events something goes wrong, and what.
    pub(super) fault: Option<(usize, Fault)>,
}

impl From<What> for Reply {
    fn from(what: What) -> Self {
        Self {
            what,
            headers: Vec::new(),
            silent: None,
            held: None,
            fault: None,
        }
    }
}

/// What is said.
impl Reply {
    /// A text, to its natural end.
    #[must_use]
    pub fn text(text: &str) -> Self {
        let text = text.to_owned();
        What::Says(Says {
            text,
            ..Says::default()
        })
        .into()
    }

    /// Nothing at all, to its natural end.
    #[must_use]
    pub fn empty() -> Self {
        Self::text("")
    }

    /// A call of a tool.
    #[must_use]
    pub fn call(name: &str, arguments: Value) -> Self {
        Self::empty().and_call(name, arguments)
    }

    /// A refusal by the model itself, in its words.
    #[must_use]
    pub fn refusal(words: &str) -> Self {
        Self::empty().says(|says| says.ending = Ending::Refused(words.to_owned()))
    }

    /// One call more, after the text and the calls so far.
    #[must_use]
    pub fn and_call(self, name: &str, arguments: Value) -> Self {
        self.and_call_raw(name, &arguments.to_string())
    }

    /// The same with arguments that need be no JSON.
    #[must_use]
    pub fn and_call_raw(self, name: &str, arguments: &str) -> Self {
        self.says(|says| {
            says.calls.push(Made {
                id: CallId::Counted,
                name: name.to_owned(),
                arguments: arguments.to_owned(),
            });
        })
    }

    /// The last call's id (otherwise unique and the provider's own).
    #[must_use]
    pub fn with_id(self, id: &str) -> Self {
        self.last_call(CallId::Given(id.to_owned()))
    }

    /// The last call has no id, which no provider should do and some do.
    #[must_use]
    pub fn without_id(self) -> Self {
        self.last_call(CallId::Missing)
    }

    /// Stopped by the limit of tokens.
    #[must_use]
    pub fn cut_short(self) -> Self {
        self.says(|says| says.ending = Ending::Length)
    }

    /// Stopped by a content filter (on Anthropic's wire a refusal).
    #[must_use]
    pub fn filtered(self) -> Self {
        self.says(|says| says.ending = Ending::Filtered)
    }

    /// With these figures, in place of counted ones (about four bytes a token, nothing cached).
    #[must_use]
    pub fn usage(self, usage: Usage) -> Self {
        assert!(
            usage.cached <= usage.input,
            "the cached tokens are among the others"
        );
        self.says(|says| says.usage = Some(usage))
    }

    fn last_call(self, id: CallId) -> Self {
        self.says(|says| says.calls.last_mut().expect("a call to name").id = id)
    }

    fn says(mut self, change: impl FnOnce(&mut Says)) -> Self {
        match &mut self.what {
            What::Says(says) => change(says),
            what => panic!("not something that a model says: {what:?}"),
        }
        self
    }
}

/// What goes wrong.
impl Reply {
    /// The provider's own error of this status (401, 402, 403, 404, 408, 413, 429, 500, 503, 529 …).
    #[must_use]
    pub fn status(status: u16) -> Self {
        What::Refuses(Problem::Status(status)).into()
    }

    /// The conversation is longer than the model takes: status 400.
    #[must_use]
    pub fn context_too_long() -> Self {
        What::Refuses(Problem::ContextTooLong).into()
    }

    /// The account has no money left: 429 and `insufficient_quota`, or 402 and `billing_error`.
    /// To ask again does not help.
    #[must_use]
    pub fn out_of_credit() -> Self {
        What::Refuses(Problem::OutOfCredit).into()
    }

    pub(super) fn unscripted() -> Self {
        let message = "the test's script has no reply left".to_owned();
        What::Refuses(Problem::Other(Refusal::new(500, message))).into()
    }

    /// Anything: garbage, the wrong content type, a gateway's page.
    #[must_use]
    pub fn raw(status: u16, content_type: &str, body: &str) -> Self {
        What::Raw {
            status,
            content_type: content_type.to_owned(),
            body: body.to_owned(),
        }
        .into()
    }

    /// Sends the client elsewhere with its request (307); one that follows gives its key away.
    #[must_use]
    pub fn redirect(location: &str) -> Self {
        Self::raw(307, "text/plain", "").header("location", location)
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// When to ask again, in seconds.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        self.header("retry-after", &wait.as_secs().to_string())
    }

    /// When to ask again, as a date.
    #[must_use]
    pub fn retry_at(self, instant: DateTime<Utc>) -> Self {
        let date = instant.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        self.header("retry-after", &date)
    }

    /// The connection breaks after so many events; that of a whole reply, in the middle of it.
    #[must_use]
    pub fn cut_after(self, events: usize) -> Self {
        self.fault(events, Fault::Cut)
    }

    /// The body ends well after so many events, but what it says does not end; a whole reply ends in
    /// the middle.
    #[must_use]
    pub fn ended_after(self, events: usize) -> Self {
        self.fault(events, Fault::End)
    }

    /// After so many events the provider says that it failed; a whole reply is status 500 (on
    /// Anthropic's wire overloaded, 529).
    #[must_use]
    pub fn error_after(self, events: usize) -> Self {
        self.fault(events, Fault::Error)
    }

    /// After so many events there is one that is no JSON; a whole reply is none from its middle on.
    #[must_use]
    pub fn garbage_after(self, events: usize) -> Self {
        self.fault(events, Fault::Garbage)
    }

    /// The rest waits after so many events; a whole reply, after its headers.
    #[must_use]
    pub fn held_after(mut self, events: usize, gate: &Gate) -> Self {
        self.held = Some((events, gate.clone()));
        self
    }

    /// Not a byte before the gate opens, no headers either.
    #[must_use]
    pub fn held(mut self, gate: &Gate) -> Self {
        self.silent = Some(gate.clone());
        self
    }

    fn fault(mut self, events: usize, fault: Fault) -> Self {
        self.fault = Some((events, fault));
        self
    }
}
