//! Revisions and vectors of jobs' texts.

use std::collections::BTreeMap;

use super::Rows;
use super::find::matches;
use crate::storage::texts::{JobTexts, NewVector, Picked, StoredVector, Unembedded};
use crate::wit::storage::JobFilter;

/// By the job's number, and by revision.
#[derive(Default)]
pub(super) struct Texts {
    rows: BTreeMap<u64, Text>,
    revisions: BTreeMap<u64, u64>,
}

struct Text {
    /// The job's id.
    job: String,
    revision: u64,
    vector: Option<StoredVector>,
}

impl Texts {
    /// Texts are new, or others than before.
    pub(super) fn put(&mut self, number: u64, job: &str, revision: u64) {
        self.replace(number, job, revision, None);
    }

    fn replace(&mut self, number: u64, job: &str, revision: u64, vector: Option<StoredVector>) {
        self.remove(number);
        self.revisions.insert(revision, number);
        let job = job.to_owned();
        let text = Text {
            job,
            revision,
            vector,
        };
        self.rows.insert(number, text);
    }

    pub(super) fn remove(&mut self, number: u64) {
        if let Some(text) = self.rows.remove(&number) {
            self.revisions.remove(&text.revision);
        }
    }
}

impl Rows {
    pub(super) fn texts_behind(&self, after: u64, limit: u32) -> Vec<JobTexts> {
        let behind = self.texts.revisions.range(after.saturating_add(1)..);
        let texts = behind.filter_map(|(revision, number)| {
            let text = self.texts.rows.get(number)?;
            let job = &self.jobs.get(&text.job)?.job;
            Some(JobTexts {
                number: *number,
                revision: *revision,
                agent: job.agent.clone(),
                user: job.user.clone(),
                title: job.spec.title.clone(),
                description: job.spec.description.clone(),
                vector: text.vector.clone(),
            })
        });
        texts.take(limit as usize).collect()
    }

    pub(super) fn unembedded<'a>(
        &'a self,
        tenant: &'a str,
        model: &'a str,
    ) -> impl Iterator<Item = Unembedded> + 'a {
        let not_seen = move |text: &&Text| text.vector.as_ref().is_none_or(|vector| vector.model != model);
        let texts = self.texts.revisions.values();
        let texts = texts.filter_map(|number| Some((*number, self.texts.rows.get(number)?)));
        texts
            .filter(move |(_, text)| not_seen(text))
            .filter_map(move |(number, text)| {
                let spec = &self.jobs.get(&text.job)?.job.spec;
                Some(Unembedded {
                    tenant: tenant.to_owned(),
                    number,
                    revision: text.revision,
                    title: spec.title.clone(),
                    description: spec.description.clone(),
                })
            })
    }

    pub(super) fn put_vector(&mut self, model: &str, vector: NewVector, sequence: &mut u64) {
        let text = self.texts.rows.get(&vector.number);
        let Some(text) = text.filter(|text| text.revision == vector.revision) else {
            return;
        };
        let job = text.job.clone();
        *sequence += 1;
        let stored = StoredVector {
            model: model.to_owned(),
            bytes: vector.bytes,
        };
        self.texts.replace(vector.number, &job, *sequence, Some(stored));
    }

    pub(super) fn pick(&self, numbers: &[u64], filter: &JobFilter) -> Picked {
        let job = |number: &u64| {
            let job = &self.jobs.get(&self.texts.rows.get(number)?.job)?.job;
            matches(job, filter).then(|| (*number, job.clone()))
        };
        Picked {
            jobs: numbers.iter().filter_map(job).collect(),
            cut: false,
        }
    }
}
