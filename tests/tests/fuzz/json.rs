//! JSON made from a schema by an input's bytes: mostly what fits, often what nearly does.

use serde_json::{Map, Value, json};

use crate::bytes::Bytes;

/// Stands for the latest job that the same input created.
pub(crate) const JOB: &str = "JOB";

/// Levels of what fits no schema.
const DEPTH_MAX: usize = 4;

/// Texts that mean something to some parameter.
const TEXTS: [&str; 36] = [
    JOB,
    "",
    " ",
    "\n",
    "a",
    "ä",
    "invoices",
    "Pending invoices",
    "UTC",
    "Europe/Berlin",
    "CET",
    "Mars/Olympus",
    "0 9 * * MON",
    "*/5 * * * * *",
    "@daily",
    "61 9 * * *",
    "every monday at 9am",
    "in 3 days",
    "now",
    "2026-07-01T10:00:00",
    "2026-07-01T10:00:00+02:00",
    "2100-12-31T23:59:59Z",
    "1970-01-01",
    "2026-10-25T02:30:00",
    "ACTIVE",
    "paused",
    "all",
    "output contains \"x\"",
    "output matches /(a|b)*c/",
    "output.json.a.0 >= 3",
    "[\"a\", \"b\"]",
    "{\"job\": \"JOB\"}",
    "' OR 1=1 --",
    "\"AND\" NEAR(* ^",
    "%_\\",
    "job_01m89ksjk4dwsvm8w64wjsqdn3",
];

/// A value that a schema allows, or one of its neighbours.
pub(crate) fn like(schema: &Value, bytes: &mut Bytes<'_>) -> Value {
    if bytes.chance(1) {
        return any(bytes, 0);
    }
    match schema["type"].as_str().unwrap_or_default() {
        "object" => object(schema, bytes),
        "array" => {
            let count = if bytes.chance(1) {
                bytes.below(120)
            } else {
                bytes.below(4)
            };
            (0..count).map(|_| like(&schema["items"], bytes)).collect()
        }
        "string" => string(schema, bytes),
        "boolean" => Value::Bool(bytes.byte() % 2 == 1),
        kind => number(schema, kind, bytes),
    }
}

fn object(schema: &Value, bytes: &mut Bytes<'_>) -> Value {
    let mut object = Map::new();
    let Some(properties) = schema["properties"].as_object() else {
        return any(bytes, 0);
    };
    let required = |name: &str| {
        let names = schema["required"].as_array();
        names.is_some_and(|names| names.iter().any(|one| one == name))
    };
    for (name, property) in properties {
        let given = if required(name) {
            !bytes.chance(1)
        } else {
            bytes.chance(4)
        };
        if given {
            object.insert(name.clone(), like(property, bytes));
        }
    }
    if bytes.chance(1) {
        object.insert(bytes.text(), any(bytes, 0));
    }
    Value::Object(object)
}

fn string(schema: &Value, bytes: &mut Bytes<'_>) -> Value {
    if let Some(words) = schema["enum"].as_array()
        && !bytes.chance(2)
    {
        return bytes.pick(words).clone();
    }
    match bytes.byte() % 8 {
        0 => bytes.text().into(),
        1 => {
            let longest = schema["maxLength"].as_u64().unwrap_or(300).min(40_000);
            let length = usize::try_from(longest).unwrap() + bytes.below(2);
            bytes.character().to_string().repeat(length).into()
        }
        _ => (*bytes.pick(&TEXTS)).into(),
    }
}

fn number(schema: &Value, kind: &str, bytes: &mut Bytes<'_>) -> Value {
    let ends = ["minimum", "maximum"].map(|name| schema[name].as_i64());
    match (bytes.byte() % 6, ends) {
        (0, [Some(least), _]) => json!(least.saturating_sub(i64::from(bytes.byte() % 2))),
        (1, [_, Some(most)]) => json!(most.saturating_add(i64::from(bytes.byte() % 2))),
        (2, [Some(least), Some(most)]) if least < most => {
            json!(least + (bytes.number() % (most - least).unsigned_abs()).cast_signed())
        }
        (3, _) => json!(bytes.number()),
        (4, _) => json!(bytes.number().cast_signed()),
        _ if kind == "number" => json!(bytes.float()),
        _ => json!(bytes.byte() % 20),
    }
}

/// Any JSON.
pub(crate) fn any(bytes: &mut Bytes<'_>, depth: usize) -> Value {
    match bytes.byte() % 12 {
        0 => Value::Null,
        1 => Value::Bool(true),
        2 => json!(bytes.number().cast_signed()),
        3 => json!(bytes.float()),
        4 => json!(1e300),
        5 | 6 => bytes.text().into(),
        7 => (*bytes.pick(&TEXTS)).into(),
        8 | 9 if depth < DEPTH_MAX => (0..bytes.below(5)).map(|_| any(bytes, depth + 1)).collect(),
        _ if depth < DEPTH_MAX => {
            let fields = (0..bytes.below(4)).map(|_| (bytes.text(), any(bytes, depth + 1)));
            Value::Object(fields.collect())
        }
        _ => "deep".into(),
    }
}

/// Puts the id of a job where [`JOB`] stands for it.
pub(crate) fn name_job(value: &mut Value, job: &str) {
    match value {
        Value::String(text) if text.contains(JOB) => *text = text.replace(JOB, job),
        Value::Array(entries) => entries.iter_mut().for_each(|entry| name_job(entry, job)),
        Value::Object(fields) => fields.values_mut().for_each(|entry| name_job(entry, job)),
        _ => {}
    }
}
