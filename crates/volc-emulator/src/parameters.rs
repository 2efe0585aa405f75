//! Parameters that are lists, as the query spells them: `ImageIds.1`, `TagFilters.1.Values.2`.
//!
//! Their numbers may come in any order and with gaps. A number that is none, is 0 or comes twice makes the request invalid:
//! `None`. No document describes any of this.

use std::collections::BTreeMap;

use volc_proto::Query;

/// `NAME.N` by number. An empty value is invalid, too. `NAME` without a number names nothing (volcengine-go-sdk spells an
/// empty list so).
pub(crate) fn list(query: &Query, name: &str) -> Option<Vec<String>> {
    let mut values = BTreeMap::new();
    for (number, value) in members(query, name) {
        let value = value?;
        if value.is_empty() || values.insert(index(&number)?, value).is_some() {
            return None;
        }
    }
    Some(values.into_values().collect())
}

/// `TagFilters.N.Key` and `TagFilters.N.Values.N`, by number. A filter needs a key and may have no values.
pub(crate) fn tag_filters(query: &Query) -> Option<Vec<(String, Vec<String>)>> {
    let mut filters: BTreeMap<u32, (Option<String>, BTreeMap<u32, String>)> = BTreeMap::new();
    for (name, value) in members(query, "TagFilters") {
        let (number, rest) = name.split_once('.')?;
        let (key, values) = filters.entry(index(number)?).or_default();
        let earlier = match rest.strip_prefix("Values.") {
            Some(number) => values.insert(index(number)?, value?),
            None if rest == "Key" => key.replace(value?),
            None => return None,
        };
        if earlier.is_some() {
            return None;
        }
    }
    let complete = |(key, values): (Option<String>, BTreeMap<_, _>)| Some((key?, values.into_values().collect()));
    filters.into_values().map(complete).collect()
}

/// What follows `NAME.` in names, and the values; a value that is no text is `None`.
fn members(query: &Query, name: &str) -> impl Iterator<Item = (String, Option<String>)> {
    query.iter().filter_map(move |(found, value)| {
        let rest = found.strip_prefix(name.as_bytes())?.strip_prefix(b".")?;
        Some((String::from_utf8_lossy(rest).into_owned(), String::from_utf8(value.into_owned()).ok()))
    })
}

fn index(text: &str) -> Option<u32> {
    // `parse` alone would take +1 and 01.
    text.parse().ok().filter(|_| !text.starts_with(['0', '+']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(values: &[&str]) -> Vec<String> {
        values.iter().map(|&value| value.to_owned()).collect()
    }

    #[test]
    fn values_come_in_the_order_of_their_numbers() {
        let ids = |text| list(&Query::parse(text), "ImageIds");
        assert_eq!(ids("ImageIds.10=c&ImageIds.9=b&Action=x&ImageIds.2=a"), Some(owned(&["a", "b", "c"])));
        assert_eq!(ids("ImageIds=&ImageIdsX.1=a"), Some(owned(&[])));
        for text in [
            "ImageIds.0=a",
            "ImageIds.01=a",
            "ImageIds.+1=a",
            "ImageIds.x=a",
            "ImageIds.=a",
            "ImageIds.1=",
            "ImageIds.1=%FF",
            "ImageIds.1=a&ImageIds.1=b",
        ] {
            assert_eq!(ids(text), None, "{text}");
        }
    }

    #[test]
    fn tag_filters_are_keys_with_values() {
        let read = |text| tag_filters(&Query::parse(text));
        let text = "TagFilters.2.Key=k2&TagFilters.1.Values.2=b&TagFilters.1.Values.1=&TagFilters.1.Key=k1";
        assert_eq!(read(text), Some(vec![("k1".to_owned(), owned(&["", "b"])), ("k2".to_owned(), owned(&[]))]));
        assert_eq!(read("Action=x"), Some(vec![]));
        for text in [
            "TagFilters.1.Values.1=a",
            "TagFilters.0.Key=a",
            "TagFilters.1.Other=a",
            "TagFilters.1=a",
            "TagFilters.1.Values.x=a&TagFilters.1.Key=k",
            "TagFilters.1.Key=a&TagFilters.1.Key=b",
            "TagFilters.1.Key=a&TagFilters.1.Values.1=b&TagFilters.1.Values.1=c",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
