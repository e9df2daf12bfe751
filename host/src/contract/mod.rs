//! The contract read as data: `wit/` parsed once, so that JSON from outside and the component's
//! values meet through the same text that the component was built from. No field of a tool is
//! named here; a field added to the WIT is read, checked, shown and described without a change.

mod docs;
mod json;
mod records;
mod schema;
#[cfg(test)]
mod tests;
mod values;

use std::sync::LazyLock;

use serde_json::{Value, json};
use wasmtime::component::Val;
use wit_parser::{Interface, Resolve, SourceMap, Type, TypeDefKind};

use crate::service::CallError;
use crate::wit::types::{Caller, CallingRun, RunReach};

pub use schema::{input_schema, output_schema};

/// The files of the contract's own package.
const SOURCES: [(&str, &str); 10] = [
    (
        "agent-pipeline.wit",
        include_str!("../../../wit/agent-pipeline.wit"),
    ),
    ("conversation.wit", include_str!("../../../wit/conversation.wit")),
    ("directory.wit", include_str!("../../../wit/directory.wit")),
    ("runner.wit", include_str!("../../../wit/runner.wit")),
    ("schedule.wit", include_str!("../../../wit/schedule.wit")),
    ("storage.wit", include_str!("../../../wit/storage.wit")),
    ("timers.wit", include_str!("../../../wit/timers.wit")),
    ("tools.wit", include_str!("../../../wit/tools.wit")),
    ("types.wit", include_str!("../../../wit/types.wit")),
    ("world.wit", include_str!("../../../wit/world.wit")),
];

/// The packages it imports from.
const DEPENDENCIES: [(&str, &str); 2] = [
    (
        "wall-clock.wit",
        include_str!("../../../wit/deps/clocks/wall-clock.wit"),
    ),
    ("random.wit", include_str!("../../../wit/deps/random/random.wit")),
];

static CONTRACT: LazyLock<Resolve> = LazyLock::new(|| match parse() {
    Ok(resolve) => resolve,
    // The text is part of the program and was read by the compiler of the bindings already.
    Err(error) => panic!("the embedded contract does not parse: {error:#}"),
});

fn parse() -> anyhow::Result<Resolve> {
    let mut resolve = Resolve::default();
    for (name, text) in DEPENDENCIES {
        resolve.push_source(name, text)?;
    }
    let mut sources = SourceMap::default();
    for (name, text) in SOURCES {
        sources.push_str(name, text);
    }
    let group = sources
        .parse()
        .map_err(|(sources, error)| anyhow::anyhow!(error.render(&sources)))?;
    resolve.push_group(group)?;
    Ok(resolve)
}

/// One exported function of the contract.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    typed: &'static wit_parser::Function,
}

impl Function {
    /// What the function does, as the contract tells it.
    #[must_use]
    pub fn description(&self) -> String {
        docs::Docs::read(&self.typed.docs).text
    }

    /// The last parameter: the request.
    fn request(&self) -> Option<Type> {
        self.typed.params.last().map(|parameter| parameter.ty)
    }

    /// The ok and the error type of its result.
    fn result(&self) -> (Option<Type>, Option<Type>) {
        match self.typed.result {
            Some(Type::Id(id)) => match &CONTRACT.types[id].kind {
                TypeDefKind::Result(result) => (result.ok, result.err),
                _ => (self.typed.result, None),
            },
            other => (other, None),
        }
    }
}

fn interface(name: &str) -> Option<&'static Interface> {
    let mut all = CONTRACT.interfaces.iter().map(|(_, interface)| interface);
    all.find(|candidate| {
        let package = candidate.package.map(|id| &CONTRACT.packages[id].name);
        candidate.name.as_deref() == Some(name) && package.is_some_and(|name| name.namespace == "meanwhile")
    })
}

/// An exported function by its names in WIT spelling: `tools`, `job-create`.
#[must_use]
pub fn function(interface: &str, function: &str) -> Option<Function> {
    let typed = self::interface(interface)?.functions.get(function)?;
    Some(Function { typed })
}

/// The names of an interface's functions in WIT spelling, in the contract's order.
pub fn functions(interface: &str) -> impl Iterator<Item = &'static str> {
    let found = self::interface(interface).into_iter();
    found.flat_map(|interface| interface.functions.keys().map(String::as_str))
}

/// The caller as the component takes it.
#[must_use]
pub fn caller_to_val(caller: &Caller) -> Val {
    let optional = |text: &Option<String>| Val::Option(text.clone().map(|text| Box::new(Val::String(text))));
    Val::Record(vec![
        ("agent".to_owned(), Val::String(caller.agent.clone())),
        ("user".to_owned(), Val::String(caller.user.clone())),
        ("conversation".to_owned(), optional(&caller.conversation)),
        ("time-zone".to_owned(), optional(&caller.time_zone)),
        (
            "run".to_owned(),
            Val::Option(caller.run.as_ref().map(|run| Box::new(calling_run(run)))),
        ),
    ])
}

fn calling_run(run: &CallingRun) -> Val {
    let reach = match run.reach {
        RunReach::OwnJob => "own-job",
        RunReach::OwnDescendants => "own-descendants",
        RunReach::All => "all",
    };
    Val::Record(vec![
        ("id".to_owned(), Val::String(run.id.clone())),
        ("token".to_owned(), Val::U64(run.token)),
        ("reach".to_owned(), Val::Enum(reach.to_owned())),
    ])
}

/// The request of a function, read from JSON.
///
/// # Errors
/// `invalid_argument` with the path of the first field that does not fit, and how to mend it.
pub fn arguments_to_val(function: &Function, arguments: Value) -> Result<Val, CallError> {
    let Some(request) = function.request() else {
        return Err(invalid("", "this function takes no request"));
    };
    // A call without arguments is a call with none of them.
    let arguments = if arguments.is_null() { json!({}) } else { arguments };
    values::read_request(request, &arguments)
}

/// The ok-value of a function's result as JSON.
///
/// # Errors
/// The function's own error, as JSON.
pub fn result_to_json(_function: &Function, result: Val) -> Result<Value, CallError> {
    let written = |value: Option<Box<Val>>| value.map_or(Value::Null, |value| json::write(*value));
    match result {
        Val::Result(Ok(value)) => Ok(written(value)),
        Val::Result(Err(error)) => Err(CallError(written(error))),
        value => Ok(json::write(value)),
    }
}

/// An error about one field; the empty path is the request as a whole.
fn invalid(field: &str, message: impl Into<String>) -> CallError {
    let mut error = json!({ "code": "invalid_argument", "message": message.into() });
    if !field.is_empty() {
        error["field"] = Value::from(field);
    }
    CallError(error)
}

/// A WIT name as JSON spells it.
fn snake(name: &str) -> String {
    name.replace('-', "_")
}
