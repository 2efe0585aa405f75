//! One call, described as data.

use http::Method;
use serde::de::DeserializeOwned;

use crate::query::Query;

/// An action of any Volcengine service: its name, its parameters, and the shape of its `Result`.
///
/// Everything else (signing, endpoints, the envelope, both adapters) works with whatever implements this, inside this
/// crate or outside:
///
/// ```
/// use volc_proto::{Action, Credentials, Endpoint, Query, Region, Timestamp};
///
/// /// <https://www.volcengine.com/docs/6396/1053194>, a small part of it.
/// struct DescribeRegions { max_results: u32 }
///
/// #[derive(serde::Deserialize, Default)]
/// #[serde(rename_all = "PascalCase", default)]
/// struct Regions { regions: Vec<RegionName> }
///
/// #[derive(serde::Deserialize)]
/// #[serde(rename_all = "PascalCase")]
/// struct RegionName { region_id: String }
///
/// impl Action for DescribeRegions {
///     const NAME: &'static str = "DescribeRegions";
///     const VERSION: &'static str = "2020-04-01";
///     const SERVICE: &'static str = "ecs";
///     type Output = Regions;
///
///     fn query(&self, query: &mut Query) {
///         query.push("MaxResults", self.max_results.to_string());
///     }
/// }
///
/// let who = Credentials::new("AKLTexample", "secret")?;
/// let at = Timestamp::from_unix(1_700_000_000).expect("before the year 10000");
/// let request = Endpoint::new(Region::new("cn-beijing")?).request(&DescribeRegions { max_results: 5 }, &who, at)?;
/// assert_eq!(request.uri().query(), Some("Action=DescribeRegions&MaxResults=5&Version=2020-04-01"));
///
/// let body = r#"{"ResponseMetadata":{"RequestId":"r"},"Result":{"Regions":[{"RegionId":"cn-beijing"}]}}"#;
/// let reply = volc_proto::parse::<DescribeRegions>(&http::Response::new(body))?;
/// assert_eq!(reply.output.regions[0].region_id, "cn-beijing");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Action {
    /// The parameter `Action`: `"DeleteImages"`.
    const NAME: &'static str;
    /// The parameter `Version`: `"2020-04-01"`.
    const VERSION: &'static str;
    /// The service of the credential scope and of regional host names: `"ecs"`.
    const SERVICE: &'static str;
    /// How it is sent. Parameters travel in the query with every method, and the body is empty.
    const METHOD: Method = Method::GET;
    /// The reply's `Result`, which is an object. Where the reply has none, or null, it is read from `{}`: a type whose members
    /// all have defaults takes that, another makes such a reply an error.
    type Output: DeserializeOwned;

    /// Adds the action's parameters; `Action` and `Version` are already taken care of. Any order will do, an ascending
    /// one costs least.
    fn query(&self, query: &mut Query);
}
