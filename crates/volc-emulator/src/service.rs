//! The service: checks a request and carries it out.
//!
//! Knows the documents; never meets a socket or a fault.

use std::collections::{BTreeMap, BTreeSet};

use http::{Method, Request};
use serde::Deserialize;
use volc_proto::{Credentials, Query, Region, Timestamp, VerifyError, verify};

use crate::answer::{Answer, Detail, Metadata};
use crate::catalogue::{self as code, ErrorCode};
use crate::inventory::Inventory;
use crate::scenario::mixed;

const ACTION: &str = "DeleteImages";
const VERSION: &str = "2020-04-01";
const SERVICE: &str = "ecs";
/// <https://www.volcengine.com/docs/6396/120265>
const MAX_IMAGE_IDS: usize = 100;

/// Which images `OperationDetails` lists. The documents do not say what the service does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Listing {
    /// Every image of the request; `Error` is null for those that were deleted.
    #[default]
    All,
    /// Those that were not deleted.
    FailedOnly,
    /// As `All`, with about a third left out, other ones each time: drawn from [`Builder::seed`](crate::Builder::seed), the
    /// request's number and the image's ID.
    Forgetful,
}

/// When a session token stops being valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expiry {
    /// After this many requests that it signed.
    AfterRequests(u64),
    /// At this time of the emulator's clock.
    At(Timestamp),
}

#[derive(Debug)]
pub(crate) struct Key {
    credentials: Credentials,
    expiry: Option<Expiry>,
    requests: u64,
}

impl Key {
    pub(crate) fn new(credentials: Credentials, expiry: Option<Expiry>) -> Self {
        Self { credentials, expiry, requests: 0 }
    }

    /// Counts a request that this key signed; whether the key was valid for it.
    fn valid(&mut self, now: Timestamp) -> bool {
        self.requests += 1;
        match self.expiry {
            None => true,
            Some(Expiry::AfterRequests(requests)) => self.requests <= requests,
            Some(Expiry::At(time)) => now < time,
        }
    }
}

/// Whom the service knows, what it keeps, and how it answers.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) region: Region,
    pub(crate) inventory: Inventory,
    pub(crate) listing: Listing,
    pub(crate) seed: u64,
    pub(crate) denied_images: BTreeSet<String>,
    pub(crate) denied_projects: BTreeSet<String>,
    keys: BTreeMap<String, Key>,
}

/// A request as it arrived.
#[derive(Debug)]
pub(crate) struct Arrived<'a> {
    pub(crate) number: u64,
    pub(crate) request: &'a Request<()>,
    pub(crate) query: &'a Query,
    pub(crate) body: &'a [u8],
    pub(crate) now: Timestamp,
}

impl Service {
    pub(crate) fn new(region: Region, inventory: Inventory) -> Self {
        Self {
            region,
            inventory,
            listing: Listing::All,
            seed: 0,
            denied_images: BTreeSet::new(),
            denied_projects: BTreeSet::new(),
            keys: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, key: Key) {
        self.keys.insert(key.credentials.access_key_id().to_owned(), key);
    }

    pub(crate) fn remove(&mut self, access_key_id: &str) {
        self.keys.remove(access_key_id);
    }

    pub(crate) fn expire(&mut self, access_key_id: &str) {
        if let Some(key) = self.keys.get_mut(access_key_id) {
            key.expiry = Some(Expiry::AfterRequests(0));
        }
    }

    /// The answer, and which images were deleted. The order of the checks is ours, no document gives it: the parameters
    /// that say what is wanted, the signature, whether there is such a thing, the method, the other parameters, the
    /// permissions.
    pub(crate) fn answer(&mut self, arrived: &Arrived<'_>, metadata: Metadata) -> (Answer, Vec<String>) {
        match self.delete_images(arrived) {
            Ok((details, deleted)) => (metadata.deleted(details), deleted),
            Err(Refusal { code, with }) => {
                let with: Vec<_> = with.iter().map(String::as_str).collect();
                (metadata.refuse(&code, &with), Vec::new())
            }
        }
    }

    fn delete_images(&mut self, arrived: &Arrived<'_>) -> Result<(Vec<Detail>, Vec<String>), Refusal> {
        let text = |name: &str| {
            let value = arrived.query.first(name).map(|value| String::from_utf8_lossy(&value).into_owned());
            value.filter(|value| !value.is_empty()).ok_or_else(|| refusal(code::MISSING_PARAMETER, [name]))
        };
        let (action, version) = (text("Action")?, text("Version")?);
        let region = self.authenticate(arrived)?;
        if (action.as_str(), version.as_str()) != (ACTION, VERSION) {
            return Err(refusal(code::INVALID_ACTION_OR_VERSION, [action.as_str(), version.as_str()]));
        }
        if arrived.request.method() != Method::GET {
            return Err(refusal(code::METHOD_NOT_ALLOWED, []));
        }
        let ids = image_ids(arrived.query).ok_or_else(|| refusal(code::INVALID_ARGUMENT, []))?;
        match ids.len() {
            0 => return Err(refusal(code::MISSING_IMAGE_ID, [])),
            1..=MAX_IMAGE_IDS => {}
            _ => return Err(refusal(code::TOO_MANY_IMAGE_IDS, [])),
        }
        let with_snapshots = match arrived.query.first("DeleteBindedSnapshots").as_deref() {
            None | Some(b"true") => true,
            Some(b"false") => false,
            Some(_) => return Err(refusal(code::INVALID_ARGUMENT, [])),
        };
        let here = region == self.region.as_str();
        if here {
            self.authorize(&ids)?;
        }

        let mut verdicts: BTreeMap<&str, Option<code::ItemCode>> = BTreeMap::new();
        let mut deleted = Vec::new();
        let mut details = Vec::new();
        for id in &ids {
            let error = match verdicts.get(id.as_str()) {
                // Named before in this request.
                Some(None) => Some(code::NOT_FOUND),
                Some(refused) => *refused,
                None => {
                    let verdict = if here { self.inventory.delete(id, with_snapshots).err() } else { Some(code::NOT_FOUND) };
                    verdicts.insert(id, verdict);
                    if verdict.is_none() {
                        deleted.push(id.clone());
                    }
                    verdict
                }
            };
            if self.lists(arrived.number, id, error.is_some()) {
                details.push(Detail { image_id: id.clone(), error: error.map(Into::into) });
            }
        }
        Ok((details, deleted))
    }

    /// Who signed is known and may still sign; for which region.
    fn authenticate(&mut self, arrived: &Arrived<'_>) -> Result<String, Refusal> {
        let find = |id: &str| self.keys.get(id).map(|key| key.credentials.clone());
        let verified = verify(arrived.request, arrived.body, arrived.now, find).map_err(|error| refused(&error, arrived))?;
        let key = self.keys.get_mut(verified.access_key_id());
        if !key.is_some_and(|key| key.valid(arrived.now)) {
            return Err(refusal(code::INVALID_SECRET_TOKEN, ["token expired"]));
        }
        if verified.service() != SERVICE {
            return Err(refusal(code::SERVICE_NOT_FOUND, [verified.service()]));
        }
        Ok(verified.region().to_owned())
    }

    /// One image that may not be deleted refuses the whole call.
    fn authorize(&self, ids: &[String]) -> Result<(), Refusal> {
        for id in ids {
            if self.denied_images.contains(id) {
                let resource = format!("trn:ecs:{}::image/{id}", self.region);
                return Err(refusal(code::ACCESS_DENIED, ["ecs:DeleteImages", &resource]));
            }
            let project = self.inventory.find(id).and_then(|image| image.project.as_ref());
            if project.is_some_and(|project| self.denied_projects.contains(project)) {
                return Err(refusal(code::LACK_PROJECT_POLICY, []));
            }
        }
        Ok(())
    }

    fn lists(&self, number: u64, id: &str, failed: bool) -> bool {
        match self.listing {
            Listing::All => true,
            Listing::FailedOnly => failed,
            Listing::Forgetful => {
                let id = id.bytes().fold(0, |state, byte| mixed(&[state, byte.into()]));
                !mixed(&[self.seed, number, id]).is_multiple_of(3)
            }
        }
    }
}

/// A call-level error and what fills its message.
struct Refusal {
    code: ErrorCode,
    with: Vec<String>,
}

fn refusal<const N: usize>(code: ErrorCode, with: [&str; N]) -> Refusal {
    Refusal { code, with: with.map(str::to_owned).into() }
}

/// The service's word for a signature that does not hold. A body's wrong hash counts as a signature that does not match,
/// and so does a signed header that is not there: no document names these cases.
fn refused(error: &VerifyError, arrived: &Arrived<'_>) -> Refusal {
    match error {
        // Without `Authorization` there is nothing to authenticate with; with one that lacks its signature, only that.
        VerifyError::Unsigned => refusal(code::MISSING_AUTHENTICATION_TOKEN, []),
        VerifyError::Malformed { .. } if lacks_signature(arrived) => refusal(code::MISSING_SIGNATURE, []),
        VerifyError::Malformed { .. } | VerifyError::RepeatedHeader { .. } => refusal(code::INVALID_AUTHORIZATION, []),
        VerifyError::Credential { .. } => refusal(code::INVALID_CREDENTIAL, []),
        VerifyError::UnknownAccessKey { id } => refusal(code::INVALID_ACCESS_KEY, [id]),
        VerifyError::Expired { .. } => refusal(code::INVALID_TIMESTAMP, []),
        VerifyError::MissingHeader { name } if name == "x-date" => refusal(code::MISSING_REQUEST_INFO, ["X-Date"]),
        VerifyError::Token => refusal(code::INVALID_SECRET_TOKEN, ["token is not the access key's"]),
        _ => refusal(code::SIGNATURE_DOES_NOT_MATCH, []),
    }
}

fn lacks_signature(arrived: &Arrived<'_>) -> bool {
    let value = arrived.request.headers().get(http::header::AUTHORIZATION);
    value
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("HMAC-SHA256 ") && !value.contains("Signature="))
}

/// `ImageIds.N` by number, whatever order they came in; numbers may have gaps. A number that is none, is 0, or comes twice,
/// and an empty ID, are not: `None`. `ImageIds` without a number names nothing (volcengine-go-sdk spells an empty list so).
/// No document describes any of this.
pub(crate) fn image_ids(query: &Query) -> Option<Vec<String>> {
    let mut ids = BTreeMap::new();
    for (name, id) in query.iter() {
        let Some(number) = name.strip_prefix(b"ImageIds.") else { continue };
        let number = std::str::from_utf8(number).ok().filter(|number| !number.starts_with(['0', '+']))?;
        let number: u32 = number.parse().ok()?;
        let id = String::from_utf8(id.into_owned()).ok().filter(|id| !id.is_empty())?;
        if ids.insert(number, id).is_some() {
            return None;
        }
    }
    Some(ids.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_in_the_order_of_their_numbers() {
        let ids = |text| image_ids(&Query::parse(text));
        let owned = |ids: &[&str]| Some(ids.iter().map(|&id| id.to_owned()).collect::<Vec<_>>());
        assert_eq!(ids("ImageIds.10=c&ImageIds.9=b&Action=x&ImageIds.2=a"), owned(&["a", "b", "c"]));
        assert_eq!(ids("ImageIds="), owned(&[]));
        for text in [
            "ImageIds.0=a",
            "ImageIds.01=a",
            "ImageIds.+1=a",
            "ImageIds.x=a",
            "ImageIds.=a",
            "ImageIds.1=",
            "ImageIds.1=a&ImageIds.1=b",
        ] {
            assert_eq!(ids(text), None, "{text}");
        }
    }
}
