//! Conditions under construction.

use super::value::Value;
use crate::storage::words::{Word, statuses_of};
use crate::wit::storage::JobFilter;

/// Where lists look: jobs by owner, status and type.
const AGENDA: &str = "agenda";

/// What a job is found by stands beside it.
const JOIN_TEXT: &str = " JOIN job_text ON job_text.tenant = jobs.tenant AND job_text.seq = jobs.seq";

/// Text with its parameters.
#[derive(Clone, Default)]
pub(super) struct Condition {
    pub(super) text: String,
    pub(super) values: Vec<Value>,
}

impl Condition {
    /// Rows of a tenant.
    pub(super) fn of_tenant(column: &str, tenant: &str) -> Self {
        let mut condition = Self::default();
        let mark = condition.value(Value::text(tenant));
        condition.text = format!("{column} = {mark}");
        condition
    }

    /// Takes a parameter; answers what stands for it in the text.
    pub(super) fn value(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    /// Narrows.
    pub(super) fn and(&mut self, text: &str) {
        self.text.push_str(" AND ");
        self.text.push_str(text);
    }

    /// Narrows: the column has to be one of these words, where there are any.
    pub(super) fn and_words<T: Word>(&mut self, column: &str, words: &[T]) {
        if !words.is_empty() {
            let mark = self.value(Value::texts(words.iter().map(|word| word.word())));
            self.and(&format!("{column} = ANY ({mark})"));
        }
    }

    pub(super) fn and_equal(&mut self, column: &str, value: Option<&String>) {
        if let Some(value) = value {
            let mark = self.value(Value::text(value));
            self.and(&format!("{column} = {mark}"));
        }
    }

    /// Jobs of a tenant that a filter lets pass. `owner` is the table that is asked whose they are: the one
    /// whose index is wanted. [`AGENDA`] is asked for the rest as well; it knows neither title nor key.
    pub(super) fn of_jobs(tenant: &str, filter: &JobFilter, owner: &str) -> Self {
        let jobs = if owner == AGENDA { AGENDA } else { "jobs" };
        let mut condition = Self::of_tenant(&format!("{jobs}.tenant"), tenant);
        condition.and_equal(&format!("{owner}.agent"), filter.agent.as_ref());
        condition.and_equal(&format!("{owner}.\"user\""), filter.user.as_ref());
        condition.and_equal("job_text.title", filter.title.as_ref());
        condition.and_equal("jobs.idempotency_key", filter.idempotency_key.as_ref());
        condition.and_words(&format!("{jobs}.status"), &statuses_of(filter));
        condition.and_words(&format!("{jobs}.job_type"), &filter.job_types);
        condition
    }

    /// Jobs by what `agenda` has an index for, where that is all that is asked.
    pub(super) fn of_listed(tenant: &str, filter: &JobFilter) -> Self {
        let owner = if filter.title.is_some() {
            "job_text"
        } else if filter.idempotency_key.is_some() {
            "jobs"
        } else {
            AGENDA
        };
        Self::of_jobs(tenant, filter, owner)
    }

    /// The table whose rows are asked for.
    pub(super) fn jobs(&self) -> &'static str {
        let is_listed = self.text.starts_with(AGENDA);
        if is_listed { AGENDA } else { "jobs" }
    }

    /// The tables that the condition is about.
    pub(super) fn tables(&self) -> String {
        let mut from = String::from(self.jobs());
        if self.text.contains("job_text.") {
            from += JOIN_TEXT;
        }
        from
    }
}
