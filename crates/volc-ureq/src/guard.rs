//! What connections see to where ureq does not.
//!
//! At the level `trace` ureq logs every byte of a request, the session token and the signature among them. So it is given
//! fillers of the same length, and the connection puts the values in their places, behind the log.
//!
//! While it waits for a proxy's tunnel, ureq starts the time anew with every byte that arrives. So the connection ends the
//! waiting at the request's deadline.
//!
//! Where it looks whether a connection can be used again, it does not look between TLS and the socket. So that is looked at too.

use std::cell::RefCell;
use std::mem;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue};
use memchr::memmem;
use ureq::Timeout;
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

thread_local! {
    /// The request that this thread sends: ureq reads and writes on the thread that asks.
    static REQUEST: RefCell<Option<Request>> = const { RefCell::new(None) };
}

struct Request {
    sealed: Vec<(HeaderName, HeaderValue)>,
    deadline: Instant,
}

const FILLER: u8 = b'x';

/// While it lives, the guarded connections of this thread know the request.
pub(crate) struct Guard(());

/// Puts fillers in place of the values that are marked sensitive, and sets the deadline.
pub(crate) fn guard(headers: &mut HeaderMap, timeout: Duration) -> Guard {
    let sensitive = headers.iter_mut().filter(|(_, value)| value.is_sensitive());
    let sealed = sensitive.map(|(name, value)| {
        let filler = HeaderValue::try_from(vec![FILLER; value.len()]).expect("a letter is allowed in a header");
        (name.clone(), mem::replace(value, filler))
    });
    REQUEST.set(Some(Request { sealed: sealed.collect(), deadline: Instant::now() + timeout }));
    Guard(())
}

impl Drop for Guard {
    fn drop(&mut self) {
        REQUEST.take();
    }
}

/// Puts the values where ureq wrote fillers.
fn fill(output: &mut [u8]) {
    REQUEST.with_borrow(|request| {
        for (name, value) in request.iter().flat_map(|request| &request.sealed) {
            let name = name.as_str();
            let is_header = |at: &usize| output[..*at].ends_with(b"\r\n") && output[at + name.len()..].starts_with(b": ");
            let found = memmem::find_iter(output, name).find(is_header);
            let place = found.and_then(|at| output[at + name.len() + 2..].get_mut(..value.len()));
            if let Some(place) = place.filter(|place| place.iter().all(|byte| *byte == FILLER)) {
                place.copy_from_slice(value.as_bytes());
            }
        }
    });
}

/// What is left until the deadline, where ureq would wait longer.
pub(crate) fn within(mut timeout: NextTimeout) -> Result<NextTimeout, ureq::Error> {
    let deadline = REQUEST.with_borrow(|request| request.as_ref().map(|request| request.deadline));
    if let Some(left) = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
        if left.is_zero() {
            return Err(ureq::Error::Timeout(Timeout::Global));
        }
        if left < *timeout.after {
            (timeout.after, timeout.reason) = (left.into(), Timeout::Global);
        }
    }
    Ok(timeout)
}

#[derive(Debug)]
pub(crate) struct Guarded(pub(crate) Box<dyn Transport>);

impl Transport for Guarded {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.0.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let timeout = within(timeout)?;
        fill(&mut self.0.buffers().output()[..amount]);
        self.0.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.0.await_input(within(timeout)?)
    }

    fn is_open(&mut self) -> bool {
        self.0.is_open()
    }

    fn is_tls(&self) -> bool {
        self.0.is_tls()
    }
}

/// Below TLS: counts as closed while there are bytes that were read off the socket and that nobody took. They belong to no
/// request that is to come.
#[derive(Debug)]
pub(crate) struct Checked<T>(pub(crate) T);

impl<T: Transport> Transport for Checked<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.0.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.0.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.0.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.0.buffers().input().is_empty() && self.0.is_open()
    }

    fn is_tls(&self) -> bool {
        self.0.is_tls()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_filler_behind_its_name_is_filled() {
        let secret = |value| {
            let mut value = HeaderValue::from_static(value);
            value.set_sensitive(true);
            value
        };
        let mut headers = HeaderMap::new();
        headers.insert("authorization", secret("signature"));
        headers.insert("x-security-token", secret("token"));
        headers.insert("x-date", HeaderValue::from_static("today"));
        let guard = guard(&mut headers, Duration::from_secs(1));
        assert_eq!(
            (&headers["authorization"], &headers["x-security-token"]),
            (&"xxxxxxxxx".parse().unwrap(), &"xxxxx".parse().unwrap())
        );
        assert_eq!(headers["x-date"], "today");

        let whole = b"GET /xxxxx?x-security-token: HTTP/1.1\r\nx-security-token: xxxxx\r\nauthorization: xxxxxxxxx\r\n\r\n";
        for (written, sent) in [
            (
                &whole[..],
                &b"GET /xxxxx?x-security-token: HTTP/1.1\r\nx-security-token: token\r\nauthorization: signature\r\n\r\n"[..],
            ),
            (b"\r\nx-security-token: xx", b"\r\nx-security-token: xx"),
            (b"\r\nx-security-token: other\r\n", b"\r\nx-security-token: other\r\n"),
            (b"", b""),
        ] {
            let mut output = written.to_vec();
            fill(&mut output);
            assert_eq!(output, sent);
        }

        drop(guard);
        let mut output = whole.to_vec();
        fill(&mut output);
        assert_eq!(output, whole);
    }
}
