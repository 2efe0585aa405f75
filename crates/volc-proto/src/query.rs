//! Parameters as canonical text, which is also the wire text.
//!
//! Knows names, values and percent signs; never meets an action or a secret. There is one encoder: what is signed is,
//! byte for byte, what is sent, so that the two cannot disagree.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

/// Everything but RFC 3986's unreserved characters is escaped
/// ([signature document](https://www.volcengine.com/docs/6369/67270)).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Stands before the text, so that a finished query is a request target without another copy.
const TARGET: &[u8] = b"/?";

/// Room for 100 image IDs of the usual length, twice over: one allocation serves nearly every action.
const CAPACITY: usize = 8 * 1024;

/// Query parameters, canonical at every moment: names and values escaped after RFC 3986 (a blank is `%20`), sorted by
/// raw name in byte order, equal names in the order they were pushed.
///
/// ```
/// let mut query = volc_proto::Query::new();
/// query.push("Version", "2020-04-01");
/// query.push("Action", "DeleteImages");
/// query.push("Note", "a b");
/// assert_eq!(query.as_str(), "Action=DeleteImages&Note=a%20b&Version=2020-04-01");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Query {
    /// `/?` and the canonical text, all ASCII.
    target: Vec<u8>,
    /// Where the last parameter starts: parameters that come in order are appended without a search.
    last: usize,
}

impl Query {
    /// An empty query, with 8 KiB of room: nearly every action fits into it.
    pub fn new() -> Self {
        let mut target = Vec::with_capacity(CAPACITY);
        target.extend_from_slice(TARGET);
        Self { target, last: TARGET.len() }
    }

    /// Adds one parameter, raw: it is escaped here and nowhere else. Any bytes are allowed.
    pub fn push(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let (name, value) = (name.as_ref(), value.as_ref());
        if self.ends_before(name.iter().copied()) {
            self.start_last();
            write_pair(&mut self.target, name, value);
        } else {
            self.insert(name, value);
        }
    }

    /// Adds `name.1`, `name.2`, … in the order of `values`, the way the service spells lists. An empty list adds nothing.
    ///
    /// ```
    /// let mut query = volc_proto::Query::new();
    /// query.push_list("ImageIds", &["image-a", "image-b"]);
    /// assert_eq!(query.as_str(), "ImageIds.1=image-a&ImageIds.2=image-b");
    /// ```
    pub fn push_list(&mut self, name: &str, values: &[impl AsRef<str>]) {
        self.write_list(name, values, write_escaped);
    }

    /// As [`push_list`](Self::push_list), for a name and values that are known to need no escape: they are copied.
    pub(crate) fn push_plain_list(&mut self, name: &'static str, values: &[impl AsRef<str>]) {
        debug_assert!(values.iter().map(AsRef::as_ref).chain([name]).all(|text| is_unreserved(text.as_bytes())));
        self.write_list(name, values, Vec::extend_from_slice);
    }

    fn write_list(&mut self, name: &str, values: &[impl AsRef<str>], write: fn(&mut Vec<u8>, &[u8])) {
        let mut digits = itoa::Buffer::new();
        // The names ascend: where the first one goes to the end, so do the others.
        if self.ends_before(name.bytes().chain(*b".1")) {
            for number in lexicographic(values.len()) {
                self.start_last();
                write(&mut self.target, name.as_bytes());
                self.target.push(b'.');
                self.target.extend_from_slice(digits.format(number).as_bytes());
                self.target.push(b'=');
                write(&mut self.target, values[number - 1].as_ref().as_bytes());
            }
        } else {
            for number in lexicographic(values.len()) {
                self.insert([name, ".", digits.format(number)].concat().as_bytes(), values[number - 1].as_ref().as_bytes());
            }
        }
    }

    /// Reads the query part of a URI: what [`Query`] writes, and whatever else clients send. `+` and `%20` are blanks, a
    /// parameter without `=` has an empty value, and a `%` that starts no escape stands for itself.
    pub fn parse(text: &str) -> Self {
        decode(text).collect()
    }

    /// The canonical text, without a leading `?`.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.target[TARGET.len()..]).expect("what is written is ASCII")
    }

    /// Whether there is no parameter.
    pub fn is_empty(&self) -> bool {
        self.target.len() == TARGET.len()
    }

    /// Name and value of every parameter, raw, in canonical order.
    pub fn iter(&self) -> impl Iterator<Item = (Cow<'_, [u8]>, Cow<'_, [u8]>)> {
        decode(self.as_str())
    }

    /// The value of the first parameter of this name, raw; `None` where there is none.
    ///
    /// ```
    /// let query = volc_proto::Query::parse("Action=DeleteImages&Note=a+b");
    /// assert_eq!(query.first("Note").as_deref(), Some(&b"a b"[..]));
    /// ```
    pub fn first(&self, name: impl AsRef<[u8]>) -> Option<Cow<'_, [u8]>> {
        self.iter().find(|(n, _)| **n == *name.as_ref()).map(|(_, value)| value)
    }

    /// `/?` and the text: the request target of an action.
    pub(crate) fn into_target(self) -> Vec<u8> {
        self.target
    }

    /// Whether a parameter of this name belongs behind all that are there.
    fn ends_before(&self, name: impl Iterator<Item = u8>) -> bool {
        order(&self.target[self.last..], name) != Ordering::Greater
    }

    /// From here on, what is written is the last parameter.
    fn start_last(&mut self) {
        if !self.is_empty() {
            self.target.push(b'&');
        }
        self.last = self.target.len();
    }

    /// The slow path: the parameter goes behind the last one whose name is not greater.
    fn insert(&mut self, name: &[u8], value: &[u8]) {
        let mut at = TARGET.len();
        for pair in self.target[TARGET.len()..].split(|b| *b == b'&') {
            if order(pair, name.iter().copied()) == Ordering::Greater {
                break;
            }
            at += pair.len() + 1;
        }
        if at > self.target.len() {
            self.start_last();
            return write_pair(&mut self.target, name, value);
        }
        let mut text = Vec::new();
        write_pair(&mut text, name, value);
        text.push(b'&');
        self.last += text.len();
        self.target.splice(at..at, text);
    }
}

/// How the raw name of a written parameter compares with a raw name.
fn order(pair: &[u8], name: impl Iterator<Item = u8>) -> Ordering {
    let escaped = pair.split(|b| *b == b'=').next().unwrap_or_default();
    percent_decode(escaped).cmp(name)
}

impl Default for Query {
    fn default() -> Self {
        Self::new()
    }
}

/// Sorts once, whatever the order and the number of the pairs.
impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Query {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut pairs: Vec<_> = pairs.into_iter().collect();
        pairs.sort_by(|(a, _), (b, _)| a.as_ref().cmp(b.as_ref()));
        let mut query = Self::new();
        for (name, value) in pairs {
            query.push(name, value);
        }
        query
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Query").field(&self.as_str()).finish()
    }
}

fn write_pair(text: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    write_escaped(text, name);
    text.push(b'=');
    write_escaped(text, value);
}

/// Escapes `bytes` onto `text`. Names and IDs need no escape nearly always: they are recognised at once and copied.
pub(crate) fn write_escaped(text: &mut Vec<u8>, bytes: &[u8]) {
    if is_unreserved(bytes) {
        text.extend_from_slice(bytes);
    } else {
        percent_encode(bytes, ESCAPED).for_each(|piece| text.extend_from_slice(piece.as_bytes()));
    }
}

fn is_unreserved(bytes: &[u8]) -> bool {
    // `&`, and not a way out at the first one: half the instructions.
    bytes.iter().fold(true, |all, b| all & UNRESERVED[usize::from(*b)])
}

/// What [`ESCAPED`] leaves alone, by byte.
const UNRESERVED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = matches!(byte as u8, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    table
};

/// The parameters of a query as clients write them, in wire order, raw.
pub(crate) fn decode(text: &str) -> impl Iterator<Item = (Cow<'_, [u8]>, Cow<'_, [u8]>)> {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (unescape(name), unescape(value))
    })
}

fn unescape(text: &str) -> Cow<'_, [u8]> {
    match text.contains('+') {
        true => Cow::Owned(percent_decode(text.replace('+', " ").as_bytes()).collect()),
        false => percent_decode(text.as_bytes()).into(),
    }
}

/// 1 to `count` in the order of their decimal spellings: 1, 10, 100, 11, 12, …, 2, 20, …
fn lexicographic(count: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(1), move |&number: &usize| {
        if number.checked_mul(10).is_some_and(|deeper| deeper <= count) {
            return Some(number * 10);
        }
        let mut next = number;
        while next % 10 == 9 || next == count {
            next /= 10;
        }
        Some(next + 1)
    })
    .take(count) // the last one would lead back to the first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_in_the_order_of_their_spellings() {
        for count in [0, 1, 2, 9, 10, 11, 19, 20, 99, 100, 101, 999, 1000, 1234] {
            let mut spelled: Vec<String> = (1..=count).map(|n| n.to_string()).collect();
            spelled.sort();
            let walked: Vec<String> = lexicographic(count).map(|n| n.to_string()).collect();
            assert_eq!(walked, spelled, "{count}");
        }
    }

    #[test]
    fn what_is_copied_is_what_needs_no_escape() {
        for byte in 0..=u8::MAX {
            let escaped: String = percent_encode(&[byte], ESCAPED).collect();
            assert_eq!(UNRESERVED[usize::from(byte)], escaped.as_bytes() == [byte], "{byte}");
        }
    }

    #[test]
    fn a_list_is_sorted_by_name_and_not_by_number() {
        let values: Vec<String> = (1..=11).map(|n| n.to_string()).collect();
        let mut query = Query::new();
        query.push_list("ImageIds", &values);
        assert!(query.as_str().starts_with("ImageIds.1=1&ImageIds.10=10&ImageIds.11=11&ImageIds.2=2&"), "{query}");
    }

    #[test]
    fn equal_names_keep_their_order_wherever_they_are_pushed() {
        let mut query = Query::new();
        for (name, value) in [("b", "1"), ("a", "2"), ("b", "3"), ("a", "4"), ("c", "5"), ("b", "6")] {
            query.push(name, value);
        }
        assert_eq!(query.as_str(), "a=2&a=4&b=1&b=3&b=6&c=5");
    }

    #[test]
    fn names_are_compared_raw() {
        // Encoded, `a%2F` < `a-`; raw, `a-` < `a/`.
        let query: Query = [("a/", "1"), ("a-", "2")].into_iter().collect();
        assert_eq!(query.as_str(), "a-=2&a%2F=1");
    }

    #[test]
    fn what_other_clients_write_is_read() {
        let pairs: Vec<_> = decode("a=b+c%20d&&e&f=&g=%2B%zz%e4")
            .map(|(n, v)| (String::from_utf8_lossy(&n).into_owned(), v.into_owned()))
            .collect();
        let expected: [(&str, &[u8]); 4] = [("a", b"b c d"), ("e", b""), ("f", b""), ("g", b"+%zz\xe4")];
        assert_eq!(pairs.len(), expected.len());
        for ((name, value), (n, v)) in pairs.iter().zip(expected) {
            assert_eq!((name.as_str(), value.as_slice()), (n, v));
        }
    }
}
