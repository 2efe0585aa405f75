//! Who may sign.

use std::collections::BTreeMap;

use volc_proto::{Credentials, Timestamp, Verified, VerifyError, verify};

use crate::catalogue as code;
use crate::service::{Arrived, Refusal, refusal};

/// When a session token stops being valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expiry {
    /// After this many requests that it signed.
    AfterRequests(u64),
    /// From this time of the emulator's clock on.
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

/// The keys that are known, by ID.
#[derive(Debug, Default)]
pub(crate) struct Keys(BTreeMap<String, Key>);

impl Keys {
    pub(crate) fn add(&mut self, key: Key) {
        self.0.insert(key.credentials.access_key_id().to_owned(), key);
    }

    pub(crate) fn remove(&mut self, access_key_id: &str) {
        self.0.remove(access_key_id);
    }

    pub(crate) fn expire(&mut self, access_key_id: &str) {
        if let Some(key) = self.0.get_mut(access_key_id) {
            key.expiry = Some(Expiry::AfterRequests(0));
        }
    }

    /// Who signed is known and may still sign.
    pub(crate) fn authenticate(&mut self, arrived: &Arrived<'_>) -> Result<Verified, Refusal> {
        let find = |id: &str| self.0.get(id).map(|key| key.credentials.clone());
        let verified = verify(arrived.request, arrived.body, arrived.now, find).map_err(|error| refused(&error, arrived))?;
        let key = self.0.get_mut(verified.access_key_id());
        if !key.is_some_and(|key| key.valid(arrived.now)) {
            return Err(refusal(code::INVALID_SECRET_TOKEN, ["token expired"]));
        }
        Ok(verified)
    }
}

/// The service's word for a signature that does not hold. A body's wrong hash counts as a signature that does not match,
/// and so does a signed header that is not there: no document names these cases.
fn refused(error: &VerifyError, arrived: &Arrived<'_>) -> Refusal {
    match error {
        // Without a credential there is nothing to authenticate with; with one that lacks its signature, only that.
        VerifyError::Unsigned | VerifyError::Malformed { .. } if arrived.claim.lacks_signature => {
            refusal(code::MISSING_SIGNATURE, [])
        }
        VerifyError::Unsigned => refusal(code::MISSING_AUTHENTICATION_TOKEN, []),
        VerifyError::Malformed { .. } if arrived.claim.lacks_date => refusal(code::MISSING_REQUEST_INFO, ["X-Date"]),
        VerifyError::Malformed { .. } | VerifyError::RepeatedHeader { .. } => refusal(code::INVALID_AUTHORIZATION, []),
        VerifyError::Credential { .. } => refusal(code::INVALID_CREDENTIAL, []),
        VerifyError::UnknownAccessKey => {
            let id = arrived.claim.scope.as_ref().map_or("", |scope| &scope.access_key_id);
            refusal(code::INVALID_ACCESS_KEY, [id])
        }
        VerifyError::Expired { .. } => refusal(code::INVALID_TIMESTAMP, []),
        VerifyError::MissingHeader { name } if name == "x-date" => refusal(code::MISSING_REQUEST_INFO, ["X-Date"]),
        VerifyError::Token => refusal(code::INVALID_SECRET_TOKEN, ["token is not the access key's"]),
        _ => refusal(code::SIGNATURE_DOES_NOT_MATCH, []),
    }
}
