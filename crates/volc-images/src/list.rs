//! `volc-images list`: which images there are. Nothing is written before every page was read, so that no list is a part of one.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use volc_proto::Timestamp;
use volc_ureq::Client;

use crate::advice::to_look;
use crate::args::{self, ListForm};
use crate::exit::{Exit, Failure};
use crate::ids::List;
use crate::look::sum;
use crate::place::{Environment, Place};
use crate::read::{Found, Reader};
use crate::seen::{Seen, header, row};
use crate::text::{images, number};
use crate::{Streams, TOOL, emulator};

const VERSION: u32 = 1;

/// What the service finds at most where a filter has tags (the page of `DescribeImages`).
const MOST_BY_TAGS: usize = 1_000;

/// As an answer of `DescribeImages` that has all images on one page: `delete` reads it.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    tool: &'static str,
    endpoint: String,
    region: String,
    key_id: String,
    emulator: bool,
    #[serde(rename = "TotalCount")]
    total_count: usize,
    #[serde(rename = "Images")]
    images: Vec<&'a Value>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Line<'a> {
    Image {
        #[serde(flatten)]
        image: &'a Value,
    },
    /// The last one: where it is missing, something was cut off.
    End { images: usize },
}

pub(crate) fn list(arguments: &args::List, environment: &Environment<'_>, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let filter = arguments.filter().map_err(Failure::usage)?;
    let ids = List::read(&arguments.ids, None, streams.input).map_err(Failure::usage)?.ids;
    if ids.is_empty() && !arguments.ids.is_empty() {
        return Err(Failure::usage("expected at least one image on standard input"));
    }
    let rehearsal = arguments.emulator.as_ref().map(|faults| emulator::rehearse(None, faults, &arguments.place, environment));
    let rehearsal = rehearsal.transpose()?;
    let place = match &rehearsal {
        Some(rehearsal) => rehearsal.place(),
        None => Place::find(&arguments.place, None, environment)?,
    };
    for warning in &place.warnings {
        streams.warn(warning)?;
    }

    let client = Client::new(place.endpoint.clone(), place.who.clone()).user_agent(TOOL).map_err(Failure::impossible)?;
    let reader = Reader::new(&client, crate::read::ATTEMPTS, None);
    let found = if ids.is_empty() { reader.images(filter) } else { reader.these(&ids, &filter) };
    let found = found.map_err(|error| {
        let advice = to_look(error.code());
        Failure::impossible(format!("the images cannot be read: {error}; to do: {advice}"))
    })?;

    // By tags the service finds no more, and says nothing of the rest.
    if ids.is_empty() && !arguments.tag.is_empty() && found.len() >= MOST_BY_TAGS {
        let expected = format!("expected fewer than {MOST_BY_TAGS} images with these tags: the service finds no more of them");
        return Err(Failure::impossible(format!("{expected}; to do: list without --tag, or with another filter besides")));
    }

    let out = &mut *streams.out;
    match arguments.output {
        ListForm::Text => {
            text(out, found, client.now())?;
            if rehearsal.is_some() {
                writeln!(out, "{}", emulator::NOTHING_REAL)?;
            }
        }
        ListForm::Ids => {
            let ids = found.into_iter().filter_map(|found| Some(Seen::new(found.image)?.id));
            ids.into_iter().try_for_each(|id| writeln!(out, "{id}"))?;
        }
        ListForm::Json => {
            let document = Document {
                version: VERSION,
                tool: TOOL,
                endpoint: place.endpoint.origin("ecs"),
                region: place.endpoint.region().to_string(),
                key_id: place.who.masked_key_id(),
                emulator: rehearsal.is_some(),
                total_count: found.len(),
                images: found.iter().map(|found| &found.raw).collect(),
            };
            serde_json::to_writer_pretty(&mut *out, &document).map_err(io::Error::from)?;
            writeln!(out)?;
        }
        ListForm::Ndjson => {
            let lines = found.iter().map(|found| Line::Image { image: &found.raw });
            for line in lines.chain([Line::End { images: found.len() }]) {
                serde_json::to_writer(&mut *out, &line).map_err(io::Error::from)?;
                writeln!(out)?;
            }
        }
    }
    Ok(Exit::Fine)
}

/// By name, and the newest first among those of one.
fn text(out: &mut dyn Write, found: Vec<Found>, now: Timestamp) -> io::Result<()> {
    let mut seen: Vec<_> = found.into_iter().filter_map(|found| Seen::new(found.image)).collect();
    seen.sort_by(|a, b| (&a.name, b.created, &a.id).cmp(&(&b.name, a.created, &b.id)));
    if !seen.is_empty() {
        header(out, "NOTE")?;
    }
    seen.iter().try_for_each(|image| row(out, image, now, &image.note()))?;
    let gib = sum(seen.iter().map(|image| image.size_gib));
    writeln!(out, "{}, {} GiB", images(seen.len()), number(gib.try_into().unwrap_or(0)))
}
