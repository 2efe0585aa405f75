//! Looking at images with `DescribeImages`: before they are deleted, and after.
//!
//! A look asks for at most 100 images by ID and reads every page of the answer: only a whole answer shows that an image is
//! absent. Looks do not count as attempts, and change no outcome but by what they have seen.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use http::Response;
use serde::Deserialize;

use super::machine::Deletion;
use super::meaning::another_action;
use super::outcome::{Evidence, Outcome, Reason, ReasonKind, Stop};
use super::policy::Verify;
use super::queue::Place;
use crate::ecs::describe_images::DescribeImages;
use crate::json::{Integer, List, Object, Text};
use crate::reply::{ApiErrorKind, ReplyError, parse_as};

/// What the service's documents call a private image: the account's own.
const PRIVATE: &str = "private";

/// One look: the request for its next page, and what was seen on those before.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) images: Vec<u32>,
    pub(super) action: DescribeImages,
    /// Each image that was seen, with its visibility.
    seen: HashMap<u32, Option<String>>,
    pages: usize,
    pub(super) when: When,
    /// When its first page was asked for: what it sees was true then.
    asked: Option<Duration>,
    /// Looks that saw these images, this one included.
    round: u32,
    /// How often it was begun in vain.
    failures: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    BeforeDeletion,
    AfterDeletion,
    /// The run began anew while it was under way, and looks for itself.
    Forgotten,
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

/// `Result`, as far as a look needs it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page<'a> {
    #[serde(borrow)]
    images: Option<List<Object<Sighting<'a>>>>,
    #[serde(borrow, default)]
    next_token: Text<'a>,
    total_count: Option<Integer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sighting<'a> {
    #[serde(borrow, default)]
    image_id: Text<'a>,
    #[serde(borrow, default)]
    visibility: Text<'a>,
}

/// What the answer to a look means.
enum Sight<'a> {
    Page(Page<'a>),
    /// The service refuses to say anything, since one of the images does not exist.
    NotFound,
    /// It says nothing; the same look may succeed later.
    Failed {
        reason: Reason,
        throttled: bool,
    },
    /// No look will succeed.
    Refused(Reason),
}

impl Looks {
    pub(super) fn ready_at(&self) -> Option<Duration> {
        self.waiting.iter().map(|(at, _)| *at).min()
    }

    pub(super) fn pick(&mut self, now: Duration) -> Option<Look> {
        let index = self.waiting.iter().position(|(at, _)| *at <= now)?;
        let (_, mut look) = self.waiting.remove(index)?;
        look.asked.get_or_insert(now);
        Some(look)
    }

    /// Whether there are looks without which nothing may be deleted.
    pub(super) fn are_needed(&self) -> bool {
        self.waiting.iter().any(|(_, look)| look.when == When::BeforeDeletion)
    }

    /// No more looks, for this reason.
    pub(super) fn end(&mut self, why: impl std::fmt::Display) {
        if !self.waiting.is_empty() {
            self.waiting.clear();
            self.refused.get_or_insert_with(|| Reason::new(ReasonKind::NotAsked, why));
        }
    }
}

impl Deletion {
    /// With [`Verify::Before`], every image is looked at before it is asked for.
    pub(super) fn look_before(&mut self) {
        let unseen = |index: &u32| self.images[*index as usize].place == Place::Unseen;
        let images: Vec<u32> = (0..self.images.len() as u32).filter(unseen).collect();
        self.look_at(&images, Duration::ZERO, When::BeforeDeletion, 1);
    }

    /// Begins to look at the images that the policy wants seen, once, when nothing is left to delete.
    pub(super) fn look_after(&mut self, now: Duration) {
        if self.policy.verify == Verify::Never || self.looks.since.is_some() {
            return;
        }
        self.looks.since = Some(now);
        let wanted = |index: &u32| match self.images[*index as usize].outcome {
            Outcome::Unclear(_) => true,
            Outcome::Gone(evidence) => self.policy.verify == Verify::All && evidence != Evidence::AbsentBefore,
            _ => false,
        };
        let images: Vec<u32> = (0..self.images.len() as u32).filter(wanted).collect();
        self.look_at(&images, now, When::AfterDeletion, 1);
        if let Some(stop) = &self.stopped {
            self.looks.end(stop);
        }
    }

    fn look_at(&mut self, images: &[u32], at: Duration, when: When, round: u32) {
        if when == When::Forgotten || self.looks.refused.is_some() {
            return;
        }
        for images in images.chunks(usize::from(DescribeImages::MAX_RESULTS)) {
            let ids = images.iter().map(|&index| self.images[index as usize].id.clone()).collect();
            let action = DescribeImages::for_images(ids);
            let look =
                Look { images: images.to_vec(), action, seen: HashMap::new(), pages: 0, when, asked: None, round, failures: 0 };
            self.looks.waiting.push_back((at, look));
        }
    }

    /// An answer to a look came. Returns what went wrong with it, if anything did.
    pub(super) fn saw(&mut self, mut look: Look, now: Duration, response: &Response<impl AsRef<[u8]>>) -> Option<Reason> {
        let failure = match sight(response) {
            Sight::Page(page) => {
                self.pace.accepted(&self.policy);
                match self.saw_page(&mut look, &page) {
                    Ok(None) => {
                        self.saw_all(&look, now);
                        return None;
                    }
                    Ok(Some(action)) => {
                        if look.when != When::Forgotten && self.looks.refused.is_none() {
                            self.looks.waiting.push_front((now, Look { action, ..look }));
                        }
                        return None;
                    }
                    Err(reason) => reason,
                }
            }
            Sight::NotFound if look.images.len() == 1 => {
                self.saw_all(&look, now);
                return None;
            }
            Sight::NotFound => {
                let (left, right) = look.images.split_at(look.images.len() / 2);
                for half in [left, right] {
                    self.look_at(half, now, look.when, look.round);
                }
                return None;
            }
            Sight::Failed { reason, throttled } => {
                if throttled {
                    self.pace.throttled(&self.policy);
                }
                reason
            }
            Sight::Refused(reason) => {
                self.give_up(&look, reason.clone());
                return Some(reason);
            }
        };
        self.saw_nothing(look, now, failure.clone());
        Some(failure)
    }

    /// A look brought nothing: it is begun anew, unless that was so too often.
    pub(super) fn saw_nothing(&mut self, look: Look, now: Duration, reason: Reason) {
        if look.when == When::Forgotten {
            return;
        }
        let failures = look.failures + 1;
        if failures >= self.policy.attempts || self.stopped.is_some() {
            return self.give_up(&look, reason);
        }
        let at = now.saturating_add(self.pace.backoff(&self.policy, failures));
        self.look_at(&look.images, at, look.when, look.round);
        if let Some((_, again)) = self.looks.waiting.back_mut() {
            again.failures = failures;
        }
    }

    fn give_up(&mut self, look: &Look, reason: Reason) {
        if look.when == When::Forgotten {
            return;
        }
        self.looks.refused.get_or_insert_with(|| reason.clone());
        self.looks.end(&reason);
        if look.when == When::BeforeDeletion {
            self.halt(Stop::Look { why: reason });
        }
    }

    /// Takes in a page; the request for the next one, if there is one. An error where the answer proves nothing.
    fn saw_page(&self, look: &mut Look, page: &Page<'_>) -> Result<Option<DescribeImages>, Reason> {
        let proves_nothing = |what: &str| Reason::new(ReasonKind::Unreadable, what);
        let asked: HashMap<&str, u32> =
            look.images.iter().map(|&index| (self.images[index as usize].id.as_str(), index)).collect();
        let total = page.total_count.and_then(|count| count.number);
        let listed = match &page.images {
            Some(List(images)) => images.as_slice(),
            None if total == Some(0) => &[],
            None => return Err(proves_nothing("the answer has no list of images")),
        };
        for Object(image) in listed {
            // It may be the answer to another look.
            let Some(&index) = asked.get(&*image.image_id) else {
                return Err(proves_nothing("the answer lists an image that nobody asked for"));
            };
            let visibility: String = image.visibility.chars().take(20).collect();
            look.seen.insert(index, Some(visibility).filter(|visibility| !visibility.is_empty()));
        }
        look.pages += 1;
        // At least one image on every page but the last.
        if look.pages > look.images.len() + 1 {
            return Err(proves_nothing("the answer has no end"));
        }
        let next = look.action.after(Some(&page.next_token));
        let next = next.map_err(|error| Reason::new(ReasonKind::Unreadable, error))?;
        if next.is_none() && total.is_some_and(|total| total > look.seen.len() as i64) {
            return Err(proves_nothing("the answer lists fewer images than it counts"));
        }
        Ok(next)
    }

    /// Every page was read: what was not seen is not there.
    fn saw_all(&mut self, look: &Look, now: Duration) {
        match look.when {
            When::BeforeDeletion => self.saw_before(look, now),
            When::AfterDeletion => self.saw_after(look, now),
            When::Forgotten => {}
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
            let untouched = matches!(&image.outcome, Outcome::NotDeleted(reason) if reason.kind() == ReasonKind::NotAsked);
            let seen = look.seen.get(&index);
            match seen {
                None if untouched => image.outcome = Outcome::Gone(Evidence::AbsentBefore),
                // It was asked for before, and an attempt whose answer was lost may have deleted it.
                None => image.outcome = Outcome::Gone(Evidence::SeenAbsent),
                Some(Some(visibility)) if visibility != PRIVATE => {
                    let text = format_args!("it is a {visibility} image, not one of this account").to_string();
                    image.outcome = Outcome::NotOurs(Reason::new(ReasonKind::NotOurs, text));
                }
                Some(_) => ours.push(index),
            }
            self.count_missing(seen.is_none() && untouched);
        }
        self.queue(&ours, now, false);
        self.stop_if_none_exist(now);
    }

    fn saw_after(&mut self, look: &Look, now: Duration) {
        let began = self.looks.since.unwrap_or(now);
        // A second at least: without a pause the looks would have no end.
        let next = now.saturating_add(self.pace.backoff(&self.policy, look.round).max(Duration::from_secs(1)));
        let end = began.saturating_add(self.policy.verify_for);
        // An answer that took long shows what was there when it was asked for.
        let go_on = look.asked.is_none_or(|asked| asked < end) && self.stopped.is_none();
        let mut there = Vec::new();
        for &index in &look.images {
            let image = &mut self.images[index as usize];
            // Others are asked for again: their answers are to come.
            if image.place != Place::Finished {
                continue;
            }
            let outcome = &mut image.outcome;
            if !look.seen.contains_key(&index) {
                if matches!(outcome, Outcome::Unclear(_) | Outcome::Gone(Evidence::Acknowledged)) {
                    *outcome = Outcome::Gone(Evidence::SeenAbsent);
                }
                continue;
            }
            there.push(index);
            match outcome {
                Outcome::Gone(_) => {
                    *outcome = still_there("the service said that it was gone, and it was still there", began, now)
                }
                Outcome::Unclear(reason) if reason.kind() == ReasonKind::SeenPresent => {}
                _ => *outcome = still_there("it was still there", began, now),
            }
        }
        if go_on {
            // The last look is made when the time is spent, and not sooner.
            self.look_at(&there, next.min(end.max(now)), When::AfterDeletion, look.round + 1);
        }
    }
}

fn still_there(what: &str, began: Duration, now: Duration) -> Outcome {
    let seconds = now.saturating_sub(began).as_secs();
    Outcome::Unclear(Reason::new(ReasonKind::SeenPresent, format_args!("{what} {seconds} s after the last request for it")))
}

fn sight(response: &Response<impl AsRef<[u8]>>) -> Sight<'_> {
    let error = match parse_as::<Page<'_>>(response) {
        Ok(reply) => {
            return match another_action::<DescribeImages>(reply.action.as_deref()) {
                Some(reason) => Sight::Failed { reason, throttled: false },
                None => Sight::Page(reply.output),
            };
        }
        Err(error) => error,
    };
    let failed = |kind, throttled| Sight::Failed { reason: Reason::new(kind, &error), throttled };
    match &error {
        ReplyError::Api(api) => {
            if let Some(reason) = another_action::<DescribeImages>(api.action()) {
                return Sight::Failed { reason, throttled: false };
            }
            let refuses = api.in_envelope() && (api.status().is_success() || api.status().is_client_error());
            match api.kind() {
                ApiErrorKind::Throttled => failed(ReasonKind::Call, true),
                // The driver has taken in the answer's date; the next try is signed with it.
                ApiErrorKind::Clock => failed(ReasonKind::Call, false),
                _ if refuses && api.code() == "InvalidImage.NotFound" => Sight::NotFound,
                ApiErrorKind::Transient => failed(ReasonKind::Failed, false),
                _ if refuses => Sight::Refused(Reason::new(ReasonKind::Call, api).with_code(api.code())),
                _ => failed(ReasonKind::Failed, false),
            }
        }
        ReplyError::Unreadable(_) => failed(ReasonKind::Unreadable, false),
    }
}
