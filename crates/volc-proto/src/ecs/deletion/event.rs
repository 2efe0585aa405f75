//! What happened in a run, as data: the lines of a journal.
//!
//! A journal is one JSON object a line: a [`Begin`], then an [`Intent`] before each send and an [`AttemptOutcome`] after its
//! answer. It never holds a key, a token or a signature.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use base16ct::HexDisplay;
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};

use super::outcome::{Outcome, Reason};
use crate::credentials::Credentials;
use crate::ecs::delete_images::{ImageId, Snapshots};
use crate::endpoint::Endpoint;
use crate::fate::Fate;
use crate::timestamp::Timestamp;

/// The format of journals and reports.
pub(crate) const VERSION: u32 = 1;

/// The number of an attempt, from 1; a resumed run goes on counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptId(#[serde(deserialize_with = "attempt_number")] pub(crate) u64);

/// No run comes this far; a journal that says so would leave no numbers for the attempts to come.
const MAX_ATTEMPT: u64 = 1 << 53;

fn attempt_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = u64::deserialize(deserializer)?;
    let expected = "the number of an attempt, up to 2^53";
    if number <= MAX_ATTEMPT { Ok(number) } else { Err(D::Error::invalid_value(Unexpected::Unsigned(number), &expected)) }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One line of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    /// A run begins, or goes on: the first line of a journal, and one more whenever a driver takes over.
    Begin(Begin),
    /// A deletion is about to be sent. The journal must hold this before: what a crash hides was perhaps done.
    Intent(Intent),
    /// Images are about to be looked at: nothing becomes unclear by it.
    Look(Intent),
    /// An attempt, to delete or to look, was answered or lost.
    Outcome(AttemptOutcome),
    /// The run waits, for its pace or because something asked it to. Drivers tell it about once a second, so that a caller
    /// can show it and break it off. Nothing happened: a journal may leave it out.
    Wait {
        /// How much is left, in milliseconds in JSON.
        #[serde(rename = "left_ms", with = "milliseconds")]
        left: Duration,
    },
}

/// What a run is about. Two runs with the same list, snapshot choice, endpoint and region are one job; the key may change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// The version of this format: 1. A journal of another one is not resumed from.
    pub version: u32,
    /// Where, when and by whom; in JSON its members stand among these.
    #[serde(flatten)]
    pub context: Context,
    /// What becomes of the snapshots of all images of the run.
    pub snapshots: Snapshots,
    /// How many images are on the list, each counted once.
    pub images: usize,
    /// SHA-256 of the IDs, in the order asked, each followed by a line end; in lower-case hex.
    pub digest: String,
}

/// Where, when and by whom images are deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// Scheme and host, as [`Endpoint::origin`] tells them.
    pub endpoint: String,
    /// The region that requests are signed for.
    pub region: String,
    /// The access key ID, masked as by [`Credentials::masked_key_id`].
    pub key_id: String,
    /// The program that ran, with its version; the adapters put here what they send as `User-Agent`.
    pub tool: String,
    /// When the driver took over, by its clock.
    pub at: Timestamp,
}

impl Context {
    /// The context of a run against `endpoint` with `who`'s key, by the program `tool`, from `at` on.
    pub fn new(endpoint: &Endpoint, who: &Credentials, tool: impl Into<String>, at: Timestamp) -> Self {
        Self {
            endpoint: endpoint.origin("ecs"),
            region: endpoint.region().to_string(),
            key_id: who.masked_key_id(),
            tool: tool.into(),
            at,
        }
    }
}

/// An attempt that is about to be sent: without an outcome behind it, its images are unclear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The attempt's number, which its [`AttemptRecord`] has as well.
    pub attempt: AttemptId,
    /// When the attempt is signed, by the driver's clock.
    pub at: Timestamp,
    /// The images it names, 1 to 100, in the order sent.
    pub images: Vec<ImageId>,
}

/// What an attempt brought, as a whole and for each image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptOutcome {
    /// How the attempt as a whole went; in JSON its members stand beside `images`.
    #[serde(flatten)]
    pub attempt: AttemptRecord,
    /// What is known of each of its images now.
    pub images: Vec<ImageOutcome>,
}

/// One image and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageOutcome {
    /// The ID that was asked for.
    pub id: ImageId,
    /// What became of it as far as was known then; in JSON `outcome`, and `why`.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// One attempt, as a support ticket wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AttemptRecord {
    /// The attempt's number, by which a journal's [`Intent`] belongs to it.
    pub attempt: AttemptId,
    /// How many images it named, to delete or to describe.
    pub asked: usize,
    /// Whether it only looked at images, with `DescribeImages`, and asked for no deletion.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub look: bool,
    /// When it was sent, by the driver's clock; none if the driver did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// How long it took, in milliseconds in JSON; zero where a run ended before its answer came.
    #[serde(rename = "duration_ms", with = "milliseconds")]
    pub duration: Duration,
    /// The HTTP status of the answer; none where no whole answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What the vendor's support asks for; none where no answer had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What can have become of it, where there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fate: Option<Fate>,
    /// What went wrong with the attempt as a whole; what is wrong with an image is in its own outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Reason>,
}

mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(duration.as_millis().try_into().unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

/// The digest that binds a journal to its list.
pub(crate) fn digest<'a>(ids: impl IntoIterator<Item = &'a ImageId>) -> String {
    let mut hash = Sha256::new();
    for id in ids {
        hash.update(id.as_str());
        hash.update("\n");
    }
    format!("{:x}", HexDisplay(&hash.finalize()))
}

/// Reads a journal: its events, and how many bytes of it are whole lines.
///
/// What follows the last line end was torn by a crash and is left out. Cut the file to the length that is returned before
/// appending to it.
///
/// ```
/// use volc_proto::ecs::read_journal;
/// let journal = b"{\"event\":\"intent\",\"attempt\":1,\"at\":\"20231114T221320Z\",\"images\":[\"image-a\"]}\n{\"event\":\"outc";
/// let (events, length) = read_journal(journal)?;
/// assert_eq!((events.len(), length), (1, 76));
/// # Ok::<(), volc_proto::ecs::InvalidJournal>(())
/// ```
///
/// # Errors
///
/// [`InvalidJournal::Line`] for a whole line that is no event.
pub fn read_journal(journal: &[u8]) -> Result<(Vec<Event>, usize), InvalidJournal> {
    let length = journal.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
    let lines = journal[..length].split_inclusive(|b| *b == b'\n').enumerate();
    let events = lines.map(|(index, line)| {
        serde_json::from_slice(line).map_err(|error| InvalidJournal::Line { line: index + 1, error: error.to_string() })
    });
    Ok((events.collect::<Result<_, _>>()?, length))
}

/// Why a journal cannot be resumed from. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidJournal {
    /// A line is no event.
    Line {
        /// The line's number, counted from 1.
        line: usize,
        /// What is wrong with it, in the words of the JSON reader, which may quote it.
        error: String,
    },
    /// The first event is not a [`Begin`], or one of another version.
    Begin,
    /// The journal is about another job.
    Other {
        /// What differs: `list`, `snapshot choice`, `endpoint` or `region`.
        what: &'static str,
    },
    /// An event speaks of an image that is not on the list.
    Image {
        /// The image that the list does not have.
        id: ImageId,
    },
    /// The number of an attempt is too far from those before it.
    Gap {
        /// The attempt.
        attempt: AttemptId,
    },
}

impl fmt::Display for InvalidJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { line, error } => write!(f, "expected an event in line {line} of the journal: {error}"),
            Self::Begin => f.write_str("expected a journal that begins with a `begin` event of version 1"),
            Self::Other { what } => write!(f, "expected a journal of the same {what}"),
            Self::Image { id } => write!(f, "expected only images of the list in the journal, not `{id}`"),
            Self::Gap { attempt } => {
                write!(f, "expected attempts in the journal that go on being numbered, not a leap to {attempt}")
            }
        }
    }
}

impl Error for InvalidJournal {}
