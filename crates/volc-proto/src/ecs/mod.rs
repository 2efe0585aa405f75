//! The actions of the service ECS, version 2020-04-01.

mod delete_images;

pub use self::delete_images::{
    DeleteImages, DeleteImagesOutput, ImageId, ImageStatus, InvalidBatch, InvalidImageId, ItemError, ItemErrorKind,
    OperationDetail, Snapshots,
};
