//! Bad input of every parameter of every tool: refused with the parameter's name, nothing written.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use meanwhile::agent::noop::Noop;
use meanwhile::clock::ManualClock;
use meanwhile::contract;
use meanwhile::host::{Host, LOCAL_TENANT};
use meanwhile::service::{CallError, Service, Session};
use meanwhile::storage::memory::MemoryStorage;
use meanwhile::tenants::Scopes;
use meanwhile::wit::types::Caller;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

/// 2026-06-01T08:00:00Z, a Monday.
const START: i64 = 1_780_300_800_000;
const TOOLS: [&str; 7] = [
    "job-create",
    "job-retrieval-semantic",
    "job-retrieval-by-id",
    "job-retrieval-by-keywords",
    "job-update",
    "job-pause",
    "job-cancel",
];
const CODES: [&str; 7] = [
    "invalid_argument",
    "not_found",
    "conflict",
    "needs_confirmation",
    "forbidden",
    "quota_exceeded",
    "unavailable",
];

/// A host whose loop is not started: nothing changes but by calls.
struct Front {
    host: Host,
    session: Session,
    /// A job of the caller.
    job: String,
}

impl Front {
    async fn new() -> Self {
        let host = Host::builder()
            .storage(Arc::new(MemoryStorage::default()))
            .agent(Arc::new(Noop))
            .clock(Arc::new(ManualClock::new(START)))
            .component(meanwhile::COMPONENT)
            .build()
            .await
            .unwrap();
        let session = Session {
            tenant: LOCAL_TENANT.into(),
            caller: Caller {
                agent: "agent".into(),
                user: "ada".into(),
                conversation: None,
                time_zone: None,
                run: None,
            },
            scopes: Scopes::all(),
        };
        let mut front = Self {
            host,
            session,
            job: String::new(),
        };
        let created = front.call("job-create", front.good("job-create")).await.unwrap();
        front.job = created["job"]["job_id"].as_str().unwrap().to_owned();
        front
    }

    async fn call(&self, tool: &str, arguments: Value) -> Result<Value, Value> {
        let answer = self.host.call(&self.session, "tools", tool, arguments).await;
        answer.map_err(|CallError(error)| error)
    }

    /// Everything that calls can have changed.
    async fn written(&self) -> Value {
        let jobs = self
            .host
            .call(&self.session, "directory", "jobs", json!({"limit": 100}));
        let told = self.host.inbox(&self.session, 0, 100).await.unwrap().len();
        json!({"jobs": jobs.await.unwrap(), "told": told})
    }

    /// Arguments that are good, into which a bad one is put.
    fn good(&self, tool: &str) -> Value {
        match tool {
            "job-create" => json!({
                "title": "Pending invoices", "payload": "Remind me", "job_type": "SCHEDULED",
                "trigger_config": {"cron": "0 9 * * MON", "timezone": "Europe/Berlin"},
            }),
            "job-retrieval-semantic" => json!({"query": "invoices"}),
            "job-retrieval-by-keywords" => json!({"keywords": ["invoices"]}),
            "job-update" => json!({"job_id": self.job, "title": "Other"}),
            _ => json!({"job_id": self.job}),
        }
    }

    /// Makes the call, which has to be refused for `field`.
    async fn refused(&self, tool: &str, arguments: Value, field: &str) {
        let told = format!("{tool} {}", cut(&arguments.to_string()));
        let before = self.written().await;
        let error = match self.call(tool, arguments).await {
            Err(error) => error,
            Ok(answer) => panic!("{told} was taken: {answer}"),
        };
        assert_eq!(error["code"], "invalid_argument", "{told}: {error}");
        // The empty name is the call as a whole.
        let named = error["field"].as_str().unwrap_or_default();
        assert_eq!(named, field, "{told}: {error}");
        assert!(error["message"].as_str().unwrap().len() > 15, "{told}: {error}");
        assert_eq!(self.written().await, before, "{told} wrote something");
    }
}

fn cut(text: &str) -> String {
    text.chars().take(300).collect()
}

fn schema(tool: &str) -> Value {
    Value::Object(contract::input_schema(
        &contract::function("tools", tool).unwrap(),
    ))
}

/// Values that a parameter's schema excludes, each with what is at fault below the parameter.
fn excluded(schema: &Value, required: bool) -> Vec<(Value, String)> {
    let mut bad: Vec<(Value, String)> = Vec::new();
    let mut push = |value: Value| bad.push((value, String::new()));
    if required {
        push(Value::Null);
    }
    match schema["type"].as_str().unwrap() {
        "string" => {
            push(json!(7));
            push(json!({"a": "b"}));
            if schema["enum"].is_array() {
                push(json!("no such word"));
            }
            if let Some(longest) = schema["maxLength"].as_u64() {
                push(json!("ä".repeat(usize::try_from(longest).unwrap() + 1)));
            }
            if schema["minLength"].as_u64().is_some_and(|least| least > 0) {
                push(json!(""));
            }
        }
        kind @ ("integer" | "number") => {
            push(json!("seven"));
            push(json!([7]));
            if kind == "integer" {
                push(json!(1.5));
                push(json!(1e30));
            }
            if let Some(least) = schema["minimum"].as_i64() {
                push(json!(least - 1));
            }
            if let Some(most) = schema["maximum"].as_i64() {
                push(json!(most + 1));
            }
        }
        "boolean" => {
            push(json!("perhaps"));
            push(json!(2));
        }
        "array" => {
            push(json!(7.5));
            let (least, most) = (&schema["minItems"], &schema["maxItems"]);
            if least.as_u64().is_some_and(|least| least > 0) {
                push(json!([]));
            }
            if let Some(most) = most.as_u64() {
                let one = good(&schema["items"]);
                push(Value::Array(vec![one; usize::try_from(most).unwrap() + 1]));
            }
            for (value, below) in excluded(&schema["items"], true) {
                // Two, so that the second is named: a lone value may stand for a list of one.
                bad.push((json!([good(&schema["items"]), value]), format!("[1]{below}")));
            }
        }
        "object" => {
            push(json!("text"));
            let Some(properties) = schema["properties"].as_object() else {
                return bad;
            };
            let whole = good(schema);
            bad.push((with(&whole, "no_such_field", json!(1)), ".no_such_field".into()));
            for (name, property) in properties {
                for (value, below) in excluded(property, requires(schema, name)) {
                    bad.push((with(&whole, name, value), format!(".{name}{below}")));
                }
            }
        }
        other => panic!("a schema of type {other}"),
    }
    bad
}

fn requires(schema: &Value, name: &str) -> bool {
    schema["required"]
        .as_array()
        .is_some_and(|names| names.iter().any(|one| one == name))
}

fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut object = object.clone();
    object[name] = value;
    object
}

/// A value that fits a schema, as short as can be.
fn good(schema: &Value) -> Value {
    match schema["type"].as_str().unwrap() {
        "string" => schema["enum"].get(0).cloned().unwrap_or_else(|| json!("word")),
        "integer" | "number" => schema["minimum"].as_i64().map_or(json!(1), |least| json!(least)),
        "boolean" => json!(true),
        "array" => json!([good(&schema["items"])]),
        _ => {
            let properties = schema["properties"].as_object();
            let required = properties
                .into_iter()
                .flatten()
                .filter(|(name, _)| requires(schema, name));
            Value::Object(
                required
                    .map(|(name, property)| (name.clone(), good(property)))
                    .collect::<Map<_, _>>(),
            )
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_parameter_of_every_tool_is_checked_against_its_schema() {
    let front = Front::new().await;
    let mut cases = 0;
    for tool in TOOLS {
        let schema = schema(tool);
        let good = front.good(tool);
        front
            .refused(tool, with(&good, "no_such_field", json!(1)), "no_such_field")
            .await;
        for (name, property) in schema["properties"].as_object().unwrap() {
            let required = requires(&schema, name);
            for (value, below) in excluded(property, required) {
                front
                    .refused(tool, with(&good, name, value), &format!("{name}{below}"))
                    .await;
                cases += 1;
            }
            if required {
                let mut without = good.clone();
                without.as_object_mut().unwrap().remove(name);
                front.refused(tool, without, name).await;
            }
        }
    }
    assert!(cases > 400, "only {cases} cases: the schemas say little");
}

/// Rules that no schema states.
#[tokio::test(flavor = "multi_thread")]
async fn rules_beyond_the_schemas_name_their_field() {
    let front = Front::new().await;
    let create = |trigger: Value| {
        with(
            &json!({"title": "Other thing", "payload": "p"}),
            "trigger_config",
            trigger,
        )
    };
    for (trigger, field) in [
        (
            json!({"cron": "0 9 * * MON", "timezone": "Mars/Olympus"}),
            "timezone",
        ),
        (json!({"cron": "0 9 * * MON"}), "timezone"),
        (json!({"cron": "61 9 * * *", "timezone": "UTC"}), "cron"),
        (json!({"cron": "0 9 31 2 *", "timezone": "UTC"}), "cron"),
        (
            json!({"run_at": "2026-05-31T10:00:00", "timezone": "UTC"}),
            "run_at",
        ),
        (json!({"run_at": "soon", "timezone": "UTC"}), "run_at"),
        (
            json!({"run_at": "2026-06-31T10:00:00", "timezone": "UTC"}),
            "run_at",
        ),
        (json!({"when": "every blue moon", "timezone": "UTC"}), "when"),
        (
            json!({"cron": "0 9 * * *", "start_at": "2027-01-01T00:00:00", "end_at": "2026-12-01T00:00:00", "timezone": "UTC"}),
            "end_at",
        ),
        (
            json!({"cron": "0 9 * * *", "end_at": "2026-06-01T08:30:00", "timezone": "UTC"}),
            "end_at",
        ),
    ] {
        front
            .refused("job-create", create(trigger), &format!("trigger_config.{field}"))
            .await;
    }
    let ongoing = |trigger: Value| with(&create(trigger), "job_type", json!("ONGOING"));
    front
        .refused(
            "job-create",
            ongoing(json!({"interval_seconds": 60})),
            "trigger_config.end_condition",
        )
        .await;
    let unclosed = json!({"interval_seconds": 60, "end_condition": "output matches /(/"});
    front
        .refused("job-create", ongoing(unclosed), "trigger_config.end_condition")
        .await;
    for (name, value) in [("title", json!("   ")), ("payload", json!("\n"))] {
        front
            .refused("job-create", with(&front.good("job-create"), name, value), name)
            .await;
    }
    front
        .refused("job-update", json!({"job_id": front.job}), "")
        .await;
    let cases = [
        (
            "job-update",
            json!({"job_id": front.job, "status": "COMPLETED"}),
            "status",
        ),
        (
            "job-update",
            json!({"job_id": front.job, "depends_on": [{"job": front.job}]}),
            "depends_on[0].job",
        ),
        (
            "job-pause",
            json!({"job_id": front.job, "until": "2020-01-01T00:00:00Z"}),
            "until",
        ),
        (
            "job-retrieval-by-keywords",
            json!({"keywords": ["a"], "cursor": "garbage"}),
            "cursor",
        ),
    ];
    for (tool, arguments, field) in cases {
        front.refused(tool, arguments, field).await;
    }
}

/// Any JSON: often an object, and often with the names and nearly the values of a tool.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        (-3_i64..200).prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        prop::sample::select(vec![
            "ONE_OFF",
            "scheduled",
            "ONGOING",
            "active",
            "PAUSED",
            "CANCELLED",
            "Europe/Berlin",
            "UTC",
            "0 9 * * 1",
            "*/5 * * * *",
            "every monday at 9am",
            "in 3 days",
            "2026-07-01T10:00:00",
            "all",
            "block",
            "always",
            "output contains \"x\"",
            "run_all",
            "key",
            "JOB",
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(name(), inner, 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    fn names(schema: &Value, into: &mut Vec<String>) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            into.push(name.clone());
            names(property, into);
            names(&property["items"], into);
        }
    }
    let mut known = Vec::new();
    for tool in TOOLS {
        names(&schema(tool), &mut known);
    }
    prop_oneof![20 => prop::sample::select(known), 1 => ".{0,12}", 1 => "x{300}"]
}

#[test]
fn random_json_is_answered_or_refused_by_the_contract() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let front = runtime.block_on(Front::new());
    let mut runner = TestRunner::new(Config {
        cases: 3_000,
        failure_persistence: None,
        ..Config::default()
    });
    let outputs: Vec<Value> = TOOLS
        .iter()
        .map(|tool| {
            Value::Object(contract::output_schema(
                &contract::function("tools", tool).unwrap(),
            ))
        })
        .collect();
    let strategy = (0..TOOLS.len(), json_value(), any::<bool>());
    let result = runner.run(&strategy, |(tool, mut arguments, mix)| {
        if mix && let Some(given) = arguments.as_object().cloned() {
            // A good call with a few fields of it changed.
            arguments = front.good(TOOLS[tool]);
            arguments.as_object_mut().unwrap().extend(given);
        }
        match runtime.block_on(front.call(TOOLS[tool], arguments)) {
            Ok(answer) => {
                let known = outputs[tool]["properties"].as_object().unwrap();
                let answer = answer.as_object().unwrap();
                prop_assert!(answer.keys().all(|name| known.contains_key(name)), "{answer:?}");
                prop_assert!(!answer.contains_key("error"));
            }
            Err(error) => {
                prop_assert!(CODES.iter().any(|code| error["code"] == *code), "{error}");
                // `unavailable` would be a trap or a limit of the sandbox.
                prop_assert!(error["code"] != "unavailable", "{error}");
                prop_assert!(!error["message"].as_str().unwrap().is_empty());
                let field = error["field"].as_str().unwrap_or_default();
                prop_assert!(field.chars().count() <= 200, "{error}");
            }
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}
