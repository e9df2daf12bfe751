#![allow(clippy::unwrap_used)]
//! Tables of phrases, and what holds for all words.

use std::collections::HashSet;

use proptest::prelude::*;

use super::super::*;
use super::nearest::{FORMS, VOCABULARY};
use crate::bindings::schedule::PreviewRequest;

const UNDERSTOOD: &str = include_str!("phrases.txt");
const REFUSED: &str = include_str!("refused.txt");
const GRAMMAR: &str = include_str!("GRAMMAR.md");
const ZONE: &str = "Europe/Berlin";
/// A Monday, noon in Berlin.
const PRESENT: &str = "2026-06-01T10:00Z";

fn look(text: &str, zone: &str, at: &str) -> Result<PreviewAnswer, ToolError> {
    preview(
        &PreviewRequest {
            text: Some(text.to_owned()),
            trigger_config: None,
            job_type: None,
            timezone: Some(zone.to_owned()),
            count: 3,
            at: Some(parse_time(at, "UTC").unwrap()),
        },
        0,
    )
}

/// Phrase, expected fires, zone, present.
fn understood() -> Vec<(&'static str, &'static str, &'static str, &'static str)> {
    let (mut zone, mut at) = ("", "");
    let mut table = Vec::new();
    for line in UNDERSTOOD.lines().filter(|line| !line.starts_with('#')) {
        if let Some(place) = line.strip_prefix("@ ") {
            (zone, at) = place.split_once(' ').unwrap();
            continue;
        }
        let (text, fires) = line.split_once(" = ").unwrap();
        table.push((text, fires, zone, at));
    }
    table
}

fn shown(answer: &PreviewAnswer) -> String {
    if answer.next_runs.is_empty() {
        return "at once".to_owned();
    }
    let times: Vec<String> = answer
        .next_runs
        .iter()
        .map(|at| at[..16].replace('T', " "))
        .collect();
    times.join(" | ")
}

#[test]
fn each_phrase_fires_when_it_says() {
    let table = understood();
    let distinct: HashSet<_> = table.iter().map(|(text, _, zone, at)| (text, zone, at)).collect();
    assert!(
        table.len() >= 700 && distinct.len() == table.len(),
        "{}",
        table.len()
    );
    for (text, expected, zone, at) in table {
        match look(text, zone, at) {
            Ok(answer) => assert_eq!(shown(&answer), expected, "{text} ({zone}, {at})"),
            Err(error) => panic!("{text} ({zone}, {at}): {}", error.message),
        }
    }
}

#[test]
fn each_refusal_says_what_is_wrong_and_shows_forms_that_are_understood() {
    let table: Vec<_> = REFUSED
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once(" => ").unwrap())
        .collect();
    assert!(table.len() >= 200, "{}", table.len());
    for (text, hint) in table {
        let error = look(text, ZONE, PRESENT)
            .map(|answer| answer.summary)
            .expect_err(text);
        assert_eq!(error.field.as_deref(), Some("trigger_config.when"), "{text}");
        assert!(error.message.contains(hint), "{text}: {}", error.message);
        assert!(
            error.message.ends_with("; or use cron."),
            "{text}: {}",
            error.message
        );
        let forms = FORMS
            .iter()
            .filter(|form| error.message.contains(&format!("\"{form}\"")))
            .count();
        assert!(forms >= 2, "{text}: {}", error.message);
    }
}

#[test]
fn the_forms_that_errors_show_and_the_grammar_names_are_understood() {
    for form in FORMS {
        assert!(look(form, ZONE, PRESENT).is_ok(), "{form}");
    }
    // Quoted with ✓ in the grammar's tables.
    let examples: Vec<_> = GRAMMAR
        .lines()
        .filter(|line| line.starts_with("| "))
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .collect();
    assert!(examples.len() > 80, "{}", examples.len());
    let (refused, accepted): (Vec<&str>, Vec<&str>) = examples
        .iter()
        .copied()
        .partition(|text| look(text, ZONE, PRESENT).is_err());
    let marked = GRAMMAR.split("## What is refused").nth(1).unwrap();
    for text in &refused {
        assert!(
            marked.contains(&format!("| \"{text}\"")),
            "{text} is not understood"
        );
    }
    for text in &accepted {
        assert!(!marked.contains(&format!("| \"{text}\"")), "{text} is understood");
    }
}

/// The sentence's own words, without the zone.
fn own_words(answer: &PreviewAnswer) -> String {
    let zone = answer.trigger_config.timezone.as_deref().unwrap_or("UTC");
    answer.summary.replace(&format!(" ({zone})"), "")
}

fn without_words(trigger: &TriggerConfig) -> TriggerConfig {
    TriggerConfig {
        when: None,
        ..trigger.clone()
    }
}

/// Seconds are said in a sentence, and not read.
fn has_seconds(at: &Option<String>) -> bool {
    at.as_deref()
        .is_some_and(|at| !matches!(&at[17..19], "00") && &at[11..19] != "23:59:59")
}

fn check_sentence(text: &str, zone: &str, at: &str, answer: &PreviewAnswer) {
    let trigger = &answer.trigger_config;
    if has_seconds(&trigger.run_at) || has_seconds(&trigger.start_at) || has_seconds(&trigger.end_at) {
        return;
    }
    assert!(!answer.summary.contains("cron"), "{text}: {}", answer.summary);
    let again = look(&own_words(answer), zone, at)
        .unwrap_or_else(|error| panic!("{text} is said as {}: {}", answer.summary, error.message));
    let same = answer.job_type == again.job_type
        && without_words(&answer.trigger_config) == without_words(&again.trigger_config);
    assert!(
        same,
        "{text} is said as {} and read as {}",
        answer.summary, again.summary
    );
    assert_eq!(answer.summary, again.summary, "{text}");
}

#[test]
fn a_sentence_reads_back_to_the_same_trigger() {
    for (text, _, zone, at) in understood() {
        let answer = look(text, zone, at).unwrap();
        check_sentence(text, zone, at, &answer);
    }
}

#[test]
fn case_commas_and_politeness_change_nothing() {
    for (text, expected, zone, at) in understood() {
        for other in [
            text.to_uppercase(),
            format!("  {text}. "),
            format!("please {text}"),
            format!("{text}, please!"),
        ] {
            // "MAY 1" stays what it is.
            let answer = look(&other, zone, at).unwrap_or_else(|error| panic!("{other}: {}", error.message));
            assert_eq!(shown(&answer), expected, "{other}");
        }
    }
}

#[test]
fn assumed_times_are_warned_of() {
    for (text, warning) in [
        ("tomorrow", "No time of day was named; 09:00 is taken."),
        ("every evening", "No time of day was named; 18:00 is taken."),
        ("end of the month", "No time of day was named; 17:00 is taken."),
        ("weekly at 9", "No weekday was named; Monday is taken."),
        ("monthly at 9", "No day of the month was named; the 1st is taken."),
        (
            "twice a day",
            "No times of day were named; 09:00, 17:00 are taken.",
        ),
        (
            "next friday at 9",
            "\"next friday\" is taken as the coming one, 2026-06-05.",
        ),
        (
            "every month on the 31st at 9",
            "Months without a day 31 are left out; for the last day write \"the last day of the month\".",
        ),
        (
            "every 15 minutes from 9 to 17",
            "The end itself, 17:00, is not among the times.",
        ),
    ] {
        assert!(
            look(text, ZONE, PRESENT)
                .unwrap()
                .warnings
                .contains(&warning.to_owned()),
            "{text}"
        );
    }
    for text in [
        "tomorrow at 9",
        "every monday at 9",
        "in 3 days",
        "every 2 hours",
        "every hour until 6pm",
    ] {
        assert_eq!(
            look(text, ZONE, PRESENT).unwrap().warnings,
            [] as [&str; 0],
            "{text}"
        );
    }
}

/// Words of the grammar, so that random phrases come near to real ones.
fn any_word() -> impl Strategy<Value = String> {
    let more = [
        "at",
        "on",
        "in",
        "of",
        "a",
        "an",
        "to",
        ",",
        "9",
        "17",
        "9am",
        "5:30pm",
        "17:30",
        "15",
        "2",
        "3",
        "1st",
        "15th",
        "31st",
        "30",
        "noon",
        "mon-fri",
        "2026-12-24",
        "2027-01-31",
        "2h",
        "90",
        ":30",
        "every",
        "every",
        "at",
        "at",
        "no",
        "month",
        "week",
        "end",
        "now",
        "this",
        "minute",
        "per",
        "fortnight",
        "couple",
        "0",
        "99",
        "2026",
        "29",
    ];
    let all: Vec<String> = VOCABULARY
        .iter()
        .chain(more.iter())
        .map(|word| (*word).to_owned())
        .collect();
    proptest::sample::select(all)
}

/// Whole parts: most of their combinations are understood or contradict each other.
fn any_part() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "every day",
        "every other day",
        "every 3 days",
        "every monday",
        "every other friday",
        "mondays and thursdays",
        "weekdays",
        "on weekends",
        "every 2 weeks",
        "every week",
        "every month",
        "every other month",
        "every quarter",
        "every year",
        "every 2 years",
        "every 15 minutes",
        "every hour",
        "every 2 hours",
        "every 90 minutes",
        "hourly",
        "every minute",
        "twice a day",
        "twice a week",
        "on the 1st and 15th",
        "on the last day of the month",
        "on the first monday",
        "on the first monday of the month",
        "on the last friday of june",
        "on the 31st",
        "in june",
        "in february and march",
        "on december 24",
        "february 29",
        "2026-12-24",
        "on friday",
        "next friday",
        "next week",
        "next month",
        "tomorrow",
        "today",
        "tonight",
        "this evening",
        "in 3 days",
        "in 2 weeks",
        "in 1 month",
        "in 2 hours",
        "end of the month",
        "at the end of every month",
        "at 9",
        "at 9 and 17",
        "at 2:30",
        "at 5pm",
        "at midnight",
        "at noon",
        "at half past eight",
        "9:15",
        "in the morning",
        "at night",
        "at :30",
        "on the hour",
        "between 9 and 17",
        "from 8am to 6pm",
        "from 22:00 to 6:00",
        "starting tomorrow",
        "starting at 8",
        "from june 15",
        "starting next month",
        "starting friday at 10",
        "until friday",
        "until december 31 at noon",
        "until 18:00",
        "until the end of the month",
        "for 3 weeks",
        "for 2 hours",
        "for 10 days",
        "except sunday",
        "except weekends",
        "once",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_accepted_fires_and_can_be_said(words in prop::collection::vec(any_word(), 1..9), day in 0_i64..1_500) {
        let text = words.join(" ");
        let at = format_instant(parse_time(PRESENT, "UTC").unwrap() + day * 86_400_000, "UTC");
        if let Ok(answer) = look(&text, ZONE, &at) {
            prop_assert!(!answer.next_runs.is_empty() || answer.trigger_config.run_at.is_none(), "{}", text);
            check_sentence(&text, ZONE, &at, &answer);
        }
    }

    #[test]
    fn whatever_parts_are_accepted_together_fire_and_can_be_said(
        parts in prop::collection::vec(any_part(), 1..5),
        hour in 0_i64..36_000,
    ) {
        let text = parts.join(" ");
        let at = format_instant(parse_time(PRESENT, "UTC").unwrap() + hour * 3_600_000, "UTC");
        if let Ok(answer) = look(&text, ZONE, &at) {
            prop_assert!(!answer.next_runs.is_empty(), "{}", text);
            check_sentence(&text, ZONE, &at, &answer);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}") {
        let _ = look(&text, ZONE, PRESENT);
    }
}
