//! Choosing images by what they are, in place of a list.

use std::time::Duration;

use clap::Args;
use regex_lite::Regex;

use crate::select::{Rule, Tag};

/// Every part narrows the selection.
#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// Images whose name begins so. Each of several is a group, without --group-by.
    #[arg(
        long,
        help_heading = HEADING,
        value_name = "PREFIX",
        value_parser = clap::builder::NonEmptyStringValueParser::new(),
        conflicts_with_all = LISTS
    )]
    name_prefix: Vec<String>,
    /// Images whose name this finds; what its first parentheses capture is the name of the group, as in '^(.+)-[0-9]+$'.
    #[arg(
        long,
        help_heading = HEADING,
        value_name = "REGEX",
        value_parser = regex,
        conflicts_with_all = LISTS
    )]
    group_by: Option<Regex>,
    /// Images that are older, such as 30d.
    #[arg(
        long,
        help_heading = HEADING,
        value_name = "DURATION",
        value_parser = super::older_than,
        conflicts_with_all = LISTS
    )]
    older_than: Option<Duration>,
    /// But for the newest N of each group.
    #[arg(
        long,
        help_heading = HEADING,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..),
        conflicts_with_all = LISTS
    )]
    keep_newest: Option<u32>,
    /// Images with this tag; with KEY=VALUE, only those with the value. Of several, all.
    #[arg(
        long,
        help_heading = HEADING,
        value_name = "KEY[=VALUE]",
        value_parser = tag,
        conflicts_with_all = LISTS
    )]
    tag: Vec<Tag>,
}

/// Not `next_help_heading`: that one goes on behind this group.
const HEADING: &str = "Selection, in place of IDS, among the account's own private images";

/// What says by itself which images are meant, and what would not read them.
const LISTS: [&str; 4] = ["ids", "ids_file", "resume", "no_look"];

impl Selection {
    /// None where images are listed.
    ///
    /// # Errors
    ///
    /// What was expected of a selection that does not hold together.
    pub(crate) fn rule(&self) -> Result<Option<Rule>, &'static str> {
        let Self { name_prefix, group_by, older_than, keep_newest, tag } = self;
        if name_prefix.is_empty() && group_by.is_none() && older_than.is_none() && keep_newest.is_none() && tag.is_empty() {
            return Ok(None);
        }
        if keep_newest.is_some() && name_prefix.is_empty() && group_by.is_none() {
            return Err("expected a group to keep the newest of: --name-prefix PREFIX or --group-by REGEX");
        }
        if group_by.is_some() && keep_newest.is_none() && older_than.is_none() {
            return Err("expected --keep-newest N or --older-than DURATION with --group-by");
        }
        Ok(Some(Rule {
            prefixes: name_prefix.clone(),
            group_by: group_by.clone(),
            older_than: *older_than,
            keep_newest: keep_newest.map(|count| count as usize),
            tags: tag.clone(),
        }))
    }
}

fn regex(text: &str) -> Result<Regex, String> {
    let regex = Regex::new(text).map_err(|error| error.to_string())?;
    match regex.captures_len() {
        0 | 1 => Err("expected parentheses around what names the group".to_owned()),
        _ => Ok(regex),
    }
}

pub(super) fn tag(text: &str) -> Result<Tag, String> {
    let (key, value) = text.split_once('=').map_or((text, None), |(key, value)| (key, Some(value.to_owned())));
    if key.is_empty() {
        return Err("expected KEY or KEY=VALUE".to_owned());
    }
    Ok(Tag { key: key.to_owned(), value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_a_key_and_perhaps_a_value() {
        let read = |text| tag(text).map(|tag| (tag.key, tag.value)).ok();
        assert_eq!(read("a"), Some(("a".to_owned(), None)));
        assert_eq!(read("a=b=c"), Some(("a".to_owned(), Some("b=c".to_owned()))));
        assert_eq!(read("a="), Some(("a".to_owned(), Some(String::new()))));
        assert_eq!((read("=b"), read("")), (None, None));
    }

    #[test]
    fn a_regex_has_to_capture_something() {
        assert!(regex("^(.+)-[0-9]+$").is_ok());
        assert!(regex("^.+$").unwrap_err().contains("parentheses"));
        assert!(regex("(").is_err());
    }
}
