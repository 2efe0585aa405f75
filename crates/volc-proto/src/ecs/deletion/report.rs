//! What a run has done: one outcome for each image, true at every moment.

use std::error::Error;
use std::fmt;

use serde::Serialize;

use super::event::{AttemptRecord, Context, ImageOutcome};
use super::outcome::{Outcome, Reason, Stop};
use crate::ecs::delete_images::{ImageId, Snapshots};

/// What became of every image that was asked for, in the order asked. A run that failed in part is no error by itself: look,
/// or call [`into_result`](Self::into_result).
///
/// As JSON it has a `version`, now 1; members may be added within a version.
#[must_use = "a run may have failed in part, or as a whole"]
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub(crate) version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) context: Option<Context>,
    pub(crate) snapshots: Snapshots,
    pub(crate) digest: String,
    pub(crate) counts: Counts,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stopped: Option<Stop>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unverified: Option<Reason>,
    pub(crate) images: Vec<ImageOutcome>,
    pub(crate) foreign: Vec<String>,
    pub(crate) attempts: Vec<AttemptRecord>,
}

/// How many images came to which outcome; together they are all that were asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Counts {
    /// Images that are [`Outcome::Gone`], on whatever evidence.
    pub gone: usize,
    /// [`Outcome::Refused`] and [`Outcome::NotOurs`]: another request would change nothing.
    pub refused: usize,
    /// [`Outcome::Busy`]: later they can be deleted.
    pub busy: usize,
    /// [`Outcome::NotDeleted`]: no request for them was carried out.
    pub not_deleted: usize,
    /// [`Outcome::Unclear`]: they may be deleted or not.
    pub unclear: usize,
}

impl Counts {
    pub(crate) fn of<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Self {
        let mut counts = Self::default();
        for outcome in outcomes {
            *match outcome {
                Outcome::Gone(_) => &mut counts.gone,
                Outcome::Refused(_) | Outcome::NotOurs(_) => &mut counts.refused,
                Outcome::Busy(_) => &mut counts.busy,
                Outcome::NotDeleted(_) => &mut counts.not_deleted,
                Outcome::Unclear(_) => &mut counts.unclear,
            } += 1;
        }
        counts
    }
}

impl Report {
    /// Every image with its outcome, in the order asked.
    pub fn outcomes(&self) -> impl ExactSizeIterator<Item = (&ImageId, &Outcome)> {
        self.images.iter().map(|image| (&image.id, &image.outcome))
    }

    /// How many images came to which outcome, for a summary.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether every image is [`Outcome::Gone`]: nothing less is a success of the run.
    pub fn all_gone(&self) -> bool {
        self.counts.gone == self.images.len()
    }

    /// Why no more attempts were started although images were left; `None` where nothing stopped the run.
    pub fn stopped(&self) -> Option<&Stop> {
        self.stopped.as_ref()
    }

    /// Why images were not looked at although [`Policy::verify`](super::Policy::verify) wanted it; `None` where they were.
    /// Their outcomes are what they were without a look.
    pub fn unverified(&self) -> Option<&Reason> {
        self.unverified.as_ref()
    }

    /// Every attempt, in the order of their answers; one that was never answered, where that became known.
    pub fn attempts(&self) -> &[AttemptRecord] {
        &self.attempts
    }

    /// IDs that replies spoke of and nobody asked for: a sign that answers got mixed up on the way.
    pub fn foreign(&self) -> &[String] {
        &self.foreign
    }

    /// Where, when and by whom; none before a driver ran.
    pub fn context(&self) -> Option<&Context> {
        self.context.as_ref()
    }

    /// What was to become of the snapshots. No reply says whether that was done.
    pub fn snapshots(&self) -> Snapshots {
        self.snapshots
    }

    /// SHA-256 of the list, as in [`Begin::digest`](super::Begin::digest).
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The report if every image is gone.
    ///
    /// # Errors
    ///
    /// [`Incomplete`] names what is left, and gives the report back.
    pub fn into_result(self) -> Result<Self, Incomplete> {
        if self.all_gone() { Ok(self) } else { Err(Incomplete { report: Box::new(self) }) }
    }
}

/// Not every image is known to be gone. The message names the first three that are not, and what stopped the run, if anything
/// did.
#[derive(Debug, Clone, PartialEq)]
pub struct Incomplete {
    report: Box<Report>,
}

impl Incomplete {
    /// The whole report, with the images that are gone as well.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The whole report, to keep or to print.
    pub fn into_report(self) -> Report {
        *self.report
    }
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// As many as fit into a line or two; the report has them all.
        const SHOWN: usize = 3;

        let Report { counts, images, stopped, .. } = &*self.report;
        let left = images.len() - counts.gone;
        write!(f, "{left} of {} images are not known to be gone", images.len())?;
        if let Some(stop) = stopped {
            write!(f, "; the run was stopped: {stop}")?;
        }
        let first = images.iter().filter(|image| !image.outcome.is_gone()).take(SHOWN);
        for (index, ImageOutcome { id, outcome }) in first.enumerate() {
            write!(f, "{} {id} ({outcome})", if index == 0 { ":" } else { "," })?;
        }
        if left > SHOWN { write!(f, ", …") } else { Ok(()) }
    }
}

impl Error for Incomplete {}
