//! Reading lists to their end.

use volc_proto::ecs::{DescribeImages, ImagePage};

use crate::{Client, Error};

impl Client {
    /// The images that pass a filter, page by page; each page is one call, made when it is asked for.
    ///
    /// ```no_run
    /// # async fn read(client: volc_hyper::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use volc_proto::ecs::{DescribeImages, Visibility};
    /// let mut pages = client.describe_images(DescribeImages::new().visibility(Visibility::Private));
    /// while let Some(page) = pages.next().await {
    ///     for image in page?.images {
    ///         println!("{:?} {:?}", image.image_id, image.image_name);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn describe_images(&self, filter: DescribeImages) -> Pages<'_> {
        Pages { client: self, next: Some(filter) }
    }
}

/// The pages of a list. Only with all of them is the answer complete: an error ends the sequence early.
#[derive(Debug)]
pub struct Pages<'a> {
    client: &'a Client,
    next: Option<DescribeImages>,
}

impl Pages<'_> {
    /// The next page; `None` after the last one and after an error. Where the future is dropped, the same page comes again.
    ///
    /// # Errors
    ///
    /// As [`Client::call`], and [`Error::Pages`] for a page that leads to itself.
    ///
    /// # Panics
    ///
    /// As [`Client::call`].
    pub async fn next(&mut self) -> Option<Result<ImagePage, Error>> {
        let action = self.next.clone()?;
        let page = self.client.call(&action).await;
        self.next = None;
        Some(page.map(|reply| reply.output).and_then(|page| {
            self.next = action.next_page(&page)?;
            Ok(page)
        }))
    }
}
