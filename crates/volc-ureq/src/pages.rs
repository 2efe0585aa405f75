//! Reading lists to their end.

use volc_proto::ecs::{DescribeImages, ImagePage};

use crate::{Client, Error};

impl Client {
    /// The images that pass a filter, page by page; each page is one call, made when it is asked for.
    ///
    /// Only with all its pages is the answer complete: an error ends the sequence early.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client: volc_ureq::Client = unimplemented!();
    /// use volc_proto::ecs::{DescribeImages, Visibility};
    /// for page in client.describe_images(DescribeImages::new().visibility(Visibility::Private)) {
    ///     for image in page?.images {
    ///         println!("{:?} {:?}", image.image_id, image.image_name);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Each page's call may fail as in [`call`](Self::call), and a page that leads to itself is [`Error::Pages`].
    pub fn describe_images(&self, filter: DescribeImages) -> impl Iterator<Item = Result<ImagePage, Error>> + use<'_> {
        let mut next = Some(filter);
        std::iter::from_fn(move || {
            let action = next.take()?;
            let page = self.call(&action).map(|reply| reply.output).and_then(|page| {
                next = action.next_page(&page)?;
                Ok(page)
            });
            Some(page)
        })
    }
}
