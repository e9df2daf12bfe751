//! Values of the contract's types made up by bytes, through their own reader: no field is named
//! here but those whose values should meet, such as ids.

use serde::de::value::{Error, StrDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, SeqAccess, VariantAccess,
    Visitor,
};

use crate::bytes::Bytes;

const IDS: [&str; 5] = ["a", "b", "c", "r1", "r2"];
const TEXTS: [&str; 12] = [
    "", "ada", "agent", "k", "x y", "title", "ß", "a\0b", "'", "\"%_", "🦀", "TITLE",
];

/// Entries of a list.
const ENTRIES_MAX: usize = 4;

/// A value of any type of the contract.
pub(crate) fn any<T: DeserializeOwned>(bytes: &mut Bytes<'_>) -> T {
    T::deserialize(Maker { bytes, field: "" }).unwrap_or_else(|error| panic!("{error}"))
}

/// Stands where a document to be read would.
struct Maker<'m, 'b> {
    bytes: &'m mut Bytes<'b>,
    /// The field that the value is for.
    field: &'static str,
}

impl<'b> Maker<'_, 'b> {
    fn of(&mut self, field: &'static str) -> Maker<'_, 'b> {
        Maker {
            bytes: self.bytes,
            field,
        }
    }

    fn text(self) -> String {
        let id = [
            "id",
            "job",
            "run",
            "dependent",
            "prerequisite",
            "open_run",
            "after",
        ]
        .contains(&self.field);
        if self.bytes.chance(2) {
            self.bytes.text()
        } else if id || self.field == "0" {
            (*self.bytes.pick(&IDS)).to_owned()
        } else {
            (*self.bytes.pick(&TEXTS)).to_owned()
        }
    }

    /// Mostly small, so that rows meet; sometimes any.
    fn number(self) -> u64 {
        if self.bytes.chance(2) {
            self.bytes.number()
        } else {
            u64::from(self.bytes.byte() % 5)
        }
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $kind:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]
            visitor.$visit(self.number() as $kind)
        }
    )*};
}

impl<'de> serde::Deserializer<'de> for Maker<'_, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::custom("the contract has no value of any type"))
    }

    numbers! {
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_u8 visit_u8 u8;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.bytes.byte() % 2 == 1)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        // What is no number is refused at the component's imports.
        let number = self.bytes.float();
        visitor.visit_f64(if number.is_finite() { number } else { 0.5 })
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.text())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.bytes.chance(7) {
            visitor.visit_some(self)
        } else {
            visitor.visit_none()
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        let left = self.bytes.below(ENTRIES_MAX);
        let field = self.field;
        visitor.visit_seq(Entries {
            fields: std::iter::repeat_n(field, left).collect::<Vec<_>>().into_iter(),
            maker: self.of(field),
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_seq(Entries {
            fields: Vec::from(fields).into_iter(),
            maker: self.of(""),
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let variant = *self.bytes.pick(variants);
        visitor.visit_enum(Case { variant, maker: self })
    }

    serde::forward_to_deserialize_any! {
        i8 i16 u16 f32 char str bytes byte_buf unit_struct newtype_struct tuple tuple_struct map identifier
        ignored_any
    }
}

/// The fields of a record, or the entries of a list.
struct Entries<'m, 'b> {
    fields: std::vec::IntoIter<&'static str>,
    maker: Maker<'m, 'b>,
}

impl<'de> SeqAccess<'de> for Entries<'_, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(field) = self.fields.next() else {
            return Ok(None);
        };
        seed.deserialize(self.maker.of(field)).map(Some)
    }
}

/// One case of a variant or an enum.
struct Case<'m, 'b> {
    variant: &'static str,
    maker: Maker<'m, 'b>,
}

impl<'de, 'm, 'b> EnumAccess<'de> for Case<'m, 'b> {
    type Error = Error;
    type Variant = Maker<'m, 'b>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Maker<'m, 'b>), Error> {
        let name: StrDeserializer<'_, Error> = self.variant.into_deserializer();
        Ok((seed.deserialize(name)?, self.maker))
    }
}

impl<'de> VariantAccess<'de> for Maker<'_, '_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::custom("the contract has no case with several values"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        Err(Error::custom("the contract has no case with fields"))
    }
}
