//! An image as it was seen, and how a table shows it.

use std::io::{self, Write};

use jiff::Timestamp as Instant;
use serde::Serialize;
use volc_proto::Timestamp;
use volc_proto::ecs::{ImageDescription, ImageId};

use crate::text::{BOLD, paragraph, printable};

/// What somebody wants to know of an image before it is deleted. What the service does not say is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Seen {
    #[serde(skip)]
    pub(crate) id: ImageId,
    pub(crate) name: Option<String>,
    pub(crate) size_gib: Option<i64>,
    pub(crate) created_at: Option<String>,
    /// The same, where it can be read.
    #[serde(skip)]
    pub(crate) created: Option<Instant>,
    pub(crate) status: Option<String>,
    pub(crate) visibility: Option<String>,
    pub(crate) share_status: Option<String>,
    pub(crate) owner: Option<String>,
    #[serde(skip)]
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) snapshots: Vec<Snapshot>,
}

/// A snapshot that an image is made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Snapshot {
    pub(crate) id: String,
    pub(crate) size_gib: Option<i64>,
}

impl Seen {
    /// None of a description without an ID that could be asked for.
    pub(crate) fn new(image: ImageDescription) -> Option<Self> {
        let snapshots = image.snapshots.into_iter();
        Some(Self {
            id: ImageId::new(image.image_id?).ok()?,
            name: image.image_name.filter(|name| !name.is_empty()),
            size_gib: image.size,
            created: image.created_at.as_ref().and_then(|text| text.parse().ok()),
            created_at: image.created_at,
            status: image.status,
            visibility: image.visibility,
            share_status: image.share_status,
            owner: image.image_owner_id,
            tags: image.tags.into_iter().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect(),
            snapshots: snapshots.filter_map(|one| Some(Snapshot { id: one.snapshot_id?, size_gib: one.size })).collect(),
        })
    }

    /// Whether it is one of this account's own, as far as the account is known.
    pub(crate) fn is_own(&self, account: Option<&str>) -> bool {
        let elsewhere = account.zip(self.owner.as_deref()).is_some_and(|(account, owner)| account != owner);
        self.visibility.as_deref() == Some("private") && !elsewhere
    }

    /// Whether instances can start from it, by what the service says.
    pub(crate) fn is_available(&self) -> bool {
        self.status.as_deref() == Some("available")
    }

    /// Seconds since it was made; negative for a date in the future.
    pub(crate) fn age(&self, now: Timestamp) -> Option<i64> {
        Some(now.unix().cast_signed() - self.created?.as_second())
    }

    /// What may keep it from being deleted: whose it is, its status, and with whom it is shared.
    pub(crate) fn note(&self) -> String {
        let other = |text: &Option<String>, usual: &str| text.clone().filter(|text| text != usual);
        let notes = [other(&self.visibility, "private"), other(&self.status, "available"), self.share_status.clone()];
        let notes: Vec<_> = notes.into_iter().flatten().filter(|note| !note.is_empty()).collect();
        if notes.is_empty() { "-".to_owned() } else { notes.join(", ") }
    }
}

const ID: usize = 26;
const NAME: usize = 28;
/// What is left of 80 columns.
const NOTE: usize = 8;

pub(crate) fn header(out: &mut dyn Write, note: &str) -> io::Result<()> {
    writeln!(out, "{BOLD}{:ID$}  {:NAME$}  {:>4}  {:>6}  {note}{BOLD:#}", "IMAGE", "NAME", "GIB", "AGE")
}

/// An ID, a name or a note that is longer than its column gets a line of its own and is never cut.
pub(crate) fn row(out: &mut dyn Write, image: &Seen, now: Timestamp, note: &str) -> io::Result<()> {
    let name = image.name.as_deref().map_or_else(|| "-".to_owned(), printable);
    let gib = image.size_gib.map_or_else(|| "-".to_owned(), |gib| gib.to_string());
    let age = image.age(now).map_or_else(|| "-".to_owned(), age);
    let note = printable(note);
    let mut id = image.id.as_str();
    if id.len() > ID {
        writeln!(out, "{id}")?;
        id = "";
    }
    let width = |text: &str| textwrap::core::display_width(text);
    let short_name = if width(&name) > NAME { "" } else { name.as_str() };
    let short_note = if width(&note) > NOTE { "" } else { note.as_str() };
    let blanks = " ".repeat(NAME - width(short_name));
    let line = format!("{id:ID$}  {short_name}{blanks}  {gib:>4}  {age:>6}  {short_note}");
    writeln!(out, "{}", line.trim_end())?;
    if short_name.is_empty() {
        paragraph(out, "    name: ", &name)?;
    }
    if short_note.is_empty() {
        paragraph(out, "    note: ", &note)?;
    }
    Ok(())
}

/// Of an image that is not there.
pub(crate) fn absent_row(out: &mut dyn Write, id: &ImageId, what: &str) -> io::Result<()> {
    if id.as_str().len() > ID {
        return writeln!(out, "{id}\n{:ID$}  {what}", "");
    }
    writeln!(out, "{id:ID$}  {what}")
}

/// In whole days, or hours of the first one.
fn age(seconds: i64) -> String {
    match seconds {
        ..0 => "-".to_owned(),
        0..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(json: &str) -> Option<Seen> {
        Seen::new(serde_json::from_str(json).unwrap())
    }

    fn shown(json: &str) -> String {
        let (mut out, image) = (Vec::new(), seen(json).unwrap());
        row(&mut out, &image, Timestamp::from_unix(1_706_716_800).unwrap(), &image.note()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_the_service_does_not_say_is_a_dash_and_what_is_long_gets_a_line_of_its_own() {
        for unshared in [r#"{"ImageId":"image-a"}"#, r#"{"ImageId":"image-a","ShareStatus":""}"#] {
            assert_eq!(shown(unshared).split_whitespace().collect::<Vec<_>>(), ["image-a", "-", "-", "-", "-"]);
        }
        let long = format!(
            r#"{{"ImageId":"image-{}","ImageName":"{}","Size":40,"CreatedAt":"2024-01-01T00:00:00+08:00","Visibility":"public"}}"#,
            "x".repeat(30),
            "名".repeat(20)
        );
        let text = shown(&long);
        assert!(text.contains("  40    31 d  public\n    name: 名名"), "{text}");
        assert!(text.lines().all(|line| textwrap::core::display_width(line) <= 80), "{text}");
    }

    #[test]
    fn a_date_that_cannot_be_read_is_none_and_an_image_without_an_id_is_no_image() {
        for date in ["", "yesterday", "2024-01-31", "2024-01-31T00:00:00"] {
            let image = seen(&format!(r#"{{"ImageId":"image-a","CreatedAt":"{date}"}}"#)).unwrap();
            assert_eq!(image.created, None, "{date}");
        }
        assert!(seen(r#"{"ImageName":"a"}"#).is_none() && seen(r#"{"ImageId":"a b"}"#).is_none());
    }

    #[test]
    fn only_a_private_image_of_the_same_account_is_ones_own() {
        let own = |json: &str, account| seen(json).unwrap().is_own(account);
        let private = r#"{"ImageId":"a","Visibility":"private","ImageOwnerId":"21"}"#;
        assert!(own(private, Some("21")) && own(private, None) && !own(private, Some("22")));
        assert!(!own(r#"{"ImageId":"a"}"#, Some("21")));
        assert!(!own(r#"{"ImageId":"a","Visibility":"public","ImageOwnerId":"21"}"#, Some("21")));
    }

    #[test]
    fn ages_are_in_days_or_hours() {
        assert_eq!([-1, 0, 86_399, 86_400, 86_400 * 412].map(age), ["-", "0 h", "23 h", "1 d", "412 d"]);
    }
}
