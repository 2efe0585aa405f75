//! `DescribeImages`: which images there are.
//!
//! After <https://www.volcengine.com/docs/6396/70808> and volcengine-go-sdk 1.2.49.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Deserializer};

use super::delete_images::ImageId;
use crate::action::Action;
use crate::json::{List, Object};
use crate::query::Query;

/// One page of the images that pass a filter. Without a filter: all that the account sees, public ones included.
///
/// ```
/// use volc_proto::ecs::{DescribeImages, Visibility};
/// let action = DescribeImages::new().visibility(Visibility::Private).status("available").tag("team", ["ci"]);
/// ```
///
/// Pages are a sequence without IO: [`next_page`](Self::next_page) makes the next request from a reply.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DescribeImages {
    image_ids: Vec<ImageId>,
    parameters: Vec<(&'static str, String)>,
    statuses: Vec<String>,
    tags: Vec<(String, Vec<String>)>,
    max_results: Option<u8>,
    next_token: Option<String>,
}

/// Who can see an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Visibility {
    /// The vendor's own.
    Public,
    /// The account's own: those that can be deleted.
    Private,
    /// Another account's, shared with this one.
    Shared,
}

impl DescribeImages {
    /// The service's limit on the images of one page, and on the IDs of one request.
    pub const MAX_RESULTS: u8 = 100;

    /// All images that the account sees, until the methods below narrow them; 15 on a page.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only these images, 1 to 100 of them.
    ///
    /// What the service answers about an ID that does not exist is not documented: a shorter list, or an error.
    ///
    /// # Errors
    ///
    /// [`InvalidFilter`] for no image or more than 100.
    pub fn image_ids(mut self, ids: Vec<ImageId>) -> Result<Self, InvalidFilter> {
        if !(1..=100).contains(&ids.len()) {
            return Err(InvalidFilter { expected: "1 to 100 images" });
        }
        self.image_ids = ids;
        Ok(self)
    }

    /// Only these images, all on one page if the service can: for whoever keeps to the limit.
    pub(super) fn for_images(ids: Vec<ImageId>) -> Self {
        Self { image_ids: ids, max_results: Some(Self::MAX_RESULTS), ..Self::default() }
    }

    /// Only images of this name, as `ImageName`; whether a part of it will do is not documented.
    #[must_use]
    pub fn image_name(self, name: impl Into<String>) -> Self {
        self.with("ImageName", name)
    }

    /// Only images that are [visible](Visibility) in this way. Set again, this and other filters of one value take the new one.
    #[must_use]
    pub fn visibility(self, visibility: Visibility) -> Self {
        let name = match visibility {
            Visibility::Public => "public",
            Visibility::Private => "private",
            Visibility::Shared => "shared",
        };
        self.with("Visibility", name)
    }

    /// Only images in this status, such as `available` or `creating`. Up to ten may be named, one call each.
    #[must_use]
    pub fn status(mut self, status: impl Into<String>) -> Self {
        self.statuses.push(status.into());
        self
    }

    /// Only images at this point of their life cycle: `ImageStatus`, another parameter than [`status`](Self::status).
    #[must_use]
    pub fn image_status(self, status: impl Into<String>) -> Self {
        self.with("ImageStatus", status)
    }

    /// Only images for `Linux` or `Windows`.
    #[must_use]
    pub fn os_type(self, os: impl Into<String>) -> Self {
        self.with("OsType", os)
    }

    /// Only images of this platform, such as `CentOS`.
    #[must_use]
    pub fn platform(self, platform: impl Into<String>) -> Self {
        self.with("Platform", platform)
    }

    /// Only images that this instance type can start from.
    #[must_use]
    pub fn instance_type_id(self, instance_type: impl Into<String>) -> Self {
        self.with("InstanceTypeId", instance_type)
    }

    /// Only images with, or without, support for cloud-init.
    #[must_use]
    pub fn supports_cloud_init(self, supports: bool) -> Self {
        self.with("IsSupportCloudInit", supports.to_string())
    }

    /// With `true`, only public images with long-term support; `false` has no effect, says the document.
    #[must_use]
    pub fn is_lts(self, lts: bool) -> Self {
        self.with("IsLTS", lts.to_string())
    }

    /// Only images of the project of this name; `default` is one that the document shows.
    #[must_use]
    pub fn project_name(self, project: impl Into<String>) -> Self {
        self.with("ProjectName", project)
    }

    /// Only images with this tag; with values, one of them. Another call adds another tag. The service then finds at most 1,000
    /// images.
    #[must_use]
    pub fn tag<V: Into<String>>(mut self, key: impl Into<String>, values: impl IntoIterator<Item = V>) -> Self {
        self.tags.push((key.into(), values.into_iter().map(Into::into).collect()));
        self
    }

    /// Images on a page, 1 to 100; the service's default is 15.
    ///
    /// # Errors
    ///
    /// [`InvalidFilter`] for another number.
    pub fn max_results(mut self, results: u8) -> Result<Self, InvalidFilter> {
        if !(1..=Self::MAX_RESULTS).contains(&results) {
            return Err(InvalidFilter { expected: "1 to 100 results" });
        }
        self.max_results = Some(results);
        Ok(self)
    }

    /// The request for the page after `page`; none after the last one.
    ///
    /// ```
    /// use volc_proto::ecs::DescribeImages;
    /// let first = DescribeImages::new();
    /// let body = r#"{"ResponseMetadata":{},"Result":{"Images":[{"ImageId":"image-a"}],"NextToken":"more"}}"#;
    /// let page = volc_proto::parse::<DescribeImages>(&http::Response::new(body))?.output;
    /// assert!(first.next_page(&page)?.is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`EndlessPages`] when the page leads to itself. What was read is then no complete answer.
    pub fn next_page(&self, page: &ImagePage) -> Result<Option<Self>, EndlessPages> {
        match page.next_token.as_deref() {
            None | Some("") => Ok(None),
            token if token == self.next_token.as_deref() => Err(EndlessPages(())),
            Some(token) => Ok(Some(Self { next_token: Some(token.to_owned()), ..self.clone() })),
        }
    }

    /// A filter that is set again takes the first one's place.
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.parameters.retain(|(set, _)| *set != name);
        self.parameters.push((name, value.into()));
        self
    }
}

impl Action for DescribeImages {
    const NAME: &'static str = "DescribeImages";
    const VERSION: &'static str = "2020-04-01";
    const SERVICE: &'static str = "ecs";
    type Output = ImagePage;

    fn query(&self, query: &mut Query) {
        query.push_list("ImageIds", &self.image_ids);
        query.push_list("Status", &self.statuses);
        for (name, value) in &self.parameters {
            query.push(name, value);
        }
        for (index, (key, values)) in self.tags.iter().enumerate() {
            let filter = format!("TagFilters.{}", index + 1);
            query.push(format!("{filter}.Key"), key);
            query.push_list(&format!("{filter}.Values"), values);
        }
        if let Some(results) = self.max_results {
            query.push("MaxResults", results.to_string());
        }
        if let Some(token) = &self.next_token {
            query.push("NextToken", token);
        }
    }
}

/// A filter that the service would refuse. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidFilter {
    expected: &'static str,
}

impl fmt::Display for InvalidFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} in one request", self.expected)
    }
}

impl Error for InvalidFilter {}

/// A page that names itself as the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndlessPages(());

impl fmt::Display for EndlessPages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected another page or the end, not the same page again")
    }
}

impl Error for EndlessPages {}

/// One page of images. A filter's answer is complete only with all its pages.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct ImagePage {
    /// The images of this page, in the service's order; a list that is absent or null is empty.
    #[serde(deserialize_with = "or_default")]
    pub images: Vec<ImageDescription>,
    /// What leads to the next page; empty or none on the last one.
    #[serde(alias = "nextToken")]
    pub next_token: Option<String>,
    /// How many images there are on all pages, by the service's count; `None` where it does not say.
    pub total_count: Option<i64>,
}

/// An image as the service describes it. What it does not say is `None`, or an empty list.
///
/// The members and their spelling are the document's; what they mean, where it does not say, is from the vendor's Terraform
/// provider (terraform-provider-volcenginecc, `docs/data-sources/ecs_image.md`).
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct ImageDescription {
    /// What a deletion names it by, unchecked: make an [`ImageId`] of it.
    pub image_id: Option<String>,
    /// The name that its owner gave it, 1 to 128 characters.
    pub image_name: Option<String>,
    /// A text that its owner wrote, up to 255 characters.
    pub description: Option<String>,
    /// Such as `available` or `creating`: what [`DescribeImages::status`] filters by.
    pub status: Option<String>,
    /// `public`, `private` or `shared`, as [`Visibility`].
    pub visibility: Option<String>,
    /// `HasShared` where it is shared with other accounts, and empty otherwise. The deletion of a shared image is refused.
    pub share_status: Option<String>,
    /// When it was made, in RFC 3339, with the offset of Beijing in the document's samples.
    pub created_at: Option<String>,
    /// When it was last changed, in RFC 3339.
    pub updated_at: Option<String>,
    /// How large it is, in GiB.
    pub size: Option<i64>,
    /// How large it is, in bytes: the Terraform provider says so, the document gives no unit.
    pub virtual_size: Option<serde_json::Number>,
    /// `Linux` or `Windows`.
    pub os_type: Option<String>,
    /// The name of its operating system, for people.
    pub os_name: Option<String>,
    /// The distribution, such as `CentOS`, `Ubuntu` or `Windows Server`.
    pub platform: Option<String>,
    /// The distribution's release, such as `8.3`.
    pub platform_version: Option<String>,
    /// `amd64` or `arm64`: the processors it is for.
    pub architecture: Option<String>,
    /// The firmware that it starts from: `BIOS` or `UEFI`.
    pub boot_mode: Option<String>,
    /// The version of its kernel.
    pub kernel: Option<String>,
    /// The ID of the account that owns it.
    pub image_owner_id: Option<String>,
    /// The project it belongs to, which permissions may be limited to.
    pub project_name: Option<String>,
    /// Where its system's licence is from: `VolcanoEngine`, or the owner's own, `BYOL`.
    pub license_type: Option<String>,
    /// Where it is in its life cycle, in the service's words.
    pub lifecycle_status: Option<String>,
    /// The code of the product that it is in the vendor's marketplace.
    pub product_code: Option<String>,
    /// Whether it is a public image with long-term support.
    #[serde(rename = "IsLTS")]
    pub is_lts: Option<bool>,
    /// Whether cloud-init can set up instances that start from it.
    pub is_support_cloud_init: Option<bool>,
    /// Whether the vendor's agent that runs commands on instances (Cloud Assistant) is installed in it.
    pub is_install_run_command_agent: Option<bool>,
    /// How it is billed where it is of the vendor's marketplace, in the service's words.
    pub marketplace_image_bill_type: Option<String>,
    /// The tags bound to it, which [`DescribeImages::tag`] filters by.
    #[serde(deserialize_with = "or_default")]
    pub tags: Vec<Tag>,
    /// The snapshots it is made of, which stay when it is deleted with [`Snapshots::Keep`](super::Snapshots::Keep).
    #[serde(deserialize_with = "or_default")]
    pub snapshots: Vec<ImageSnapshot>,
    /// What the vendor's check of an imported image found, where there was one.
    pub detection_results: Option<DetectionResults>,
}

/// A tag of an image.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct Tag {
    /// What the tag is called, such as `team`.
    pub key: Option<String>,
    /// What the tag says, such as `ci`.
    pub value: Option<String>,
}

/// A snapshot that an image is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct ImageSnapshot {
    /// What the snapshot is called in the service's other actions.
    pub snapshot_id: Option<String>,
    /// How large it is, in GiB.
    pub size: Option<i64>,
    /// The disk it is of: `system` or `data`.
    pub volume_kind: Option<String>,
}

/// What the vendor's check of an imported image found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct DetectionResults {
    /// How far the check is: `Finished` or `Processing`.
    pub detection_status: Option<String>,
    /// A finding for each thing that was checked; empty where the list is absent or null.
    #[serde(deserialize_with = "or_default")]
    pub items: Vec<DetectionItem>,
}

/// One finding of the vendor's check.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct DetectionItem {
    /// What was checked.
    pub name: Option<String>,
    /// What came of it, in the service's words.
    pub result: Option<String>,
    /// A code that stands for a description of the risk.
    pub risk_code: Option<String>,
    /// How grave the risk is; empty where there is none.
    pub risk_level: Option<String>,
}

/// A list of objects. Null, where a list belongs, is an empty one.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let List(list) = List::<Object<T>>::deserialize(deserializer)?;
    Ok(list.into_iter().map(|Object(element)| element).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(action: &DescribeImages) -> String {
        let mut query = Query::new();
        action.query(&mut query);
        query.to_string()
    }

    #[test]
    fn every_filter_has_the_services_spelling() {
        let id = |id: &str| ImageId::new(id).unwrap();
        let action = DescribeImages::new()
            .image_ids(vec![id("image-a"), id("image-b")])
            .unwrap()
            .image_name("golden 1")
            .visibility(Visibility::Private)
            .visibility(Visibility::Shared)
            .status("available")
            .status("creating")
            .image_status("available")
            .os_type("Linux")
            .platform("CentOS")
            .instance_type_id("ecs.g1ie.large")
            .supports_cloud_init(true)
            .is_lts(false)
            .project_name("default")
            .tag("team", ["ci", "qa"])
            .tag("keep", Vec::<String>::new())
            .max_results(100)
            .unwrap();
        assert_eq!(
            text(&action),
            "ImageIds.1=image-a&ImageIds.2=image-b&ImageName=golden%201&ImageStatus=available&InstanceTypeId=ecs.g1ie.large&\
             IsLTS=false&IsSupportCloudInit=true&MaxResults=100&OsType=Linux&Platform=CentOS&ProjectName=default&\
             Status.1=available&Status.2=creating&TagFilters.1.Key=team&TagFilters.1.Values.1=ci&TagFilters.1.Values.2=qa&\
             TagFilters.2.Key=keep&Visibility=shared"
        );
    }

    #[test]
    fn a_look_at_images_asks_for_all_of_them_on_one_page() {
        let images = vec![ImageId::new("image-a").unwrap(), ImageId::new("image-b").unwrap()];
        assert_eq!(text(&DescribeImages::for_images(images)), "ImageIds.1=image-a&ImageIds.2=image-b&MaxResults=100");
    }

    #[test]
    fn a_filter_that_the_service_would_refuse_is_refused_here() {
        assert!(DescribeImages::new().image_ids(vec![]).is_err());
        assert!(DescribeImages::new().image_ids(vec![ImageId::new("a").unwrap(); 101]).is_err());
        assert!(DescribeImages::new().max_results(0).is_err());
        assert!(DescribeImages::new().max_results(101).is_err());
    }

    #[test]
    fn pages_end() {
        let page = |token: Option<&str>| ImagePage { next_token: token.map(str::to_owned), ..ImagePage::default() };
        let first = DescribeImages::new().os_type("Linux");
        assert_eq!(first.next_page(&page(None)), Ok(None));
        assert_eq!(first.next_page(&page(Some(""))), Ok(None));
        let second = first.next_page(&page(Some("t"))).unwrap().unwrap();
        assert_eq!(text(&second), "NextToken=t&OsType=Linux");
        assert_eq!(second.next_page(&page(Some("t"))), Err(EndlessPages(())));
    }

    #[test]
    fn an_array_is_taken_for_no_image_and_no_tag() {
        for images in [r#"["image-a"]"#, r#"{"ImageId":"image-a","Tags":[["team","ci"]]}"#, "null"] {
            let body = format!(r#"{{"ResponseMetadata":{{}},"Result":{{"Images":[{images}]}}}}"#);
            assert!(crate::parse::<DescribeImages>(&http::Response::new(body)).is_err(), "{images}");
        }
    }

    #[test]
    fn what_the_service_does_not_say_is_none() {
        let body = r#"{"ResponseMetadata":{},"Result":{"Images":[{"ImageId":"image-a","Size":40,"VirtualSize":1099511627776,
            "IsLTS":null,"Tags":null,"Snapshots":[{"SnapshotId":"snap-a","Size":40}],"New":{}}],"TotalCount":1}}"#;
        let page = crate::parse::<DescribeImages>(&http::Response::new(body)).unwrap().output;
        let image = &page.images[0];
        assert_eq!((image.image_id.as_deref(), image.size, image.is_lts), (Some("image-a"), Some(40), None));
        assert_eq!((image.tags.len(), image.snapshots[0].size), (0, Some(40)));
        let empty = crate::parse::<DescribeImages>(&http::Response::new(r#"{"ResponseMetadata":{},"Result":null}"#)).unwrap();
        assert_eq!(empty.output, ImagePage::default());
    }
}
