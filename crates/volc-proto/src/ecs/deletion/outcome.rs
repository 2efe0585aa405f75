//! The words the machine speaks: what became of an image, how that is known, and why a run ended early.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ecs::delete_images::ItemError;
use crate::shown::printable;

/// What became of one image, as far as replies have told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", content = "why", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// It is not there any more, or the service has accepted its deletion.
    Gone(Evidence),
    /// The service will not delete it as it is; it was not asked again.
    Refused(ItemError),
    /// It is not an image of this account, and no attempt may have touched it.
    NotOurs(Reason),
    /// It is being copied or exported, or its status forbids deletion for now.
    Busy(ItemError),
    /// It was not deleted by this run: no request for it was carried out.
    NotDeleted(Reason),
    /// It may be deleted or not. Look, or ask again.
    Unclear(Reason),
}

impl Outcome {
    /// Whether no further request is needed: the image is gone, refused or not ours. All else may still change.
    pub fn is_settled(&self) -> bool {
        matches!(self, Self::Gone(_) | Self::Refused(_) | Self::NotOurs(_))
    }

    /// Whether it is [`Gone`](Self::Gone), on whatever [`Evidence`]: perhaps the service has only accepted the deletion.
    ///
    /// ```
    /// use volc_proto::ecs::{Evidence, Outcome};
    /// assert!(Outcome::Gone(Evidence::Acknowledged).is_gone());
    /// ```
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Gone(_))
    }

    /// The service's code, where one says why, such as `InvalidImage.Shared`. None for what is gone.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Gone(_) => None,
            Self::Refused(error) | Self::Busy(error) => Some(error.code()),
            Self::NotOurs(reason) | Self::NotDeleted(reason) | Self::Unclear(reason) => reason.code(),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone(evidence) => write!(f, "gone: {evidence}"),
            Self::Refused(error) => write!(f, "refused: {error}"),
            Self::NotOurs(reason) => write!(f, "not ours: {reason}"),
            Self::Busy(error) => write!(f, "busy: {error}"),
            Self::NotDeleted(reason) => write!(f, "not deleted: {reason}"),
            Self::Unclear(reason) => write!(f, "unclear: {reason}"),
        }
    }
}

/// How it is known that an image is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Evidence {
    /// The service listed it without an error: it accepted the deletion.
    Acknowledged,
    /// There is no such image in this region and account. This claims nothing about who deleted it, or whether it ever was.
    NotFound,
    /// It was not found after an attempt that may have deleted it. Whether its snapshots were treated as asked is unknown.
    NotFoundAfterUnclear,
    /// It was looked for, and was not there any more. Where a reply was lost, whether its snapshots were treated as asked is
    /// unknown.
    SeenAbsent,
    /// It was looked for before anything was sent for it, and was not there.
    AbsentBefore,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Acknowledged => "the service accepted the deletion",
            Self::NotFound => "there is no such image in this region and account",
            Self::SeenAbsent => "it was looked for and is not there any more",
            Self::AbsentBefore => "it was not there before anything was sent",
            Self::NotFoundAfterUnclear => "not found after an attempt whose answer was lost",
        })
    }
}

/// Why an image is unclear or was not deleted. Cheap to clone: the images of one attempt share it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    kind: ReasonKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<Arc<str>>,
    text: Arc<str>,
}

/// What sort of thing a [`Reason`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ReasonKind {
    /// No attempt has been made.
    NotAsked,
    /// An attempt is under way: its answer may still settle the image.
    InFlight,
    /// Nothing of the request left ([`Fate::Unsent`](crate::Fate::Unsent)).
    Unsent,
    /// No answer came, or not a whole one ([`Fate::Unknown`](crate::Fate::Unknown)).
    Lost,
    /// The service refused the whole request: for its date or pace, for its caller, or for one of its images.
    Call,
    /// The service answered that something failed on its side.
    Failed,
    /// What came back was no reply of the service, or to another action.
    Unreadable,
    /// The reply did not list the image.
    NotListed,
    /// The reply contradicted itself.
    Contradictory,
    /// The reply named an error of the image that does not say whether an earlier attempt deleted it.
    Image,
    /// It was looked for, and was still there.
    SeenPresent,
    /// It was looked at, and is a public image or another account's.
    NotOurs,
}

impl Reason {
    pub(crate) fn new(kind: ReasonKind, text: impl fmt::Display) -> Self {
        Self { kind, code: None, text: text.to_string().into() }
    }

    pub(crate) fn with_code(mut self, code: &str) -> Self {
        self.code = Some(code.into());
        self
    }

    pub(crate) fn image(error: &ItemError) -> Self {
        Self::new(ReasonKind::Image, error).with_code(error.code())
    }

    /// What sort of reason it is, for programs; the text is for people.
    pub fn kind(&self) -> ReasonKind {
        self.kind
    }

    /// The service's code, where one says why, such as `FlowLimitExceeded`.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It may have been read from a journal.
        printable(&self.text).fmt(f)
    }
}

impl Error for Reason {}

/// Why a run started no more attempts although images were left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stop", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Stop {
    /// The caller, or the adapter, asked for it.
    Asked {
        /// What [`Deletion::stop`](super::Deletion::stop) was told.
        why: String,
    },
    /// Another attempt could not have finished before [`Policy::deadline`](super::Policy::deadline).
    Deadline,
    /// The service asked for a wait beyond [`Policy::max_wait`](super::Policy::max_wait) or the deadline.
    Wait {
        /// The whole seconds that it asked for, or that were left of them.
        seconds: u64,
    },
    /// The request's date was refused twice: this machine's clock, or the time given by the caller, is wrong.
    Clock {
        /// The service's words for the second refusal.
        why: Reason,
    },
    /// Key, permission, address or action are not accepted: no other request would fare better.
    Call {
        /// The service's words, with its code.
        why: Reason,
    },
    /// Images were to be looked at before their deletion, and could not be.
    Look {
        /// Why not: no permission, say, or no usable answer.
        why: Reason,
    },
    /// The first 100 images that were answered do not exist: wrong region, wrong account, or an old list.
    NoneExist,
    /// Attempt after attempt failed in the same way ([`Policy::stop_after`](super::Policy::stop_after)).
    Failing {
        /// How many failures in a row; those of attempts that were under way at once count as one.
        times: u32,
        /// The last of them.
        why: Reason,
    },
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked { why } => f.write_str(why),
            Self::Deadline => f.write_str("another attempt could not have finished before the deadline"),
            Self::Wait { seconds } => write!(f, "the service asked for a wait of {seconds} s, which is too long"),
            Self::Clock { why } => write!(f, "the request's date was refused twice; set this machine's clock ({why})"),
            Self::Call { why } => {
                write!(f, "the service accepts no request like this; check key, permission, region and endpoint ({why})")
            }
            Self::Look { why } => write!(f, "the images could not be looked at before their deletion ({why})"),
            Self::NoneExist => {
                f.write_str("the first 100 images do not exist; check region, account and list, or allow missing images")
            }
            Self::Failing { times, why } => write!(f, "{times} attempts in a row failed in the same way ({why})"),
        }
    }
}
