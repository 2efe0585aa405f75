//! A span for each attempt: what was asked, and what became of it. Never a key, a token or a signature.

use http::Response;
use serde::de::IgnoredAny;
use tokio::time::Instant;
use tracing::field::{Empty, debug};
use tracing::{Instrument, Span, info_span};
use volc_proto::ecs::AttemptId;
use volc_proto::{Region, parse_as};

use crate::Lost;

type Answer = Result<Response<Vec<u8>>, Lost>;

/// Runs an attempt in its span. One that is dropped leaves a span with neither status nor fate.
pub(crate) async fn attempt(
    action: &'static str,
    region: &Region,
    number: Option<AttemptId>,
    sending: impl Future<Output = Answer>,
) -> Answer {
    let span = info_span!(
        "attempt",
        action,
        region = region.as_str(),
        attempt = number.map(display),
        status = Empty,
        request_id = Empty,
        fate = Empty,
        duration_ms = Empty,
    );
    let start = Instant::now();
    let answer = sending.instrument(span.clone()).await;
    span.record("duration_ms", start.elapsed().as_millis() as u64);
    tell(&span, &answer);
    answer
}

fn tell(span: &Span, answer: &Answer) {
    match answer {
        Err(lost) => {
            span.record("fate", debug(lost.fate()));
        }
        Ok(_) if span.is_disabled() => {}
        Ok(response) => {
            span.record("status", response.status().as_u16());
            let id = match parse_as::<IgnoredAny>(response) {
                Ok(reply) => reply.request_id,
                Err(error) => error.request_id().map(str::to_owned),
            };
            span.record("request_id", id);
        }
    }
}
