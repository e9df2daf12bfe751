//! Input, faults and chance, without a component.

#![allow(clippy::unwrap_used)]

use super::random::{Seeded, share};
use super::{Faults, Outage, read_requests};

#[test]
fn requests_are_read_as_a_list_as_an_object_and_by_lines() {
    for (text, count) in [
        (r#"[{"title": "a"}, {"title": "b"}]"#, 2),
        (r#"{"jobs": [{"title": "a"}]}"#, 1),
        (r#"{"title": "a"}"#, 1),
        ("{\"title\": \"a\"}\n\n{\"title\": \"b\"}\n", 2),
    ] {
        assert_eq!(read_requests(text).unwrap().len(), count, "{text}");
    }
}

#[test]
fn outages_are_sorted_and_those_that_touch_are_one() {
    let outage = |from, until| Outage { from, until };
    let faults = Faults {
        outages: vec![
            outage(500, 600),
            outage(100, 200),
            outage(150, 300),
            outage(300, 310),
        ],
        ..Faults::default()
    };
    assert_eq!(faults.outages(0, 1_000, 1), [outage(100, 310), outage(500, 600)]);
}

#[test]
fn outages_made_up_lie_within_the_simulation_and_come_from_the_seed() {
    let faults = Faults {
        random_outages: 20,
        ..Faults::default()
    };
    let year = 365 * 86_400_000;
    let outages = faults.outages(1_000, 1_000 + year, 3);
    assert!(outages.len() > 10);
    assert!(outages.iter().all(|it| (1_000..1_000 + year).contains(&it.from)));
    assert!(outages.iter().all(|it| it.until - it.from >= 600_000));
    assert_eq!(outages, faults.outages(1_000, 1_000 + year, 3));
    assert_ne!(outages, faults.outages(1_000, 1_000 + year, 4));
}

/// The first numbers of SplitMix64 from seed 1234567, as its authors' program prints them.
#[test]
fn numbers_are_those_of_splitmix64() {
    let numbers = Seeded::new(1_234_567);
    assert_eq!(numbers.number(), 6_457_827_717_110_365_317);
    assert_eq!(numbers.number(), 3_203_168_211_198_807_973);
    assert_eq!(numbers.below(0), 0);
}

#[test]
fn shares_are_spread_evenly_and_fixed_by_what_they_are_about() {
    let shares: Vec<f64> = (0..10_000)
        .map(|at| share(5, &["job", &at.to_string()]))
        .collect();
    assert!(shares.iter().all(|share| (0.0..1.0).contains(share)));
    let below = shares.iter().filter(|share| **share < 0.3).count();
    assert!((2_800..3_200).contains(&below), "{below}");
    assert_eq!(share(5, &["ab", "c"]), share(5, &["ab", "c"]));
    assert_ne!(share(5, &["ab", "c"]), share(5, &["a", "bc"]));
    assert_ne!(share(5, &["ab"]), share(6, &["ab"]));
}
