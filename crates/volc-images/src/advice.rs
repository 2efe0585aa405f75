//! What to do about an image that is not gone, and about a run that was stopped: the one place that says it.

use volc_proto::ecs::{Evidence, Outcome, Reason, ReasonKind, Stop};

/// What to do, after the service's code where there is one, else after the kind of reason.
pub(crate) fn advice(outcome: &Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Gone(Evidence::NotFoundAfterUnclear) => Some("look whether its snapshots were treated as you asked"),
        Outcome::Gone(_) => None,
        Outcome::Refused(error) | Outcome::Busy(error) => {
            Some(for_code(error.code()).unwrap_or("look the code up, and ask the vendor's support with the request ID"))
        }
        Outcome::NotDeleted(reason) | Outcome::Unclear(reason) => {
            Some(reason.code().and_then(for_code).unwrap_or(for_kind(reason)))
        }
        Outcome::NotOurs(_) => Some("take it off the list: only its owner can delete it"),
        _ => None,
    }
}

/// The codes of <https://www.volcengine.com/docs/6396/120265> and of the tables common to all services.
fn for_code(code: &str) -> Option<&'static str> {
    Some(match code {
        "InvalidImage.Shared" => "stop sharing it with other accounts, then delete it again",
        "OperationDenied.ImageIsCopying" => "wait until it is copied, or let --wait-busy 30m wait",
        "OperationDenied.ImageIsExporting" => "wait until it is exported, or let --wait-busy 30m wait",
        "InvalidImageStatus" => "look at its status; if it will change, --wait-busy 30m waits for it",
        "FlowLimitExceeded" | "AccountFlowLimitExceeded" => "go on later, or slower with --rate 1",
        "InvalidTimestamp" => "set this machine's clock",
        "InvalidAccessKey" | "InvalidClientTokenId" => "check the access key, and that it is of this cloud (--byteplus?)",
        "InvalidSecretToken" => "get new temporary credentials, then go on",
        "SignatureDoesNotMatch" => "check the secret key; volc-images explain --compare shows where signatures part",
        "MissingAuthenticationToken" | "MissingSignature" | "InvalidAuthorization" | "InvalidCredential" => {
            "look for a proxy that changes headers"
        }
        "AccessDenied" | "LackPolicy" => "let an administrator grant ecs:DeleteImages to the key's user",
        "LackProjectPolicy" => "let an administrator grant ecs:DeleteImages in the image's project",
        "InvalidActionOrVersion" | "ServiceNotFound" | "ServiceUnavailable" | "MethodNotAllowed" => {
            "check the endpoint and the region"
        }
        "InvalidArgument" => "check whether the ID is one of an image",
        _ => return None,
    })
}

fn for_kind(reason: &Reason) -> &'static str {
    match reason.kind() {
        ReasonKind::NotAsked => "mend what stopped the run, then go on",
        ReasonKind::Unsent => "check network, proxy and endpoint, then go on",
        ReasonKind::Call => "mend what the service says, then go on",
        ReasonKind::SeenPresent => "look again later with volc-images list: a deletion may go on after it was accepted",
        ReasonKind::Image => "go on later: the service may be deleting it",
        _ => "go on: asking again tells",
    }
}

/// What to do so that images can be looked at.
pub(crate) fn to_look(code: Option<&str>) -> &'static str {
    match code {
        Some("AccessDenied" | "LackPolicy" | "LackProjectPolicy") => {
            "let an administrator grant ecs:DescribeImages to the key's user"
        }
        Some(code) => for_code(code).unwrap_or("look the code up"),
        None => "look for yourself with volc-images list, or go on",
    }
}

/// What to do about the end of a run.
pub(crate) fn after(stop: &Stop) -> Option<&'static str> {
    match stop {
        Stop::Deadline => Some("go on, with a longer --deadline or none"),
        Stop::Wait { .. } => Some("go on later"),
        Stop::Clock { .. } => Some("set this machine's clock, then go on"),
        Stop::NoneExist => Some("where they may be missing, --missing-ok goes on all the same"),
        Stop::Look { why } => Some(to_look(why.code())),
        Stop::Failing { .. } => Some("go on when the network and the service work again"),
        // Its reason has a code, with advice of its own.
        _ => None,
    }
}
