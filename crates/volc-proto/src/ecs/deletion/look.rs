//! Looking at images with `DescribeImages`: before they are deleted, and after.
//!
//! A look asks for at most 100 images by ID. What an answer lists is there; that the others are absent is shown only by an
//! answer on one page, since images that vanish between two pages can push others off both. Those that were not on the first
//! of several pages are looked at again, alone. Looks do not count as attempts, and change no outcome but by what they have
//! seen.

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

/// One look.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) images: Vec<u32>,
    pub(super) action: DescribeImages,
    pub(super) when: When,
    /// When it was asked for: what it sees was true then.
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
    #[serde(alias = "nextToken", borrow, default)]
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

/// The images that a page lists, with their visibility.
type Seen = HashMap<u32, Option<String>>;

/// What a page shows of the images that it does not list.
enum Unlisted {
    Absent,
    OnAnotherPage,
    /// Nothing, for this reason.
    Unknown(Reason),
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
        if self.policy.verify == Verify::Never {
            return;
        }
        if self.looks.since.is_none() {
            self.looks.since = Some(now);
            let wanted = |index: &u32| match self.images[*index as usize].outcome {
                Outcome::Unclear(_) => true,
                Outcome::Gone(evidence) => self.policy.verify == Verify::All && evidence != Evidence::AbsentBefore,
                _ => false,
            };
            let images: Vec<u32> = (0..self.images.len() as u32).filter(wanted).collect();
            self.look_at(&images, now, When::AfterDeletion, 1);
        }
        // Also what an answer that came after the stop left to be looked at.
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
            let look = Look { images: images.to_vec(), action, when, asked: None, round, failures: 0 };
            self.looks.waiting.push_back((at, look));
        }
    }

    /// An answer to a look came. Returns what went wrong with it, if anything did.
    pub(super) fn saw(&mut self, mut look: Look, now: Duration, response: &Response<impl AsRef<[u8]>>) -> Option<Reason> {
        let failure = match sight(response) {
            Sight::Page(page) => {
                self.pace.accepted(&self.policy);
                self.saw_page(&mut look, &page, now)?
            }
            Sight::NotFound if look.images.len() == 1 => {
                self.saw_absent(&look, now);
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

    /// Returns why the page shows nothing of the images that are left of the look, if it does not.
    fn saw_page(&mut self, look: &mut Look, page: &Page<'_>, now: Duration) -> Option<Reason> {
        let (seen, unlisted) = self.read_page(look, page);
        match unlisted {
            // Nothing is deleted after an answer that cannot be understood.
            Unlisted::Unknown(reason) if look.when == When::BeforeDeletion => return Some(reason),
            _ => self.saw_present(look, &seen, now),
        }
        look.images.retain(|index| !seen.contains_key(index));
        match unlisted {
            _ if look.images.is_empty() => return None,
            Unlisted::Unknown(reason) => return Some(reason),
            Unlisted::Absent => self.saw_absent(look, now),
            Unlisted::OnAnotherPage => self.look_at(&look.images, now, look.when, look.round),
        }
        None
    }

    fn read_page(&self, look: &Look, page: &Page<'_>) -> (Seen, Unlisted) {
        let asked: HashMap<&str, u32> =
            look.images.iter().map(|&index| (self.images[index as usize].id.as_str(), index)).collect();
        let (mut seen, mut unknown) = (Seen::new(), None);
        for Object(image) in page.images.iter().flat_map(|List(images)| images) {
            let Some(&index) = asked.get(&*image.image_id) else {
                // It may be the answer to another look.
                unknown = Some("the answer lists an image that nobody asked for");
                continue;
            };
            let visibility: String = image.visibility.chars().take(20).collect();
            let visibility = Some(visibility).filter(|visibility| !visibility.is_empty());
            if seen.insert(index, visibility.clone()).is_some_and(|before| before != visibility) {
                unknown = Some("the answer lists an image twice, with different words");
            }
        }
        let count = page.total_count.filter(|count| !count.blank);
        let unlisted = match unknown {
            Some(unknown) => Err(unknown),
            None if page.images.is_none() && page.total_count.is_none_or(|count| count.number != Some(0)) => {
                Err("the answer has no list of images")
            }
            None if !page.next_token.is_empty() && seen.is_empty() => Err("the answer has a page without images before its end"),
            None if !page.next_token.is_empty() => Ok(Unlisted::OnAnotherPage),
            None => match count.map(|count| count.number) {
                Some(None | Some(..0)) => Err("the answer counts its images with something else than a number"),
                Some(Some(count)) if count > seen.len() as i64 => Err("the answer lists fewer images than it counts"),
                _ => Ok(Unlisted::Absent),
            },
        };
        (seen, unlisted.unwrap_or_else(|why| Unlisted::Unknown(Reason::new(ReasonKind::Unreadable, why))))
    }

    /// What is listed is there, whatever the rest of the answer says.
    fn saw_present(&mut self, look: &Look, seen: &Seen, now: Duration) {
        let present = look.images.iter().filter_map(|index| Some((*index, seen.get(index)?.as_deref())));
        match look.when {
            When::BeforeDeletion => self.saw_before(present, now),
            When::AfterDeletion => self.saw_after(look, present.map(|(index, _)| index), now),
            When::Forgotten => {}
        }
    }

    fn saw_before<'a>(&mut self, present: impl Iterator<Item = (u32, Option<&'a str>)>, now: Duration) {
        let mut ours = Vec::new();
        for (index, visibility) in present {
            let image = &mut self.images[index as usize];
            if image.place != Place::Unseen {
                continue;
            }
            image.place = Place::Finished;
            match visibility.filter(|visibility| *visibility != PRIVATE) {
                None => ours.push(index),
                Some(visibility) => {
                    let text = format_args!("it is a {visibility} image, not one of this account").to_string();
                    image.outcome = match image.outcome {
                        // An attempt may have done something to it.
                        Outcome::Unclear(_) => Outcome::Unclear(Reason::new(ReasonKind::SeenPresent, text)),
                        _ => Outcome::NotOurs(Reason::new(ReasonKind::NotOurs, text)),
                    };
                }
            }
            self.count_missing(false);
        }
        self.queue(&ours, now, false);
    }

    fn saw_after(&mut self, look: &Look, present: impl Iterator<Item = u32>, now: Duration) {
        let began = self.looks.since.unwrap_or(now);
        // A second at least: without a pause the looks would have no end.
        let next = now.saturating_add(self.pace.backoff(&self.policy, look.round).max(Duration::from_secs(1)));
        let end = began.saturating_add(self.policy.verify_for);
        let mut there = Vec::new();
        for index in present {
            let image = &mut self.images[index as usize];
            // Others are asked for again: their answers are to come.
            if image.place != Place::Finished {
                continue;
            }
            there.push(index);
            match &image.outcome {
                Outcome::Gone(_) => {
                    image.outcome = still_there("the service said that it was gone, and it was still there", began, now)
                }
                Outcome::Unclear(reason) if reason.kind() == ReasonKind::SeenPresent => {}
                _ => image.outcome = still_there("it was still there", began, now),
            }
        }
        // An answer that took long shows what was there when it was asked for.
        if look.asked.is_none_or(|asked| asked < end) && self.stopped.is_none() {
            // The last look is made when the time is spent, and not sooner.
            self.look_at(&there, next.min(end.max(now)), When::AfterDeletion, look.round + 1);
        }
    }

    /// All images of the look are absent.
    fn saw_absent(&mut self, look: &Look, now: Duration) {
        for &index in &look.images {
            let image = &mut self.images[index as usize];
            match look.when {
                When::BeforeDeletion if image.place == Place::Unseen => {
                    image.place = Place::Finished;
                    let untouched = matches!(&image.outcome, Outcome::NotDeleted(why) if why.kind() == ReasonKind::NotAsked);
                    // One that was asked for before may have been deleted by an attempt whose answer was lost.
                    image.outcome = Outcome::Gone(if untouched { Evidence::AbsentBefore } else { Evidence::SeenAbsent });
                    self.count_missing(untouched);
                }
                When::AfterDeletion if image.place == Place::Finished => {
                    if matches!(image.outcome, Outcome::Unclear(_) | Outcome::Gone(Evidence::Acknowledged)) {
                        image.outcome = Outcome::Gone(Evidence::SeenAbsent);
                    }
                }
                // It is asked for again, or was, since the look began.
                _ => {}
            }
        }
        if look.when == When::BeforeDeletion {
            self.stop_if_none_exist(now);
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
            if api.has_result() {
                return failed(ReasonKind::Contradictory, false);
            }
            match api.kind() {
                ApiErrorKind::Throttled => failed(ReasonKind::Call, true),
                // The driver has taken in the answer's date; the next try is signed with it.
                ApiErrorKind::Clock => failed(ReasonKind::Call, false),
                _ if api.is_conclusive() && api.code() == "InvalidImage.NotFound" => Sight::NotFound,
                ApiErrorKind::Transient => failed(ReasonKind::Failed, false),
                _ if api.is_conclusive() => Sight::Refused(Reason::new(ReasonKind::Call, api).with_code(api.code())),
                _ => failed(ReasonKind::Failed, false),
            }
        }
        ReplyError::Unreadable(_) => failed(ReasonKind::Unreadable, false),
    }
}
