//! Images and their snapshots: the truth that answers and reports are compared with.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::catalogue::{COPYING, EXPORTING, FAILING, ItemCode, NOT_FOUND, SHARED, WRONG_STATUS};

/// A custom image.
///
/// ```
/// use volc_emulator::{Image, ImageState};
/// let image = Image::new("image-a").state(ImageState::Copying).for_calls(2).snapshots(["snap-1"]);
/// assert_eq!(image.calls, Some(2));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Image {
    /// Its ID.
    pub id: String,
    /// What a deletion meets.
    #[serde(default)]
    pub state: ImageState,
    /// How many more deletions the state refuses; then the image is available. `None`: for ever.
    #[serde(default)]
    pub calls: Option<u64>,
    /// The snapshots bound to it.
    #[serde(default)]
    pub snapshots: Vec<String>,
    /// The project it belongs to.
    #[serde(default)]
    pub project: Option<String>,
}

impl Image {
    /// An available image without snapshots.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), state: ImageState::Available, calls: None, snapshots: Vec::new(), project: None }
    }

    /// In another state, for ever unless [`for_calls`](Self::for_calls) says otherwise.
    #[must_use]
    pub fn state(mut self, state: ImageState) -> Self {
        self.state = state;
        self
    }

    /// The state refuses this many deletions.
    #[must_use]
    pub fn for_calls(mut self, calls: u64) -> Self {
        self.calls = Some(calls);
        self
    }

    /// With snapshots bound to it.
    #[must_use]
    pub fn snapshots(mut self, ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.snapshots = ids.into_iter().map(Into::into).collect();
        self
    }

    /// In a project.
    #[must_use]
    pub fn project(mut self, name: impl Into<String>) -> Self {
        self.project = Some(name.into());
        self
    }

    /// A state that has no calls left is over.
    fn settle(&mut self) {
        if self.calls == Some(0) {
            (self.state, self.calls) = (ImageState::Available, None);
        }
    }
}

/// What a deletion of an image meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ImageState {
    /// It is deleted.
    #[default]
    Available,
    /// `InvalidImage.Shared`.
    Shared,
    /// `OperationDenied.ImageIsCopying`.
    Copying,
    /// `OperationDenied.ImageIsExporting`.
    Exporting,
    /// `InvalidImageStatus`.
    WrongStatus,
    /// `InternalError`; it is not deleted.
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

    fn refusal(self) -> Option<ItemCode> {
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

/// A snapshot that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Its ID.
    pub id: String,
    /// The image it is bound to; `None` when that image was deleted and the snapshot kept.
    pub image: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Inventory {
    images: BTreeMap<String, Image>,
    unbound: Vec<String>,
}

impl Inventory {
    pub(crate) fn new(images: impl IntoIterator<Item = Image>) -> Self {
        let mut images: BTreeMap<_, _> = images.into_iter().map(|image| (image.id.clone(), image)).collect();
        images.values_mut().for_each(Image::settle);
        Self { images, unbound: Vec::new() }
    }

    pub(crate) fn find(&self, id: &str) -> Option<&Image> {
        self.images.get(id)
    }

    /// Every image that is there, by ID.
    pub(crate) fn images(&self) -> impl Iterator<Item = &Image> {
        self.images.values()
    }

    /// Every snapshot that is there, by ID.
    pub(crate) fn snapshots(&self) -> Vec<Snapshot> {
        let bound = self
            .images
            .values()
            .flat_map(|image| image.snapshots.iter().map(|id| Snapshot { id: id.clone(), image: Some(image.id.clone()) }));
        let unbound = self.unbound.iter().map(|id| Snapshot { id: id.clone(), image: None });
        let mut all: Vec<_> = bound.chain(unbound).collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }

    /// Deletes one image, or says why not.
    pub(crate) fn delete(&mut self, id: &str, with_snapshots: bool) -> Result<(), ItemCode> {
        let image = self.images.get_mut(id).ok_or(NOT_FOUND)?;
        if let Some(refusal) = image.state.refusal() {
            image.calls = image.calls.map(|calls| calls.saturating_sub(1));
            image.settle();
            return Err(refusal);
        }
        let kept = if with_snapshots { Vec::new() } else { std::mem::take(&mut image.snapshots) };
        self.unbound.extend(kept);
        self.images.remove(id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_gives_way_after_its_calls() {
        let mut inventory = Inventory::new([Image::new("a").state(ImageState::Copying).for_calls(2)]);
        assert_eq!(inventory.delete("a", false), Err(COPYING));
        assert_eq!(inventory.delete("a", false), Err(COPYING));
        assert_eq!(inventory.delete("a", false), Ok(()));
        assert_eq!(inventory.delete("a", false), Err(NOT_FOUND));
    }

    #[test]
    fn a_state_without_calls_is_over_before_it_begins() {
        let mut inventory = Inventory::new([Image::new("a").state(ImageState::Shared).for_calls(0)]);
        assert_eq!(inventory.delete("a", false), Ok(()));
    }

    #[test]
    fn kept_snapshots_stay_without_an_image() {
        let mut inventory = Inventory::new([Image::new("a").snapshots(["s1"]), Image::new("b").snapshots(["s2"])]);
        inventory.delete("a", false).unwrap();
        inventory.delete("b", true).unwrap();
        assert_eq!(inventory.snapshots(), [Snapshot { id: "s1".to_owned(), image: None }]);
    }
}
