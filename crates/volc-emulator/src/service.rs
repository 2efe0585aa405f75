//! The service: checks a request and carries it out.
//!
//! Knows the documents; never meets a socket or a fault.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Instant;

use http::header::CONTENT_TYPE;
use http::{Method, Request};
use volc_proto::{Query, Region, Timestamp};

use crate::action::Action;
use crate::answer::{Answer, Identity, Metadata, Output};
use crate::catalogue::{self as code, ErrorCode};
use crate::claim::Claim;
use crate::delete_images::Listing;
use crate::describe_images::UnknownIds;
use crate::inventory::Inventory;
use crate::keys::Keys;

/// Whom the service knows, what it keeps, and how it answers.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) region: Region,
    pub(crate) account_id: u64,
    pub(crate) keys: Keys,
    pub(crate) inventory: Inventory,
    pub(crate) listing: Listing,
    pub(crate) seed: u64,
    pub(crate) unknown_ids: UnknownIds,
    pub(crate) denied_actions: BTreeSet<String>,
    pub(crate) denied_images: BTreeSet<String>,
    pub(crate) denied_projects: BTreeSet<String>,
}

/// A request as it arrived.
#[derive(Debug)]
pub(crate) struct Arrived<'a> {
    pub(crate) number: u64,
    pub(crate) request: &'a Request<()>,
    pub(crate) query: &'a Query,
    pub(crate) claim: &'a Claim,
    pub(crate) body: &'a [u8],
    /// What the service's clock says.
    pub(crate) now: Timestamp,
    /// The same moment, for what takes real time.
    pub(crate) at: Instant,
}

impl Arrived<'_> {
    /// The parameters: those of the query, and those of a form.
    pub(crate) fn parameters(&self) -> Option<Cow<'_, Query>> {
        let content_type = self.request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if self.request.method() != Method::POST || !content_type.starts_with("application/x-www-form-urlencoded") {
            return Some(Cow::Borrowed(self.query));
        }
        let form = Query::parse(std::str::from_utf8(self.body).ok()?);
        Some(Cow::Owned(self.query.iter().chain(form.iter()).collect()))
    }
}

impl Service {
    /// The answer, and which images were deleted.
    pub(crate) fn answer(&mut self, arrived: &Arrived<'_>, metadata: Metadata) -> (Answer, Vec<String>) {
        match self.carry_out(arrived) {
            Ok((output, deleted)) => (metadata.succeed(output), deleted),
            Err(Refusal { code, with }) => {
                let with: Vec<_> = with.iter().map(String::as_str).collect();
                (metadata.refuse(&code, &with), Vec::new())
            }
        }
    }

    /// The order of the checks is ours, no document gives it: the parameters that say what is wanted, the signature,
    /// whether there is such a thing, the method, the permission for it, and then what the action itself checks.
    fn carry_out(&mut self, arrived: &Arrived<'_>) -> Result<(Output, Vec<String>), Refusal> {
        let text = |name: &str| {
            let value = arrived.query.first(name).map(|value| String::from_utf8_lossy(&value).into_owned());
            value.filter(|value| !value.is_empty()).ok_or_else(|| refusal(code::MISSING_PARAMETER, [name]))
        };
        let (name, version) = (text("Action")?, text("Version")?);
        let caller = self.keys.authenticate(arrived)?;
        if !Action::is_service(caller.service()) {
            return Err(refusal(code::SERVICE_NOT_FOUND, [caller.service()]));
        }
        let action = Action::find(caller.service(), &name, &version)
            .ok_or_else(|| refusal(code::INVALID_ACTION_OR_VERSION, [name.as_str(), version.as_str()]))?;
        if !action.takes(arrived.request.method()) {
            return Err(refusal(code::METHOD_NOT_ALLOWED, []));
        }
        if self.denied_actions.contains(action.name()) {
            let (action, resource) = action.permission(self.region.as_str(), self.account_id);
            return Err(refusal(code::ACCESS_DENIED, [&action, &resource]));
        }
        let here = caller.region() == self.region.as_str();
        match action {
            Action::DeleteImages => self.delete_images(arrived, here),
            Action::DescribeImages => Ok((Output::Images(self.describe_images(arrived, here)?), Vec::new())),
            Action::GetCallerIdentity => Ok((Output::Identity(Identity::of(self.account_id)), Vec::new())),
        }
    }
}

/// A call-level error and what fills its message.
#[derive(Debug)]
pub(crate) struct Refusal {
    code: ErrorCode,
    with: Vec<String>,
}

pub(crate) fn refusal<const N: usize>(code: ErrorCode, with: [&str; N]) -> Refusal {
    Refusal { code, with: with.map(str::to_owned).into() }
}
