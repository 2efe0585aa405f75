//! A selection, group by group: what stays, why, and what goes.

use std::io::{self, Write};

use serde::{Serialize, Serializer};
use volc_proto::Timestamp;

use crate::seen::{Seen, header, row};
use crate::select::{Group, Selection, Verdict};
use crate::text::{BOLD, images, number, printable};

/// Images of a group that are shown of each kind, unless all are asked for.
const SHOWN: usize = 10;

impl Selection {
    pub(crate) fn write(&self, out: &mut dyn Write, now: Timestamp, verbose: bool) -> io::Result<()> {
        for group in &self.groups {
            let (stay, go) = self.parted(group);
            writeln!(out, "\n{BOLD}{}{BOLD:#}: {} stay, {} go", printable(&group.name), number(stay.len()), number(go.len()))?;
            if group.members.is_empty() {
                continue;
            }
            header(out, "VERDICT")?;
            let shown = if verbose { usize::MAX } else { SHOWN };
            let more = |out: &mut dyn Write, all: usize, what: &str| match all.saturating_sub(shown) {
                0 => Ok(()),
                left => writeln!(out, "  and {} more that {what}; -v shows them all", number(left)),
            };
            stay.iter().take(shown).try_for_each(|(image, why)| row(out, image, now, why))?;
            more(out, stay.len(), "stay")?;
            go.iter().take(shown).try_for_each(|image| row(out, image, now, &goes(image)))?;
            more(out, go.len(), "go")?;
        }
        if self.ungrouped > 0 {
            writeln!(out, "\n{} of this account stay, being in no group", images(self.ungrouped))?;
        }
        Ok(())
    }

    fn parted(&self, group: &Group) -> (Vec<(&Seen, &'static str)>, Vec<&Seen>) {
        let (mut stay, mut go) = (Vec::new(), Vec::new());
        for (index, verdict) in &group.members {
            match verdict {
                Verdict::Stays(why) => stay.push((&self.images[*index], why.text())),
                Verdict::Goes => go.push(&self.images[*index]),
            }
        }
        (stay, go)
    }
}

/// That it goes, and what may prevent it.
fn goes(image: &Seen) -> String {
    match image.note().as_str() {
        "-" | "unshared" => "GOES".to_owned(),
        note => format!("GOES ({note})"),
    }
}

#[derive(Serialize)]
struct Stays<'a> {
    id: &'a str,
    name: Option<&'a str>,
    created_at: Option<&'a str>,
    why: &'static str,
}

impl<'a> Stays<'a> {
    fn new(image: &'a Seen, why: &'static str) -> Self {
        Self { id: image.id.as_str(), name: image.name.as_deref(), created_at: image.created_at.as_deref(), why }
    }
}

#[derive(Serialize)]
struct OneGroup<'a> {
    name: &'a str,
    stay: Vec<Stays<'a>>,
    go: Vec<&'a str>,
}

#[derive(Serialize)]
struct Groups<'a> {
    groups: Vec<OneGroup<'a>>,
    ungrouped: usize,
}

impl Serialize for Selection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let one = |group| {
            let (stay, go) = self.parted(group);
            let stay = stay.into_iter().map(|(image, why)| Stays::new(image, why)).collect();
            OneGroup { name: &group.name, stay, go: go.into_iter().map(|image| image.id.as_str()).collect() }
        };
        Groups { groups: self.groups.iter().map(one).collect(), ungrouped: self.ungrouped }.serialize(serializer)
    }
}
