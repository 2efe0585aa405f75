//! The actions of the service ECS, version 2020-04-01.

mod delete_images;
pub mod deletion;
mod describe_images;

pub use self::delete_images::{
    DeleteImages, DeleteImagesOutput, ImageId, ImageStatus, InvalidBatch, InvalidImageId, ItemError, ItemErrorKind,
    OperationDetail, Snapshots,
};
#[doc(no_inline)]
pub use self::deletion::{
    Attempt, AttemptId, AttemptOutcome, AttemptRecord, Begin, Context, Counts, Deletion, Event, Evidence, ImageOutcome,
    Incomplete, Intent, InvalidDeletion, InvalidJournal, InvalidPolicy, Outcome, Policy, Reason, ReasonKind, Report, Step, Stop,
    Verify, read_journal,
};
pub use self::describe_images::{
    DescribeImages, DetectionItem, DetectionResults, EndlessPages, ImageDescription, ImagePage, ImageSnapshot, InvalidFilter,
    Tag, Visibility,
};
