//! Reading JSON more strictly than derived code does, and borrowing where it owns.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, MapDeserializer};
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A `T` read from a JSON object. Derived code would take an array for a struct as well.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Object<T> {
    /// A `T` read from `{}`.
    pub(crate) fn empty() -> Result<T, serde_json::Error> {
        T::deserialize(MapDeserializer::new(std::iter::empty::<(&str, &str)>()))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

/// A string, borrowed unless it has escapes. An `Option<Cow<str>>` would always own it.
#[derive(Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// An integer, written as a number or as a string; anything else is none, and no error.
pub(crate) struct Integer(pub(crate) Option<i64>);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IntegerVisitor;

        impl<'de> Visitor<'de> for IntegerVisitor {
            type Value = Integer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_i64<E>(self, number: i64) -> Result<Integer, E> {
                Ok(Integer(Some(number)))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Integer, E> {
                Ok(Integer(number.try_into().ok()))
            }

            fn visit_str<E>(self, text: &str) -> Result<Integer, E> {
                Ok(Integer(text.parse().ok()))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Integer, E> {
                Ok(Integer(None))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Integer, E> {
                Ok(Integer(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Integer, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Integer(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Integer, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Integer(None))
            }
        }

        deserializer.deserialize_any(IntegerVisitor)
    }
}
