//! The result as JSON: one document, or one object a line.
//!
//! Version 1. Members may be added within a version, and readers must pass over what they do not know.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use volc_proto::ecs::{AttemptRecord, Counts, ImageId, Outcome, Reason, Stop};

use crate::TOOL;
use crate::args::Form;
use crate::exit::Exit;
use crate::plan::Plan;
use crate::run::Ran;
use crate::seen::Seen;

const VERSION: u32 = 1;

/// What is known before a run.
#[derive(Serialize)]
struct Head<'a> {
    version: u32,
    tool: &'static str,
    executed: bool,
    #[serde(flatten)]
    plan: &'a Plan,
}

#[derive(Serialize)]
struct Image<'a> {
    id: &'a ImageId,
    #[serde(flatten)]
    outcome: Option<&'a Outcome>,
    /// What a look before the deletion saw: null where it was not there, and missing where nobody looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<Option<&'a Seen>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

/// What is known after it.
#[derive(Serialize)]
struct Tail<'a> {
    exit_code: Exit,
    #[serde(flatten)]
    ending: Option<Ending<'a>>,
}

#[derive(Serialize)]
struct Ending<'a> {
    interrupted: bool,
    journal: Option<&'a Path>,
    counts: Counts,
    stopped: Option<&'a Stop>,
    unverified: Option<&'a Reason>,
    foreign: &'a [String],
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<&'a [AttemptRecord]>,
    images: Vec<Image<'a>>,
    #[serde(flatten)]
    tail: Tail<'a>,
}

/// A line of the other form.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Line<'a> {
    Run(&'a Head<'a>),
    Attempt(&'a AttemptRecord),
    Image(&'a Image<'a>),
    /// The last one: where it is missing, something was cut off.
    End(&'a Tail<'a>),
}

/// A plan that was not carried out.
pub(crate) fn write_plan(out: &mut dyn Write, form: Form, plan: &Plan) -> io::Result<()> {
    let images = plan.ids.iter().map(|id| Image { id, outcome: None, seen: plan.seen(id), request_id: None }).collect();
    let head = Head { version: VERSION, tool: TOOL, executed: false, plan };
    write(out, form, &Document { head, attempts: None, images, tail: Tail { exit_code: Exit::Fine, ending: None } })
}

/// What became of it.
pub(crate) fn write_result(
    out: &mut dyn Write,
    form: Form,
    plan: &Plan,
    ran: &Ran,
    exit_code: Exit,
    journal: Option<&Path>,
) -> io::Result<()> {
    let report = &ran.report;
    let image = |(id, outcome)| Image { id, outcome: Some(outcome), seen: plan.seen(id), request_id: ran.request_ids.of(id) };
    let ending = Ending {
        interrupted: ran.interrupted,
        journal,
        counts: report.counts(),
        stopped: report.stopped(),
        unverified: report.unverified(),
        foreign: report.foreign(),
    };
    let document = Document {
        head: Head { version: VERSION, tool: TOOL, executed: true, plan },
        attempts: Some(report.attempts()),
        images: report.outcomes().map(image).collect(),
        tail: Tail { exit_code, ending: Some(ending) },
    };
    write(out, form, &document)
}

fn write(out: &mut dyn Write, form: Form, document: &Document<'_>) -> io::Result<()> {
    if form == Form::Json {
        serde_json::to_writer_pretty(&mut *out, document)?;
        return writeln!(out);
    }
    let mut line = |line: Line<'_>| {
        serde_json::to_writer(&mut *out, &line)?;
        writeln!(out)
    };
    line(Line::Run(&document.head))?;
    document.attempts.into_iter().flatten().try_for_each(|attempt| line(Line::Attempt(attempt)))?;
    document.images.iter().try_for_each(|image| line(Line::Image(image)))?;
    line(Line::End(&document.tail))
}
