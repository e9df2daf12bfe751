//! End conditions that are a check on the output instead of words.

use regex_lite::{Regex, RegexBuilder};
use serde_json::Value;

use super::zone::clip;

/// A check on a run's output.
#[derive(Clone, Debug)]
pub enum Predicate {
    /// `output contains "…"`
    Contains(String),
    /// `output matches /…/`, with `i` after the last slash: in any case.
    Matches(Regex),
    /// `output.json.PATH == VALUE`
    Json {
        /// Names of fields and numbers of elements, from the outermost.
        path: Vec<String>,
        /// What has to stand there.
        value: Value,
    },
}

const FORMS: &str =
    "write `output contains \"text\"`, `output matches /pattern/` or `output.json.PATH == VALUE`";

/// Reads an end condition. None: words, for the pipeline to judge. The error is a sentence.
pub fn parse(text: &str) -> Option<Result<Predicate, String>> {
    let text = text.trim();
    if !text.starts_with("output ") && !text.starts_with("output.") {
        return None;
    }
    Some(read(text).map_err(|error| format!("`{}`: {error}.", clip(text))))
}

fn read(text: &str) -> Result<Predicate, String> {
    if let Some(rest) = text.strip_prefix("output.json.") {
        let (path, value) = rest
            .split_once("==")
            .ok_or_else(|| format!("there is no `==`; {FORMS}"))?;
        let path: Vec<String> = path.trim().split('.').map(str::to_owned).collect();
        let plain = |part: &String| {
            !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
        };
        if !path.iter().all(plain) {
            return Err(
                "PATH is made of names and list positions joined by dots, such as `items.0.state`".to_owned(),
            );
        }
        let value = serde_json::from_str(value.trim()).map_err(|_| {
            "VALUE is JSON: a text in double quotes, a number, true, false or null".to_owned()
        })?;
        return Ok(Predicate::Json { path, value });
    }
    let rest = text.strip_prefix("output ").unwrap_or_default().trim_start();
    if let Some(quoted) = rest.strip_prefix("contains ") {
        return match serde_json::from_str::<String>(quoted.trim()) {
            Ok(needle) if !needle.is_empty() => Ok(Predicate::Contains(needle)),
            _ => Err("what it shall contain stands in double quotes and is not empty".to_owned()),
        };
    }
    if let Some(pattern) = rest.strip_prefix("matches ") {
        let inner = pattern
            .trim()
            .strip_prefix('/')
            .and_then(|inner| inner.rsplit_once('/'));
        return match inner {
            Some((inner, flags)) if !inner.is_empty() && (flags.is_empty() || flags == "i") => {
                RegexBuilder::new(inner)
                    .case_insensitive(flags == "i")
                    .build()
                    .map(Predicate::Matches)
                    .map_err(|error| format!("the pattern is not a regular expression ({error})"))
            }
            _ => Err(
                "the pattern stands between slashes: `output matches /pattern/` (or `/pattern/i`)".to_owned(),
            ),
        };
    }
    Err(format!("not a known check; {FORMS}"))
}

impl Predicate {
    /// Whether an output satisfies the check. Output that is no JSON satisfies no JSON check.
    pub fn holds(&self, output: &str) -> bool {
        match self {
            Predicate::Contains(needle) => output.contains(needle),
            Predicate::Matches(pattern) => pattern.is_match(output),
            Predicate::Json { path, value } => {
                let Ok(json) = serde_json::from_str::<Value>(output) else {
                    return false;
                };
                let found = path.iter().try_fold(&json, |at, part| match at {
                    Value::Array(items) => part.parse::<usize>().ok().and_then(|n| items.get(n)),
                    _ => at.get(part),
                });
                found.is_some_and(|found| same(found, value))
            }
        }
    }
}

/// JSON equality in which 1 and 1.0 are the same number.
fn same(a: &Value, b: &Value) -> bool {
    a == b || matches!((a.as_f64(), b.as_f64()), (Some(a), Some(b)) if a == b)
}
