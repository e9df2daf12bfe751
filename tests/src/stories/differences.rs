//! What was answered against what was expected, told field by field.

use serde_json::Value;

/// What differs, one line a field. An expectation names what it cares about:
/// * an object: its fields; null is a field that is none or left out;
/// * a list: all entries, in order;
/// * `{"$count": n}`: the length of a list; `{"$has": […]}`: entries of a list, in any order;
/// * `{"$contains": "…"}`: a part of a text;
/// * `{"$each": field, "$are": […]}`: one field of all entries of a list.
pub(super) fn differences(path: &str, expected: &Value, got: &Value) -> Vec<String> {
    let differs = |expected: &dyn std::fmt::Display| vec![format!("{path}: expected {expected}, got {got}")];
    match expected {
        Value::Object(wanted) => {
            if wanted.contains_key("$count") || wanted.contains_key("$has") {
                let entries = got.as_array().map(Vec::as_slice).unwrap_or_default();
                if let Some(count) = wanted.get("$count").filter(|count| **count != entries.len()) {
                    return differs(&format!("a list of {count}"));
                }
                let had = |entry: &&Value| entries.iter().any(|got| differences("", entry, got).is_empty());
                let has = wanted.get("$has").and_then(Value::as_array).into_iter().flatten();
                return has
                    .filter(|entry| !had(entry))
                    .flat_map(|entry| differs(&format!("an entry like {entry}")))
                    .collect();
            }
            if let Some(part) = wanted.get("$contains").and_then(Value::as_str) {
                if got.as_str().is_some_and(|text| text.contains(part)) {
                    return Vec::new();
                }
                return differs(&format!("a text with {part:?}"));
            }
            if let (Some(field), Some(are)) =
                (wanted.get("$each").and_then(Value::as_str), wanted.get("$are"))
            {
                let entries = got.as_array().map(Vec::as_slice).unwrap_or_default();
                let values = entries.iter().map(|entry| entry[field].clone()).collect();
                return differences(&format!("{path}[…].{field}"), are, &values);
            }
            let below = |name: &str| {
                if path.is_empty() {
                    name.to_owned()
                } else {
                    format!("{path}.{name}")
                }
            };
            wanted
                .iter()
                .flat_map(|(name, value)| differences(&below(name), value, &got[name]))
                .collect()
        }
        Value::Array(wanted) => {
            let Some(entries) = got.as_array().filter(|entries| entries.len() == wanted.len()) else {
                return differs(expected);
            };
            let pairs = wanted.iter().zip(entries).enumerate();
            pairs
                .flat_map(|(at, (wanted, entry))| differences(&format!("{path}[{at}]"), wanted, entry))
                .collect()
        }
        Value::Number(_) if expected.as_f64() == got.as_f64() => Vec::new(),
        _ if expected == got => Vec::new(),
        _ => differs(expected),
    }
}

#[test]
fn they_are_told_by_field() {
    use serde_json::json;

    let got = json!({ "job": { "status": "ACTIVE", "revision": 2.0 }, "runs": [{ "attempt": 1 }, { "attempt": 2 }] });
    let cases = [
        (
            json!({ "job": { "status": "ACTIVE", "revision": 2, "budget": null } }),
            "",
        ),
        (
            json!({ "runs": { "$count": 2, "$has": [{ "attempt": 2 }, { "attempt": 1 }] } }),
            "",
        ),
        (json!({ "runs": { "$each": "attempt", "$are": [1, 2] } }), ""),
        (json!({ "job": { "status": { "$contains": "ACT" } } }), ""),
        (
            json!({ "job": { "status": "PAUSED" } }),
            "job.status: expected \"PAUSED\", got \"ACTIVE\"",
        ),
        (
            json!({ "job": { "status": null } }),
            "job.status: expected null, got \"ACTIVE\"",
        ),
        (
            json!({ "runs": [{ "attempt": 1 }, { "attempt": 3 }] }),
            "runs[1].attempt: expected 3, got 2",
        ),
        (
            json!({ "runs": { "$each": "attempt", "$are": [1, 3] } }),
            "runs[…].attempt[1]: expected 3, got 2",
        ),
        (
            json!({ "job": { "status": { "$contains": "X" } } }),
            "job.status: expected a text with \"X\", got \"ACTIVE\"",
        ),
    ];
    for (expected, told) in cases {
        assert_eq!(differences("", &expected, &got).join("\n"), told);
    }
    let count = differences("", &json!({ "runs": { "$count": 1 } }), &got);
    assert!(
        count[0].starts_with("runs: expected a list of 1, got ["),
        "{count:?}"
    );
}
