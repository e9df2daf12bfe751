//! JSON Schemas of the contract's records, written so that every client's reader of schemas
//! takes them: inline, one type per field, no references and no alternatives.

use serde_json::{Map, Value, json};
use wit_parser::{Record, Type, TypeDefKind};

use super::docs::Docs;
use super::{CONTRACT, Function, snake};

/// Which way the values go.
#[derive(Clone, Copy, PartialEq)]
enum Direction {
    /// Given by a caller: checked strictly, explained in full.
    Input,
    /// Given by the component: may grow.
    Output,
}

/// The schema of a function's request.
#[must_use]
pub fn input_schema(function: &Function) -> Map<String, Value> {
    let schema = function
        .request()
        .map(|request| schema(request, Direction::Input, &Docs::default()));
    object(schema.unwrap_or_else(|| json!({ "type": "object" })))
}

/// The schema of a function's answer: the ok-record, or `error`.
#[must_use]
pub fn output_schema(function: &Function) -> Map<String, Value> {
    let of = |wanted: Option<Type>| {
        wanted.map_or_else(
            || json!({ "type": "object" }),
            |wanted| schema(wanted, Direction::Output, &Docs::default()),
        )
    };
    let (ok, error) = function.result();
    let mut answer = object(of(ok));
    // An answer is either the record or an error, and a schema without alternatives cannot
    // say more than that each field may be absent.
    answer.remove("required");
    let mut error = of(error);
    error["description"] = json!("Only when the call failed.");
    let properties = answer.entry("properties").or_insert_with(|| json!({}));
    properties["error"] = error;
    answer
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn schema(wanted: Type, direction: Direction, docs: &Docs) -> Value {
    match wanted {
        Type::Bool => json!({ "type": "boolean" }),
        Type::F32 | Type::F64 => numeric("number", None, docs),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => numeric("integer", Some(0), docs),
        Type::S8 | Type::S16 | Type::S32 | Type::S64 => numeric("integer", None, docs),
        Type::String | Type::Char | Type::ErrorContext => {
            let mut schema = json!({ "type": "string" });
            if let Some((least, greatest)) = docs.length {
                schema["minLength"] = least.into();
                schema["maxLength"] = greatest.into();
            }
            schema
        }
        Type::Id(id) => match &CONTRACT.types[id].kind {
            TypeDefKind::Type(inner) | TypeDefKind::Option(inner) => schema(*inner, direction, docs),
            TypeDefKind::Record(fields) => record(fields, direction),
            TypeDefKind::Enum(cases) => {
                let words: Vec<String> = cases.cases.iter().map(|case| snake(&case.name)).collect();
                json!({ "type": "string", "enum": words })
            }
            TypeDefKind::List(entry) => {
                let mut list = json!({
                    "type": "array",
                    "items": schema(*entry, direction, &docs.of_entries()),
                });
                if let Some((least, greatest)) = docs.items {
                    list["minItems"] = least.into();
                    list["maxItems"] = greatest.into();
                }
                list
            }
            _ => json!({ "type": "object" }),
        },
    }
}

fn numeric(kind: &str, least: Option<i64>, docs: &Docs) -> Value {
    let mut schema = json!({ "type": kind });
    if let Some((least, greatest)) = docs.range {
        schema["minimum"] = least.into();
        schema["maximum"] = greatest.into();
    } else if let Some(least) = least {
        schema["minimum"] = least.into();
    }
    schema
}

fn record(record: &Record, direction: Direction) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in &record.fields {
        let docs = Docs::read(&field.docs);
        let mut property = schema(field.ty, direction, &docs);
        let description = description(field.ty, direction, &docs);
        if !description.is_empty() {
            property["description"] = description.into();
        }
        if let Some(default) = &docs.default {
            property["default"] = default.clone();
        }
        if options(field.ty) == 0 {
            required.push(snake(&field.name));
        }
        properties.insert(snake(&field.name), property);
    }
    let mut schema = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    if direction == Direction::Input {
        schema["additionalProperties"] = false.into();
    }
    schema
}

/// How many options are wrapped around a type.
fn options(wanted: Type) -> usize {
    let Type::Id(id) = wanted else { return 0 };
    match &CONTRACT.types[id].kind {
        TypeDefKind::Type(inner) => options(*inner),
        TypeDefKind::Option(inner) => 1 + options(*inner),
        _ => 0,
    }
}

/// The field's comment, or else its type's; what a caller can choose is explained, too.
fn description(wanted: Type, direction: Direction, docs: &Docs) -> String {
    let mut parts = vec![docs.text.clone()];
    if docs.text.is_empty() {
        parts[0] = type_text(wanted);
    }
    if direction == Direction::Input {
        parts.extend(case_texts(wanted));
    }
    if options(wanted) > 1 {
        parts.push("null clears.".to_owned());
    }
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

fn type_text(wanted: Type) -> String {
    let Type::Id(id) = wanted else {
        return String::new();
    };
    let definition = &CONTRACT.types[id];
    let own = Docs::read(&definition.docs).text;
    match &definition.kind {
        TypeDefKind::Type(inner) | TypeDefKind::Option(inner) if own.is_empty() => type_text(*inner),
        _ => own,
    }
}

fn case_texts(wanted: Type) -> Vec<String> {
    let Type::Id(id) = wanted else { return Vec::new() };
    match &CONTRACT.types[id].kind {
        TypeDefKind::Type(inner) | TypeDefKind::Option(inner) => case_texts(*inner),
        TypeDefKind::Enum(cases) => {
            let told = cases
                .cases
                .iter()
                .map(|case| (snake(&case.name), Docs::read(&case.docs).text));
            told.filter(|(_, text)| !text.is_empty())
                .map(|(name, text)| format!("{name}: {text}"))
                .collect()
        }
        _ => Vec::new(),
    }
}
