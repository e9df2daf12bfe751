//! Parameters of statements that are put together from parts.

use tokio_postgres::types::{ToSql, Type};

use super::text;

/// A parameter.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    MaybeText(Option<String>),
    Texts(Vec<String>),
    Int(i64),
    MaybeInt(Option<i64>),
    Ints(Vec<i64>),
    Bytes(Vec<u8>),
}

impl Value {
    /// A text as it is stored.
    pub(super) fn text(value: &str) -> Self {
        Self::Text(text::stored(value).into_owned())
    }

    pub(super) fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let stored = |value| text::stored(value).into_owned();
        Self::Texts(values.into_iter().map(stored).collect())
    }

    /// The type that Postgres is told.
    pub(super) fn kind(&self) -> Type {
        match self {
            Self::Text(_) | Self::MaybeText(_) => Type::TEXT,
            Self::Texts(_) => Type::TEXT_ARRAY,
            Self::Int(_) | Self::MaybeInt(_) => Type::INT8,
            Self::Ints(_) => Type::INT8_ARRAY,
            Self::Bytes(_) => Type::BYTEA,
        }
    }

    pub(super) fn parameter(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Text(value) => value,
            Self::MaybeText(value) => value,
            Self::Texts(values) => values,
            Self::Int(value) => value,
            Self::MaybeInt(value) => value,
            Self::Ints(values) => values,
            Self::Bytes(value) => value,
        }
    }
}
