//! Sockets and HTTP, over hyper.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, UNIX_EPOCH};

use http::header::{CONTENT_TYPE, DATE, RETRY_AFTER};
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::state::{Pause, Reply, State};
use crate::stream::{CutStream, Scissors};

/// More than any request of the service's needs; `DeleteImages` has no body.
const MAX_BODY: usize = 64 << 10;

/// Where the emulator tells the truth. These paths are no part of the service, are not signed and not counted.
const OWN_PATHS: &str = "/_emulator/";

/// The state that the connections and the handle share.
#[derive(Debug, Clone)]
pub(crate) struct Shared(Arc<Mutex<State>>);

impl Shared {
    pub(crate) fn new(state: State) -> Self {
        Self(Arc::new(Mutex::new(state)))
    }

    /// A panic elsewhere leaves nothing half done: every step of the state is one call.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}

/// Accepts connections for ever. Dropping the runtime ends them.
pub(crate) async fn serve(listener: TcpListener, shared: Shared) {
    for connection in 1.. {
        let stream = loop {
            match listener.accept().await {
                Ok((stream, _)) => break stream,
                // Out of file descriptors, say: some may become free.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        // Costs speed at most.
        let _ = stream.set_nodelay(true);
        let (stream, scissors) = CutStream::new(stream);
        let shared = shared.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| respond(&shared, connection, &scissors, request));
            // Errors are clients that leave, and faults that work.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// An error closes the connection and sends nothing.
async fn respond(
    shared: &Shared,
    connection: u64,
    scissors: &Scissors,
    request: Request<Incoming>,
) -> io::Result<Response<Answer>> {
    let (parts, body) = request.into_parts();
    let request = Request::from_parts(parts, ());
    if request.uri().path().starts_with(OWN_PATHS) {
        return Ok(response(own(shared, request.uri().path())));
    }
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        return Err(io::Error::other("the body is too long, or the client left"));
    };
    let body = body.to_bytes();
    let counted = shared.lock().count(connection, &request);
    if let Some(pause) = counted.pause() {
        silence(pause).await;
    }
    let reply = shared.lock().reply(&counted, &request, &body);
    let reply = reply.ok_or_else(|| io::Error::other("dropped by a fault"))?;
    if let Some(pause) = reply.before_head {
        silence(pause).await;
    }
    scissors.set(reply.cut);
    Ok(response(reply))
}

/// What the emulator itself answers.
fn own(shared: &Shared, path: &str) -> Reply {
    let state = shared.lock();
    match path {
        "/_emulator/images" => Reply::json(200, state.now(), state.images_json()),
        _ => Reply::new(404, state.now()),
    }
}

fn response(reply: Reply) -> Response<Answer> {
    let text = |text: String| HeaderValue::from_str(&text);
    let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(reply.date.unix()));
    let headers = [
        (CONTENT_TYPE, reply.content_type),
        (http::HeaderName::from_static("x-tt-logid"), reply.request_id),
        (DATE, Some(date)),
        (RETRY_AFTER, reply.retry_after),
    ];
    let pause = reply.before_body.map(|pause| Box::pin(silence(pause)) as Silence);
    let mut response = Response::new(Answer { pause, text: reply.body.into(), padding: reply.padding });
    *response.status_mut() = http::StatusCode::from_u16(reply.status).expect("statuses are checked when rules are");
    for (name, value) in headers {
        if let Some(value) = value {
            response.headers_mut().insert(name, text(value).expect("values are checked when rules are"));
        }
    }
    response
}

type Silence = Pin<Box<dyn Future<Output = ()> + Send>>;

/// hyper ends it when the client leaves, by dropping it.
async fn silence(pause: Pause) {
    match pause {
        Pause::For(time) => tokio::time::sleep(time).await,
        Pause::ForEver => std::future::pending().await,
    }
}

/// The body of an answer: perhaps silence, then text, then perhaps blanks.
struct Answer {
    pause: Option<Silence>,
    text: Bytes,
    padding: u64,
}

static BLANKS: [u8; 16 << 10] = [b' '; 16 << 10];

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        if !self.text.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.text)))));
        }
        if self.padding > 0 {
            let length = self.padding.min(BLANKS.len() as u64);
            self.padding -= length;
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&BLANKS[..length as usize])))));
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.text.is_empty() && self.padding == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.text.len() as u64 + self.padding)
    }
}
