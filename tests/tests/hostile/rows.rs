//! Every kind of hostile guest that the sandbox was designed against, and what proves that it is
//! held: nothing is left out, and no guest lies about without a test.

use std::collections::BTreeSet;
use std::path::Path;

use meanwhile_tests::hostile::names;

/// What proves a row.
enum Proof {
    /// Guests of `tests/hostile/`, each of which a test names.
    Guests(&'static [&'static str]),
    /// A test.
    Test(&'static str),
    /// It cannot be written: the file whose documentation shows that it does not compile.
    ByType(&'static str),
}

use Proof::{ByType, Guests, Test};

const ROWS: &[(&str, &[Proof])] = &[
    (
        "loops in an export; loops in its start function",
        &[
            Guests(&["loop-in-export", "loop-in-start"]),
            Test("under_every_pressure_the_others_work_on_and_see_themselves_alone"),
        ],
    ),
    (
        "loops over a cheap import",
        &[Guests(&["loop-over-import", "loop-over-reads"])],
    ),
    (
        "waits in an import that never answers",
        &[
            Guests(&["waits-in-import"]),
            Test("a_call_that_waits_in_vain_is_ended_and_gives_its_instance_back"),
        ],
    ),
    (
        "grows memory to the limit and beyond; starts above it",
        &[Guests(&[
            "grows-memory",
            "touches-memory",
            "starts-above-its-limit",
            "starts-above-the-pool",
        ])],
    ),
    (
        "two memories, many core instances, a huge table, table.grow",
        &[Guests(&[
            "two-memories",
            "copies-between-components",
            "many-instances",
            "huge-table",
            "grows-table",
        ])],
    ),
    (
        "recursion without end (native and shadow stack)",
        &[Guests(&["recursion", "shadow-stack"])],
    ),
    (
        "unreachable, division by zero, out of bounds",
        &[Guests(&["unreachable", "divides-by-zero", "reads-outside"])],
    ),
    // `Component` makes an instance for each call and drops it with the call; the one thing that
    // keeps an instance is taken by a call and handed back only by one that came to its end.
    ("used again after a trap", &[ByType("host/src/component/kept.rs")]),
    (
        "string of one byte over the host-call fuel; quadratic list of strings; a list that lies about its length",
        &[Guests(&[
            "string-over-fuel",
            "answer-over-fuel",
            "quadratic-strings",
            "lying-list",
        ])],
    ),
    (
        "invalid UTF-8, bad discriminants, misaligned or outside pointers",
        &[Guests(&[
            "bad-utf-8",
            "bad-discriminant",
            "bad-word",
            "misaligned-answer",
            "answer-outside",
        ])],
    ),
    (
        "cabi_realloc that returns bad pointers, traps, or loops while the host lowers a result",
        &[Guests(&[
            "realloc-outside",
            "realloc-misaligned",
            "realloc-traps",
            "realloc-loops",
        ])],
    ),
    (
        "calls back through an import",
        &[Guests(&["realloc-calls-import"])],
    ),
    (
        "canary written by one tenant, read by the next in the same slot",
        &[
            Guests(&["canary"]),
            Test("nothing_of_one_tenant_is_ever_seen_by_another"),
        ],
    ),
    ("an unknown import", &[Guests(&["unknown-import"])]),
    (
        "one call more than the pool holds",
        &[
            Test("one_call_more_than_the_pool_holds_waits_and_is_then_told_that_the_host_is_busy"),
            Test("a_tenant_that_waits_with_all_its_calls_leaves_room_for_the_others"),
        ],
    ),
    (
        "commits for another tenant's job id, a huge unit, a thousand units, text over its cap",
        &[Guests(&[
            "reads-foreign-job",
            "writes-foreign-job",
            "writes-unguarded",
            "tells-of-foreign-job",
            "tells-of-nobody",
            "huge-unit",
            "thousand-units",
            "many-writes",
            "many-new-jobs",
            "text-over-cap",
            "no-number",
            "rewrites-texts",
            "rewrites-states",
        ])],
    ),
    (
        "returns a plan that breaks the lifecycle (starts a cancelled job, forges a token)",
        &[
            Guests(&[
                "forges-token",
                "runs-without-claim",
                "claims-in-tool",
                "claims-without-end",
                "says-unavailable",
            ]),
            Guests(&["revives-cancelled-job", "revives-in-poll", "claims-and-runs-all"]),
        ],
    ),
    (
        "asks for more rows than it can hold",
        &[Guests(&["reads-huge-pages", "reads-huge-runs"])],
    ),
];

/// The texts of all tests of hostile guests, but this one.
fn tests() -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(here.join("tests/hostile")).unwrap();
    let files = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.file_name().unwrap() != "rows.rs")
        .chain([here.join("src/hostile/pressure.rs")]);
    files.map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn every_row_is_proven_and_every_guest_is_run() {
    let tests = tests();
    let mut proven = BTreeSet::new();
    for (row, proofs) in ROWS {
        assert!(!proofs.is_empty(), "nothing proves: {row}");
        for proof in *proofs {
            match proof {
                Guests(guests) => {
                    for guest in *guests {
                        assert!(tests.contains(&format!("\"{guest}\"")), "no test runs {guest}");
                        proven.insert((*guest).to_owned());
                    }
                }
                Test(name) => assert!(tests.contains(&format!("fn {name}()")), "there is no test {name}"),
                ByType(file) => {
                    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
                    let text = std::fs::read_to_string(file).unwrap();
                    assert!(text.contains("```compile_fail"), "{row}");
                }
            }
        }
    }
    let all: BTreeSet<String> = names().into_iter().collect();
    assert_eq!(all, proven, "guests without a row, or rows without their guest");
}
