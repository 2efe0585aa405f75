//! Why a call brought no result, and what can have become of its request.

use std::error::Error as StdError;
use std::fmt;

use http::{Response, StatusCode, Uri};
use rustls::Error as TlsError;
use serde::de::IgnoredAny;
use ureq::Timeout;
use volc_proto::ecs::EndlessPages;
use volc_proto::{Fate, ReplyError, RequestError, parse_as};

use crate::connect;

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

impl From<EndlessPages> for Error {
    fn from(error: EndlessPages) -> Self {
        Self::Pages(error)
    }
}

impl From<ReplyError> for Error {
    fn from(error: ReplyError) -> Self {
        Self::Reply(error)
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
    source: Option<Box<ureq::Error>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Unconnected,
    Untrusted,
    TimedOut,
    Broken,
    TooLong,
    Encoded,
}

impl Lost {
    pub(crate) fn new(uri: &Uri, error: ureq::Error) -> Self {
        let (error, marked) = connect::unmark(error);
        let fate = if marked || proves_that_nothing_was_sent(&error) { Fate::Unsent } else { Fate::Unknown };
        let what = match &error {
            error if refuses_the_certificate(error) => What::Untrusted,
            ureq::Error::Timeout(_) => What::TimedOut,
            ureq::Error::BodyExceedsLimit(_) => What::TooLong,
            _ if fate == Fate::Unsent => What::Unconnected,
            _ => What::Broken,
        };
        // These texts may hold the whole URI: the first two do, the third is anybody's.
        let repeats = matches!(error, ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) | ureq::Error::Other(_));
        Self { fate, what, host: host(uri), part: None, source: (!repeats).then(|| Box::new(error)) }
    }

    /// The answer ended early, or did not end.
    pub(crate) fn in_body(uri: &Uri, error: ureq::Error, part: &Response<Vec<u8>>) -> Self {
        // The core knows how to show an answer and nothing secret with it. Half an answer that it can read all the same is
        // not shown.
        let part = match parse_as::<IgnoredAny>(part) {
            Err(ReplyError::Unreadable(part)) => Some((part.status(), part.excerpt().to_owned())),
            _ => None,
        };
        Self { fate: Fate::Unknown, part, ..Self::new(uri, error) }
    }

    pub(crate) fn encoded(uri: &Uri) -> Self {
        Self { fate: Fate::Unknown, what: What::Encoded, host: host(uri), part: None, source: None }
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

/// What is proof without the mark of [`connect`], in an agent that came from outside. Each of them stands in ureq's source
/// in its resolver, its connectors, or before both.
fn proves_that_nothing_was_sent(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::HostNotFound
        | ureq::Error::ConnectProxyFailed(_)
        | ureq::Error::RequireHttpsOnly(_)
        | ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => true,
        // Certificates are judged in the handshake, and nothing is written sooner: ureq sends no early data.
        error => refuses_the_certificate(error),
    }
}

fn refuses_the_certificate(error: &ureq::Error) -> bool {
    let tls = match error {
        ureq::Error::Rustls(error) => Some(error),
        ureq::Error::Io(error) => error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()),
        _ => None,
    };
    matches!(tls, Some(TlsError::InvalidCertificate(_)))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn lost(error: ureq::Error) -> Lost {
        Lost::new(&Uri::from_static("http://127.0.0.1:1/?ImageIds.1=image-a"), error)
    }

    fn io(kind: io::ErrorKind) -> ureq::Error {
        ureq::Error::Io(kind.into())
    }

    #[test]
    fn what_can_happen_after_the_first_byte_is_no_proof() {
        for error in [
            io(io::ErrorKind::ConnectionReset),
            // Linux also reports it of a connection that was established: after an ICMP message, when it gives up.
            io(io::ErrorKind::ConnectionRefused),
            io(io::ErrorKind::TimedOut),
            io(io::ErrorKind::NotConnected),
            ureq::Error::Timeout(Timeout::Global),
            ureq::Error::Timeout(Timeout::SendRequest),
            ureq::Error::ConnectionFailed,
            ureq::Error::Io(io::Error::other(TlsError::DecryptError)),
            ureq::Error::Other("somebody else's connector".into()),
        ] {
            assert_eq!(lost(error).fate(), Fate::Unknown);
        }
        for error in [
            ureq::Error::HostNotFound,
            ureq::Error::Timeout(Timeout::Connect),
            ureq::Error::Io(io::Error::other(TlsError::InvalidCertificate(rustls::CertificateError::UnknownIssuer))),
        ] {
            assert_eq!(lost(error).fate(), Fate::Unsent);
        }
    }

    #[test]
    fn a_text_that_may_hold_the_uri_is_not_passed_on() {
        let uri = "http://127.0.0.1:1/?ImageIds.1=image-a".to_owned();
        for error in
            [ureq::Error::BadUri(uri.clone()), ureq::Error::RequireHttpsOnly(uri.clone()), ureq::Error::Other(uri.into())]
        {
            let lost = lost(error);
            assert!(!format!("{lost} {lost:?}").contains("image-a"));
            assert!(lost.source().is_none());
        }
    }
}
