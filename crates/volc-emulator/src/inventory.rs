//! Images and their snapshots: the truth that answers and reports are compared with.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::catalogue::{ItemCode, NOT_FOUND, WRONG_STATUS};
use crate::image::Image;
use crate::snapshot::Snapshot;

/// How long `DescribeImages` goes on showing an image after its deletion was accepted, as `deleting`. It is no longer in
/// [`Emulator::images`](crate::Emulator::images) then.
///
/// In JSON: `"never"`, `{"requests": 3}`, `{"milliseconds": 1500}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Visible {
    /// Not at all: the next request finds it gone.
    #[default]
    Never,
    /// For this many requests after the one that deleted it, whatever they ask for.
    Requests(u64),
    /// For this long, in real time.
    Milliseconds(u64),
}

/// What another deletion gets of an image that is still [visible](Visible).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Repeated {
    /// `InvalidImage.NotFound`, as of an image that is gone.
    #[default]
    NotFound,
    /// `InvalidImageStatus`, as of an image whose deletion is under way.
    WrongStatus,
}

/// When a request came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) request: u64,
    pub(crate) at: Instant,
}

impl Visible {
    fn lasts(self, from: Moment, to: Moment) -> bool {
        match self {
            Self::Never => false,
            Self::Requests(requests) => to.request.saturating_sub(from.request) <= requests,
            Self::Milliseconds(time) => to.at.saturating_duration_since(from.at) < Duration::from_millis(time),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Inventory {
    images: BTreeMap<String, Image>,
    /// Deleted, and perhaps still visible.
    deleted: BTreeMap<String, (Image, Moment)>,
    unbound: Vec<Snapshot>,
    pub(crate) visible: Visible,
    pub(crate) repeated: Repeated,
}

impl Inventory {
    pub(crate) fn new(images: impl IntoIterator<Item = Image>) -> Self {
        let mut images: BTreeMap<_, _> = images.into_iter().map(|image| (image.id.clone(), image)).collect();
        for image in images.values_mut() {
            image.settle();
            image.snapshots.iter_mut().for_each(|snapshot| snapshot.image = Some(image.id.clone()));
        }
        Self { images, ..Self::default() }
    }

    pub(crate) fn find(&self, id: &str) -> Option<&Image> {
        self.images.get(id)
    }

    /// Every image that is there, by ID.
    pub(crate) fn images(&self) -> impl Iterator<Item = &Image> {
        self.images.values()
    }

    /// Every image that is seen at this moment, by ID; and whether it was deleted.
    pub(crate) fn seen(&self, moment: Moment) -> Vec<(&Image, bool)> {
        let fading = self.deleted.values().filter(|(_, deleted)| self.visible.lasts(*deleted, moment));
        let fading = fading.map(|(image, _)| (image, true));
        let mut seen: Vec<_> = self.images().map(|image| (image, false)).chain(fading).collect();
        seen.sort_by(|(a, _), (b, _)| a.id.cmp(&b.id));
        seen
    }

    /// Every snapshot that is there, by ID.
    pub(crate) fn snapshots(&self) -> Vec<Snapshot> {
        let bound = self.images.values().flat_map(|image| &image.snapshots);
        let mut all: Vec<_> = bound.chain(&self.unbound).cloned().collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }

    /// Deletes one image, or says why not.
    pub(crate) fn delete(&mut self, id: &str, with_snapshots: bool, moment: Moment) -> Result<(), ItemCode> {
        let Some(image) = self.images.get_mut(id) else {
            let fading = self.deleted.get(id).is_some_and(|(_, deleted)| self.visible.lasts(*deleted, moment));
            return Err(if fading && self.repeated == Repeated::WrongStatus { WRONG_STATUS } else { NOT_FOUND });
        };
        if let Some(refusal) = image.state.refusal() {
            image.calls = image.calls.map(|calls| calls.saturating_sub(1));
            image.settle();
            return Err(refusal);
        }
        if let Some(image) = self.images.remove(id) {
            if !with_snapshots {
                self.unbound.extend(image.snapshots.iter().map(|kept| Snapshot { image: None, ..kept.clone() }));
            }
            if self.visible != Visible::Never {
                self.deleted.insert(image.id.clone(), (image, moment));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::COPYING;
    use crate::image::ImageState;

    fn moment(request: u64) -> Moment {
        Moment { request, at: Instant::now() }
    }

    #[test]
    fn a_state_gives_way_after_its_calls() {
        let mut inventory = Inventory::new([Image::new("a").state(ImageState::Copying).for_calls(2)]);
        assert_eq!(inventory.delete("a", false, moment(1)), Err(COPYING));
        assert_eq!(inventory.delete("a", false, moment(2)), Err(COPYING));
        assert_eq!(inventory.delete("a", false, moment(3)), Ok(()));
        assert_eq!(inventory.delete("a", false, moment(4)), Err(NOT_FOUND));
    }

    #[test]
    fn a_state_without_calls_is_over_before_it_begins() {
        let mut inventory = Inventory::new([Image::new("a").state(ImageState::Shared).for_calls(0)]);
        assert_eq!(inventory.delete("a", false, moment(1)), Ok(()));
    }

    #[test]
    fn kept_snapshots_stay_without_an_image() {
        let mut inventory = Inventory::new([Image::new("a").snapshots(["s1"]), Image::new("b").snapshots(["s2"])]);
        let images = |inventory: &Inventory| inventory.snapshots().into_iter().map(|s| s.image).collect::<Vec<_>>();
        assert_eq!(images(&inventory), [Some("a".to_owned()), Some("b".to_owned())]);
        inventory.delete("a", false, moment(1)).unwrap();
        inventory.delete("b", true, moment(2)).unwrap();
        assert_eq!(inventory.snapshots(), [Snapshot::new("s1")]);
    }

    #[test]
    fn a_deleted_image_is_seen_for_as_many_requests_as_it_should_be() {
        let mut inventory = Inventory::new([Image::new("a"), Image::new("b")]);
        (inventory.visible, inventory.repeated) = (Visible::Requests(2), Repeated::WrongStatus);
        inventory.delete("b", false, moment(5)).unwrap();
        let seen =
            |request| inventory.seen(moment(request)).into_iter().map(|(i, gone)| (i.id.as_str(), gone)).collect::<Vec<_>>();
        assert_eq!(seen(6), [("a", false), ("b", true)]);
        assert_eq!(seen(7), [("a", false), ("b", true)]);
        assert_eq!(seen(8), [("a", false)]);
        assert_eq!(inventory.delete("b", false, moment(7)), Err(WRONG_STATUS));
        assert_eq!(inventory.delete("b", false, moment(8)), Err(NOT_FOUND));
    }

    #[test]
    fn a_deleted_image_is_seen_for_as_long_as_it_should_be() {
        let start = moment(1);
        let after = |time| Moment { request: 9, at: start.at + Duration::from_millis(time) };
        let mut inventory = Inventory::new([Image::new("a")]);
        inventory.visible = Visible::Milliseconds(100);
        inventory.delete("a", false, start).unwrap();
        assert_eq!(inventory.seen(after(99)).len(), 1);
        assert_eq!(inventory.seen(after(100)).len(), 0);
        assert_eq!(inventory.delete("a", false, after(99)), Err(NOT_FOUND));
    }
}
