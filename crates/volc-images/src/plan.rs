//! What a deletion would send. Sends nothing, and knows nothing that could.

use std::collections::HashSet;
use std::io::{self, Write};

use serde::Serialize;
use volc_proto::Timestamp;
use volc_proto::ecs::{Deletion, ImageId, Snapshots};

use crate::look::{Look, sum};
use crate::place::Place;
use crate::seen::{Seen, absent_row, header, row};
use crate::select::Selection;
use crate::text::{BOLD, DOUBT, columns, counted, ids, images, number, paragraph, printable};

/// What will be sent, where, and for whom.
#[derive(Debug, Serialize)]
pub(crate) struct Plan {
    pub(crate) endpoint: String,
    pub(crate) region: String,
    pub(crate) key_id: String,
    pub(crate) snapshots: Snapshots,
    /// SHA-256 of the list, as in the journal.
    pub(crate) digest: String,
    /// Images to ask for.
    pub(crate) to_delete: usize,
    /// Images of which the journal knows all there is to know.
    pub(crate) settled: usize,
    pub(crate) requests: usize,
    #[serde(flatten)]
    listed: Listed,
    #[serde(flatten)]
    pub(crate) look: Look,
    /// What was chosen among, where images were not listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) selection: Option<Selection>,
    not_checked: [&'static str; 3],

    /// When it was made, by a clock that the service accepts: the ages of images are as of then.
    #[serde(skip)]
    pub(crate) now: Timestamp,
    #[serde(skip)]
    chunk: usize,
    #[serde(skip)]
    region_from: String,
    #[serde(skip)]
    key_from: String,
    /// The images to ask for.
    #[serde(skip)]
    pub(crate) ids: Vec<ImageId>,
    /// The same.
    #[serde(skip)]
    asked: HashSet<ImageId>,
}

/// What the lists came to, besides the images to delete.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    pub(crate) duplicates: usize,
    /// Images on the list that were left out, since they must stay.
    pub(crate) kept: Vec<ImageId>,
    pub(crate) emulator: bool,
    /// Where the images come from, in a sentence.
    #[serde(skip)]
    pub(crate) from: &'static str,
}

/// What the plan cannot know: nothing of this is looked at before an image is deleted.
const NOT_CHECKED: [&str; 3] = ["instances", "launch templates", "scaling groups"];

/// IDs that a plan shows unless all are asked for: enough to recognize a list.
const SHOWN: usize = 10;

impl Plan {
    /// `deletion`: none when there is nothing to delete.
    pub(crate) fn new(
        place: &Place,
        snapshots: Snapshots,
        chunk: usize,
        deletion: Option<&Deletion>,
        listed: Listed,
        now: Timestamp,
    ) -> Self {
        let report = deletion.map(Deletion::report);
        let outcomes = || report.iter().flat_map(|report| report.outcomes());
        let ids: Vec<_> = outcomes().filter(|(_, outcome)| !outcome.is_settled()).map(|(id, _)| id.clone()).collect();
        Self {
            endpoint: place.endpoint.origin("ecs"),
            region: place.endpoint.region().to_string(),
            key_id: place.who.masked_key_id(),
            snapshots,
            digest: report.as_ref().map(|report| report.digest().to_owned()).unwrap_or_default(),
            to_delete: ids.len(),
            settled: outcomes().count() - ids.len(),
            requests: ids.len().div_ceil(chunk),
            listed,
            look: Look::default(),
            selection: None,
            now,
            not_checked: NOT_CHECKED,
            chunk,
            region_from: place.region_from.clone(),
            key_from: place.who_from.clone(),
            asked: ids.iter().cloned().collect(),
            ids,
        }
    }

    pub(crate) fn write(&self, out: &mut dyn Write, verbose: bool) -> io::Result<()> {
        writeln!(out, "{BOLD}Plan{BOLD:#}")?;
        let line = |out: &mut dyn Write, name: &str, text: &str| paragraph(out, &format!("  {name:<14}"), text);
        line(out, "access key", &format!("{} ({})", self.key_id, self.key_from))?;
        match (&self.look.account, &self.look.account_unknown) {
            (Some(account), _) => line(out, "account", account)?,
            (None, Some(why)) => line(out, "account", &format!("unknown: {why}"))?,
            (None, None) => {}
        }
        line(out, "region", &format!("{} ({})", self.region, self.region_from))?;
        line(out, "endpoint", &self.endpoint)?;
        line(
            out,
            "snapshots",
            match self.snapshots {
                Snapshots::Keep => "keep: they stay, and go on costing money",
                Snapshots::Delete => "delete: they go with the images",
                Snapshots::ServiceDefault => "not said: the service deletes them",
            },
        )?;
        let mut besides = Vec::new();
        if self.settled > 0 {
            besides.push(format!("{} settled before", number(self.settled)));
        }
        if self.listed.duplicates > 0 {
            besides.push(format!("{} removed", counted(self.listed.duplicates, "duplicate")));
        }
        if !self.listed.kept.is_empty() {
            besides.push(format!("{} kept", number(self.listed.kept.len())));
        }
        let besides = if besides.is_empty() { String::new() } else { format!(" ({})", besides.join(", ")) };
        let size = self.look.size_gib.map(|size| format!(", {} GiB", gib(size))).unwrap_or_default();
        line(out, "to delete", &format!("{}{size}{besides}", images(self.to_delete)))?;
        let requests = counted(self.requests, "request");
        line(out, "in", &format!("{requests} of up to {}, more where one has to be repeated", images(self.chunk)))?;
        if let Some(why) = &self.look.not_looked {
            line(out, "not looked at", why)?;
        }
        line(out, "not checked", "whether instances, launch templates or scaling groups still use an image")?;
        if !self.listed.kept.is_empty() {
            writeln!(out, "\n{DOUBT}Kept{DOUBT:#}: {}, but in the keep file", self.listed.from)?;
            ids(out, &self.listed.kept)?;
        }
        match &self.selection {
            Some(selection) => selection.write(out, self.now, verbose)?,
            None if self.ids.is_empty() => {}
            None => self.write_images(out, verbose)?,
        }
        self.write_snapshots(out, verbose)
    }

    fn write_images(&self, out: &mut dyn Write, verbose: bool) -> io::Result<()> {
        writeln!(out, "\nImages to delete")?;
        let shown = &self.ids[..if verbose { self.ids.len() } else { self.ids.len().min(SHOWN) }];
        if self.look.looked {
            header(out, "NOTE")?;
            for id in shown {
                match self.look.images.get(id) {
                    Some(image) => row(out, image, self.now, &image.note())?,
                    None => absent_row(out, id, "is not there")?,
                }
            }
        } else {
            ids(out, shown)?;
        }
        more(out, self.ids.len(), shown.len())
    }

    fn write_snapshots(&self, out: &mut dyn Write, verbose: bool) -> io::Result<()> {
        let Some(all) = self.look.bound_snapshots.as_ref().filter(|all| !all.is_empty()) else { return Ok(()) };
        let (count, gib) = (counted(all.len(), "snapshot"), gib(sum(all.iter().map(|snapshot| snapshot.size_gib))));
        match self.snapshots {
            Snapshots::Keep => writeln!(out, "\n{count} of {gib} GiB will stay, and go on costing money")?,
            _ => writeln!(out, "\n{count} of {gib} GiB will go with the images")?,
        }
        let shown = &all[..if verbose { all.len() } else { all.len().min(SHOWN) }];
        columns(out, shown.iter().map(|snapshot| printable(&snapshot.id)))?;
        more(out, all.len(), shown.len())
    }

    /// What a look saw of an image: none where nobody looked.
    pub(crate) fn seen(&self, id: &ImageId) -> Option<Option<&Seen>> {
        (self.look.looked && self.asked.contains(id)).then(|| self.look.images.get(id))
    }

    /// The last line of a plan: that nothing happened, and how to go on.
    pub(crate) fn write_end(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.listed.emulator {
            writeln!(out, "{}", crate::emulator::NOTHING_REAL)?;
        }
        match self.to_delete {
            0 => writeln!(out, "Nothing was deleted, and there is nothing to delete."),
            count => writeln!(out, "Nothing was deleted. To delete {}: the same command with --yes", images(count)),
        }
    }
}

fn more(out: &mut dyn Write, all: usize, shown: usize) -> io::Result<()> {
    match all - shown {
        0 => Ok(()),
        left => writeln!(out, "  and {} more; -v shows them all", number(left)),
    }
}

fn gib(size: i64) -> String {
    number(size.try_into().unwrap_or(0))
}
