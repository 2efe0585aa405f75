//! Why a call brought no result, and what can have become of its request.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::iter::successors;

use http::{StatusCode, Uri};
use serde::de::IgnoredAny;
use volc_proto::ecs::EndlessPages;
use volc_proto::{Fate, ReplyError, RequestError, parse_as};

use crate::connect::BoxError;
use crate::connection::Failure;

/// Why a call brought no result.
///
/// Neither the text nor a source repeats a query, a key, a token or a signature.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// No request could be built, and nothing was sent.
    Request(RequestError),
    /// No answer came, or not a whole one. [`Lost::fate`] says whether the request may have arrived.
    Lost(Lost),
    /// There is an answer, and it is an error or nothing that the service would say.
    Reply(ReplyError),
    /// A page of a list names itself as the next one: what was read is not the whole list.
    Pages(EndlessPages),
}

impl Error {
    /// Whether the request can have reached the service. After [`Fate::Unsent`] it has not; an answer, be it an error,
    /// is [`Fate::Unknown`], and its own words say more.
    pub fn fate(&self) -> Fate {
        match self {
            Self::Request(_) => Fate::Unsent,
            Self::Lost(lost) => lost.fate(),
            Self::Reply(_) | Self::Pages(_) => Fate::Unknown,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => error.fmt(f),
            Self::Lost(error) => error.fmt(f),
            Self::Reply(error) => error.fmt(f),
            Self::Pages(error) => error.fmt(f),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Request(error) => error.source(),
            Self::Lost(error) => error.source(),
            Self::Reply(error) => error.source(),
            Self::Pages(error) => error.source(),
        }
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl From<Lost> for Error {
    fn from(error: Lost) -> Self {
        Self::Lost(error)
    }
}

impl From<ReplyError> for Error {
    fn from(error: ReplyError) -> Self {
        Self::Reply(error)
    }
}

impl From<EndlessPages> for Error {
    fn from(error: EndlessPages) -> Self {
        Self::Pages(error)
    }
}

/// A request that brought no answer, or not a whole one of at most 1 MiB. The message names the host and what was expected of
/// it.
#[derive(Debug)]
pub struct Lost {
    fate: Fate,
    what: What,
    host: String,
    /// The status and the first characters of an answer of which only a part arrived.
    part: Option<(StatusCode, String)>,
    source: Option<BoxError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Stopped,
    Unconnected,
    Untrusted,
    TimedOut,
    Broken,
    TooLong,
    Encoded,
}

impl Lost {
    /// There was a connection, and no whole answer.
    pub(crate) fn new(uri: &Uri, failure: Failure) -> Self {
        let fate = if failure.sent { Fate::Unknown } else { Fate::Unsent };
        // The core knows how to show an answer and nothing secret with it. Half an answer that it can read all the same is
        // not shown.
        let part = match failure.part.as_ref().map(parse_as::<IgnoredAny>) {
            Some(Err(ReplyError::Unreadable(part))) => Some((part.status(), part.excerpt().to_owned())),
            _ => None,
        };
        let source = failure.source.map(BoxError::from);
        Self { fate, what: failure.what, host: host(uri), part, source }
    }

    /// No connection, and so nothing to send on.
    pub(crate) fn unconnected(uri: &Uri, error: BoxError) -> Self {
        let what = if causes(&*error).any(is_of_the_certificate) {
            What::Untrusted
        } else if causes(&*error).any(is_of_time) {
            What::TimedOut
        } else {
            What::Unconnected
        };
        Self { fate: Fate::Unsent, what, host: host(uri), part: None, source: Some(error) }
    }

    /// Time ran out before there was a connection.
    pub(crate) fn unsent_in_time(uri: &Uri) -> Self {
        Self { fate: Fate::Unsent, what: What::TimedOut, host: host(uri), part: None, source: None }
    }

    /// Its run was stopped before there was a connection.
    pub(crate) fn stopped(uri: &Uri) -> Self {
        Self { fate: Fate::Unsent, what: What::Stopped, host: host(uri), part: None, source: None }
    }

    /// Whether the request can have reached the service: [`Fate::Unsent`] only where it is proven that it has not.
    pub fn fate(&self) -> Fate {
        self.fate
    }

    /// Whether TLS ended the matter, since the server's certificate is not trusted. Sending again will not help, and
    /// somebody may be in between.
    pub fn certificate_refused(&self) -> bool {
        self.what == What::Untrusted
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What caused it follows in a chain: next to the words that it explains.
        write!(f, "{}: ", self.fate)?;
        let host = &self.host;
        match self.what {
            What::Stopped => write!(f, "the run was stopped before there was a connection to `{host}`")?,
            What::Unconnected => write!(f, "expected a connection to `{host}`")?,
            What::Untrusted => write!(f, "expected a trusted certificate of `{host}`")?,
            What::TimedOut => write!(f, "expected an answer of `{host}` in time")?,
            What::Broken => write!(f, "expected a complete answer of `{host}`")?,
            What::TooLong => write!(f, "expected an answer of `{host}` of at most 1 MiB")?,
            What::Encoded => write!(f, "expected an answer of `{host}` without content encoding")?,
        }
        if let Some((status, excerpt)) = &self.part {
            write!(f, ", got HTTP {} with `{excerpt}`", status.as_u16())?;
        }
        Ok(())
    }
}

impl StdError for Lost {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|error| &**error as _)
    }
}

fn host(uri: &Uri) -> String {
    uri.host().unwrap_or_default().to_owned()
}

/// An error and what caused it. What an [`io::Error`] wraps is passed over by its `source`, but not here.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    successors(Some(error), |&error| match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner as _),
        None => error.source(),
    })
}

fn is_of_time(error: &(dyn StdError + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
}

#[cfg(feature = "tls")]
fn is_of_the_certificate(error: &(dyn StdError + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(rustls::Error::InvalidCertificate(_)))
}

/// Only rustls says so in a way that is known here.
#[cfg(not(feature = "tls"))]
fn is_of_the_certificate(_: &(dyn StdError + 'static)) -> bool {
    false
}
