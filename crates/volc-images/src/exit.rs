//! What the process ends with.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use serde::{Serialize, Serializer};
use volc_proto::chain;
use volc_proto::ecs::{Evidence, Outcome, Report};

/// Exit codes. Where several hold, the first one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Ctrl-C, or a signal that asks to end.
    Interrupted,
    /// The command line, or a file that it names, is not right, or there are too many images. Nothing was deleted.
    Usage,
    /// No request was carried out: credentials, permission, network.
    NothingDone,
    /// Of some images it is unclear whether they are gone.
    SomeUnclear,
    /// Some images are not gone.
    SomeNotGone,
    /// There is none of these images.
    NoneExist,
    /// All images are gone, or nobody asked to delete them.
    Fine,
    /// `explain --compare` found a difference.
    Different,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Interrupted => 130,
            Self::Usage => 64,
            Self::NothingDone => 4,
            Self::SomeUnclear => 3,
            Self::SomeNotGone => 2,
            Self::NoneExist => 5,
            Self::Fine => 0,
            Self::Different => 1,
        }
    }

    /// What a run came to. `nothing_done`: none of its deletions can have been carried out.
    pub(crate) fn of(report: &Report, interrupted: bool, nothing_done: bool, missing_ok: bool) -> Self {
        let (counts, all) = (report.counts(), report.outcomes().len());
        let missing = report.outcomes().all(|(_, outcome)| was_missing(outcome));
        let codes = [
            (interrupted, Self::Interrupted),
            (nothing_done && counts.gone + counts.refused < all, Self::NothingDone),
            (counts.unclear > 0, Self::SomeUnclear),
            (counts.gone < all, Self::SomeNotGone),
            (missing && !missing_ok, Self::NoneExist),
        ];
        codes.into_iter().find_map(|(holds, exit)| holds.then_some(exit)).unwrap_or(Self::Fine)
    }
}

/// Whether the image was not there when this run came.
pub(crate) fn was_missing(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Gone(Evidence::NotFound | Evidence::AbsentBefore))
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

impl Serialize for Exit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.code())
    }
}

/// A command that ended before it began: an exit code, and why.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    error: Box<dyn Error>,
}

impl Failure {
    /// Something about the command line is not right.
    pub(crate) fn usage(error: impl Into<Box<dyn Error>>) -> Self {
        Self { exit: Exit::Usage, error: error.into() }
    }

    /// Nothing can be done as things are.
    pub(crate) fn impossible(error: impl Into<Box<dyn Error>>) -> Self {
        Self { exit: Exit::NothingDone, error: error.into() }
    }
}

/// The error with its sources, in one line.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        chain(&*self.error).fmt(f)
    }
}

/// Output that cannot be written.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::impossible(error)
    }
}
