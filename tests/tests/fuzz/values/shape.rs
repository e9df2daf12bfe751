//! What the canonical ABI needs to know of a type besides its size.

use wit_parser::{Int, Type, TypeDefKind};

use super::guest::Contract;

/// The tag and the payloads of what has cases.
pub(super) fn cases(kind: &TypeDefKind) -> (Int, Vec<Option<Type>>) {
    match kind {
        TypeDefKind::Option(some) => (Int::U8, vec![None, Some(*some)]),
        TypeDefKind::Result(result) => (Int::U8, vec![result.ok, result.err]),
        TypeDefKind::Variant(variant) => (variant.tag(), variant.cases.iter().map(|case| case.ty).collect()),
        other => panic!("the contract has a {}", other.as_str()),
    }
}

/// How many flat values a type has.
pub(super) fn width(contract: &Contract, kind: &Type) -> usize {
    let Type::Id(id) = kind else {
        return if *kind == Type::String { 2 } else { 1 };
    };
    match &contract.resolve.types[*id].kind {
        TypeDefKind::Type(inner) => width(contract, inner),
        TypeDefKind::List(_) => 2,
        TypeDefKind::Record(record) => record.fields.iter().map(|field| width(contract, &field.ty)).sum(),
        TypeDefKind::Enum(_) => 1,
        other => {
            let (_, cases) = cases(other);
            1 + cases
                .iter()
                .flatten()
                .map(|kind| width(contract, kind))
                .max()
                .unwrap_or(0)
        }
    }
}
