//! All that changes while the emulator runs, behind one lock: the service, the scenario, the clock, the log.

use std::time::{Duration, Instant, SystemTime};

use http::Request;
use serde_json::json;
use volc_proto::{Query, Timestamp};

use crate::answer::{Answer, Metadata};
use crate::catalogue::{ErrorCode, FLOW_LIMIT_EXCEEDED};
use crate::claim::Claim;
use crate::fault::Fault;
use crate::parameters;
use crate::scenario::Scenario;
use crate::service::{Arrived, Service};
use crate::stream::Cut;

/// What happened to a request. The key, the token and the signature are not in it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RequestRecord {
    /// Counted from 1, in the order in which requests arrived.
    pub number: u64,
    /// The connection it came over, counted from 1 in the order in which connections were accepted.
    pub connection: u64,
    /// The HTTP method, such as `GET`.
    pub method: String,
    /// The parameter `Action` as it came, known or not; none where there is none.
    pub action: Option<String>,
    /// The images it names, by number; empty when they cannot be read.
    pub image_ids: Vec<String>,
    /// What `X-Date` says, in a header or the query, checked or not; none where it is no date.
    pub signed_at: Option<Timestamp>,
    /// The fault that met it, if one did.
    pub fault: Option<Fault>,
    /// The request ID of the answer; none if the answer is not the service's.
    pub request_id: Option<String>,
    /// The status of the answer that was made, whether or not the fault let all of it through; none if none was made.
    pub status: Option<u16>,
    /// The code of the call-level error in that answer; none where it is a success, or not the service's.
    pub code: Option<&'static str>,
    /// The images that this request deleted: the truth, whatever the answer said.
    pub deleted: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) service: Service,
    pub(crate) scenario: Scenario,
    /// Seconds.
    pub(crate) clock_offset: i64,
    pub(crate) requests: Vec<RequestRecord>,
}

/// What goes onto the wire, and how.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) retry_after: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) date: Timestamp,
    pub(crate) body: String,
    /// Blanks after the body.
    pub(crate) padding: u64,
    pub(crate) cut: Cut,
    pub(crate) before_head: Option<Pause>,
    pub(crate) before_body: Option<Pause>,
}

impl Reply {
    pub(crate) fn new(status: u16, date: Timestamp) -> Self {
        Self {
            status,
            content_type: None,
            retry_after: None,
            request_id: None,
            date,
            body: String::new(),
            padding: 0,
            cut: Cut::Never,
            before_head: None,
            before_body: None,
        }
    }

    fn envelope(answer: &Answer, date: Timestamp) -> Self {
        let body = serde_json::to_string(answer).expect("strings, numbers and lists are JSON");
        Self { request_id: Some(answer.request_id().to_owned()), ..Self::json(answer.status, date, body) }
    }

    pub(crate) fn json(status: u16, date: Timestamp, body: String) -> Self {
        Self { content_type: Some("application/json; charset=utf-8".to_owned()), body, ..Self::new(status, date) }
    }
}

/// A silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pause {
    For(Duration),
    /// As long as the client stays.
    ForEver,
}

impl Pause {
    fn new(milliseconds: Option<u64>) -> Self {
        milliseconds.map_or(Self::ForEver, |milliseconds| Self::For(Duration::from_millis(milliseconds)))
    }
}

/// A request that was counted.
#[derive(Debug)]
pub(crate) struct Counted {
    number: u64,
    fault: Option<Fault>,
    query: Query,
    claim: Claim,
}

impl Counted {
    /// The silence before the request is carried out.
    pub(crate) fn pause(&self) -> Option<Pause> {
        match self.fault {
            Some(Fault::StallHead { after_deletion: false, milliseconds }) => Some(Pause::new(milliseconds)),
            _ => None,
        }
    }

    /// Whether something answers in place of the service.
    fn is_intercepted(&self) -> bool {
        matches!(
            self.fault,
            Some(
                Fault::Drop { after_deletion: false }
                    | Fault::ApiError { after_deletion: false, .. }
                    | Fault::Answer { after_deletion: false, .. }
                    | Fault::RateLimit { .. }
            )
        )
    }
}

/// Cuts the answer in its second header at the latest: the status line takes 17 bytes and more.
const IN_HEAD: Cut = Cut::After(40);

impl State {
    /// The emulator's clock.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from(SystemTime::now()).shifted(self.clock_offset)
    }

    /// Counts a request and finds its fault.
    pub(crate) fn count(&mut self, connection: u64, request: &Request<()>) -> Counted {
        let number = self.requests.len() as u64 + 1;
        let query = Query::parse(request.uri().query().unwrap_or_default());
        let claim = Claim::read(request, &query);
        let action = query.first("Action").map(|action| String::from_utf8_lossy(&action).into_owned());
        let fault = self.scenario.choose(action.as_deref(), Instant::now());
        self.requests.push(RequestRecord {
            number,
            connection,
            method: request.method().to_string(),
            action,
            image_ids: parameters::list(&query, "ImageIds").unwrap_or_default(),
            signed_at: claim.signed_at,
            fault: fault.clone(),
            request_id: None,
            status: None,
            code: None,
            deleted: Vec::new(),
        });
        Counted { number, fault, query, claim }
    }

    /// Carries a request out and lets its fault do its work. `None`: nothing is sent, the connection closes.
    pub(crate) fn reply(&mut self, counted: &Counted, request: &Request<()>, body: &[u8]) -> Option<Reply> {
        let Counted { number, fault, query, claim } = counted;
        let now = match fault {
            Some(Fault::Clock { seconds }) => self.now().shifted(*seconds),
            _ => self.now(),
        };
        if let (Some(Fault::ExpireToken), Some(scope)) = (fault, &claim.scope) {
            self.service.keys.expire(&scope.access_key_id);
        }

        let metadata = Metadata::new(claim, query, *number, now);
        let (real, deleted) = if counted.is_intercepted() {
            (None, Vec::new())
        } else {
            let arrived = Arrived { number: *number, request, query, claim, body, now, at: Instant::now() };
            let (answer, deleted) = self.service.answer(&arrived, metadata.clone());
            (Some(answer), deleted)
        };
        let mut answer = match fault {
            Some(Fault::Drop { .. } | Fault::Answer { .. }) => None,
            Some(Fault::ApiError { code, .. }) => ErrorCode::find(code).map(|code| metadata.refuse(code, &[])),
            Some(Fault::RateLimit { .. }) => Some(metadata.refuse(&FLOW_LIMIT_EXCEEDED, &[])),
            _ => real,
        };
        if let (Some(answer), Some(Fault::Details(fault))) = (&mut answer, fault) {
            answer.spoil(*fault);
        }
        let code = answer.as_ref().and_then(Answer::code);
        let reply = spoiled(answer.map(|answer| Reply::envelope(&answer, now)), fault.as_ref(), now);

        if let Some(record) = self.requests.get_mut(*number as usize - 1) {
            record.status = reply.as_ref().map(|reply| reply.status);
            record.request_id = reply.as_ref().and_then(|reply| reply.request_id.clone());
            (record.code, record.deleted) = (code, deleted);
        }
        reply
    }

    /// What is there, for `/_emulator/images`.
    pub(crate) fn images_json(&self) -> String {
        let images = self.service.inventory.images();
        let images = images.map(|image| {
            let snapshots: Vec<_> = image.snapshots.iter().map(|snapshot| &snapshot.id).collect();
            json!({"id": image.id, "state": image.state.as_str(), "snapshots": snapshots})
        });
        serde_json::Value::from_iter(images).to_string()
    }
}

/// What a fault leaves of a reply.
fn spoiled(reply: Option<Reply>, fault: Option<&Fault>, now: Timestamp) -> Option<Reply> {
    let mut reply = match fault {
        Some(Fault::Answer { status, body, content_type, .. }) => {
            Reply { body: body.clone(), content_type: content_type.clone(), ..Reply::new(*status, now) }
        }
        _ => reply?,
    };
    match fault {
        Some(Fault::CutHead) => reply.cut = IN_HEAD,
        Some(Fault::CutBody) => reply.cut = Cut::InBody { seen: 0, body: reply.body.len() / 2 },
        Some(Fault::ApiError { status, retry_after, .. }) => {
            reply.status = status.unwrap_or(reply.status);
            reply.retry_after.clone_from(retry_after);
        }
        Some(Fault::RateLimit { retry_after, .. }) => reply.retry_after.clone_from(retry_after),
        Some(Fault::Truncated) => {
            let half = reply.body.len() / 2;
            reply.body.truncate((0..=half).rev().find(|&at| reply.body.is_char_boundary(at)).unwrap_or(0));
        }
        Some(Fault::Padded { bytes }) => reply.padding = bytes.saturating_sub(reply.body.len() as u64),
        Some(Fault::StallHead { after_deletion: true, milliseconds }) => reply.before_head = Some(Pause::new(*milliseconds)),
        Some(Fault::StallBody { milliseconds }) => reply.before_body = Some(Pause::new(*milliseconds)),
        _ => {}
    }
    Some(reply)
}
