//! An image, as it is set up.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use volc_proto::Timestamp;

use crate::catalogue::{COPYING, EXPORTING, FAILING, ItemCode, SHARED, WRONG_STATUS};
use crate::snapshot::{DEFAULT_SIZE, Snapshot};

/// A custom image, or one of other people's.
///
/// ```
/// use volc_emulator::{Image, ImageState};
/// let image = Image::new("image-a").state(ImageState::Copying).for_calls(2).snapshots(["snap-1"]).name("web-20240131");
/// assert_eq!(image.calls, Some(2));
/// ```
///
/// Only its ID, state, snapshots, project, owner and visibility matter to a deletion; the rest is what `DescribeImages`
/// tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Image {
    /// Any text that is not empty and no other image's.
    pub id: String,
    /// What a deletion meets: it is available unless set.
    pub state: ImageState,
    /// How many more deletions the state refuses; then the image is available. `None`: for ever.
    pub calls: Option<u64>,
    /// The snapshots bound to it.
    pub snapshots: Vec<Snapshot>,
    /// The project it belongs to. `None`: it is described as one of `default`.
    pub project: Option<String>,
    /// Its name. `None`: the ID.
    pub name: Option<String>,
    /// When it was made, in RFC 3339; told as it is. `None`: at the start of 2024.
    pub created_at: Option<String>,
    /// When it was changed, in RFC 3339; told as it is. `None`: when it was made.
    pub updated_at: Option<String>,
    /// How large it is, in GiB; 40 unless set.
    pub size: u32,
    /// The values of its tags, by key; none unless set.
    pub tags: BTreeMap<String, String>,
    /// The account that owns it. `None`: the emulator's, if it is private; somebody else if it is not.
    pub owner: Option<String>,
    /// Who can use it: private unless set.
    pub visibility: Visibility,
    /// Its status. `None`: `creating` in the [state](ImageState) `WrongStatus`, otherwise `available`.
    pub status: Option<String>,
    /// Whether it is shared with other accounts. `None`: as its state says, in a spelling of ours.
    pub share_status: Option<String>,
    /// What it runs: Linux unless set.
    pub os_type: OsType,
    /// The distribution. `None`: the one that most have, for its operating system.
    pub platform: Option<String>,
    /// Whether it supports cloud-init: it does unless set.
    pub cloud_init: bool,
    /// Whether it has long-term support, which public images may have: it has none unless set.
    pub lts: bool,
    /// What is left out where the image is described, as the service spells it: `CreatedAt`.
    pub without: BTreeSet<String>,
}

impl Default for Image {
    /// An image without an ID, which nothing takes.
    fn default() -> Self {
        Self {
            id: String::new(),
            state: ImageState::Available,
            calls: None,
            snapshots: Vec::new(),
            project: None,
            name: None,
            created_at: None,
            updated_at: None,
            size: DEFAULT_SIZE,
            tags: BTreeMap::new(),
            owner: None,
            visibility: Visibility::Private,
            status: None,
            share_status: None,
            os_type: OsType::Linux,
            platform: None,
            cloud_init: true,
            lts: false,
            without: BTreeSet::new(),
        }
    }
}

impl Image {
    /// A private, available image without snapshots.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }

    /// In another state, for ever unless [`for_calls`](Self::for_calls) says otherwise.
    #[must_use]
    pub fn state(self, state: ImageState) -> Self {
        Self { state, ..self }
    }

    /// The state refuses this many deletions.
    #[must_use]
    pub fn for_calls(self, calls: u64) -> Self {
        Self { calls: Some(calls), ..self }
    }

    /// With snapshots bound to it: IDs, or [`Snapshot`]s with sizes.
    #[must_use]
    pub fn snapshots(self, snapshots: impl IntoIterator<Item = impl Into<Snapshot>>) -> Self {
        Self { snapshots: snapshots.into_iter().map(Into::into).collect(), ..self }
    }

    /// In the project of this name, which [`Builder::deny_project`](crate::Builder::deny_project) can protect.
    #[must_use]
    pub fn project(self, name: impl Into<String>) -> Self {
        Self { project: Some(name.into()), ..self }
    }

    /// With a name of its own, in place of its ID.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Made at this time, which is told with the offset of Beijing.
    #[must_use]
    pub fn created_at(self, time: Timestamp) -> Self {
        Self { created_at: Some(rfc3339(time)), ..self }
    }

    /// Changed at this time, which is told with the offset of Beijing.
    #[must_use]
    pub fn updated_at(self, time: Timestamp) -> Self {
        Self { updated_at: Some(rfc3339(time)), ..self }
    }

    /// Of this size in GiB; 40 otherwise.
    #[must_use]
    pub fn size(self, gib: u32) -> Self {
        Self { size: gib, ..self }
    }

    /// With one more tag; the same key again takes the new value.
    #[must_use]
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }

    /// Owned by this account. A deletion that names another account's image is refused whole, with `AccessDenied`.
    #[must_use]
    pub fn owner(self, account_id: impl Into<String>) -> Self {
        Self { owner: Some(account_id.into()), ..self }
    }

    /// Usable by others, or because of others: a deletion that names an image which is not private is refused whole, with
    /// `AccessDenied`.
    #[must_use]
    pub fn visibility(self, visibility: Visibility) -> Self {
        Self { visibility, ..self }
    }

    /// In this status, where it is described; a deletion looks at the [state](Self::state).
    #[must_use]
    pub fn status(self, status: impl Into<String>) -> Self {
        Self { status: Some(status.into()), ..self }
    }

    /// Shared, or not, in these words, where it is described; a deletion looks at the [state](Self::state).
    #[must_use]
    pub fn share_status(self, status: impl Into<String>) -> Self {
        Self { share_status: Some(status.into()), ..self }
    }

    /// With this operating system where it is described, and for the filter `OsType`.
    #[must_use]
    pub fn os_type(self, os_type: OsType) -> Self {
        Self { os_type, ..self }
    }

    /// With this distribution where it is described, and for the filter `Platform`.
    #[must_use]
    pub fn platform(self, name: impl Into<String>) -> Self {
        Self { platform: Some(name.into()), ..self }
    }

    /// With, or without, support for cloud-init where it is described, and for the filter `IsSupportCloudInit`.
    #[must_use]
    pub fn cloud_init(self, supported: bool) -> Self {
        Self { cloud_init: supported, ..self }
    }

    /// With, or without, long-term support where it is described, and for the filter `IsLTS`.
    #[must_use]
    pub fn lts(self, lts: bool) -> Self {
        Self { lts, ..self }
    }

    /// Described without this member, as the service spells it: `CreatedAt`.
    #[must_use]
    pub fn without(mut self, member: impl Into<String>) -> Self {
        self.without.insert(member.into());
        self
    }

    /// Whether this account may delete it, as far as owners go.
    pub(crate) fn is_owned_by(&self, account_id: u64) -> bool {
        let owner = self.owner.as_ref();
        self.visibility == Visibility::Private && owner.is_none_or(|owner| *owner == account_id.to_string())
    }

    /// A state that has no calls left is over.
    pub(crate) fn settle(&mut self) {
        if self.calls == Some(0) {
            (self.state, self.calls) = (ImageState::Available, None);
        }
    }
}

/// As the samples of the documents print it: with the offset of Beijing.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    let text = time.shifted(8 * 3600).to_string();
    let at = |from, to| text.get(from..to).unwrap_or_default();
    format!("{}-{}-{}T{}:{}:{}+08:00", at(0, 4), at(4, 6), at(6, 8), at(9, 11), at(11, 13), at(13, 15))
}

/// What a deletion of an image meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ImageState {
    /// It can be deleted, and is.
    #[default]
    Available,
    /// It is shared with other accounts: `InvalidImage.Shared`.
    Shared,
    /// It is being copied: `OperationDenied.ImageIsCopying`.
    Copying,
    /// It is being exported: `OperationDenied.ImageIsExporting`.
    Exporting,
    /// Its status forbids deletion: `InvalidImageStatus`.
    WrongStatus,
    /// Something fails on the service's side: `InternalError`; it is not deleted.
    Failing,
}

impl ImageState {
    /// The spelling of configuration files and of `/_emulator/images`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Shared => "shared",
            Self::Copying => "copying",
            Self::Exporting => "exporting",
            Self::WrongStatus => "wrong-status",
            Self::Failing => "failing",
        }
    }

    pub(crate) fn refusal(self) -> Option<ItemCode> {
        match self {
            Self::Available => None,
            Self::Shared => Some(SHARED),
            Self::Copying => Some(COPYING),
            Self::Exporting => Some(EXPORTING),
            Self::WrongStatus => Some(WRONG_STATUS),
            Self::Failing => Some(FAILING),
        }
    }
}

/// Who can use an image. Only private ones can be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Visibility {
    /// The account's own.
    #[default]
    Private,
    /// The vendor's, for everybody.
    Public,
    /// Another account's, shared with this one.
    Shared,
}

impl Visibility {
    /// The service's spelling, which is that of configuration files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
            Self::Shared => "shared",
        }
    }
}

/// What an image runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OsType {
    /// `Linux`; its distribution is `Ubuntu` unless set.
    #[default]
    Linux,
    /// `Windows`; its distribution is `Windows Server` unless set.
    Windows,
}

impl OsType {
    /// The service's spelling; configuration files use small letters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Linux => "Linux",
            Self::Windows => "Windows",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_beijing() {
        let at = |seconds| rfc3339(Timestamp::from_unix(seconds).unwrap());
        assert_eq!(at(1_706_659_199), "2024-01-31T07:59:59+08:00");
        assert_eq!(at(1_706_716_800), "2024-02-01T00:00:00+08:00");
    }

    #[test]
    fn only_what_is_private_and_has_no_other_owner_is_ones_own() {
        let owned = |image: Image| image.is_owned_by(21);
        assert!(owned(Image::new("a")) && owned(Image::new("a").owner("21")));
        assert!(!owned(Image::new("a").owner("22")));
        assert!(!owned(Image::new("a").visibility(Visibility::Public)));
        assert!(!owned(Image::new("a").visibility(Visibility::Shared).owner("21")));
    }
}
