//! One action of the service STS, version 2018-01-01: whose key this is.
//!
//! After volcengine-go-sdk 1.2.49, `service/sts/api_get_caller_identity.go`, which sends it as a POST.

use http::Method;
use serde::Deserialize;

use crate::action::Action;
use crate::query::Query;

/// Asks for the account that a key belongs to.
///
/// ```
/// use volc_proto::sts::GetCallerIdentity;
/// let body = r#"{"ResponseMetadata":{},"Result":{"AccountId":2100000001,"Trn":"trn:iam::2100000001:user/janitor"}}"#;
/// let identity = volc_proto::parse::<GetCallerIdentity>(&http::Response::new(body))?.output;
/// assert_eq!(identity.account_id.as_deref(), Some("2100000001"));
/// # Ok::<(), volc_proto::ReplyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GetCallerIdentity;

impl Action for GetCallerIdentity {
    const NAME: &'static str = "GetCallerIdentity";
    const VERSION: &'static str = "2018-01-01";
    const SERVICE: &'static str = "sts";
    const METHOD: Method = Method::POST;
    type Output = CallerIdentity;

    fn query(&self, _: &mut Query) {}
}

/// Whose key it is. What the reply does not say is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct CallerIdentity {
    /// The ID of the account that the key belongs to. The SDK reads a number; a string is taken as well.
    #[serde(deserialize_with = "number_or_text")]
    pub account_id: Option<String>,
    /// The user or role, as `trn:iam::<account>:user/<name>`.
    pub trn: Option<String>,
    /// What `trn` names, a user or a role say, in the service's spelling.
    pub identity_type: Option<String>,
    /// The user or role's own ID.
    #[serde(deserialize_with = "number_or_text")]
    pub identity_id: Option<String>,
}

fn number_or_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Number(u64),
        Text(String),
    }

    Ok(Option::<Id>::deserialize(deserializer)?.map(|id| match id {
        Id::Number(number) => number.to_string(),
        Id::Text(text) => text,
    }))
}
