//! Reading a record: which fields are there, under which names, and which are not known.

use serde_json::{Map, Value};
use wasmtime::component::Val;
use wit_parser::{Field, Record, TypeDefKind};

use super::docs::Docs;
use super::values::{QUOTED_CHARACTERS_MAX, normal, read, refused, resolved, unpack};
use super::{invalid, snake};
use crate::service::CallError;

/// Changed letters up to which an unknown name is taken for a misspelling.
const MISSPELT_LETTERS_MAX: usize = 3;

/// Reads an object, or one that was given as text.
pub(super) fn record(record: &Record, value: &Value, path: &str) -> Result<Val, CallError> {
    let unpacked = unpack(value, Value::is_object);
    let Some(given) = unpacked.as_ref().unwrap_or(value).as_object() else {
        let names = names(record).join(", ");
        return Err(refused(
            path,
            "an object",
            value,
            format_args!("give an object with fields of {names}"),
        ));
    };
    let below = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    // First, because a misspelt name is also a missing one, and its right spelling helps more.
    let known = |key: &str| {
        let named = |field: &Field| {
            snake(&field.name) == key || Docs::read(&field.docs).alias.as_deref() == Some(key)
        };
        record.fields.iter().any(named)
    };
    if let Some(unknown) = given.keys().find(|key| !known(key)) {
        let cut: String = unknown.chars().take(QUOTED_CHARACTERS_MAX).collect();
        return Err(invalid(&below(&cut), unknown_field(&cut, &names(record))));
    }
    let mut fields = Vec::with_capacity(record.fields.len());
    for field in &record.fields {
        let docs = Docs::read(&field.docs);
        let name = snake(&field.name);
        let given = take(given, &name, docs.alias.as_deref()).map_err(|alias| {
            invalid(
                &below(alias),
                format!("`{alias}` is another name of `{name}`, and both were given: leave one out"),
            )
        })?;
        let optional = match resolved(field.ty) {
            Some(TypeDefKind::Option(inner)) => Some(*inner),
            _ => None,
        };
        let clears = optional.is_some_and(|inner| matches!(resolved(inner), Some(TypeDefKind::Option(_))));
        let value = match (given, optional) {
            (None, Some(_)) => Val::Option(None),
            (Some((_, Value::Null)), Some(_)) if clears => Val::Option(Some(Box::new(Val::Option(None)))),
            (Some((_, Value::Null)), Some(_)) => Val::Option(None),
            (None | Some((_, Value::Null)), None) => {
                return Err(invalid(
                    &below(&name),
                    format!("`{name}` is required, and is missing: {}", mend(&docs)),
                ));
            }
            (Some((key, value)), _) => read(field.ty, value, &below(key), &docs)?,
        };
        fields.push((field.name.clone(), value));
    }
    Ok(Val::Record(fields))
}

fn mend(docs: &Docs) -> String {
    if docs.text.is_empty() {
        "give it".to_owned()
    } else {
        format!("give it. {}", docs.text)
    }
}

/// The field under its name or its alias, with the name that was used. Error: both are there.
fn take<'a>(
    given: &'a Map<String, Value>,
    name: &'a str,
    alias: Option<&'a str>,
) -> Result<Option<(&'a str, &'a Value)>, &'a str> {
    let own = given.get(name).map(|value| (name, value));
    let other = alias.and_then(|alias| given.get(alias).map(|value| (alias, value)));
    match (own, other) {
        (Some((_, value)), Some((alias, other))) if !value.is_null() && !other.is_null() => Err(alias),
        (Some((_, Value::Null)), Some(other)) => Ok(Some(other)),
        (Some(own), _) => Ok(Some(own)),
        (None, other) => Ok(other),
    }
}

fn names(record: &Record) -> Vec<String> {
    record.fields.iter().map(|field| snake(&field.name)).collect()
}

fn unknown_field(unknown: &str, known: &[String]) -> String {
    let wanted = normal(unknown);
    let near: Vec<String> = known
        .iter()
        .filter(|name| letters_apart(&wanted, name) <= MISSPELT_LETTERS_MAX.min(name.len() / 2))
        .map(|name| format!("`{name}`"))
        .collect();
    if near.is_empty() {
        format!(
            "there is no field `{unknown}` here: the fields are {}",
            known.join(", ")
        )
    } else {
        format!(
            "there is no field `{unknown}` here: did you mean {}?",
            near.join(" or ")
        )
    }
}

/// How many letters must be changed, added or removed to make one word of the other.
fn letters_apart(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, candidate) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *candidate);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}
