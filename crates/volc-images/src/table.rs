//! The result for people: a table with the failures first, and what to do about each kind of them.

use std::io::{self, Write};

use anstyle::Style;
use volc_proto::ecs::{AttemptRecord, Evidence, ImageId, Outcome, Reason, ReasonKind, Report, Stop};

use crate::advice::{advice, after, to_look};
use crate::exit::was_missing;
use crate::run::Ran;
use crate::text::{BAD, BOLD, DOUBT, GOOD, WIDTH, images, number, paragraph, printable};

/// Images without news of their own that are shown one by one: more of them would push the failures off the screen.
const SHOWN: usize = 20;

/// The service's IDs have 26 characters.
const ID_WIDTH: usize = 26;

pub(crate) fn write(out: &mut dyn Write, ran: &Ran, verbose: bool) -> io::Result<()> {
    let kinds = Kind::all(&ran.report);
    let (long, short): (Vec<_>, Vec<_>) = kinds.iter().partition(|kind| kind.is_no_news() && kind.ids.len() > SHOWN && !verbose);
    if !short.is_empty() {
        writeln!(out, "{BOLD}{:ID_WIDTH$}  {:11}  WHY{BOLD:#}", "IMAGE", "OUTCOME")?;
    }
    for kind in short {
        for id in &kind.ids {
            kind.row(out, id)?;
            if let Some(request) = ran.request_ids.of(id).filter(|_| verbose) {
                writeln!(out, "  request {}", printable(request))?;
            }
        }
    }
    for kind in long {
        writeln!(out, "{} {}: {}; -v shows each", images(kind.ids.len()), kind.word, kind.why)?;
    }
    for kind in &kinds {
        kind.advise(out)?;
    }
    if !ran.report.foreign().is_empty() {
        writeln!(out)?;
        let text = "Answers spoke of images that nobody asked for: they may have got mixed up on the way.";
        paragraph(out, "", &format!("{text} {}", ran.report.foreign().join(" ")))?;
    }
    if verbose {
        attempts(out, ran.report.attempts())?;
    }
    writeln!(out)?;
    match ran.report.stopped() {
        Some(_) if ran.interrupted => writeln!(out, "Interrupted.")?,
        Some(stop) => {
            paragraph(out, "Stopped early: ", &cause(stop))?;
            after(stop).map_or(Ok(()), |advice| paragraph(out, "  to do: ", advice))?;
        }
        None => {}
    }
    // Where this ended the run, it was told already.
    let told = matches!(ran.report.stopped(), Some(Stop::Look { .. }));
    if let Some(why) = ran.report.unverified().filter(|_| !told) {
        paragraph(out, "Not looked at: ", &why.to_string())?;
        paragraph(out, "  to do: ", to_look(why.code()))?;
    }
    summary(out, &ran.report)
}

/// Images with the same outcome for the same reason.
struct Kind<'a> {
    rank: u8,
    word: &'static str,
    style: Style,
    /// A code, or what stands for one.
    why: String,
    /// That of the first of them.
    outcome: &'a Outcome,
    ids: Vec<&'a ImageId>,
}

impl<'a> Kind<'a> {
    /// Every kind there is, what is most in need of a look first; each with its images in the order asked.
    fn all(report: &'a Report) -> Vec<Self> {
        let mut kinds: Vec<Self> = Vec::new();
        for (id, outcome) in report.outcomes() {
            let (rank, word, style, why) = words(outcome);
            match kinds.iter_mut().find(|kind| (kind.word, &kind.why) == (word, &why)) {
                Some(kind) => kind.ids.push(id),
                None => kinds.push(Self { rank, word, style, why, outcome, ids: vec![id] }),
            }
        }
        kinds.sort_by_key(|kind| kind.rank);
        kinds
    }

    /// Gone, or never asked for.
    fn is_no_news(&self) -> bool {
        self.outcome.is_gone() || matches!(self.outcome, Outcome::NotDeleted(reason) if reason.kind() == ReasonKind::NotAsked)
    }

    /// An ID, or a why, that is longer than its column gets a line of its own and is never cut.
    fn row(&self, out: &mut dyn Write, id: &ImageId) -> io::Result<()> {
        let Self { word, style, why, .. } = self;
        let fits = id.as_str().len() <= ID_WIDTH;
        if !fits {
            writeln!(out, "{id}")?;
        }
        let id = if fits { id.as_str() } else { "" };
        if ID_WIDTH + 2 + 11 + 2 + why.chars().count() > WIDTH {
            writeln!(out, "{id:ID_WIDTH$}  {style}{word}{style:#}")?;
            return paragraph(out, "    ", why);
        }
        writeln!(out, "{id:ID_WIDTH$}  {style}{word:11}{style:#}  {why}")
    }

    /// The message, and what to do.
    fn advise(&self, out: &mut dyn Write) -> io::Result<()> {
        let Some(advice) = advice(self.outcome) else { return Ok(()) };
        let message = match self.outcome {
            Outcome::Gone(evidence) => evidence.to_string(),
            Outcome::Refused(error) | Outcome::Busy(error) => error.message().to_owned(),
            Outcome::NotOurs(reason) | Outcome::NotDeleted(reason) | Outcome::Unclear(reason) => reason.to_string(),
            outcome => outcome.to_string(),
        };
        writeln!(out, "\n{BOLD}{}: {}{BOLD:#} ({})", self.word, self.why, images(self.ids.len()))?;
        paragraph(out, "  what: ", &message)?;
        paragraph(out, "  to do: ", advice)
    }
}

/// Its place in the table, its word and colour, and why: a code, or what stands for one.
fn words(outcome: &Outcome) -> (u8, &'static str, Style, String) {
    let code_or_kind = |reason: &Reason| reason.code().map_or_else(|| kind(reason).to_owned(), printable);
    match outcome {
        Outcome::Unclear(reason) => (0, "unclear", DOUBT, code_or_kind(reason)),
        Outcome::NotDeleted(reason) => (1, "not deleted", BAD, code_or_kind(reason)),
        Outcome::Refused(error) => (2, "refused", BAD, printable(error.code())),
        Outcome::NotOurs(reason) => (2, "not ours", BAD, code_or_kind(reason)),
        Outcome::Busy(error) => (3, "busy", BAD, printable(error.code())),
        Outcome::Gone(Evidence::NotFoundAfterUnclear) => (4, "gone", DOUBT, "not there after a lost answer".to_owned()),
        Outcome::Gone(Evidence::SeenAbsent) => (5, "gone", GOOD, "looked for, and not there any more".to_owned()),
        Outcome::Gone(Evidence::AbsentBefore) => (5, "gone", GOOD, "was not there before".to_owned()),
        Outcome::Gone(Evidence::NotFound) => (5, "gone", GOOD, "was not there".to_owned()),
        Outcome::Gone(Evidence::Acknowledged) => (6, "gone", GOOD, "deleted".to_owned()),
        Outcome::Gone(evidence) => (6, "gone", GOOD, evidence.to_string()),
        // Whatever a later version of the core may add is no success here.
        _ => (0, "unclear", DOUBT, "not known to this version".to_owned()),
    }
}

fn kind(reason: &Reason) -> &'static str {
    match reason.kind() {
        ReasonKind::NotAsked => "not asked for",
        ReasonKind::InFlight => "under way",
        ReasonKind::Unsent => "not sent",
        ReasonKind::Lost => "answer lost",
        ReasonKind::Call => "request refused",
        ReasonKind::Failed => "service failed",
        ReasonKind::Unreadable => "answer unreadable",
        ReasonKind::NotListed => "not in the answer",
        ReasonKind::Contradictory => "answer contradicts itself",
        ReasonKind::SeenPresent => "seen, still there",
        ReasonKind::NotOurs => "another account's, or public",
        ReasonKind::Image => "its error settles nothing",
        _ => "unknown",
    }
}

/// Without the last answer's words, which stand with its images.
fn cause(stop: &Stop) -> String {
    match stop {
        Stop::Call { .. } => "the service accepts no request like this".to_owned(),
        Stop::Clock { .. } => "the request's date was refused twice".to_owned(),
        Stop::Failing { times, .. } => format!("{times} requests in a row failed in the same way"),
        stop => stop.to_string(),
    }
}

/// What a support ticket wants.
fn attempts(out: &mut dyn Write, attempts: &[AttemptRecord]) -> io::Result<()> {
    writeln!(out, "\n{BOLD}{:>7}  {:16}  {:>8}  {:>6}  REQUEST ID{BOLD:#}", "REQUEST", "SENT", "IMAGES", "STATUS")?;
    for attempt in attempts {
        let sent = attempt.at.map(|at| at.to_string()).unwrap_or_default();
        let status = attempt.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        let id = attempt.request_id.as_deref().map_or_else(|| "-".to_owned(), printable);
        let asked = format!("{}{}", if attempt.look { "look " } else { "" }, attempt.asked);
        writeln!(out, "{:>7}  {sent:16}  {asked:>8}  {status:>6}  {id}", attempt.attempt.to_string())?;
        if let Some(error) = &attempt.error {
            paragraph(out, "         ", &error.to_string())?;
        }
    }
    Ok(())
}

/// `3,995 gone (2 were not there), 3 refused, 2 unclear of 4,000 images.`
fn summary(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let counts = report.counts();
    let all = report.outcomes().len();
    let missing = report.outcomes().filter(|(_, outcome)| was_missing(outcome)).count();
    let not_ours = report.outcomes().filter(|(_, outcome)| matches!(outcome, Outcome::NotOurs(_))).count();
    let missing = if missing > 0 { format!(" ({} not there before)", number(missing)) } else { String::new() };
    let mut text = format!("{} of {} gone{missing}", number(counts.gone), images(all));
    let others = [
        (counts.unclear, "unclear"),
        (counts.not_deleted, "not deleted"),
        (counts.refused - not_ours, "refused"),
        (not_ours, "not ours"),
        (counts.busy, "busy"),
    ];
    for (count, word) in others.into_iter().filter(|(count, _)| *count > 0) {
        text += &format!(", {} {word}", number(count));
    }
    let style = if report.all_gone() { GOOD } else { DOUBT };
    writeln!(out, "{style}{text}{style:#}")
}
