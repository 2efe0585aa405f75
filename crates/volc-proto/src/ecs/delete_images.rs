//! `DeleteImages`: the service's spelling of it lives in this file only.
//!
//! After <https://www.volcengine.com/docs/6396/120265>. Never meets a transport or a time.

use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::action::Action;
use crate::json::{List, Object, Text};
use crate::query::Query;
use crate::reply::ErrorBody;
use crate::shown::{clipped, printable};

/// The ID of a custom image, such as `image-ebgy1og99tfct0example`. Cheap to clone.
///
/// 1 to 128 characters of `A-Z a-z 0-9 . _ ~ -`: whatever the service may invent inside that needs no escape, and nothing
/// outside it can be an ID.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageId(Arc<str>);

impl ImageId {
    pub(super) const MAX_LENGTH: usize = 128;

    /// Checks an ID. Blanks around it are refused, not trimmed.
    ///
    /// # Errors
    ///
    /// [`InvalidImageId`] shows what it was given.
    pub fn new(id: impl Into<String>) -> Result<Self, InvalidImageId> {
        let id = id.into();
        let valid = (1..=Self::MAX_LENGTH).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'~' | b'-'));
        if valid { Ok(Self(id.into())) } else { Err(InvalidImageId { id }) }
    }

    /// The ID as it was given, which is how requests spell it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Serialize for ImageId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ImageId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl AsRef<str> for ImageId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for ImageId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImageId({})", self.0)
    }
}

impl std::str::FromStr for ImageId {
    type Err = InvalidImageId;

    fn from_str(id: &str) -> Result<Self, InvalidImageId> {
        Self::new(id)
    }
}

/// A text that cannot be an image's ID. The message shows it, unless it is longer than an ID may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidImageId {
    id: String,
}

impl fmt::Display for InvalidImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected an image ID of 1 to 128 letters, digits, `.`, `_`, `~` and `-`, ")?;
        match self.id.chars().count() {
            0 => f.write_str("not an empty one"),
            length @ 129.. => write!(f, "not one of {length} characters"),
            _ => write!(f, "not {:?}", self.id),
        }
    }
}

impl Error for InvalidImageId {}

/// What becomes of the snapshots (or the snapshot consistency group) that an image is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Snapshots {
    /// They stay, and go on costing money: `DeleteBindedSnapshots=false`.
    Keep,
    /// They are deleted with the image: `DeleteBindedSnapshots=true`.
    Delete,
    /// The parameter is not sent. **The service then deletes the snapshots** (its document of 2024-03 says `true` is the
    /// default; older ones do not know the parameter).
    ServiceDefault,
}

/// One request for the deletion of 1 to 100 images.
///
/// ```
/// use volc_proto::ecs::{DeleteImages, ImageId, Snapshots};
/// let action = DeleteImages::new(vec![ImageId::new("image-ebgy1og99tfct0example")?], Snapshots::Keep)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteImages {
    ids: Vec<ImageId>,
    snapshots: Snapshots,
}

impl DeleteImages {
    /// The service's limit on the images of one request. A longer list is for a [`Deletion`](super::Deletion).
    pub const MAX_IMAGES: usize = 100;

    /// Checks a batch.
    ///
    /// # Errors
    ///
    /// [`InvalidBatch`] for no image, more than 100, or one image twice (which no document allows).
    pub fn new(ids: Vec<ImageId>, snapshots: Snapshots) -> Result<Self, InvalidBatch> {
        if !(1..=Self::MAX_IMAGES).contains(&ids.len()) {
            return Err(InvalidBatch::Count { count: ids.len() });
        }
        let mut seen = HashSet::with_capacity(ids.len());
        if let Some(twice) = ids.iter().find(|id| !seen.insert(*id)) {
            return Err(InvalidBatch::Duplicate { id: twice.clone() });
        }
        Ok(Self { ids, snapshots })
    }

    /// A batch that its maker keeps to the rules of [`new`](Self::new).
    pub(super) fn trusted(ids: Vec<ImageId>, snapshots: Snapshots) -> Self {
        Self { ids, snapshots }
    }

    /// The images, in the order asked.
    pub fn ids(&self) -> &[ImageId] {
        &self.ids
    }

    /// What becomes of the images' snapshots, as [`new`](Self::new) was told.
    pub fn snapshots(&self) -> Snapshots {
        self.snapshots
    }
}

impl Action for DeleteImages {
    const NAME: &'static str = "DeleteImages";
    const VERSION: &'static str = "2020-04-01";
    const SERVICE: &'static str = "ecs";
    type Output = DeleteImagesOutput;

    fn query(&self, query: &mut Query) {
        match self.snapshots {
            Snapshots::Keep => query.push("DeleteBindedSnapshots", "false"),
            Snapshots::Delete => query.push("DeleteBindedSnapshots", "true"),
            Snapshots::ServiceDefault => {}
        }
        // An ID has unreserved characters only: it was checked when it was made.
        query.push_plain_list("ImageIds", &self.ids);
    }
}

/// Why a batch cannot be one request. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidBatch {
    /// No image, or more than 100.
    Count {
        /// How many images were given: 0, or more than [`MAX_IMAGES`](DeleteImages::MAX_IMAGES).
        count: usize,
    },
    /// An image is there twice.
    Duplicate {
        /// The first image that came again.
        id: ImageId,
    },
}

impl fmt::Display for InvalidBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count { count } => write!(f, "expected 1 to {} images in one request, not {count}", DeleteImages::MAX_IMAGES),
            Self::Duplicate { id } => write!(f, "expected each image once, not `{id}` twice"),
        }
    }
}

impl Error for InvalidBatch {}

/// What the service says of each image. The call's success is none of theirs.
///
/// The documents do not say whether images that were deleted are listed, nor how: ask
/// [`status_of`](Self::status_of), which takes no silence for a success.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct DeleteImagesOutput {
    /// `OperationDetails`, as they came: perhaps not all images, one twice, or one that nobody asked for.
    pub operation_details: Vec<OperationDetail>,
}

/// What the service says of one image: one entry of `OperationDetails`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OperationDetail {
    /// `ImageId`, unchecked: it is the service's word. `None` where it is absent, null or empty.
    pub image_id: Option<String>,
    /// `Error`; absent, null, `{}` and empty strings are none.
    pub error: Option<ItemError>,
}

/// What a reply says of an image that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageStatus<'a> {
    /// Listed without an error: the service accepted the deletion.
    Deleted,
    /// Listed with an error. Not every [kind](ItemError::kind) of it says that the image is still there.
    Failed(&'a ItemError),
    /// Not listed. It may have been deleted: the documents do not say.
    NotListed,
    /// Listed twice with different words, or listed as deleted beside a failure that names no image.
    Contradictory,
}

impl DeleteImagesOutput {
    /// What the reply says of one image that was asked for.
    ///
    /// ```
    /// use volc_proto::ecs::{DeleteImages, ImageId, ImageStatus};
    /// let body = r#"{"ResponseMetadata":{},"Result":{"OperationDetails":[
    ///     {"ImageId":"image-a","Error":{"Code":"InvalidImage.Shared","Message":"..."}}]}}"#;
    /// let output = volc_proto::parse::<DeleteImages>(&http::Response::new(body))?.output;
    /// assert!(matches!(output.status_of(&ImageId::new("image-a")?), ImageStatus::Failed(_)));
    /// assert_eq!(output.status_of(&ImageId::new("image-b")?), ImageStatus::NotListed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn status_of(&self, id: &ImageId) -> ImageStatus<'_> {
        let mut listed = self.operation_details.iter().filter(|detail| detail.image_id.as_deref() == Some(id.as_str()));
        let Some(first) = listed.next() else { return ImageStatus::NotListed };
        let code = |detail: &'_ OperationDetail| detail.error.as_ref().map(|error| error.code.clone());
        if listed.any(|other| code(other) != code(first)) {
            return ImageStatus::Contradictory;
        }
        match &first.error {
            Some(error) => ImageStatus::Failed(error),
            None if self.operation_details.iter().any(|detail| detail.image_id.is_none() && detail.error.is_some()) => {
                ImageStatus::Contradictory
            }
            None => ImageStatus::Deleted,
        }
    }

    /// Images that the reply speaks of and nobody asked for: a sign that answers got mixed up on the way.
    pub fn foreign<'a>(&'a self, asked: &'a [ImageId]) -> impl Iterator<Item = &'a str> {
        let ids = self.operation_details.iter().filter_map(|detail| detail.image_id.as_deref());
        ids.filter(move |id| asked.iter().all(|asked| asked.as_str() != *id))
    }
}

/// What the service says is wrong with one image. Not every [kind](Self::kind) says that the image is still there.
///
/// Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemError {
    code: Arc<str>,
    message: Arc<str>,
}

impl ItemError {
    /// `Code`: `InvalidImage.Shared`. As the service wrote it, 128 bytes at most, but for what may be a secret. Empty where
    /// there is only a message.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// `Message`, for people: shortened and without secrets, as [`ApiError::message`](crate::ApiError::message).
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What it means, after the table of <https://www.volcengine.com/docs/6396/120265>.
    pub fn kind(&self) -> ItemErrorKind {
        kind_of(&self.code)
    }
}

impl From<&ErrorBody<'_>> for ItemError {
    fn from(error: &ErrorBody<'_>) -> Self {
        Self { code: error.code().into(), message: error.message().into() }
    }
}

impl fmt::Display for ItemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", printable(&self.code), printable(&self.message))
    }
}

impl Error for ItemError {}

/// The images of one reply mostly fail in the same way, and then share their error.
#[derive(Default)]
pub(super) struct SharedErrors<'a> {
    last: Option<(&'a ErrorBody<'a>, ItemError)>,
}

impl<'a> SharedErrors<'a> {
    pub(super) fn of(&mut self, failure: &'a ErrorBody<'a>) -> ItemError {
        // Compared as the service wrote them: to make a message fit to be shown costs more than to read the rest of the reply.
        match &self.last {
            Some((last, error)) if last.says_the_same(failure) => error.clone(),
            _ => self.last.insert((failure, failure.into())).1.clone(),
        }
    }
}

/// What an [`ItemError`] means for its image: whether it is still there, and whether another request can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ItemErrorKind {
    /// There is no such image, in this region and account. After a repeated request it may be our own doing.
    NotFound,
    /// The image is shared with other accounts; unshare it first (<https://www.volcengine.com/docs/6396/93875>).
    Shared,
    /// The image is being copied or exported; later it can be deleted.
    Busy,
    /// The image is in a status that forbids deletion, for now or because a deletion is under way.
    WrongStatus,
    /// Something failed on the other side; whether the image is still there is open.
    Transient,
    /// A code that the document does not have: read the message.
    Unknown,
}

fn kind_of(code: &str) -> ItemErrorKind {
    match code {
        "InvalidImage.NotFound" => ItemErrorKind::NotFound,
        "InvalidImage.Shared" => ItemErrorKind::Shared,
        "OperationDenied.ImageIsCopying" | "OperationDenied.ImageIsExporting" => ItemErrorKind::Busy,
        "InvalidImageStatus" => ItemErrorKind::WrongStatus,
        "InternalError" => ItemErrorKind::Transient,
        _ => ItemErrorKind::Unknown,
    }
}

/// `Result`, borrowed from the body.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output<'a> {
    #[serde(borrow, default)]
    pub(crate) operation_details: List<Object<Detail<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Detail<'a> {
    #[serde(borrow, default)]
    image_id: Text<'a>,
    #[serde(alias = "error", borrow, default)]
    error: ErrorBody<'a>,
}

impl Detail<'_> {
    /// The image; an empty ID names none.
    pub(super) fn id(&self) -> Option<&str> {
        Some(&*self.image_id).filter(|id| !id.is_empty())
    }

    /// The error; null, `{}` and empty strings are none.
    pub(super) fn failure(&self) -> Option<&ErrorBody<'_>> {
        Some(&self.error).filter(|error| error.says_something())
    }
}

impl<'de> Deserialize<'de> for DeleteImagesOutput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Output { operation_details: List(details) } = Output::deserialize(deserializer)?;
        let mut errors = SharedErrors::default();
        let operation_details = details.iter().map(|Object(detail)| OperationDetail {
            image_id: detail.id().map(|id| clipped(id, ImageId::MAX_LENGTH + 1).to_owned()),
            error: detail.failure().map(|failure| errors.of(failure)),
        });
        Ok(Self { operation_details: operation_details.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_cannot_be_an_id_is_refused() {
        for id in [
            "",
            " image-a",
            "image-a\n",
            "image-a ",
            "a\0",
            "a&b",
            "a=b",
            "a#b",
            "a%20",
            "a+b",
            "image-*",
            "a/b",
            "a,b",
            "镜像",
            "a\u{a0}",
        ] {
            assert!(ImageId::new(id).is_err(), "{id:?}");
        }
        assert!(ImageId::new("a".repeat(128)).is_ok());
        assert!(ImageId::new("a".repeat(129)).is_err());
        assert!(ImageId::new("AZaz09._~-").is_ok());
    }

    #[test]
    fn an_id_is_found_by_its_text() {
        let ids = HashSet::from([ImageId::new("image-a").unwrap()]);
        assert!(ids.contains("image-a") && !ids.contains("image-b"));
    }

    #[test]
    fn a_batch_is_1_to_100_images_each_once() {
        let id = |n: usize| ImageId::new(format!("image-{n}")).unwrap();
        assert_eq!(DeleteImages::new(vec![], Snapshots::Keep), Err(InvalidBatch::Count { count: 0 }));
        let whole: Vec<ImageId> = (0..100).map(id).collect();
        assert_eq!(DeleteImages::new(whole.clone(), Snapshots::Keep).unwrap().ids(), whole);
        assert_eq!(DeleteImages::new((0..101).map(id).collect(), Snapshots::Keep), Err(InvalidBatch::Count { count: 101 }));
        assert_eq!(DeleteImages::new(vec![id(1), id(2), id(1)], Snapshots::Keep), Err(InvalidBatch::Duplicate { id: id(1) }));
    }

    #[test]
    fn the_choice_about_snapshots_is_what_is_sent() {
        for (choice, sent) in [
            (Snapshots::Keep, "DeleteBindedSnapshots=false&ImageIds.1=a"),
            (Snapshots::Delete, "DeleteBindedSnapshots=true&ImageIds.1=a"),
            (Snapshots::ServiceDefault, "ImageIds.1=a"),
        ] {
            let mut query = Query::new();
            DeleteImages::new(vec![ImageId::new("a").unwrap()], choice).unwrap().query(&mut query);
            assert_eq!(query.as_str(), sent);
        }
    }

    #[test]
    fn more_than_a_thousand_details_are_no_reply() {
        let body = |details: usize| {
            let detail = r#"{"ImageId":"image-a"}"#;
            format!(r#"{{"ResponseMetadata":{{}},"Result":{{"OperationDetails":[{}]}}}}"#, vec![detail; details].join(","))
        };
        assert!(crate::parse::<DeleteImages>(&http::Response::new(body(1_000))).is_ok());
        assert!(crate::parse::<DeleteImages>(&http::Response::new(body(1_001))).is_err());
    }

    #[test]
    fn what_is_too_long_for_an_id_does_not_become_one() {
        for length in [128, 129, 200] {
            let id = "a".repeat(length);
            let body = format!(r#"{{"ResponseMetadata":{{}},"Result":{{"OperationDetails":[{{"ImageId":"{id}"}}]}}}}"#);
            let output = crate::parse::<DeleteImages>(&http::Response::new(body)).unwrap().output;
            let read = output.operation_details[0].image_id.as_deref().unwrap();
            assert_eq!((read.len(), ImageId::new(read).is_ok()), (length.min(129), length == 128));
        }
    }

    #[test]
    fn a_failure_that_names_no_image_makes_every_success_doubtful() {
        let body =
            r#"{"ResponseMetadata":{},"Result":{"OperationDetails":[{"ImageId":"a"},{"Error":{"Code":"InternalError"}}]}}"#;
        let output = crate::parse::<DeleteImages>(&http::Response::new(body)).unwrap().output;
        assert_eq!(output.status_of(&ImageId::new("a").unwrap()), ImageStatus::Contradictory);
        assert_eq!(output.status_of(&ImageId::new("b").unwrap()), ImageStatus::NotListed);
    }
}
