//! Reading JSON more strictly than derived code does, and borrowing where it owns.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

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

/// A string, borrowed unless it has escapes; null is an empty one, as services write it.
#[derive(Default, PartialEq)]
pub(crate) struct Text<'a>(Cow<'a, str>);

impl Text<'_> {
    pub(crate) fn into_owned(self) -> String {
        self.0.into_owned()
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Text::default())
            }
        }

        deserializer.deserialize_any(TextVisitor)
    }
}

/// A list of at most [`MAX_LIST`] elements; null is an empty one. Ten times what a request can ask for: more would be memory
/// for an answer that cannot be ours.
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

pub(crate) const MAX_LIST: usize = 1_000;

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {MAX_LIST} elements")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(List::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(element) = seq.next_element()? {
                    if list.len() == MAX_LIST {
                        return Err(serde::de::Error::invalid_length(MAX_LIST + 1, &self));
                    }
                    // Grows by a third: doubling could take three times what is needed for a moment.
                    if list.len() == list.capacity() {
                        list.reserve_exact(list.len() / 3 + 1);
                    }
                    list.push(element);
                }
                Ok(List(list))
            }
        }

        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

/// An integer, written as a number or as a string; anything else is none, and no error.
#[derive(Clone, Copy)]
pub(crate) struct Integer {
    pub(crate) number: Option<i64>,
    /// Whether it says nothing: null, 0, or an empty string.
    pub(crate) blank: bool,
}

impl Integer {
    pub(crate) const NONE: Self = Self { number: None, blank: true };

    fn new(number: Option<i64>) -> Self {
        Self { number, blank: number == Some(0) }
    }
}

/// Any value, of which only matters whether it says anything: null, `""`, `{}` and `[]` do not.
pub(crate) struct Blank(pub(crate) bool);

impl<'de> Deserialize<'de> for Blank {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BlankVisitor;

        impl<'de> Visitor<'de> for BlankVisitor {
            type Value = Blank;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_unit<E>(self) -> Result<Blank, E> {
                Ok(Blank(true))
            }

            fn visit_str<E>(self, text: &str) -> Result<Blank, E> {
                Ok(Blank(text.is_empty()))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Blank, E> {
                Ok(Blank(false))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Blank, E> {
                Ok(Blank(false))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Blank, E> {
                Ok(Blank(false))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Blank, E> {
                Ok(Blank(false))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Blank, A::Error> {
                let mut blank = true;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    blank = false;
                }
                Ok(Blank(blank))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Blank, A::Error> {
                let mut blank = true;
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    blank = false;
                }
                Ok(Blank(blank))
            }
        }

        deserializer.deserialize_any(BlankVisitor)
    }
}

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IntegerVisitor;

        impl<'de> Visitor<'de> for IntegerVisitor {
            type Value = Integer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_i64<E>(self, number: i64) -> Result<Integer, E> {
                Ok(Integer::new(Some(number)))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Integer, E> {
                Ok(Integer::new(number.try_into().ok()))
            }

            fn visit_str<E>(self, text: &str) -> Result<Integer, E> {
                Ok(Integer { number: text.parse().ok(), blank: text.is_empty() })
            }

            fn visit_f64<E>(self, _: f64) -> Result<Integer, E> {
                Ok(Integer::new(None))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Integer, E> {
                Ok(Integer::new(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Integer, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Integer::new(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Integer, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Integer::new(None))
            }
        }

        deserializer.deserialize_any(IntegerVisitor)
    }
}
