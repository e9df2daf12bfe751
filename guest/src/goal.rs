//! End conditions that can be checked without a model: `output contains "…"`,
//! `output matches /…/`, `output.json.PATH == VALUE`.

use regex_lite::Regex;
use serde_json::Value;

/// A checkable end condition.
pub enum Predicate {
    Contains(String),
    Matches(Regex),
    Json { path: Vec<String>, value: Value },
}

impl Predicate {
    /// `None`: the text is words, for a model or a person to judge. The error says what is wrong
    /// with a text that begins like a predicate.
    pub fn parse(text: &str) -> Option<Result<Self, String>> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix("output contains ") {
            let quoted = rest
                .trim()
                .strip_prefix('"')
                .and_then(|rest| rest.strip_suffix('"'));
            return Some(match quoted {
                Some(needle) if !needle.is_empty() => Ok(Self::Contains(needle.into())),
                _ => Err("write the text in double quotes: output contains \"sold out\"".into()),
            });
        }
        if let Some(rest) = text.strip_prefix("output matches ") {
            let pattern = rest
                .trim()
                .strip_prefix('/')
                .and_then(|rest| rest.strip_suffix('/'));
            return Some(match pattern {
                Some(pattern) => Regex::new(pattern)
                    .map(Self::Matches)
                    .map_err(|error| format!("the pattern is not a regular expression: {error}")),
                None => Err("write the pattern between slashes: output matches /done|finished/".into()),
            });
        }
        if let Some(rest) = text.strip_prefix("output.json.") {
            let Some((path, value)) = rest.split_once("==") else {
                return Some(Err("compare with ==: output.json.status == \"paid\"".into()));
            };
            let path: Vec<String> = path.trim().split('.').map(Into::into).collect();
            if path.iter().any(String::is_empty) {
                return Some(Err(
                    "name the field between dots: output.json.order.status == \"paid\"".into(),
                ));
            }
            return Some(
                serde_json::from_str(value.trim())
                    .map(|value| Self::Json { path, value })
                    .map_err(|_| "the value must be JSON: a number, true, false, null or \"text\"".into()),
            );
        }
        None
    }

    /// Whether an output meets the condition.
    pub fn met(&self, output: &str) -> bool {
        match self {
            Self::Contains(needle) => output.contains(needle.as_str()),
            Self::Matches(pattern) => pattern.is_match(output),
            Self::Json { path, value } => {
                serde_json::from_str::<Value>(output.trim()).is_ok_and(|document| {
                    path.iter()
                        .try_fold(&document, |at, key| match at {
                            Value::Array(items) => items.get(key.parse::<usize>().ok()?),
                            other => other.get(key),
                        })
                        .is_some_and(|found| equal(found, value))
                })
            }
        }
    }
}

/// JSON equality in which 1 and 1.0 are the same number.
fn equal(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predicates_are_checked_against_the_output() {
        let cases = [
            (r#"output contains "sold out""#, "It is sold out.", true),
            (r#"output contains "sold out""#, "It is Sold Out.", false),
            ("output matches /v[2-9]/", "release v3", true),
            ("output matches /v[2-9]/", "release v1", false),
            (
                r#"output.json.order.status == "paid""#,
                r#"{"order":{"status":"paid"}}"#,
                true,
            ),
            (
                r#"output.json.order.status == "paid""#,
                r#"{"order":{"status":"open"}}"#,
                false,
            ),
            ("output.json.items.1 == 2", r#"{"items":[1,2.0]}"#, true),
            ("output.json.done == true", "not JSON", false),
        ];
        for (condition, output, met) in cases {
            let predicate = Predicate::parse(condition)
                .expect("a predicate")
                .expect("well formed");
            assert_eq!(predicate.met(output), met, "{condition} on {output}");
        }
    }

    #[test]
    fn words_are_no_predicate_and_broken_ones_say_how_to_mend_them() {
        assert!(Predicate::parse("the customer has paid").is_none());
        for broken in [
            "output contains paid",
            "output matches [",
            "output matches /(/",
            "output.json.a",
            "output.json.a == b",
        ] {
            assert!(matches!(Predicate::parse(broken), Some(Err(_))), "{broken}");
        }
    }
}
