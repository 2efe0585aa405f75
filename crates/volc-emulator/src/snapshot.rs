//! A snapshot, as it is set up and as it is told of.

use serde::Deserialize;

/// GiB.
pub(crate) const DEFAULT_SIZE: u32 = 40;

/// A snapshot of a disk, bound to an image. In JSON it is its ID, or `{"id": "snap-1", "size": 40}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "SnapshotText")]
#[non_exhaustive]
pub struct Snapshot {
    /// Any text that is no other snapshot's.
    pub id: String,
    /// How large it is, in GiB.
    pub size: u32,
    /// The image it is bound to; `None` when that image was deleted and the snapshot kept. An emulator fills it in.
    pub image: Option<String>,
}

impl Snapshot {
    /// A snapshot of 40 GiB, bound to no image yet.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), size: DEFAULT_SIZE, image: None }
    }

    /// Of another size in GiB.
    #[must_use]
    pub fn size(self, gib: u32) -> Self {
        Self { size: gib, ..self }
    }
}

impl From<&str> for Snapshot {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

impl From<String> for Snapshot {
    fn from(id: String) -> Self {
        Self::new(id)
    }
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields, expecting = "expected a snapshot's ID, or its `id` and `size` in GiB")]
enum SnapshotText {
    Id(String),
    Sized { id: String, size: u32 },
}

impl From<SnapshotText> for Snapshot {
    fn from(text: SnapshotText) -> Self {
        match text {
            SnapshotText::Id(id) => Self::new(id),
            SnapshotText::Sized { id, size } => Self::new(id).size(size),
        }
    }
}
