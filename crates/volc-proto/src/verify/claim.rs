//! What a request says of its signature, in its headers or in its query.

use std::borrow::Cow;
use std::collections::HashSet;

use http::Request;
use http::header::{AUTHORIZATION, HeaderName};

use super::{MAX_VALIDITY_SECONDS, VALIDITY_SECONDS, VerifyError, once};
use crate::query::Query;
use crate::region::Region;
use crate::sign::canonical::ALGORITHM;
use crate::sign::{X_DATE, X_SECURITY_TOKEN, parameter};
use crate::timestamp::Timestamp;

/// Read, and not yet believed.
pub(super) struct Claim<'a> {
    pub(super) access_key_id: String,
    pub(super) region: Region,
    pub(super) service: String,
    pub(super) at: Timestamp,
    /// Seconds after `at`.
    pub(super) valid_for: u64,
    /// The headers that are signed, in the client's order.
    pub(super) names: Vec<HeaderName>,
    /// The parameters that are signed.
    pub(super) query: Cow<'a, Query>,
    pub(super) signature: [u8; 32],
    pub(super) token: Option<Cow<'a, [u8]>>,
}

impl<'a> Claim<'a> {
    pub(super) fn read<B>(request: &'a Request<B>, query: &'a Query) -> Result<Self, VerifyError> {
        match once(request, &AUTHORIZATION)? {
            Some(value) => Self::in_headers(request, value, query),
            None if query.first(parameter::SIGNATURE).is_some() => Self::in_query(query),
            None => Err(VerifyError::Unsigned),
        }
    }

    fn in_headers<B>(request: &'a Request<B>, value: &'a [u8], query: &'a Query) -> Result<Self, VerifyError> {
        let fields = std::str::from_utf8(value)
            .ok()
            .and_then(|text| text.strip_prefix(ALGORITHM)?.strip_prefix(' '))
            .ok_or_else(|| malformed("`HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…` in Authorization"))?;
        let field = |name: &str, expected| {
            let mut found = fields.split(',').filter_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
            match (found.next(), found.next()) {
                (Some(value), None) => Ok(value),
                _ => Err(malformed(expected)),
            }
        };
        let credential = field("Credential", "`Credential=` once in Authorization")?;
        let date = once(request, &X_DATE)?.ok_or(VerifyError::MissingHeader { name: X_DATE.clone() })?;
        let at = date_of(date)?;
        let (access_key_id, region, service) = scope_of(credential, at)?;
        let names = names_of(field("SignedHeaders", "`SignedHeaders=` once in Authorization")?)?;
        if !names.contains(&X_DATE) {
            return Err(malformed("x-date in SignedHeaders"));
        }
        let signature = signature_of(field("Signature", "`Signature=` once in Authorization")?)?;
        let token = once(request, &X_SECURITY_TOKEN)?.map(Cow::Borrowed);
        let query = Cow::Borrowed(query);
        Ok(Self { access_key_id, region, service, at, valid_for: VALIDITY_SECONDS, names, query, signature, token })
    }

    fn in_query(query: &'a Query) -> Result<Self, VerifyError> {
        let optional = |name: &str| {
            let mut found = query.iter().filter(|(found, _)| **found == *name.as_bytes());
            match (found.next(), found.next()) {
                (_, Some(_)) => Err(malformed("each parameter of the signature once in the query")),
                (found, None) => Ok(found.map(|(_, value)| value)),
            }
        };
        let required = |name: &str, expected| {
            let value = optional(name)?.ok_or_else(|| malformed(expected))?;
            String::from_utf8(value.into_owned()).map_err(|_| malformed(expected))
        };
        if required(parameter::ALGORITHM, "`X-Algorithm=HMAC-SHA256` in the query")? != ALGORITHM {
            return Err(malformed("`X-Algorithm=HMAC-SHA256` in the query"));
        }
        let at = date_of(required(parameter::DATE, "`X-Date=` in the query")?.as_bytes())?;
        let (access_key_id, region, service) = scope_of(&required(parameter::CREDENTIAL, "`X-Credential=` in the query")?, at)?;
        let valid_for = match optional(parameter::EXPIRES)? {
            Some(seconds) => std::str::from_utf8(&seconds)
                .ok()
                .and_then(|seconds| seconds.parse().ok())
                .filter(|seconds| (1..=MAX_VALIDITY_SECONDS).contains(seconds))
                .ok_or_else(|| malformed("1 to 86400 seconds in `X-Expires`"))?,
            None => VALIDITY_SECONDS,
        };
        let names = match required(parameter::SIGNED_HEADERS, "`X-SignedHeaders=` in the query")?.as_str() {
            "" => Vec::new(),
            names => names_of(names)?,
        };
        let signature = signature_of(&required(parameter::SIGNATURE, "`X-Signature=` in the query")?)?;
        let signed = optional(parameter::SIGNED_QUERIES)?.ok_or_else(|| malformed("`X-SignedQueries=` in the query"))?;
        let signed: HashSet<&[u8]> = signed.split(|&b| b == b';').collect();
        let (covered, bare): (Vec<_>, Vec<_>) = query.iter().partition(|(name, _)| signed.contains(&**name));
        if bare.iter().any(|(name, _)| !parameter::NEED_NO_SIGNATURE.iter().any(|bare| **name == *bare.as_bytes())) {
            return Err(malformed("every other parameter in `X-SignedQueries`"));
        }
        let token = optional(parameter::SECURITY_TOKEN)?;
        let query = Cow::Owned(covered.into_iter().collect());
        Ok(Self { access_key_id, region, service, at, valid_for, names, query, signature, token })
    }
}

fn malformed(expected: &'static str) -> VerifyError {
    VerifyError::Malformed { expected }
}

fn date_of(date: &[u8]) -> Result<Timestamp, VerifyError> {
    let date = std::str::from_utf8(date).ok().and_then(|date| date.parse().ok());
    date.ok_or_else(|| malformed("a date like 20230707T105452Z in X-Date"))
}

/// Access key ID, region and service of a credential.
fn scope_of(credential: &str, at: Timestamp) -> Result<(String, Region, String), VerifyError> {
    let parts: Vec<&str> = credential.split('/').collect();
    let [access_key_id, day, region, service, "request"] = parts[..] else {
        return Err(VerifyError::Credential { expected: "`key/day/region/service/request`" });
    };
    let region = Region::new(region).map_err(|_| VerifyError::Credential { expected: "a region's name" })?;
    if at.text().day() != day {
        return Err(VerifyError::Credential { expected: "the day of X-Date" });
    }
    Ok((access_key_id.to_owned(), region, service.to_owned()))
}

fn names_of(names: &str) -> Result<Vec<HeaderName>, VerifyError> {
    let names = names.split(';').map(|name| HeaderName::from_bytes(name.as_bytes())).collect::<Result<_, _>>();
    names.map_err(|_| malformed("header names joined with semicolons in SignedHeaders"))
}

fn signature_of(hex: &str) -> Result<[u8; 32], VerifyError> {
    let mut signature = [0; 32];
    match base16ct::lower::decode(hex, &mut signature) {
        Ok(decoded) if decoded.len() == 32 => Ok(signature),
        _ => Err(malformed("64 lower-case hex digits in Signature")),
    }
}
