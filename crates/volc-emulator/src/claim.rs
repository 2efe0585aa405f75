//! What a request says of its own signature. Nothing of it is checked here: it is for answers and the log, which speak of
//! refused requests as well.

use http::Request;
use http::header::AUTHORIZATION;
use volc_proto::{Query, Timestamp};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) scope: Option<Scope>,
    pub(crate) signed_at: Option<Timestamp>,
    /// There is a credential, and no signature beside it.
    pub(crate) lacks_signature: bool,
    /// The signature is in the query, and there is no date beside it.
    pub(crate) lacks_date: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) access_key_id: String,
    pub(crate) region: String,
    pub(crate) service: String,
}

impl Claim {
    /// As [`verify`](volc_proto::verify) does: where there is an `Authorization`, the query does not count.
    pub(crate) fn read(request: &Request<()>, query: &Query) -> Self {
        let header = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
        match header(AUTHORIZATION.as_str()) {
            Some(value) => Self {
                scope: value.split_once("Credential=").and_then(|(_, rest)| Scope::parse(rest.split(',').next()?.trim())),
                signed_at: header("x-date").and_then(|date| date.parse().ok()),
                lacks_signature: value.starts_with("HMAC-SHA256 ") && !value.contains("Signature="),
                lacks_date: false,
            },
            None => {
                let text = |name: &str| query.first(name).map(|value| String::from_utf8_lossy(&value).into_owned());
                let (credential, date, signature) = (text("X-Credential"), text("X-Date"), text("X-Signature"));
                Self {
                    scope: credential.as_deref().and_then(Scope::parse),
                    signed_at: date.as_ref().and_then(|date| date.parse().ok()),
                    lacks_signature: credential.is_some() && signature.is_none(),
                    lacks_date: signature.is_some() && date.is_none(),
                }
            }
        }
    }
}

impl Scope {
    fn parse(credential: &str) -> Option<Self> {
        let [access_key_id, _day, region, service, "request"] = credential.split('/').collect::<Vec<_>>()[..] else {
            return None;
        };
        Some(Self { access_key_id: access_key_id.to_owned(), region: region.to_owned(), service: service.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(target: &str, headers: &[(&str, &str)]) -> Claim {
        let request = headers.iter().fold(Request::get(target), |request, (name, value)| request.header(*name, *value));
        let request = request.body(()).unwrap();
        Claim::read(&request, &Query::parse(request.uri().query().unwrap_or_default()))
    }

    fn scope(key: &str) -> Option<Scope> {
        Some(Scope { access_key_id: key.to_owned(), region: "r".to_owned(), service: "ecs".to_owned() })
    }

    #[test]
    fn headers_and_query_are_read_alike_and_headers_come_first() {
        let target = "/?X-Credential=Q/20230707/r/ecs/request&X-Date=20230707T105452Z&X-Signature=0";
        let in_query = claim(target, &[]);
        assert_eq!((&in_query.scope, in_query.signed_at.unwrap().unix()), (&scope("Q"), 1_688_727_292));
        assert!(!in_query.lacks_signature && !in_query.lacks_date);

        let authorization = "HMAC-SHA256 Credential=H/20230707/r/ecs/request, SignedHeaders=x-date, Signature=0";
        let in_headers = claim(target, &[("authorization", authorization), ("x-date", "20230707T105453Z")]);
        assert_eq!((in_headers.scope, in_headers.signed_at.unwrap().unix()), (scope("H"), 1_688_727_293));
        assert_eq!(claim(target, &[("authorization", "Basic ")]), Claim::default());
    }

    #[test]
    fn what_is_missing_or_unreadable_is_not_claimed() {
        assert_eq!(claim("/", &[("x-date", "20230707T105452Z")]), Claim::default());
        assert_eq!(claim("/?X-Credential=Q/20230707/r/ecs&X-Date=now&X-Signature=0", &[]), Claim::default());
        assert!(claim("/?X-Credential=Q/20230707/r/ecs/request", &[]).lacks_signature);
        assert!(claim("/", &[("authorization", "HMAC-SHA256 Credential=x")]).lacks_signature);
        assert!(claim("/?X-Signature=0", &[]).lacks_date);
    }
}
