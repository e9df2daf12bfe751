//! From JSON to the component's values. Liberal in spelling, strict in meaning: what cannot be
//! read is refused with the field's path, what was expected, what came, and how to mend it.

use std::fmt::Display;

use serde_json::Value;
use wasmtime::component::Val;
use wit_parser::{Enum, Type, TypeDefKind};

use super::docs::Docs;
use super::records::record;
use super::{CONTRACT, invalid, snake};
use crate::service::CallError;

/// Characters of a refused text that the error repeats.
pub(super) const QUOTED_CHARACTERS_MAX: usize = 60;

/// Reads a function's request.
pub(super) fn read_request(request: Type, arguments: &Value) -> Result<Val, CallError> {
    read(request, arguments, "", &Docs::default())
}

/// Reads a value of any type the contract has.
pub(super) fn read(wanted: Type, value: &Value, path: &str, docs: &Docs) -> Result<Val, CallError> {
    match wanted {
        Type::Bool => match value {
            Value::Bool(value) => Ok(Val::Bool(*value)),
            Value::String(word) if word.eq_ignore_ascii_case("true") => Ok(Val::Bool(true)),
            Value::String(word) if word.eq_ignore_ascii_case("false") => Ok(Val::Bool(false)),
            _ => Err(refused(
                path,
                "true or false",
                value,
                "give the bare word true or false",
            )),
        },
        Type::U8 => integer(value, path, docs, 0, u8::MAX.into(), |v| {
            u8::try_from(v).ok().map(Val::U8)
        }),
        Type::U16 => integer(value, path, docs, 0, u16::MAX.into(), |v| {
            u16::try_from(v).ok().map(Val::U16)
        }),
        Type::U32 => integer(value, path, docs, 0, u32::MAX.into(), |v| {
            u32::try_from(v).ok().map(Val::U32)
        }),
        Type::U64 => integer(value, path, docs, 0, u64::MAX.into(), |v| {
            u64::try_from(v).ok().map(Val::U64)
        }),
        Type::S8 => integer(value, path, docs, i8::MIN.into(), i8::MAX.into(), |v| {
            i8::try_from(v).ok().map(Val::S8)
        }),
        Type::S16 => integer(value, path, docs, i16::MIN.into(), i16::MAX.into(), |v| {
            i16::try_from(v).ok().map(Val::S16)
        }),
        Type::S32 => integer(value, path, docs, i32::MIN.into(), i32::MAX.into(), |v| {
            i32::try_from(v).ok().map(Val::S32)
        }),
        Type::S64 => integer(value, path, docs, i64::MIN.into(), i64::MAX.into(), |v| {
            i64::try_from(v).ok().map(Val::S64)
        }),
        Type::F32 | Type::F64 => float(wanted, value, path, docs),
        Type::String => string(value, path, docs),
        Type::Id(id) => match &CONTRACT.types[id].kind {
            TypeDefKind::Type(inner) => read(*inner, value, path, docs),
            TypeDefKind::Record(fields) => record(fields, value, path),
            TypeDefKind::Enum(cases) => enumeration(cases, value, path),
            TypeDefKind::List(entry) => list(*entry, value, path, docs),
            // A present null reaches an option only where null has a meaning of its own.
            TypeDefKind::Option(_) if value.is_null() => Ok(Val::Option(None)),
            TypeDefKind::Option(inner) => Ok(Val::Option(Some(Box::new(read(*inner, value, path, docs)?)))),
            other => Err(invalid(
                path,
                format!("a {} cannot be given as JSON", other.as_str()),
            )),
        },
        Type::Char | Type::ErrorContext => Err(invalid(path, "this field cannot be given as JSON")),
    }
}

/// Expected, got, and how to mend it.
pub(super) fn refused(path: &str, expected: impl Display, got: &Value, mend: impl Display) -> CallError {
    invalid(
        path,
        format!("expected {expected}, got {}: {mend}", describe(got)),
    )
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => {
            let cut: String = text.chars().take(QUOTED_CHARACTERS_MAX).collect();
            let more = if cut.len() < text.len() { "…" } else { "" };
            format!("the text \"{cut}{more}\"")
        }
        Value::Array(entries) => format!("a list of {}", entries.len()),
        Value::Object(_) => "an object".to_owned(),
    }
}

fn integer(
    value: &Value,
    path: &str,
    docs: &Docs,
    least: i128,
    greatest: i128,
    make: impl Fn(i128) -> Option<Val>,
) -> Result<Val, CallError> {
    let (least, greatest) = docs.range.map_or((least, greatest), |(a, b)| {
        (least.max(a.into()), greatest.min(b.into()))
    });
    let expected = format!("a whole number from {least} to {greatest}");
    let Some(number) = whole(value) else {
        return Err(refused(
            path,
            expected,
            value,
            "give the digits, without quotes, unit or fraction",
        ));
    };
    let fits = (least..=greatest).contains(&number);
    fits.then(|| make(number))
        .flatten()
        .ok_or_else(|| refused(path, expected, value, "give a number within these bounds"))
}

/// A whole number, also one that is written `5.0`.
fn whole(value: &Value) -> Option<i128> {
    let number = value.as_number()?;
    if let Some(number) = number.as_i128() {
        return Some(number);
    }
    let number = number.as_f64()?;
    // A cast from floating point saturates, so that even 1e300 only falls out of bounds.
    #[allow(clippy::cast_possible_truncation)]
    (number.fract() == 0.0).then_some(number as i128)
}

fn float(wanted: Type, value: &Value, path: &str, docs: &Docs) -> Result<Val, CallError> {
    let expected = docs.range.map_or("a number".to_owned(), |(least, greatest)| {
        format!("a number from {least} to {greatest}")
    });
    let Some(number) = value.as_f64().filter(|number| number.is_finite()) else {
        return Err(refused(
            path,
            expected,
            value,
            "give a plain number, without quotes or unit",
        ));
    };
    #[allow(clippy::cast_precision_loss)]
    if docs
        .range
        .is_some_and(|(least, greatest)| number < least as f64 || number > greatest as f64)
    {
        return Err(refused(
            path,
            expected,
            value,
            "give a number within these bounds",
        ));
    }
    #[allow(clippy::cast_possible_truncation)]
    let narrow = number as f32;
    Ok(if wanted == Type::F32 {
        Val::Float32(narrow)
    } else {
        Val::Float64(number)
    })
}

fn string(value: &Value, path: &str, docs: &Docs) -> Result<Val, CallError> {
    let Value::String(text) = value else {
        return Err(refused(path, "a text", value, "give it as a string in quotes"));
    };
    if let Some((least, greatest)) = docs.length {
        let characters = text.chars().count() as u64;
        if !(least..=greatest).contains(&characters) {
            let mend = if characters < least {
                "say something"
            } else {
                "shorten it"
            };
            let message = format!("expected {least} to {greatest} characters, got {characters}: {mend}");
            return Err(invalid(path, message));
        }
    }
    Ok(Val::String(text.clone()))
}

/// Letters, whatever their case, and whatever joins the words.
pub(super) fn normal(word: &str) -> String {
    word.trim().to_ascii_lowercase().replace(['-', ' '], "_")
}

fn enumeration(cases: &Enum, value: &Value, path: &str) -> Result<Val, CallError> {
    let word = value.as_str().map(normal);
    let case = cases
        .cases
        .iter()
        .find(|case| word.as_ref() == Some(&normal(&case.name)));
    if let Some(case) = case {
        return Ok(Val::Enum(case.name.clone()));
    }
    let known: Vec<String> = cases.cases.iter().map(|case| snake(&case.name)).collect();
    let expected = format!("one of {}", known.join(", "));
    Err(refused(path, expected, value, "give one of these words"))
}

fn list(entry: Type, value: &Value, path: &str, docs: &Docs) -> Result<Val, CallError> {
    let unpacked = unpack(value, |inner| {
        let entries = inner
            .as_array()
            .is_some_and(|entries| !is_string(entry) || entries.iter().all(Value::is_string));
        entries || (inner.is_object() && is_record(entry))
    });
    let value = unpacked.as_ref().unwrap_or(value);
    let of_entries = docs.of_entries();
    let Value::Array(entries) = value else {
        // A lone value stands for a list of one, under the list's own name.
        return Ok(Val::List(vec![read(entry, value, path, &of_entries)?]));
    };
    if let Some((least, greatest)) = docs.items {
        let count = entries.len() as u64;
        if !(least..=greatest).contains(&count) {
            let mend = if count < least {
                "name at least that many"
            } else {
                "leave some out"
            };
            let message = format!("expected a list of {least} to {greatest} entries, got {count}: {mend}");
            return Err(invalid(path, message));
        }
    }
    let read = |(at, value)| read(entry, value, &format!("{path}[{at}]"), &of_entries);
    Ok(Val::List(
        entries.iter().enumerate().map(read).collect::<Result<_, _>>()?,
    ))
}

/// JSON that was given as text, where it is of the kind that is wanted.
pub(super) fn unpack(value: &Value, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
    let text = value.as_str()?.trim_start();
    if !text.starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str(text).ok().filter(wanted)
}

/// What a type is behind its other names; none for the plain ones.
pub(super) fn resolved(wanted: Type) -> Option<&'static TypeDefKind> {
    let Type::Id(id) = wanted else { return None };
    match &CONTRACT.types[id].kind {
        TypeDefKind::Type(inner) => resolved(*inner),
        kind => Some(kind),
    }
}

fn is_record(wanted: Type) -> bool {
    matches!(resolved(wanted), Some(TypeDefKind::Record(_)))
}

fn is_string(wanted: Type) -> bool {
    match wanted {
        Type::Id(id) => matches!(&CONTRACT.types[id].kind, TypeDefKind::Type(inner) if is_string(*inner)),
        other => other == Type::String,
    }
}
