//! Sentences that ask for work, as `meanwhile add` and `/api/plan` take them.

use std::collections::HashSet;
use std::sync::LazyLock;

use meanwhile_guest::bindings::schedule::{PlanAnswer, PlanRequest};
use meanwhile_guest::bindings::types::JobType;
use meanwhile_guest::intake::plan;

use crate::moments::{self, Moment};
use crate::schedules::{at_moments, holds, instants, is_told};
use crate::{Given, fuzz, kept};

static SENTENCES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let texts = kept::texts("sentences");
    texts
        .iter()
        .map(|text| moments::read(text).1.to_owned())
        .collect()
});

/// Characters of a title that `job_create` takes.
const TITLE_CHARS_MAX: usize = 200;

/// Jobs that can be created in this order.
fn holds_together(answer: &PlanAnswer, moment: &Moment) {
    assert!(!answer.jobs.is_empty());
    let mut earlier = HashSet::new();
    for job in &answer.jobs {
        let length = job.title.chars().count();
        assert!((1..=TITLE_CHARS_MAX).contains(&length), "{job:?}");
        assert!(!job.payload.trim().is_empty(), "{job:?}");
        assert!(job.summary.ends_with('.'), "{job:?}");
        for dependency in &job.depends_on {
            assert!(earlier.contains(dependency.job.as_str()), "{job:?}");
        }
        assert!(
            earlier.insert(job.title.as_str()),
            "two jobs are called {}",
            job.title
        );
        let fires = instants(&job.next_runs);
        assert!(fires.is_sorted_by(|a, b| a < b), "{job:?}");
        // A job that runs once, at once, has no time to be read again.
        if job.job_type != JobType::OneOff || job.trigger_config.run_at.is_some() {
            holds(&job.trigger_config, job.job_type, moment);
        }
    }
}

fn check(text: &str, moment: &Moment) {
    let _given = Given(&(text, moment));
    let request = PlanRequest {
        text: text.to_owned(),
        timezone: Some(moment.zone.to_owned()),
        at: moment.at(),
    };
    match plan(&request, moment.now) {
        Ok(answer) => {
            assert!(moment.is_shown());
            holds_together(&answer, moment);
        }
        Err(error) => is_told(&error),
    }
}

#[test]
fn sentences() {
    fuzz("sentences", 3_000, |input| at_moments(input, &SENTENCES, check));
}
