//! One connection, and one exchange at a time on it.
//!
//! hyper bounds neither the time nor the bytes of an answer, and a server that floods keeps it busy for longer than a timer
//! could interrupt it. So each read of the stream is guarded.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use futures_util::future::{Either, select};
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout_at};

use crate::connect::Io;
use crate::error::What;

/// A reply about 100 images takes some 40 KB where each has failed; who sends more than this is not the service.
const MAX_BODY: usize = 1 << 20;
/// Of the status line and the headers, as in ureq.
const MAX_HEAD: usize = 64 << 10;
const MAX_HEADERS: usize = 100;
/// All that may come in one exchange: body, head, answers of status 1xx before it, and the framing of small chunks.
const MAX_BYTES: usize = 2 << 20;

pub(crate) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    /// hyper's side of it. It does nothing unless it is polled, which only an exchange does: no task, and none to clean up.
    driver: http1::Connection<TokioIo<Guarded>, Full<Bytes>>,
    limits: Arc<Mutex<Limits>>,
    /// Whether the driver may be polled.
    open: bool,
}

/// Why an exchange brought no whole answer.
pub(crate) struct Failure {
    pub(crate) what: What,
    /// Whether any byte of the request was handed to the stream.
    pub(crate) sent: bool,
    /// As much of the answer as came.
    pub(crate) part: Option<Response<Vec<u8>>>,
    pub(crate) source: Option<hyper::Error>,
}

impl Connection {
    pub(crate) async fn new(io: Box<dyn Io>) -> Result<Self, hyper::Error> {
        let limits = Arc::new(Mutex::new(Limits::default()));
        let io = Guarded { io: TokioIo::new(io), limits: limits.clone() };
        let mut builder = http1::Builder::new();
        builder.max_headers(MAX_HEADERS).max_header_size(MAX_HEAD).max_buf_size(MAX_HEAD);
        let (sender, driver) = builder.handshake(TokioIo::new(io)).await?;
        Ok(Self { sender, driver, limits, open: true })
    }

    /// Sends, and reads the whole answer.
    pub(crate) async fn exchange(&mut self, request: Request<Vec<u8>>, deadline: Instant) -> Result<Response<Vec<u8>>, Failure> {
        *lock(&self.limits) = Limits { deadline: Some(deadline), ..Limits::default() };
        let Self { sender, driver, open, limits } = self;
        let mut part = None;
        let exchange = async {
            match select(pin!(read(sender, request, &mut part)), driver).await {
                Either::Left((answer, _)) => answer,
                Either::Right((_, reading)) => {
                    *open = false;
                    reading.await
                }
            }
        };
        let answer = timeout_at(deadline, exchange).await.unwrap_or(Err((What::TimedOut, None)));
        let limits = lock(limits);
        answer.map_err(|(what, source)| {
            let what = match what {
                What::Broken if limits.too_late => What::TimedOut,
                // Too much before there is a body is as broken as too much of a head.
                What::Broken if limits.left == 0 && part.is_some() => What::TooLong,
                what => what,
            };
            Failure { what, sent: limits.sent, part, source }
        })
    }

    /// Whether it can take one more request. A server that has closed it by now is noticed.
    pub(crate) async fn is_ready(&mut self) -> bool {
        *lock(&self.limits) = Limits::default();
        poll_fn(|cx| {
            self.open = self.open && Pin::new(&mut self.driver).poll(cx).is_pending();
            Poll::Ready(self.open && self.sender.is_ready())
        })
        .await
    }
}

/// Reads an answer into `part`, and hands it over when it is whole.
async fn read(
    sender: &mut http1::SendRequest<Full<Bytes>>,
    request: Request<Vec<u8>>,
    part: &mut Option<Response<Vec<u8>>>,
) -> Result<Response<Vec<u8>>, (What, Option<hyper::Error>)> {
    let broken = |error| (What::Broken, Some(error));
    let request = request.map(|body| Full::from(Bytes::from(body)));
    let (head, mut body) = sender.send_request(request).await.map_err(broken)?.into_parts();
    if is_encoded(&head.headers) {
        return Err((What::Encoded, None));
    }
    let length = body.size_hint().lower().min(MAX_BODY as u64);
    let answer = part.insert(Response::from_parts(head, Vec::with_capacity(length as usize)));
    while let Some(frame) = body.frame().await {
        // Trailers say nothing.
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        let room = MAX_BODY - answer.body().len();
        answer.body_mut().extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            return Err((What::TooLong, None));
        }
    }
    Ok(std::mem::take(answer))
}

/// Nobody asked for an encoding, so a body in one was made by somebody who did not listen.
fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// What one exchange may take, and what it took.
struct Limits {
    deadline: Option<Instant>,
    /// Bytes that may still be read.
    left: usize,
    too_late: bool,
    sent: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { deadline: None, left: MAX_BYTES, too_late: false, sent: false }
    }
}

fn lock(limits: &Mutex<Limits>) -> MutexGuard<'_, Limits> {
    // Nothing is ever half written under this lock.
    limits.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A stream that keeps to the limits.
struct Guarded {
    io: TokioIo<Box<dyn Io>>,
    limits: Arc<Mutex<Limits>>,
}

impl Guarded {
    fn note(&self, bytes: usize) {
        // Whether they leave is the stream's secret: TLS may keep them. What was handed over counts as sent.
        lock(&self.limits).sent |= bytes > 0;
    }
}

impl AsyncRead for Guarded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        {
            let mut limits = lock(&self.limits);
            limits.too_late = limits.deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if limits.too_late {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            if limits.left == 0 {
                return Poll::Ready(Err(io::Error::other("more bytes than any answer takes")));
            }
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        let mut limits = lock(&self.limits);
        limits.left = limits.left.saturating_sub(buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.note(bytes.len());
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.note(slices.iter().map(|slice| slice.len()).sum());
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
