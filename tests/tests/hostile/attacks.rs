//! What each hostile guest is answered, to the letter, and that nobody else notices.

use meanwhile::service::CallError;
use meanwhile_tests::hostile::yard::{Yard, tight};
use serde_json::{Value, json};

/// A hostile guest, and what becomes of it.
pub(crate) struct Attack {
    /// Of `tests/hostile/`, without its ending.
    pub(crate) file: &'static str,
    end: End,
}

enum End {
    /// Its component is not taken.
    NotLoaded(&'static str),
    /// It did not come to its end.
    Stopped(&'static str),
    /// It says what it was told, as (code, message). `{job}` is the job that it was asked about.
    Told(&'static str, &'static str),
}

use End::{NotLoaded, Stopped, Told};

const FUEL: &str = "the component failed: too much data is being copied between the host and the guest: fuel \
                    allocated for hostcalls has been exhausted";
const UNREACHABLE: &str = "the component failed: wasm trap: wasm `unreachable` instruction executed";
const OUTSIDE: &str = "the component failed: wasm trap: out of bounds memory access";
const CPU: &str = "the component computed for too long";
const MEMORY: &str = "the component wanted more memory than it may have";

/// Guests that attack when they are asked to pause another tenant's job.
pub(crate) const ATTACKS: &[Attack] = &[
    attack("loop-in-export", Stopped(CPU)),
    attack("loop-in-start", Stopped(CPU)),
    attack(
        "loop-over-import",
        Stopped("the component called the host more than 10000 times"),
    ),
    attack("grows-memory", Stopped(MEMORY)),
    attack("starts-above-its-limit", Stopped(MEMORY)),
    attack(
        "starts-above-the-pool",
        NotLoaded(
            "this is no WebAssembly component that the host runs: module memory does not fit in pooling allocator \
             requirements: memory index 0 is unsupported in this pooling allocator configuration: memory has a minimum \
             byte size of 67174400 which exceeds the limit of 0x4000000 bytes",
        ),
    ),
    attack(
        "two-memories",
        NotLoaded(
            "this is no WebAssembly component that the host runs: failed to parse WebAssembly module: multiple \
             memories (at offset 0x14)",
        ),
    ),
    attack(
        "many-instances",
        NotLoaded(
            "this is no WebAssembly component that the host runs: The component transitively contains 9 core module \
             instances, which exceeds the configured maximum of 8 in the pooling allocator",
        ),
    ),
    attack(
        "huge-table",
        NotLoaded(
            "this is no WebAssembly component that the host runs: module table does not fit in pooling allocator \
             requirements: table index 0 has a minimum element size of 10000000 which exceeds the limit of 20000",
        ),
    ),
    attack(
        "copies-between-components",
        NotLoaded("the component has a component with code of its own inside of it"),
    ),
    attack("grows-table", Told("conflict", "refused")),
    attack(
        "recursion",
        Stopped("the component failed: wasm trap: call stack exhausted"),
    ),
    attack("shadow-stack", Stopped(OUTSIDE)),
    attack("unreachable", Stopped(UNREACHABLE)),
    attack(
        "divides-by-zero",
        Stopped("the component failed: wasm trap: integer divide by zero"),
    ),
    attack("reads-outside", Stopped(OUTSIDE)),
    attack("string-over-fuel", Stopped(FUEL)),
    attack("answer-over-fuel", Stopped(FUEL)),
    attack("quadratic-strings", Stopped(FUEL)),
    attack(
        "lying-list",
        Stopped("the component failed: list pointer/length out of bounds of memory"),
    ),
    attack(
        "bad-utf-8",
        Stopped("the component failed: invalid utf-8 sequence of 1 bytes from index 2"),
    ),
    attack(
        "bad-discriminant",
        Stopped("the component failed: discriminant 2 out of range [0..2)"),
    ),
    attack(
        "bad-word",
        Stopped("the component failed: discriminant 200 out of range [0..7)"),
    ),
    attack(
        "misaligned-answer",
        Stopped("the component failed: return pointer not aligned"),
    ),
    attack(
        "answer-outside",
        Stopped("the component failed: pointer out of bounds of memory"),
    ),
    attack(
        "realloc-outside",
        Stopped("the component failed: realloc return: beyond end of memory"),
    ),
    attack(
        "realloc-misaligned",
        Stopped("the component failed: realloc return: result not aligned"),
    ),
    attack("realloc-traps", Stopped(UNREACHABLE)),
    attack("realloc-loops", Stopped(CPU)),
    attack(
        "realloc-calls-import",
        Stopped("the component failed: wasm trap: cannot leave component instance"),
    ),
    attack(
        "unknown-import",
        NotLoaded("the component imports `wasi:filesystem/preopens@0.2.6`, which the host does not offer"),
    ),
    attack("reads-foreign-job", Told("conflict", "refused")),
    attack("writes-foreign-job", Told("not_found", "stale")),
    attack("tells-of-foreign-job", Told("not_found", "stale")),
    attack(
        "writes-unguarded",
        Told(
            "forbidden",
            "the unit writes about job {job} and does not guard it",
        ),
    ),
    attack(
        "tells-of-nobody",
        Told(
            "forbidden",
            "the unit writes about job job_nobody and does not guard it",
        ),
    ),
    attack(
        "huge-unit",
        Told("invalid_argument", "1001 writes of a unit; at most 1000"),
    ),
    attack(
        "thousand-units",
        Told("invalid_argument", "1001 units of a commit; at most 1000"),
    ),
    attack(
        "many-writes",
        // So many writes are too many bytes before they are counted.
        Told(
            "unavailable",
            "the component failed: too much data is being copied between the host and the guest: fuel allocated for \
             hostcalls has been exhausted",
        ),
    ),
    attack(
        "many-new-jobs",
        Told("invalid_argument", "2613 steps of work in a unit; at most 2400"),
    ),
    attack(
        "text-over-cap",
        Told("forbidden", "the title has more than 200 characters"),
    ),
    attack(
        "no-number",
        Told("forbidden", "a cost, factor or time is no finite number"),
    ),
    attack(
        "forges-token",
        Told(
            "forbidden",
            "the run run_forged would execute without a claim of its job",
        ),
    ),
    attack(
        "runs-without-claim",
        Stopped(
            "the component did what it may not: it submitted a run without a claim, or a second one under a claim",
        ),
    ),
    attack("claims-in-tool", Told("conflict", "refused")),
];

const fn attack(file: &'static str, end: End) -> Attack {
    Attack { file, end }
}

impl Attack {
    /// What its component's upload, or its call, is answered.
    fn expected(&self, job: &str) -> Value {
        let (code, message) = match self.end {
            NotLoaded(message) => ("invalid_argument", message),
            Stopped(message) => ("unavailable", message),
            Told(code, message) => (code, message),
        };
        json!({ "code": code, "message": message.replace("{job}", job) })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attack_has_its_exact_end_and_the_neighbour_does_not_notice() {
    let yard = Yard::new().await;
    yard.add_tenant("good", &json!({})).await;
    yard.add_tenant("hostile", &tight()).await;
    let job = yard.create("good", "Water the plants").await;
    let rows = yard.rows_of_others("hostile");

    for attack in ATTACKS {
        let end = match yard.upload(attack.file).await {
            Err(CallError(refused)) => refused,
            Ok(digest) => {
                yard.give("hostile", Some(&digest)).await;
                let called = yard.call("hostile", "job-pause", json!({ "job_id": job })).await;
                called.expect_err(attack.file)
            }
        };

        assert_eq!(end, attack.expected(&job), "{}", attack.file);
        assert_eq!(
            yard.found("good", "plants").await,
            ["Water the plants"],
            "{}",
            attack.file
        );
        assert_eq!(yard.rows_of_others("hostile"), rows, "{}", attack.file);
        // Its own next call, with a component of good faith, works as well.
        yard.give("hostile", None).await;
        assert!(
            yard.found("hostile", "plants").await.is_empty(),
            "{}",
            attack.file
        );
    }
    yard.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_was_cancelled_is_not_brought_back() {
    let yard = Yard::new().await;
    yard.add_tenant("hostile", &json!({})).await;
    let job = yard.create("hostile", "Water the plants").await;
    yard.call("hostile", "job-cancel", json!({ "job_id": job }))
        .await
        .unwrap();

    let digest = yard.upload("revives-cancelled-job").await.unwrap();
    yard.give("hostile", Some(&digest)).await;
    let told = yard.call("hostile", "job-pause", json!({ "job_id": job })).await;

    let message = format!("job {job} has ended as CANCELLED: it cannot become IN_PROGRESS");
    assert_eq!(told, Err(json!({ "code": "forbidden", "message": message })));
    yard.give("hostile", None).await;
    let found = yard
        .call("hostile", "job-retrieval-by-id", json!({ "job_id": job }))
        .await
        .unwrap();
    assert_eq!(found["job"]["status"], "CANCELLED");
    yard.host.shutdown().await;
}
