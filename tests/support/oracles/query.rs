use volc_proto::Query;

use super::draft::Pair;

/// Holds: a query's text is the one canonical spelling of its parameters, and every half of the round trip agrees.
///
/// - It has unreserved characters, `%XX` in upper case, `=` and `&` only, and escapes nothing that needs no escape.
/// - Decoded (by a decoder of this file's own, and by `Query`), it is the parameters, stably sorted by raw name.
/// - It is a fixed point: read and written again it is the same.
/// - The order in which parameters of different names were pushed does not matter; that of equal names does.
/// - Other parameters give another text.
/// - A list is its numbered parameters.
///
/// Input: names and values in turn, each ended by a 0xFF byte; a last name without a value has an empty one.
pub fn encode_query(data: &[u8]) {
    let pairs = pairs(data);
    let query = push_all(&pairs);
    let text = query.as_str();

    let mut sorted = pairs.clone();
    sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
    assert_eq!(decode_strictly(text), sorted, "{text}");
    let read: Vec<Pair> = query.iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    assert_eq!(read, sorted, "{text}");
    assert_eq!(query.is_empty(), pairs.is_empty());

    assert_eq!(Query::parse(text).as_str(), text);
    assert_eq!(pairs.iter().map(|(name, value)| (name, value)).collect::<Query>().as_str(), text);
    assert_eq!(push_all(&sorted).as_str(), text);
    let mut descending = pairs.clone();
    descending.sort_by(|(a, _), (b, _)| b.cmp(a));
    assert_eq!(push_all(&descending).as_str(), text);

    // A few are enough: looking one up reads the whole text.
    for (name, _) in sorted.iter().rev().take(3) {
        let first = sorted.iter().find(|(other, _)| other == name).map(|(_, value)| value);
        assert_eq!(query.first(name).as_deref(), first.map(Vec::as_slice), "{name:?} in {text}");
    }
    for other in others(&sorted) {
        assert_ne!(push_all(&other).as_str(), text, "{other:?}");
    }

    let values: Vec<_> = pairs.iter().map(|(_, value)| String::from_utf8_lossy(value)).collect();
    let numbered: Query = (1..).zip(&values).map(|(number, value)| (format!("n.{number}"), value.as_bytes())).collect();
    let mut list = Query::new();
    list.push_list("n", &values);
    assert_eq!(list, numbered);
}

fn pairs(data: &[u8]) -> Vec<Pair> {
    let mut pieces: Vec<&[u8]> = data.split(|&b| b == 0xff).collect();
    if pieces.last().is_some_and(|piece| piece.is_empty()) {
        pieces.pop();
    }
    pieces.chunks(2).map(|pair| (pair[0].to_vec(), pair.get(1).copied().unwrap_or_default().to_vec())).collect()
}

fn push_all(pairs: &[Pair]) -> Query {
    let mut query = Query::new();
    for (name, value) in pairs {
        query.push(name, value);
    }
    query
}

/// Reads the canonical spelling and no other.
fn decode_strictly(text: &str) -> Vec<Pair> {
    if text.is_empty() {
        return Vec::new();
    }
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or_else(|| panic!("expected `=` in {pair:?}"));
        (unescape_strictly(name), unescape_strictly(value))
    };
    text.split('&').map(pair).collect()
}

fn unescape_strictly(text: &str) -> Vec<u8> {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let digit = |b: Option<u8>| match b {
        Some(b @ b'0'..=b'9') => b - b'0',
        Some(b @ b'A'..=b'F') => b - b'A' + 10,
        _ => panic!("expected upper-case hex digits after `%` in {text:?}"),
    };
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(b) = bytes.next() {
        if b == b'%' {
            let escaped = digit(bytes.next()) << 4 | digit(bytes.next());
            assert!(!unreserved(escaped), "expected no escape for {:?} in {text:?}", char::from(escaped));
            decoded.push(escaped);
        } else {
            assert!(unreserved(b), "expected an escape for {:?} in {text:?}", char::from(b));
            decoded.push(b);
        }
    }
    decoded
}

/// Parameters that differ from the given ones by little.
fn others(sorted: &[Pair]) -> Vec<Vec<Pair>> {
    let with = |change: &dyn Fn(&mut Vec<Pair>)| {
        let mut other = sorted.to_vec();
        change(&mut other);
        other
    };
    let mut others = vec![with(&|pairs| pairs.push((b"n".to_vec(), b"v".to_vec())))];
    if !sorted.is_empty() {
        others.push(with(&|pairs| drop(pairs.pop())));
        others.push(with(&|pairs| pairs[0].1.push(b' ')));
        others.push(with(&|pairs| pairs[0].0.insert(0, b'+')));
    }
    if let Some(long) = sorted.iter().position(|(_, value)| !value.is_empty()) {
        others.push(with(&|pairs| {
            let moved = pairs[long].1.remove(0);
            pairs[long].0.push(moved);
        }));
        others.push(with(&|pairs| pairs[long].1[0] ^= 0x20));
    }
    if let Some(twice) = sorted.windows(2).position(|two| two[0].0 == two[1].0 && two[0].1 != two[1].1) {
        others.push(with(&|pairs| pairs.swap(twice, twice + 1)));
    }
    others
}
