//! From the component's values to JSON.

use serde_json::{Map, Value};
use wasmtime::component::Val;

use super::snake;

/// A value as JSON: names and enum cases with `_`, fields that are none left out.
pub(super) fn write(value: Val) -> Value {
    match value {
        Val::Bool(value) => value.into(),
        Val::S8(value) => value.into(),
        Val::U8(value) => value.into(),
        Val::S16(value) => value.into(),
        Val::U16(value) => value.into(),
        Val::S32(value) => value.into(),
        Val::U32(value) => value.into(),
        Val::S64(value) => value.into(),
        Val::U64(value) => value.into(),
        Val::Float32(value) => value.into(),
        Val::Float64(value) => value.into(),
        Val::Char(value) => value.to_string().into(),
        Val::String(value) => value.into(),
        Val::List(values) | Val::Tuple(values) => values.into_iter().map(write).collect(),
        Val::Record(fields) => fields
            .into_iter()
            .filter(|(_, value)| !matches!(value, Val::Option(None)))
            .map(|(name, value)| (snake(&name), write(value)))
            .collect::<Map<_, _>>()
            .into(),
        Val::Enum(case) => snake(&case).into(),
        Val::Variant(case, None) => snake(&case).into(),
        Val::Variant(case, Some(value)) => Map::from_iter([(snake(&case), write(*value))]).into(),
        Val::Option(value) => value.map_or(Value::Null, |value| write(*value)),
        Val::Flags(names) => names.iter().map(|name| Value::from(snake(name))).collect(),
        Val::Result(Ok(value) | Err(value)) => value.map_or(Value::Null, |value| write(*value)),
        // Handles and streams: the contract has none, and they mean nothing outside.
        _ => Value::Null,
    }
}
