//! Reading what there is: images and the account of the key. Nothing is changed by it.

use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use volc_proto::ecs::{DescribeImages, ImageDescription, ImageId, ImagePage};
use volc_proto::sts::GetCallerIdentity;
use volc_proto::{Action, ApiErrorKind, Query, ReplyError, chain};
use volc_ureq::Client;

/// Calls that read, each repeated where that may help.
pub(crate) struct Reader<'a> {
    client: &'a Client,
    attempts: u32,
    /// Before each call, so that reads keep to the rate that was asked for.
    pause: Duration,
}

/// An image as the service describes it, and as it said so.
pub(crate) struct Found {
    pub(crate) image: ImageDescription,
    pub(crate) raw: Value,
}

/// Attempts for one call, as for one image.
pub(crate) const ATTEMPTS: u32 = 4;

/// The wait after a first failure; it doubles with each one that follows, up to a minute.
const BACKOFF: Duration = Duration::from_millis(500);
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

impl<'a> Reader<'a> {
    /// At most so many attempts for one call, and so many calls a second.
    pub(crate) fn new(client: &'a Client, attempts: u32, rate: Option<f64>) -> Self {
        let pause = rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(1.0 / rate));
        Self { client, attempts, pause }
    }

    /// The account that the key belongs to.
    pub(crate) fn account(&self) -> Result<String, Unread> {
        let identity = self.call(&GetCallerIdentity)?;
        identity.account_id.ok_or_else(|| Unread::new("expected an account in the answer of GetCallerIdentity"))
    }

    /// All images that pass a filter, each once: every page was read, and nothing is missing that they count.
    pub(crate) fn images(&self, filter: DescribeImages) -> Result<Vec<Found>, Unread> {
        let mut next = Some(filter.max_results(DescribeImages::MAX_RESULTS).map_err(Unread::new)?);
        let mut all = Vec::new();
        let mut counted = 0;
        let mut seen = HashSet::new();
        while let Some(filter) = next {
            let mut raw = self.call(&AsSent(&filter))?;
            let page = ImagePage::deserialize(&raw).map_err(Unread::new)?;
            next = filter.next_page(&page).map_err(Unread::new)?;
            let raws = match raw.get_mut("Images") {
                Some(Value::Array(raws)) => std::mem::take(raws),
                None | Some(Value::Null) if page.total_count == Some(0) => Vec::new(),
                _ => return Err(Unread::new("expected a list of images in the answer")),
            };
            if page.images.iter().any(|image| image.image_id.as_ref().is_none_or(String::is_empty)) {
                return Err(Unread::new("expected the ID of each image in the answer"));
            }
            counted = page.total_count.unwrap_or(0).max(counted);
            let known = all.len();
            let found = page.images.into_iter().zip(raws).map(|(image, raw)| Found { image, raw });
            // Pages shift where images come or go meanwhile.
            all.extend(found.filter(|found| seen.insert(found.image.image_id.clone())));
            if next.is_some() && all.len() == known {
                return Err(Unread::new("expected new images or the end, not a page that leads on without any"));
            }
        }
        if counted > all.len() as i64 {
            return Err(Unread::new(format!("expected the {counted} images that the answer counts, not {}", all.len())));
        }
        Ok(all)
    }

    /// Those of these images that exist and pass the filter.
    pub(crate) fn these(&self, ids: &[ImageId], filter: &DescribeImages) -> Result<Vec<Found>, Unread> {
        let mut left: Vec<_> = ids.chunks(usize::from(DescribeImages::MAX_RESULTS)).rev().collect();
        let mut all = Vec::new();
        while let Some(chunk) = left.pop() {
            match self.images(filter.clone().image_ids(chunk.to_vec()).map_err(Unread::new)?) {
                Ok(images) => {
                    let asked = |id: &str| chunk.iter().any(|image| image.as_str() == id);
                    if !images.iter().all(|found| found.image.image_id.as_deref().is_some_and(asked)) {
                        return Err(Unread::new("expected only images that were asked for in the answer"));
                    }
                    all.extend(images);
                }
                // One of them does not exist, and the service may say nothing of the others then.
                Err(error) if error.is_not_found() => {
                    let (first, second) = chunk.split_at(chunk.len() / 2);
                    left.extend([second, first].into_iter().filter(|half| !half.is_empty() && half.len() < chunk.len()));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    fn call<A: Action>(&self, action: &A) -> Result<A::Output, Unread> {
        let mut backoff = BACKOFF;
        for attempt in 1.. {
            thread::sleep(self.pause);
            match self.client.call(action) {
                Ok(reply) if reply.action.as_deref().is_none_or(|name| name.is_empty() || name == A::NAME) => {
                    return Ok(reply.output);
                }
                Ok(_) => return Err(Unread::new(format!("expected an answer to {}, not to another action", A::NAME))),
                Err(error) if attempt < self.attempts && may_pass(&error) => thread::sleep(backoff),
                Err(error) => return Err(Unread::call(error)),
            }
            backoff = LONGEST_BACKOFF.min(backoff * 2);
        }
        unreachable!("the last attempt returns")
    }
}

fn may_pass(error: &volc_ureq::Error) -> bool {
    match error {
        volc_ureq::Error::Lost(lost) => !lost.certificate_refused(),
        volc_ureq::Error::Reply(ReplyError::Api(error)) => {
            matches!(error.kind(), ApiErrorKind::Throttled | ApiErrorKind::Transient | ApiErrorKind::Clock)
        }
        volc_ureq::Error::Reply(_) => true,
        _ => false,
    }
}

/// `DescribeImages`, whose answer is kept as it is: with what no document names.
struct AsSent<'a>(&'a DescribeImages);

impl Action for AsSent<'_> {
    const NAME: &'static str = DescribeImages::NAME;
    const VERSION: &'static str = DescribeImages::VERSION;
    const SERVICE: &'static str = DescribeImages::SERVICE;
    type Output = Value;

    fn query(&self, query: &mut Query) {
        self.0.query(query);
    }
}

/// Why something could not be read.
#[derive(Debug)]
pub(crate) struct Unread(Box<dyn Error>);

impl Unread {
    fn new(error: impl Into<Box<dyn Error>>) -> Self {
        Self(error.into())
    }

    fn call(error: volc_ureq::Error) -> Self {
        match error {
            volc_ureq::Error::Reply(error) => Self::new(error),
            error => Self::new(error),
        }
    }

    /// Whether the service says, beyond doubt, that one of the images does not exist.
    fn is_not_found(&self) -> bool {
        let error = self.0.downcast_ref();
        matches!(error, Some(ReplyError::Api(error)) if error.is_conclusive() && error.code() == "InvalidImage.NotFound")
    }

    /// The service's code, where one says why.
    pub(crate) fn code(&self) -> Option<&str> {
        match self.0.downcast_ref()? {
            ReplyError::Api(error) => Some(error.code()),
            _ => None,
        }
    }
}

/// With its sources, in one line.
impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        chain(&*self.0).fmt(f)
    }
}

impl Error for Unread {}
