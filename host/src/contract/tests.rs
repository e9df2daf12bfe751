#![allow(clippy::unwrap_used)]

use serde_json::{Map, Value, json};
use wasmtime::component::Val;

use super::*;

const TOOLS: [&str; 7] = [
    "job-create",
    "job-retrieval-semantic",
    "job-retrieval-by-id",
    "job-retrieval-by-keywords",
    "job-update",
    "job-pause",
    "job-cancel",
];

fn tool(name: &str) -> Function {
    function("tools", name).unwrap()
}

/// What is read, written back: shows the reading without the noise of the values.
fn read(name: &str, arguments: Value) -> Result<Value, Value> {
    arguments_to_val(&tool(name), arguments)
        .map(json::write)
        .map_err(|error| error.0)
}

fn field(record: &Val, name: &str) -> Val {
    let Val::Record(fields) = record else {
        panic!("no record: {record:?}")
    };
    fields.iter().find(|(field, _)| field == name).unwrap().1.clone()
}

fn some(value: Val) -> Val {
    Val::Option(Some(Box::new(value)))
}

#[test]
fn a_request_becomes_a_record_in_declared_order() {
    let arguments = json!({
        "job_type": "ONE_OFF",
        "payload": "Say hello.",
        "title": "Hello",
        "trigger_config": { "interval_seconds": 60, "misfire": { "policy": "run_once" } },
    });
    let request = arguments_to_val(&tool("job-create"), arguments).unwrap();
    let Val::Record(fields) = &request else {
        panic!("no record")
    };
    let declared = ["title", "payload", "description", "job-type", "trigger-config"];
    assert!(fields.iter().map(|(name, _)| name.as_str()).take(5).eq(declared));
    assert_eq!(field(&request, "title"), Val::String("Hello".to_owned()));
    assert_eq!(field(&request, "description"), Val::Option(None));
    assert_eq!(field(&request, "job-type"), some(Val::Enum("ONE-OFF".to_owned())));
    let Val::Option(Some(trigger)) = field(&request, "trigger-config") else {
        panic!("no trigger")
    };
    assert_eq!(field(&trigger, "interval-seconds"), some(Val::U32(60)));
}

#[test]
fn spellings_are_read_liberally() {
    let plain = json!({
        "title": "T", "payload": "P", "job_type": "ONE_OFF", "retry": { "factor": 2.0, "max_attempts": 5 },
        "depends_on": [{ "job": "job_1", "on": "success" }], "depends_on_job_ids": ["job_2"],
        "notify": "on_change",
    });
    let loose = json!({
        "title": "T", "instructions": "P", "job_type": "one-off", "retry": r#"{"factor": 2, "max_attempts": 5.0}"#,
        "depends_on": { "job": "job_1", "on": "SUCCESS" }, "depends_on_job_ids": r#"["job_2"]"#,
        "notify": "On-Change", "budget": null, "idempotency_key": null,
    });
    assert_eq!(
        read("job-create", loose).unwrap(),
        read("job-create", plain.clone()).unwrap()
    );
    assert_eq!(read("job-create", plain.clone()).unwrap(), plain);

    let single = json!({ "keywords": "[draft] invoices", "status": "in progress" });
    let list = json!({ "keywords": ["[draft] invoices"], "status": ["IN_PROGRESS"] });
    assert_eq!(read("job-retrieval-by-keywords", single).unwrap(), list);
}

#[test]
fn null_clears_only_where_it_says_so() {
    let request =
        json!({ "job_id": "job_1", "title": null, "budget": null, "trigger_config": { "cron": null } });
    let request = arguments_to_val(&tool("job-update"), request).unwrap();
    assert_eq!(field(&request, "title"), Val::Option(None));
    assert_eq!(field(&request, "budget"), some(Val::Option(None)));
    let Val::Option(Some(patch)) = field(&request, "trigger-config") else {
        panic!("no patch")
    };
    assert_eq!(field(&patch, "cron"), some(Val::Option(None)));
    assert_eq!(field(&patch, "when"), Val::Option(None));
    let set = json!({ "job_id": "job_1", "trigger_config": { "cron": "0 9 * * *" } });
    let request = arguments_to_val(&tool("job-update"), set).unwrap();
    let Val::Option(Some(patch)) = field(&request, "trigger-config") else {
        panic!("no patch")
    };
    assert_eq!(
        field(&patch, "cron"),
        some(some(Val::String("0 9 * * *".to_owned())))
    );
}

#[test]
fn what_cannot_be_read_names_the_field_and_the_way_out() {
    let with = |name: &str, value: Value| {
        let mut arguments = json!({ "title": "T", "payload": "P" });
        arguments[name] = value;
        arguments
    };
    let cases = [
        ("job-create", json!({ "payload": "P" }), "title", "required"),
        (
            "job-create",
            with("titel", json!("T")),
            "titel",
            "did you mean `title`?",
        ),
        (
            "job-create",
            with("colour", json!(1)),
            "colour",
            "depends_on_job_ids",
        ),
        (
            "job-create",
            json!({ "titel": "T", "payload": "P" }),
            "titel",
            "`title`",
        ),
        (
            "job-create",
            with("instructions", json!("Q")),
            "instructions",
            "another name of `payload`",
        ),
        (
            "job-create",
            with("title", json!("")),
            "title",
            "1 to 200 characters, got 0",
        ),
        (
            "job-create",
            with("title", json!("ü".repeat(201))),
            "title",
            "got 201",
        ),
        (
            "job-create",
            with("title", json!(7)),
            "title",
            "expected a text, got 7",
        ),
        (
            "job-create",
            with("confirm_new", json!("maybe")),
            "confirm_new",
            "true or false",
        ),
        (
            "job-create",
            with("job_type", json!("WEEKLY")),
            "job_type",
            "ONE_OFF, SCHEDULED, RECURRING, ONGOING",
        ),
        (
            "job-create",
            with("timeout_seconds", json!(0)),
            "timeout_seconds",
            "from 1 to 86400",
        ),
        (
            "job-create",
            with("timeout_seconds", json!(1.5)),
            "timeout_seconds",
            "whole number",
        ),
        (
            "job-create",
            with("timeout_seconds", json!(1e300)),
            "timeout_seconds",
            "bounds",
        ),
        (
            "job-create",
            with("budget", json!({ "max_tokens": -1 })),
            "budget.max_tokens",
            "from 0 to",
        ),
        (
            "job-create",
            with("retry", json!({ "factor": 11 })),
            "retry.factor",
            "from 1 to 10",
        ),
        (
            "job-create",
            with("trigger_config", json!("daily")),
            "trigger_config",
            "expected an object",
        ),
        (
            "job-create",
            with("trigger_config", json!({ "interval_seconds": 5 })),
            "trigger_config.interval_seconds",
            "from 10 to 31622400",
        ),
        (
            "job-create",
            with(
                "depends_on",
                json!([{ "job": "a" }, { "job": "b", "on": "never" }]),
            ),
            "depends_on[1].on",
            "success, failure, any",
        ),
        (
            "job-retrieval-by-keywords",
            json!({ "keywords": [] }),
            "keywords",
            "1 to 20 entries, got 0",
        ),
        (
            "job-retrieval-by-keywords",
            json!({ "keywords": ["a", ""] }),
            "keywords[1]",
            "1 to 200 characters",
        ),
    ];
    for (name, arguments, path, part) in cases {
        let error = read(name, arguments.clone()).expect_err(&arguments.to_string());
        assert_eq!(error["code"], "invalid_argument");
        assert_eq!(error["field"], path, "{error}");
        assert!(
            error["message"].as_str().unwrap().contains(part),
            "{error} lacks {part}"
        );
    }
}

#[test]
fn answers_are_written_in_json_words() {
    let ok = Val::Record(vec![
        ("next-run-at".to_owned(), Val::Option(None)),
        ("job-type".to_owned(), Val::Enum("ONE-OFF".to_owned())),
        ("runs".to_owned(), Val::List(vec![Val::U64(u64::MAX)])),
        ("policy".to_owned(), some(Val::Enum("run-once".to_owned()))),
    ]);
    let written = result_to_json(&tool("job-create"), Val::Result(Ok(Some(Box::new(ok)))));
    let expected = json!({ "job_type": "ONE_OFF", "runs": [u64::MAX], "policy": "run_once" });
    assert_eq!(written.unwrap(), expected);

    let error = Val::Record(vec![(
        "code".to_owned(),
        Val::Enum("needs-confirmation".to_owned()),
    )]);
    let written = result_to_json(&tool("job-create"), Val::Result(Err(Some(Box::new(error)))));
    assert_eq!(written.unwrap_err().0, json!({ "code": "needs_confirmation" }));
}

#[test]
fn the_caller_is_the_contracts_record() {
    let caller = Caller {
        agent: "a".to_owned(),
        user: "u".to_owned(),
        conversation: None,
        time_zone: Some("Europe/Berlin".to_owned()),
        run: Some(CallingRun {
            id: "run_1".to_owned(),
            token: 7,
            reach: RunReach::OwnDescendants,
        }),
    };
    let written = caller_to_val(&caller);
    let Val::Record(fields) = &written else {
        panic!("no record")
    };
    let Type::Id(id) = tool("job-create").typed.params[0].ty else {
        panic!("no type")
    };
    let TypeDefKind::Type(Type::Id(id)) = CONTRACT.types[id].kind else {
        panic!("no alias")
    };
    let TypeDefKind::Record(declared) = &CONTRACT.types[id].kind else {
        panic!("no record")
    };
    assert!(
        fields
            .iter()
            .map(|(name, _)| name)
            .eq(declared.fields.iter().map(|field| &field.name))
    );
    assert_eq!(
        json::write(written),
        json!({
            "agent": "a", "user": "u", "time_zone": "Europe/Berlin",
            "run": { "id": "run_1", "token": 7, "reach": "own_descendants" },
        })
    );
}

#[test]
fn schemas_say_what_the_reading_enforces() {
    let schema = Value::Object(input_schema(&tool("job-create")));
    assert_eq!(schema["required"], json!(["title", "payload"]));
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["properties"]["title"]["maxLength"], 200);
    assert_eq!(schema["properties"]["timeout_seconds"]["default"], 3600);
    assert_eq!(schema["properties"]["timeout_seconds"]["maximum"], 86400);
    assert_eq!(schema["properties"]["job_type"]["enum"][0], "ONE_OFF");
    assert_eq!(schema["properties"]["depends_on"]["maxItems"], 100);
    let trigger = &schema["properties"]["trigger_config"]["properties"];
    assert_eq!(trigger["interval_seconds"]["minimum"], 10);
    assert_eq!(trigger["misfire"]["properties"]["policy"]["default"], "run_once");

    let update = Value::Object(input_schema(&tool("job-update")));
    assert_eq!(update["required"], json!(["job_id"]));
    let cron = &update["properties"]["trigger_config"]["properties"]["cron"];
    assert_eq!(cron["type"], "string");
    assert!(cron["description"].as_str().unwrap().ends_with("null clears."));

    let keywords = Value::Object(input_schema(&tool("job-retrieval-by-keywords")));
    let keywords = &keywords["properties"]["keywords"];
    assert_eq!(
        (&keywords["minItems"], &keywords["items"]["maxLength"]),
        (&json!(1), &json!(200))
    );

    let answer = Value::Object(output_schema(&tool("job-create")));
    assert_eq!(answer.get("required"), None);
    assert!(answer["properties"]["error"]["properties"]["code"]["enum"].is_array());
    assert_eq!(
        answer["properties"]["job"]["properties"]["revision"]["type"],
        "integer"
    );
}

#[test]
fn schemas_are_plain() {
    fn check(schema: &Value) {
        match schema {
            Value::Object(map) => {
                for word in ["$ref", "anyOf", "oneOf", "allOf"] {
                    assert!(!map.contains_key(word), "{schema}");
                }
                assert!(!map.get("type").is_some_and(Value::is_array), "{schema}");
                if let Some(text) = map.get("description").and_then(Value::as_str) {
                    assert!(
                        ["@length", "@range", "@items", "@default", "@alias"]
                            .iter()
                            .all(|tag| !text.contains(tag))
                    );
                }
                map.values().for_each(check);
            }
            Value::Array(entries) => entries.iter().for_each(check),
            _ => {}
        }
    }
    for name in TOOLS {
        let schema = input_schema(&tool(name));
        assert_eq!(schema["type"], "object");
        check(&Value::Object(schema));
        check(&Value::Object(output_schema(&tool(name))));
        assert!(!tool(name).description().is_empty());
    }
}

#[test]
fn what_is_not_in_the_contract_is_not_found() {
    assert!(function("tools", "job_create").is_none());
    assert!(function("wall-clock", "now").is_none());
    for (interface, name) in [
        ("directory", "jobs"),
        ("directory", "run"),
        ("schedule", "preview"),
        ("schedule", "plan"),
    ] {
        assert!(function(interface, name).is_some());
    }
}

/// A small generator of numbers, so that a failure comes back with the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn value(&mut self, schema: &Value, depth: usize) -> Value {
        // Mostly what fits, so that the reading gets deep; else anything.
        let kind = schema["type"].as_str().unwrap_or("any");
        if depth > 0 && self.below(8) > 0 {
            match kind {
                "object" => return self.object(schema, depth),
                "array" => {
                    let count = self.below(4);
                    return (0..count)
                        .map(|_| self.value(&schema["items"], depth - 1))
                        .collect();
                }
                "string" if schema["enum"].is_array() => return schema["enum"][0].clone(),
                "string" => return json!("wörds"),
                _ => {}
            }
        }
        let odd = [
            json!(null),
            json!(true),
            json!(-1),
            json!(7),
            json!(u64::MAX),
            json!(i64::MIN),
            json!(1e300),
            json!(0.5),
            json!(""),
            json!("{\"a\":"),
            json!("[1,{}]"),
            json!("🦀".repeat(300)),
            json!([[]]),
            json!({ "": 0 }),
        ];
        odd[self.below(odd.len())].clone()
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let mut object = Map::new();
        for (name, field) in schema["properties"].as_object().unwrap() {
            let required = schema["required"]
                .as_array()
                .is_some_and(|names| names.contains(&json!(name)));
            if required || self.below(3) == 0 {
                object.insert(name.clone(), self.value(field, depth - 1));
            }
        }
        if self.below(16) == 0 {
            object.insert("ünknown-field".to_owned(), json!(1));
        }
        if self.below(6) == 0 {
            Value::from(Value::Object(object).to_string())
        } else {
            object.into()
        }
    }
}

#[test]
fn no_json_is_too_odd() {
    let mut dice = Dice(20_261_124);
    for name in TOOLS {
        let schema = Value::Object(input_schema(&tool(name)));
        let (mut taken, mut refused) = (0, 0);
        for _ in 0..2_000 {
            let arguments = dice.value(&schema, 6);
            match read(name, arguments.clone()) {
                // What was read and written is read again as the same.
                Ok(written) if !written.to_string().contains("null") => {
                    taken += 1;
                    assert_eq!(read(name, written.clone()).unwrap(), written, "{arguments}");
                }
                Ok(_) => taken += 1,
                Err(error) => {
                    refused += 1;
                    assert_eq!(error["code"], "invalid_argument", "{arguments}");
                }
            }
        }
        assert!(
            taken > 0 && refused > 0,
            "{name}: {taken} taken, {refused} refused"
        );
    }
}
