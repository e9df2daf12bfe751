//! Words of time, as `when` and `meanwhile preview` take them.

use std::sync::LazyLock;

use meanwhile_guest::trigger::{objection, preview, understands};

use crate::moments::{self, Moment};
use crate::schedules::{at_moments, holds, instants, is_told, request};
use crate::{Given, fuzz, kept};

/// Tables of the component's own tests.
const UNDERSTOOD: &str = include_str!("../../../guest/src/trigger/words/phrases.txt");
const REFUSED: &str = include_str!("../../../guest/src/trigger/words/refused.txt");

static PHRASES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let lines = UNDERSTOOD.lines().chain(REFUSED.lines());
    let told = lines.filter(|line| !line.starts_with(['#', '@']) && line.contains('='));
    let phrase = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
    let mut phrases: Vec<String> = told.map(phrase).collect();
    phrases.extend(
        kept::texts("words")
            .iter()
            .map(|text| moments::read(text).1.to_owned()),
    );
    phrases
});

/// Understood or refused in words.
fn check(text: &str, moment: &Moment) {
    let _given = Given(&(text, moment));
    if moment.is_shown() {
        let reads = understands(text, moment.now, moment.zone);
        let objection = objection(text, moment.now, moment.zone);
        assert!(!(reads && objection.is_some()), "{objection:?}");
    }
    match preview(&request(text, moment), moment.now) {
        Ok(answer) => {
            assert!(moment.is_shown());
            let fires = instants(&answer.next_runs);
            assert!(fires.is_sorted_by(|a, b| a < b), "{fires:?}");
            holds(&answer.trigger_config, answer.job_type, moment);
        }
        Err(error) => is_told(&error),
    }
}

#[test]
fn words() {
    fuzz("words", 10_000, |input| at_moments(input, &PHRASES, check));
}
