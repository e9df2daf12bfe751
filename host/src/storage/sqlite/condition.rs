//! Conditions of a `WHERE`: the text, and the values of its marks.

use rusqlite::types::Value;

use crate::storage::words::{Word, statuses_of};
use crate::wit::storage::JobFilter;

/// A condition under construction: text with its parameters.
pub(super) struct Condition {
    pub(super) text: String,
    pub(super) values: Vec<Value>,
}

impl Condition {
    pub(super) fn new(text: &str, values: Vec<Value>) -> Self {
        Self {
            text: text.into(),
            values,
        }
    }

    /// Narrows; `text` holds one `?` for each value.
    pub(super) fn and(&mut self, text: &str, values: impl IntoIterator<Item = Value>) {
        self.text.push_str(" AND ");
        self.text.push_str(text);
        self.values.extend(values);
    }

    pub(super) fn and_words<T: Word>(&mut self, column: &str, words: &[T]) {
        if !words.is_empty() {
            let marks = vec!["?"; words.len()].join(", ");
            self.and(
                &format!("{column} IN ({marks})"),
                words.iter().map(|word| text(word.word())),
            );
        }
    }

    pub(super) fn and_equal(&mut self, column: &str, value: Option<&String>) {
        if let Some(value) = value {
            self.and(&format!("{column} = ?"), [text(value)]);
        }
    }
}

pub(super) fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

/// The jobs of a tenant that pass a filter.
pub(super) fn owned_by(tenant: &str, filter: &JobFilter) -> Condition {
    let mut condition = Condition::new("jobs.tenant = ?", vec![text(tenant)]);
    condition.and_equal("jobs.agent", filter.agent.as_ref());
    condition.and_equal("jobs.user", filter.user.as_ref());
    condition.and_equal("jobs.idempotency_key", filter.idempotency_key.as_ref());
    condition.and_equal("jobs.title", filter.title.as_ref());
    condition.and_words("jobs.status", &statuses_of(filter));
    condition.and_words("jobs.job_type", &filter.job_types);
    condition
}
