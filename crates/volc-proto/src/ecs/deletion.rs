//! The deletion of any number of images, decided without IO.
mod event;
mod machine;
mod meaning;
mod outcome;
mod pace;
mod policy;
mod report;
mod resume;

pub use self::event::{
    AttemptId, AttemptOutcome, AttemptRecord, Begin, Context, Event, ImageOutcome, Intent, InvalidJournal, read_journal,
};
pub use self::machine::{Attempt, Deletion, InvalidDeletion, Step};
pub use self::outcome::{Evidence, Outcome, Reason, ReasonKind, Stop};
pub use self::policy::{InvalidPolicy, Policy};
pub use self::report::{Counts, Incomplete, Report};
