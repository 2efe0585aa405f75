//! What a deletion would send. Sends nothing, and knows nothing that could.

use std::io::{self, Write};

use serde::Serialize;
use volc_proto::ecs::{Deletion, ImageId, Snapshots};

use crate::place::Place;
use crate::text::{BOLD, DOUBT, counted, ids, images, number, paragraph};

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
    not_checked: [&'static str; 3],

    #[serde(skip)]
    chunk: usize,
    #[serde(skip)]
    region_from: String,
    #[serde(skip)]
    key_from: String,
    /// The images to ask for.
    #[serde(skip)]
    pub(crate) ids: Vec<ImageId>,
}

/// What the lists came to, besides the images to delete.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    pub(crate) duplicates: usize,
    /// Images on the list that were left out, since they must stay.
    pub(crate) kept: Vec<ImageId>,
    pub(crate) emulator: bool,
}

/// What the plan cannot know: nothing of this is looked at before an image is deleted.
const NOT_CHECKED: [&str; 3] = ["instances", "launch templates", "scaling groups"];

/// IDs that a plan shows unless all are asked for: enough to recognize a list.
const SHOWN: usize = 10;

impl Plan {
    /// `deletion`: none when all images on the list are to be kept.
    pub(crate) fn new(place: &Place, snapshots: Snapshots, chunk: usize, deletion: Option<&Deletion>, listed: Listed) -> Self {
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
            not_checked: NOT_CHECKED,
            chunk,
            region_from: place.region_from.clone(),
            key_from: place.who_from.clone(),
            ids,
        }
    }

    pub(crate) fn write(&self, out: &mut dyn Write, verbose: bool) -> io::Result<()> {
        writeln!(out, "{BOLD}Plan{BOLD:#}")?;
        let line = |out: &mut dyn Write, name: &str, text: &str| paragraph(out, &format!("  {name:<14}"), text);
        line(out, "access key", &format!("{} ({})", self.key_id, self.key_from))?;
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
        line(out, "to delete", &format!("{}{besides}", images(self.to_delete)))?;
        let requests = counted(self.requests, "request");
        line(out, "in", &format!("{requests} of up to {}, more where one has to be repeated", images(self.chunk)))?;
        line(out, "not checked", "whether instances, launch templates or scaling groups still use an image")?;
        if !self.listed.kept.is_empty() {
            writeln!(out, "\n{DOUBT}Kept{DOUBT:#}: on the list, but in the keep file")?;
            ids(out, &self.listed.kept)?;
        }
        if self.ids.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nImages to delete")?;
        let shown = if verbose { self.ids.len() } else { self.ids.len().min(SHOWN) };
        ids(out, &self.ids[..shown])?;
        if self.ids.len() > shown {
            writeln!(out, "  and {} more; -v shows them all", number(self.ids.len() - shown))?;
        }
        Ok(())
    }

    /// The last line of a plan: that nothing happened, and how to go on.
    pub(crate) fn write_end(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.listed.emulator {
            writeln!(out, "{}", crate::emulator::NOTHING_REAL)?;
        }
        match self.to_delete {
            0 => writeln!(out, "Nothing was sent, and there is nothing to send."),
            count => writeln!(out, "Nothing was sent. To delete {}: the same command with --yes", images(count)),
        }
    }
}
