//! Between the contract's JSON words (`job_type`, `run_once`, what callers see) and values as hosts
//! in other languages exchange them with the suite, `tests/hosts/README.md`: JSON in the WIT's own
//! spelling, with every choice explicit.

use std::path::Path;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use wit_parser::{Function, Resolve, Type, TypeDefKind};

use super::{Answer, Call};

static CONTRACT: LazyLock<Resolve> = LazyLock::new(|| {
    let mut resolve = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    resolve.push_dir(wit).unwrap();
    resolve
});

fn function(call: &Call) -> &'static Function {
    let mut named = CONTRACT
        .interfaces
        .iter()
        .filter(|(_, interface)| interface.name.as_ref() == Some(&call.interface));
    let found = named.find_map(|(_, interface)| interface.functions.get(&call.function));
    found.unwrap_or_else(|| panic!("the contract has no {}.{}", call.interface, call.function))
}

/// The parameters of a call.
pub(super) fn parameters(call: &Call) -> Vec<Value> {
    let parameters = &function(call).params;
    let asked = parameters
        .iter()
        .filter(|parameter| parameter.name != "caller")
        .count();
    let value = |parameter: &wit_parser::Param| {
        if parameter.name == "caller" {
            return to_wit(parameter.ty, &call.caller);
        }
        let given = if asked == 1 {
            &call.with
        } else {
            &call.with[snake(&parameter.name)]
        };
        to_wit(parameter.ty, given)
    };
    parameters.iter().map(value).collect()
}

/// What a call answered: `{"ok": …}` or `{"err": …}`.
pub(super) fn answer(call: &Call, told: &Value) -> Answer {
    let (ok, err) = match function(call).result.map(kind) {
        Some(Some(TypeDefKind::Result(result))) => (result.ok, result.err),
        _ => (function(call).result, None),
    };
    match (told.get("ok"), told.get("err"), err) {
        (Some(value), _, _) => Ok(ok.map_or(Value::Null, |ok| from_wit(ok, value))),
        (None, Some(value), Some(err)) => Err(refusal(from_wit(err, value))),
        _ => panic!("{}.{} failed: {told}", call.interface, call.function),
    }
}

/// An error as all edges of our host tell it, also where the contract has a variant with a sentence.
fn refusal(error: Value) -> Value {
    for (case, code) in [
        ("invalid", "invalid_argument"),
        ("not_found", "not_found"),
        ("unavailable", "unavailable"),
    ] {
        if let Some(message) = error.get(case) {
            return json!({ "code": code, "message": message });
        }
    }
    error
}

/// What a type is behind its other names; none for the plain ones.
fn kind(wanted: Type) -> Option<&'static TypeDefKind> {
    let Type::Id(id) = wanted else { return None };
    match &CONTRACT.types[id].kind {
        TypeDefKind::Type(inner) => kind(*inner),
        kind => Some(kind),
    }
}

fn snake(name: &str) -> String {
    name.replace('-', "_")
}

fn is_option(wanted: Type) -> bool {
    matches!(kind(wanted), Some(TypeDefKind::Option(_)))
}

/// A value in the WIT's spelling. None is left out; an option of an option is told as a variant.
fn to_wit(wanted: Type, value: &Value) -> Value {
    let Some(kind) = kind(wanted) else {
        return match wanted {
            Type::F64 => json!(value.as_f64().unwrap()),
            _ => value.clone(),
        };
    };
    match kind {
        TypeDefKind::Option(_) if value.is_null() => Value::Null,
        TypeDefKind::Option(inner) => to_wit(*inner, value),
        TypeDefKind::List(entry) => value
            .as_array()
            .unwrap()
            .iter()
            .map(|value| to_wit(*entry, value))
            .collect(),
        TypeDefKind::Enum(cases) => {
            let word = value.as_str().unwrap();
            let case = cases.cases.iter().find(|case| snake(&case.name) == word);
            json!(case.unwrap_or_else(|| panic!("{word:?} is no case here")).name)
        }
        TypeDefKind::Record(record) => {
            let mut left = value
                .as_object()
                .unwrap_or_else(|| panic!("no object: {value}"))
                .clone();
            let mut written = Map::new();
            for field in &record.fields {
                let given = left.remove(&snake(&field.name));
                let value = match self::kind(field.ty) {
                    Some(TypeDefKind::Option(inner)) if is_option(*inner) => match given {
                        None => json!({ "tag": "none" }),
                        Some(value) => json!({ "tag": "some", "val": to_wit(*inner, &value) }),
                    },
                    Some(TypeDefKind::Option(_)) if given.is_none() => continue,
                    _ => to_wit(
                        field.ty,
                        &given.unwrap_or_else(|| panic!("{} is missing", field.name)),
                    ),
                };
                written.insert(field.name.clone(), value);
            }
            assert!(left.is_empty(), "the contract does not know {left:?}");
            written.into()
        }
        other => panic!("a {} is no part of a request", other.as_str()),
    }
}

/// A value in the contract's JSON words. Fields that are none are left out.
fn from_wit(wanted: Type, value: &Value) -> Value {
    match kind(wanted) {
        Some(TypeDefKind::Option(inner)) if !value.is_null() => from_wit(*inner, value),
        Some(TypeDefKind::List(entry)) => {
            let entries = value.as_array().unwrap_or_else(|| panic!("no list: {value}"));
            entries.iter().map(|value| from_wit(*entry, value)).collect()
        }
        Some(TypeDefKind::Enum(_)) => json!(snake(value.as_str().unwrap())),
        Some(TypeDefKind::Record(record)) => {
            let field = |field: &wit_parser::Field| {
                let value = &value[&field.name];
                let none = value.is_null() && is_option(field.ty);
                (!none).then(|| (snake(&field.name), from_wit(field.ty, value)))
            };
            record
                .fields
                .iter()
                .filter_map(field)
                .collect::<Map<_, _>>()
                .into()
        }
        Some(TypeDefKind::Variant(variant)) => {
            let tag = value["tag"].as_str().unwrap();
            let case = variant.cases.iter().find(|case| case.name == tag).unwrap();
            match case.ty {
                Some(payload) => json!({ snake(tag): from_wit(payload, &value["val"]) }),
                None => json!(snake(tag)),
            }
        }
        _ => value.clone(),
    }
}

/// A message of the inbox.
pub(super) fn message(value: &Value) -> Value {
    let types = CONTRACT
        .interfaces
        .iter()
        .find(|(_, interface)| interface.name.as_deref() == Some("types"));
    from_wit(Type::Id(types.unwrap().1.types["message"]), value)
}
