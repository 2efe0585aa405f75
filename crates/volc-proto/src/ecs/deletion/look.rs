//! Looking at images with `DescribeImages`: before they are deleted, and after.
//!
//! A look asks for at most 100 images by ID and reads every page of the answer: only a whole answer shows that an image is
//! absent. Looks do not count as attempts, and change no outcome but by what they have seen.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use http::Response;

use super::machine::Deletion;
use super::outcome::{Evidence, Outcome, Reason, ReasonKind, Stop};
use super::policy::Verify;
use super::queue::Place;
use crate::action::Action;
use crate::ecs::describe_images::{DescribeImages, ImagePage};
use crate::reply::{ApiErrorKind, ReplyError, parse};

/// What the service's documents call a private image: the account's own.
const PRIVATE: &str = "private";

/// One look: the request for its next page, and what was seen on those before.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) images: Vec<u32>,
    pub(super) action: DescribeImages,
    /// Each image that was seen, with its visibility.
    seen: HashMap<u32, Option<String>>,
    when: When,
    /// Failures of this look, and looks at the same images that saw them.
    tries: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    BeforeDeletion,
    AfterDeletion,
}

/// The looks that are to be made.
#[derive(Debug, Default)]
pub(super) struct Looks {
    waiting: VecDeque<(Duration, Look)>,
    /// When looking at the end of the run began.
    since: Option<Duration>,
    /// Why images were not looked at.
    pub(super) refused: Option<Reason>,
}

/// What the answer to a look means.
enum Sight {
    Page(ImagePage),
    /// The service refuses to say anything, since one of the images does not exist.
    NotFound,
    /// The same look may succeed later.
    Failed {
        reason: Reason,
        throttled: bool,
    },
    /// No look will.
    Refused(Reason),
}

impl Looks {
    pub(super) fn ready_at(&self) -> Option<Duration> {
        self.waiting.iter().map(|(at, _)| *at).min()
    }

    pub(super) fn pick(&mut self, now: Duration) -> Option<Look> {
        let index = self.waiting.iter().position(|(at, _)| *at <= now)?;
        self.waiting.remove(index).map(|(_, look)| look)
    }

    /// Whether there are looks without which nothing may be deleted.
    pub(super) fn are_needed(&self) -> bool {
        self.waiting.iter().any(|(_, look)| look.when == When::BeforeDeletion)
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}

impl Deletion {
    /// With [`Verify::Before`], every image is looked at before it is asked for.
    pub(super) fn look_before(&mut self) {
        let unseen = |index: &u32| self.images[*index as usize].place == Place::Unseen;
        let images: Vec<u32> = (0..self.images.len() as u32).filter(unseen).collect();
        self.look_at(&images, Duration::ZERO, When::BeforeDeletion, 0);
    }

    /// Begins to look at the images that the policy wants seen, once, when nothing is left to delete.
    pub(super) fn look_after(&mut self, now: Duration) {
        if self.policy.verify == Verify::Never || self.looks.since.is_some() || self.stopped.is_some() {
            return;
        }
        self.looks.since = Some(now);
        let wanted = |index: &u32| match self.images[*index as usize].outcome {
            Outcome::Unclear(_) => true,
            Outcome::Gone(evidence) => self.policy.verify == Verify::All && evidence != Evidence::AbsentBefore,
            _ => false,
        };
        let images: Vec<u32> = (0..self.images.len() as u32).filter(wanted).collect();
        self.look_at(&images, now, When::AfterDeletion, 0);
    }

    fn look_at(&mut self, images: &[u32], at: Duration, when: When, tries: u32) {
        for images in images.chunks(usize::from(DescribeImages::MAX_RESULTS)) {
            let ids = images.iter().map(|&index| self.images[index as usize].id.clone()).collect();
            let action = DescribeImages::for_images(ids);
            let look = Look { images: images.to_vec(), action, seen: HashMap::new(), when, tries };
            self.looks.waiting.push_back((at, look));
        }
    }

    /// An answer to a look came. Returns what went wrong with it, if anything did.
    pub(super) fn saw(&mut self, look: Look, now: Duration, response: &Response<impl AsRef<[u8]>>) -> Option<Reason> {
        match sight(response) {
            Sight::Page(page) => {
                self.pace.accepted(&self.policy);
                self.saw_page(look, now, &page)
            }
            Sight::NotFound if look.images.len() == 1 => {
                self.saw_all(look, now);
                None
            }
            Sight::NotFound => {
                let (left, right) = look.images.split_at(look.images.len() / 2);
                for half in [left, right] {
                    self.look_at(half, now, look.when, look.tries);
                }
                None
            }
            Sight::Failed { reason, throttled } => {
                if throttled {
                    self.pace.throttled(&self.policy);
                }
                self.saw_nothing(look, now, reason.clone());
                Some(reason)
            }
            Sight::Refused(reason) => {
                self.give_up(&look, reason.clone());
                Some(reason)
            }
        }
    }

    /// No answer to a look came.
    pub(super) fn saw_nothing(&mut self, mut look: Look, now: Duration, reason: Reason) {
        look.tries += 1;
        if look.tries >= self.policy.attempts {
            return self.give_up(&look, reason);
        }
        if self.stopped.is_none() {
            let at = now.saturating_add(self.pace.backoff(&self.policy, look.tries));
            self.looks.waiting.push_back((at, look));
        }
    }

    fn give_up(&mut self, look: &Look, reason: Reason) {
        self.looks.clear();
        self.looks.refused = Some(reason.clone());
        if look.when == When::BeforeDeletion {
            self.halt(Stop::Look { why: reason });
        }
    }

    fn saw_page(&mut self, mut look: Look, now: Duration, page: &ImagePage) -> Option<Reason> {
        let asked: HashMap<&str, u32> =
            look.images.iter().map(|&index| (self.images[index as usize].id.as_str(), index)).collect();
        for image in &page.images {
            // An answer may hold more than was asked for; it says nothing of our images.
            if let Some(&index) = image.image_id.as_deref().and_then(|id| asked.get(id)) {
                look.seen.insert(index, image.visibility.clone());
            }
        }
        match look.action.next_page(page) {
            Ok(None) => {
                self.saw_all(look, now);
                None
            }
            Ok(Some(action)) => {
                self.looks.waiting.push_front((now, Look { action, ..look }));
                None
            }
            Err(error) => {
                let reason = Reason::new(ReasonKind::Unreadable, error);
                self.give_up(&look, reason.clone());
                Some(reason)
            }
        }
    }

    /// Every page was read: what was not seen is not there.
    fn saw_all(&mut self, look: Look, now: Duration) {
        match look.when {
            When::BeforeDeletion => self.saw_before(&look, now),
            When::AfterDeletion => self.saw_after(&look, now),
        }
    }

    fn saw_before(&mut self, look: &Look, now: Duration) {
        let mut ours = Vec::new();
        for &index in &look.images {
            let image = &mut self.images[index as usize];
            if image.place != Place::Unseen {
                continue;
            }
            image.place = Place::Finished;
            let doubt = matches!(image.outcome, Outcome::Unclear(_));
            let seen = look.seen.get(&index);
            match seen {
                // An earlier attempt, whose answer was lost, may have deleted it.
                None if doubt => image.outcome = Outcome::Gone(Evidence::SeenAbsent),
                None => image.outcome = Outcome::Gone(Evidence::AbsentBefore),
                Some(Some(visibility)) if visibility != PRIVATE => {
                    let text = format_args!("it is a {visibility} image, not one of this account").to_string();
                    image.outcome = Outcome::NotOurs(Reason::new(ReasonKind::NotOurs, text));
                }
                Some(_) => ours.push(index),
            }
            self.count_missing(seen.is_none() && !doubt);
        }
        self.queue(&ours, now, false);
        self.stop_if_none_exist(now);
    }

    fn saw_after(&mut self, look: &Look, now: Duration) {
        let began = self.looks.since.unwrap_or(now);
        let tries = look.tries + 1;
        let next = now.saturating_add(self.pace.backoff(&self.policy, tries));
        let go_on = next <= began.saturating_add(self.policy.verify_for) && self.stopped.is_none();
        let mut there = Vec::new();
        // Others are asked for again: their answers are to come.
        for &index in
            look.images.iter().filter(|&&index| self.images[index as usize].place == Place::Finished).collect::<Vec<_>>()
        {
            let outcome = &mut self.images[index as usize].outcome;
            match (&*outcome, look.seen.contains_key(&index)) {
                (Outcome::Unclear(_) | Outcome::Gone(Evidence::Acknowledged), false) => {
                    *outcome = Outcome::Gone(Evidence::SeenAbsent);
                }
                (_, false) => {}
                (_, true) if go_on => there.push(index),
                (Outcome::Unclear(_), true) => *outcome = still_there("it was still there", began, now),
                (Outcome::Gone(_), true) => {
                    *outcome = still_there("the service said that it was gone, and it was still there", began, now);
                }
                _ => {}
            }
        }
        self.look_at(&there, next, When::AfterDeletion, tries);
    }
}

fn still_there(what: &str, began: Duration, now: Duration) -> Outcome {
    let seconds = now.saturating_sub(began).as_secs();
    Outcome::Unclear(Reason::new(ReasonKind::SeenPresent, format_args!("{what} {seconds} s after the last request for it")))
}

fn sight(response: &Response<impl AsRef<[u8]>>) -> Sight {
    let error = match parse::<DescribeImages>(response) {
        Ok(reply) => match reply.action {
            Some(other) if !other.is_empty() && other != DescribeImages::NAME => {
                let text = format_args!("the reply is to another action, {other:?}").to_string();
                return Sight::Failed { reason: Reason::new(ReasonKind::Unreadable, text), throttled: false };
            }
            _ => return Sight::Page(reply.output),
        },
        Err(error) => error,
    };
    let failed = |kind, throttled| Sight::Failed { reason: Reason::new(kind, &error), throttled };
    match &error {
        ReplyError::Api(api) if api.code() == "InvalidImage.NotFound" => Sight::NotFound,
        ReplyError::Api(api) => match api.kind() {
            ApiErrorKind::Throttled => failed(ReasonKind::Call, true),
            // The driver has taken in the answer's date; the next try is signed with it.
            ApiErrorKind::Clock => failed(ReasonKind::Call, false),
            ApiErrorKind::Transient => failed(ReasonKind::Failed, false),
            _ => Sight::Refused(Reason::new(ReasonKind::Call, api).with_code(api.code())),
        },
        ReplyError::Unreadable(_) => failed(ReasonKind::Unreadable, false),
    }
}
