//! The stories of `tests/hosts/stories`, told to our own host and to those in other languages. What
//! the latter need is installed by `tests/setup/other-hosts`.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use chrono::{TimeDelta, Utc};
use meanwhile_tests::stories::{self, Call, Foreign, Host, Ours, Store};
use serde_json::json;

/// What a reader has to read of a host, beside the SQL that all share.
const LINES_MAX: usize = 300;

#[test]
fn hosts_stay_small() {
    for language in ["node", "python"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("hosts").join(language);
        let paths = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let code = paths.filter(|path| path.extension().is_some_and(|it| it == "mjs" || it == "py"));
        let lines: usize = code
            .map(|path| std::fs::read_to_string(path).unwrap().lines().count())
            .sum();
        assert!((1..LINES_MAX).contains(&lines), "{language}: {lines} lines");
    }
}

/// What is due in a second is done when the host says that the second is over.
fn runs_in_a_second(mut host: impl Host) {
    let due = Utc::now() + TimeDelta::seconds(1);
    let create = Call {
        interface: "tools".into(),
        function: "job-create".into(),
        caller: json!({ "agent": "assistant", "user": "ana" }),
        with: json!({ "title": "Soon", "payload": "Done.", "trigger_config": { "run_at": due.to_rfc3339() } }),
    };
    host.call(&create, None).answer.unwrap();
    host.advance_to(due.timestamp_millis() + 1, None).answer.unwrap();
    assert_eq!(host.inbox()[0]["text"], "Done.");
}

macro_rules! stories {
    ($($name:ident)*) => {
        #[test]
        fn every_story_is_told() {
            let mut told = [$(stringify!($name)),*].map(str::to_owned);
            told.sort();
            assert_eq!(stories::titles(), told);
        }

        mod in_memory {
            use super::*;
            $(#[test] fn $name() { stories::run(stringify!($name), |now| Ours::begin(Store::memory(), now)); })*
        }

        mod on_sqlite {
            use super::*;
            $(#[test] fn $name() { stories::run(stringify!($name), |now| Ours::begin(Store::sqlite(), now)); })*
        }

        mod on_postgres {
            use super::*;
            $(
                #[test]
                #[ignore = "needs tests/setup/postgres"]
                fn $name() { stories::run(stringify!($name), |now| Ours::begin(Store::postgres(), now)); }
            )*
        }

        mod on_node {
            use super::*;

            #[test]
            #[ignore = "needs tests/setup/other-hosts"]
            fn it_lives_by_the_machines_clock() { runs_in_a_second(Foreign::by_the_machines_clock(stories::node)); }

            $(
                #[test]
                #[ignore = "needs tests/setup/other-hosts"]
                fn $name() { stories::run(stringify!($name), |now| Foreign::begin(stories::node, now)); }
            )*
        }

        mod on_python {
            use super::*;

            #[test]
            #[ignore = "needs tests/setup/other-hosts"]
            fn it_lives_by_the_machines_clock() { runs_in_a_second(Foreign::by_the_machines_clock(stories::python)); }

            $(
                #[test]
                #[ignore = "needs tests/setup/other-hosts"]
                fn $name() { stories::run(stringify!($name), |now| Foreign::begin(stories::python, now)); }
            )*
        }
    };
}

stories! {
    a_cancelled_run_makes_room
    a_crash_repeats_the_attempt_not_the_slot
    a_fact_is_told_once
    a_late_result_changes_nothing
    a_one_off_runs_once_when_it_is_due
    a_person_and_the_clock_meet_on_one_job
    a_question_waits_for_its_answer
    a_schedule_is_explained_before_it_is_made
    an_attempt_ends_at_its_deadline
    an_ongoing_job_ends_when_its_goal_is_met
    an_update_changes_what_it_names
    failures_are_retried_by_their_class
    jobs_are_found_by_their_words
    many_jobs_are_due_at_once
    pause_and_cancel_win
    prerequisites_release_what_waits_for_them
    repeating_jobs_keep_to_their_slots
    the_same_request_twice_is_one_job
    two_callers_meet_on_one_job
    what_is_wrong_is_refused_by_field
}
