//! Words of time, as `when` and `meanwhile preview` take them.

use std::sync::LazyLock;

use meanwhile_guest::bindings::tools::ErrorCode;
use meanwhile_guest::trigger::{objection, preview, understands};

use crate::bytes::Bytes;
use crate::moments::{self, Moment};
use crate::schedules::{holds, instants, request};
use crate::{Given, fuzz, kept, texts};

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
        Err(error) => {
            assert_eq!(error.code, ErrorCode::InvalidArgument);
            assert!(error.field.is_some() && error.message.len() > 15, "{error:?}");
        }
    }
}

#[test]
fn words() {
    fuzz("words", 10_000, |input| match std::str::from_utf8(input) {
        Ok(text) => {
            let (moment, text) = moments::read(text);
            check(text, &moment);
        }
        Err(_) => {
            let mut bytes = Bytes::new(input);
            let moment = if bytes.chance(8) {
                moments::moment(&mut bytes)
            } else {
                moments::USUAL
            };
            check(&texts::like(&PHRASES, &mut bytes), &moment);
        }
    });
}
