//! The action `DescribeImages`, after <https://www.volcengine.com/docs/6396/70808>.

use serde::Deserialize;
use serde_json::{Value, json};
use volc_proto::Query;

use crate::answer::Page;
use crate::catalogue as code;
use crate::image::{Image, ImageState, OsType, Visibility};
use crate::inventory::Moment;
use crate::parameters;
use crate::service::{Arrived, Refusal, Service, refusal};

const MAX_IMAGE_IDS: usize = 100;
const MAX_STATUSES: usize = 10;
const PAGE_SIZES: std::ops::RangeInclusive<usize> = 1..=100;
const DEFAULT_PAGE_SIZE: usize = 15;
/// With tag filters.
const MAX_FOUND_BY_TAG: usize = 1_000;

/// What a request gets that names an ID which does not exist. No document says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum UnknownIds {
    /// A list of the images that do exist, and no word of the others.
    #[default]
    LeftOut,
    /// 404 `InvalidImage.NotFound` for the whole request.
    NotFound,
}

impl Service {
    /// `here`: the request is for the region of the images.
    pub(crate) fn describe_images(&self, arrived: &Arrived<'_>, here: bool) -> Result<Page, Refusal> {
        let parameters = arrived.parameters();
        let filter = parameters.and_then(|parameters| Filter::read(&parameters));
        let filter = filter.ok_or_else(|| refusal(code::INVALID_ARGUMENT, []))?;
        if filter.ids.len() > MAX_IMAGE_IDS {
            return Err(refusal(code::TOO_MANY_IMAGE_IDS, []));
        }
        let mut seen = self.inventory.seen(Moment { request: arrived.number, at: arrived.at });
        seen.retain(|_| here);
        let exists = |id: &String| seen.iter().any(|(image, _)| image.id == *id);
        if self.unknown_ids == UnknownIds::NotFound && !filter.ids.iter().all(exists) {
            return Err(refusal(code::IMAGE_NOT_FOUND, []));
        }

        let limit = if filter.tags.is_empty() { usize::MAX } else { MAX_FOUND_BY_TAG };
        let status = |image, deleted| if deleted { DELETING } else { status(image) };
        let found = seen.into_iter().map(|(image, deleted)| (image, status(image, deleted)));
        let found: Vec<_> = found.filter(|(image, status)| filter.passes(image, status)).take(limit).collect();
        let start = found.partition_point(|(image, _)| filter.after.as_ref().is_some_and(|after| image.id <= *after));
        let end = found.len().min(start + filter.page_size);
        let next = found[start..end].last().filter(|_| end < found.len());
        Ok(Page {
            images: found[start..end].iter().map(|(image, status)| describe(image, status, self.account_id)).collect(),
            next_token: next.map(|(image, _)| token(&image.id)).unwrap_or_default(),
            total_count: found.len(),
        })
    }
}

/// No document names this status.
const DELETING: &str = "deleting";

fn status(image: &Image) -> &str {
    let of_state = if image.state == ImageState::WrongStatus { "creating" } else { "available" };
    image.status.as_deref().unwrap_or(of_state)
}

fn project(image: &Image) -> &str {
    image.project.as_deref().unwrap_or("default")
}

fn name(image: &Image) -> &str {
    image.name.as_deref().unwrap_or(&image.id)
}

fn platform(image: &Image) -> &str {
    let most = match image.os_type {
        OsType::Linux => "Ubuntu",
        OsType::Windows => "Windows Server",
    };
    image.platform.as_deref().unwrap_or(most)
}

/// What the service says of an image. Of the members that the documents name, those are missing of which nothing is known
/// here; `InstanceTypeId` is accepted, and every image fits every type.
pub(crate) fn describe(image: &Image, status: &str, account_id: u64) -> Value {
    let created_at = image.created_at.as_deref().unwrap_or("2024-01-01T00:00:00+08:00");
    let owner = image.owner.clone().unwrap_or_else(|| match image.visibility {
        Visibility::Private => account_id.to_string(),
        Visibility::Public => "system".to_owned(),
        Visibility::Shared => account_id.saturating_add(1).to_string(),
    });
    let shared = if image.state == ImageState::Shared { "shared" } else { "unshared" };
    let tags: Vec<_> = image.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    let snapshots = image.snapshots.iter().enumerate().map(|(index, snapshot)| {
        let kind = if index == 0 { "system" } else { "data" };
        json!({"SnapshotId": snapshot.id, "Size": snapshot.size, "VolumeKind": kind})
    });
    let mut description = json!({
        "ImageId": image.id,
        "ImageName": name(image),
        "Description": "",
        "Status": status,
        "Visibility": image.visibility.as_str(),
        "ShareStatus": image.share_status.as_deref().unwrap_or(shared),
        "CreatedAt": created_at,
        "UpdatedAt": image.updated_at.as_deref().unwrap_or(created_at),
        "Size": image.size,
        "VirtualSize": u64::from(image.size) << 30,
        "OsType": image.os_type.as_str(),
        "OsName": platform(image),
        "Platform": platform(image),
        "Architecture": "amd64",
        "ImageOwnerId": owner,
        "ProjectName": project(image),
        "IsLTS": image.lts,
        "IsSupportCloudInit": image.cloud_init,
        "Tags": tags,
        "Snapshots": snapshots.collect::<Vec<_>>(),
        "DetectionResults": null,
    });
    if let Some(members) = description.as_object_mut() {
        members.retain(|name, _| !image.without.contains(name));
    }
    description
}

/// What is asked for. A parameter without a value is none, as the SDKs spell what was not set.
#[derive(Debug, Default, PartialEq)]
struct Filter {
    ids: Vec<String>,
    name: Option<String>,
    statuses: Vec<String>,
    status: Option<String>,
    visibility: Option<Visibility>,
    os_type: Option<OsType>,
    platform: Option<String>,
    cloud_init: Option<bool>,
    /// Documented: `false` does nothing.
    lts: bool,
    project: Option<String>,
    tags: Vec<(String, Vec<String>)>,
    page_size: usize,
    /// The last image of the page before.
    after: Option<String>,
}

impl Filter {
    /// `None` for what is invalid.
    fn read(parameters: &Query) -> Option<Self> {
        let text = |name| optional(parameters, name, |text| Some(text.to_owned()));
        let flag = |name| optional(parameters, name, |text| text.parse::<bool>().ok());
        let visibility = |text: &str| {
            let all = [Visibility::Private, Visibility::Public, Visibility::Shared];
            all.into_iter().find(|visibility| visibility.as_str() == text)
        };
        let os_type = |text: &str| [OsType::Linux, OsType::Windows].into_iter().find(|os_type| os_type.as_str() == text);
        let page_size = |text: &str| text.parse().ok().filter(|size| PAGE_SIZES.contains(size));
        Some(Self {
            ids: parameters::list(parameters, "ImageIds")?,
            name: text("ImageName")?,
            statuses: parameters::list(parameters, "Status").filter(|statuses| statuses.len() <= MAX_STATUSES)?,
            status: text("ImageStatus")?,
            visibility: optional(parameters, "Visibility", visibility)?,
            os_type: optional(parameters, "OsType", os_type)?,
            platform: text("Platform")?,
            cloud_init: flag("IsSupportCloudInit")?,
            lts: flag("IsLTS")?.unwrap_or_default(),
            project: text("ProjectName")?,
            tags: parameters::tag_filters(parameters)?,
            page_size: optional(parameters, "MaxResults", page_size)?.unwrap_or(DEFAULT_PAGE_SIZE),
            after: optional(parameters, "NextToken", position)?,
        })
    }

    fn passes(&self, image: &Image, status: &str) -> bool {
        let any = |wanted: &[String], found: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == found);
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        let tagged = |(key, values): &(String, Vec<String>)| image.tags.get(key).is_some_and(|value| any(values, value));
        any(&self.ids, &image.id)
            && is(&self.name, name(image))
            && any(&self.statuses, status)
            && is(&self.status, status)
            && self.visibility.is_none_or(|wanted| wanted == image.visibility)
            && self.os_type.is_none_or(|wanted| wanted == image.os_type)
            && is(&self.platform, platform(image))
            && self.cloud_init.is_none_or(|wanted| wanted == image.cloud_init)
            && (!self.lts || image.lts)
            && is(&self.project, project(image))
            && self.tags.iter().all(tagged)
    }
}

/// A parameter that has a value, which must be one that `read` takes: `None` if it is not.
fn optional<T>(parameters: &Query, name: &str, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    match parameters.first(name).filter(|value| !value.is_empty()) {
        Some(value) => read(std::str::from_utf8(&value).ok()?).map(Some),
        None => Some(None),
    }
}

/// What leads to the page after this image. Clients must take it as it is: so it has what has to be escaped in a query.
fn token(id: &str) -> String {
    let hex: String = id.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("+{hex}/==")
}

fn position(token: &str) -> Option<String> {
    let hex = token.strip_prefix('+')?.strip_suffix("/==")?;
    let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok());
    String::from_utf8(bytes.collect::<Option<_>>()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_where_it_was_made_and_no_other_text_leads_anywhere() {
        for id in ["image-1", "é😀", ""] {
            assert_eq!(position(&token(id)).as_deref(), Some(id));
        }
        for text in ["", "image-1", "+6/==", "+zz/==", "+é/==", " 61/==", "+ff/=="] {
            assert_eq!(position(text), None, "{text}");
        }
    }

    #[test]
    fn a_parameter_without_a_value_is_none_and_a_wrong_one_is_refused() {
        let read = |text: &str| Filter::read(&Query::parse(text));
        for text in ["", "ImageIds=&ImageName=&Status=&NextToken=&MaxResults=&Visibility=&IsLTS=", "IsLTS=false&Unknown=1"] {
            assert_eq!(read(text), Some(Filter { page_size: 15, ..Filter::default() }), "{text}");
        }
        for text in [
            "MaxResults=0",
            "MaxResults=101",
            "MaxResults=x",
            "Visibility=Public",
            "OsType=linux",
            "IsLTS=True",
            "IsSupportCloudInit=1",
            "NextToken=x",
            "ImageIds.0=a",
            "TagFilters.1.Values.1=a",
            "ImageName=%FF",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        let statuses = |count| (1..=count).map(|n| format!("Status.{n}=s")).collect::<Vec<_>>().join("&");
        assert_eq!(read(&statuses(10)).unwrap().statuses.len(), 10);
        assert_eq!(read(&statuses(11)), None);
    }
}
