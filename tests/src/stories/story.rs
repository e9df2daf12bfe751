//! A story: read from its file, told to a host, step by step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::DateTime;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::differences::differences;
use super::{Answer, Call, Host, Told};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    /// One sentence: what holds.
    story: String,
    /// The present at the beginning, RFC 3339.
    start: String,
    steps: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Step {
    Call(Box<Asked>),
    Advance(Advance),
    Inbox(Inbox),
    Crash {
        /// True: says what the step is.
        crash: bool,
    },
}

/// A call of an export, and what it has to answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// `tools.job-create`
    call: String,
    /// Fields of the caller that differ from the usual one's.
    #[serde(rename = "as", default)]
    caller: Map<String, Value>,
    #[serde(default)]
    with: Value,
    /// What the ok-value holds; see `differences`.
    answers: Option<Value>,
    /// What the error holds.
    refuses: Option<Value>,
    /// Names for values of the answer, by path: `$name` stands for it from then on.
    #[serde(default)]
    keep: BTreeMap<String, String>,
    /// A call that is made right before this one commits.
    meanwhile: Option<Box<Asked>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    /// RFC 3339.
    advance_to: String,
    meanwhile: Option<Box<Asked>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Inbox {
    inbox: Value,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("hosts/stories")
}

/// The names of all stories.
///
/// # Panics
/// When they cannot be read.
#[must_use]
pub fn titles() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let name = |path: PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    let mut names: Vec<String> = entries.map(|entry| name(entry.unwrap().path())).collect();
    names.sort();
    names
}

fn instant(text: &str) -> i64 {
    let read = DateTime::parse_from_rfc3339(text);
    read.unwrap_or_else(|error| panic!("{text}: {error}"))
        .timestamp_millis()
}

/// Tells a story to the host that `begin` starts at an instant.
///
/// # Panics
/// When the host does otherwise than the story says: with every difference, by field.
pub fn run<H: Host>(name: &str, begin: impl FnOnce(i64) -> H) {
    let text = std::fs::read_to_string(folder().join(name).with_extension("json")).unwrap();
    let story: Story = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut now = instant(&story.start);
    let mut host = begin(now);
    let mut kept = BTreeMap::new();
    for (at, raw) in story.steps.iter().enumerate() {
        let step = filled_in(raw, &kept);
        let read = serde_json::from_value(step.clone());
        let told = match read.unwrap_or_else(|error| panic!("{name}, step {}: {error}: {raw}", at + 1)) {
            Step::Call(asked) => {
                let meanwhile = asked.meanwhile.as_deref().map(call);
                let told = host.call(&call(&asked), meanwhile.as_ref());
                let mut found = met(&asked, &told.answer, &mut kept);
                found.extend(met_meanwhile(asked.meanwhile.as_deref(), &told, &mut kept));
                found
            }
            Step::Advance(advance) => {
                now = instant(&advance.advance_to);
                let meanwhile = advance.meanwhile.as_deref().map(call);
                let told = host.advance_to(now, meanwhile.as_ref());
                met_meanwhile(advance.meanwhile.as_deref(), &told, &mut kept)
            }
            Step::Inbox(inbox) => differences("inbox", &inbox.inbox, &host.inbox()),
            Step::Crash { crash } => {
                assert!(crash, "{name}: a crash that is none");
                host.crash(now);
                Vec::new()
            }
        };
        assert!(
            told.is_empty(),
            "“{}”\nstep {}: {step}\n  {}",
            story.story,
            at + 1,
            told.join("\n  ")
        );
    }
}

/// The step with every `$name` replaced by what was kept under it.
fn filled_in(step: &Value, kept: &BTreeMap<String, Value>) -> Value {
    match step {
        Value::String(text) => match text.strip_prefix('$').and_then(|name| kept.get(name)) {
            Some(value) => value.clone(),
            None => step.clone(),
        },
        Value::Array(entries) => entries.iter().map(|entry| filled_in(entry, kept)).collect(),
        Value::Object(fields) => {
            let filled = fields
                .iter()
                .map(|(name, value)| (name.clone(), filled_in(value, kept)));
            filled.collect::<Map<_, _>>().into()
        }
        _ => step.clone(),
    }
}

fn call(asked: &Asked) -> Call {
    let (interface, function) = asked.call.split_once('.').expect("`interface.function`");
    let mut caller = json!({ "agent": "assistant", "user": "ana", "time_zone": "Europe/Berlin" });
    for (name, value) in &asked.caller {
        caller[name] = value.clone();
    }
    Call {
        interface: interface.to_owned(),
        function: function.to_owned(),
        caller,
        with: asked.with.clone(),
    }
}

fn met_meanwhile(asked: Option<&Asked>, told: &Told, kept: &mut BTreeMap<String, Value>) -> Vec<String> {
    match (asked, &told.meanwhile) {
        (None, _) => Vec::new(),
        (Some(asked), Some(answer)) => met(asked, answer, kept),
        (Some(asked), None) => vec![format!(
            "nothing was committed, so `{}` was not called meanwhile",
            asked.call
        )],
    }
}

/// How an answer differs from what is expected; keeps what is to be kept.
fn met(asked: &Asked, answer: &Answer, kept: &mut BTreeMap<String, Value>) -> Vec<String> {
    let (expected, got) = match (&asked.answers, &asked.refuses, answer) {
        (_, None, Ok(value)) => (asked.answers.as_ref(), value),
        (None, Some(expected), Err(error)) => (Some(expected), error),
        (Some(_), Some(_), _) => return vec!["a step cannot expect both an answer and a refusal".to_owned()],
        (_, Some(_), Ok(value)) => {
            return vec![format!("{} should be refused, and answered {value}", asked.call)];
        }
        (_, None, Err(error)) => return vec![format!("{} was refused: {error}", asked.call)],
    };
    for (name, path) in &asked.keep {
        let found = path
            .split('.')
            .try_fold(got, |value, key| match key.parse::<usize>() {
                Ok(at) => value.get(at),
                Err(_) => value.get(key),
            });
        match found {
            Some(value) => kept.insert(name.clone(), value.clone()),
            None => return vec![format!("{path}: there is nothing to keep in {got}")],
        };
    }
    expected.map_or_else(Vec::new, |expected| differences("", expected, got))
}
