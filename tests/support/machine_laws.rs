//! A second opinion on a run: what the table and the laws say must be known, may be sent and must be reported, written from
//! the specification and not from the machine.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use volc_proto::ecs::{AttemptId, Evidence, ImageId, Policy, Report, Verify};

use crate::machine_looks::{Glance, Looked};
use crate::machine_service::{Means, Spoken, Word};

mod reports;

/// Now, by the run's own clock, which stands still while no driver tells it the time, and by the world's.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moment {
    /// The run's.
    pub(crate) own: Duration,
    /// The world's.
    pub(crate) world: Duration,
}

/// What must be known of an image.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Known {
    NotDeleted,
    Busy(String),
    Refused(String),
    Unclear,
    Gone(Evidence),
    NotOurs,
    /// Unclear: a look saw it when `verify_for` was spent.
    SeenPresent,
}

#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) known: Known,
    /// An attempt may have deleted it, and no later reply has spoken of it.
    pub(crate) doubt: bool,
    /// An attempt may have reached the service.
    pub(crate) touched: bool,
    /// An attempt for it was refused, or did not leave.
    pub(crate) asked: bool,
    pub(crate) in_flight: bool,
    pub(crate) looked: Looked,
    /// Whether it must, or must not, be asked for again in this pass; either will do where nothing is said.
    again: Option<bool>,
    /// In this pass.
    tally: Tally,
    /// The most images that it may be sent with: half of those with which it was refused.
    together: usize,
}

/// What was sent for an image in one pass.
#[derive(Debug, Default)]
struct Tally {
    sends: u32,
    /// Those that count against `Policy::attempts`.
    counted: u32,
    halvings: u32,
    busy_since: Option<Duration>,
    busy_asked: u32,
    not_before: Duration,
}

/// What holds from the start, or from `retry_left` or `resume`, to the next of these.
#[derive(Debug, Default)]
pub(crate) struct Pass {
    started: Option<Duration>,
    accepted: bool,
    /// The first attempt after the clock was corrected.
    corrected: Option<u64>,
    /// Images that were answered: those that are missing, and whether others were not, or were not spoken of.
    pub(crate) missing: usize,
    pub(crate) others: bool,
    silent: bool,
    hundred_missing: bool,
    pub(crate) streak: (String, u32),
    /// Failures since the last reply that was accepted, and the most that these were.
    pub(crate) failures: u32,
    most_failures: u32,
    /// Why nothing may be sent any more.
    over: Option<&'static str>,
    asked_to_stop: bool,
    hopeless: bool,
    clock_refused_twice: bool,
    long_wait: bool,
    /// When nothing was left to delete: since then, or from then on, images are looked at.
    quiet: Option<Duration>,
    pub(crate) looking_since: Option<Duration>,
    /// Looks were given up: those before deletions, and those at the end.
    pub(crate) blind_before: bool,
    pub(crate) blind_after: bool,
}

/// The laws, over one run with all its drivers and crashes.
#[derive(Debug)]
pub(crate) struct Laws {
    pub(crate) policy: Policy,
    ids: Vec<ImageId>,
    pub(crate) index: HashMap<ImageId, usize>,
    pub(crate) images: Vec<Image>,
    flights: BTreeMap<u64, Vec<usize>>,
    /// Looks in flight.
    pub(crate) looks: BTreeMap<u64, Glance>,
    next_attempt: u64,
    /// Attempts before this one were under way when a failure was counted, or the driver was dropped: they count for none.
    burst: u64,
    pub(crate) pass: Pass,
    /// By the world's clock.
    hold_until: Duration,
    last_send: Option<Duration>,
    pub(crate) before: Option<Report>,
    foreign: Vec<String>,
    landed: usize,
}

/// The number of an attempt. Its type shows it only to people.
pub(crate) fn number(id: AttemptId) -> u64 {
    id.to_string().parse().expect("a number")
}

impl Laws {
    /// The laws for a list without duplicates.
    pub(crate) fn new(ids: Vec<ImageId>, policy: Policy) -> Self {
        let image = |_: &ImageId| Image {
            known: Known::NotDeleted,
            doubt: false,
            touched: false,
            asked: false,
            in_flight: false,
            looked: Looked::of(&policy),
            again: Some(true),
            tally: Tally::default(),
            together: 100,
        };
        Self {
            index: ids.iter().enumerate().map(|(index, id)| (id.clone(), index)).collect(),
            images: ids.iter().map(image).collect(),
            ids,
            policy,
            flights: BTreeMap::new(),
            looks: BTreeMap::new(),
            next_attempt: 1,
            burst: 0,
            pass: Pass::default(),
            hold_until: Duration::ZERO,
            last_send: None,
            before: None,
            foreign: Vec::new(),
            landed: 0,
        }
    }

    /// How many images there are.
    pub(crate) fn images(&self) -> usize {
        self.ids.len()
    }

    /// `step` is called.
    pub(crate) fn stepped(&mut self, now: Moment) {
        self.pass.started.get_or_insert(now.own);
        if self.flights.is_empty() && self.looks.is_empty() {
            self.pass.quiet.get_or_insert(now.own);
        }
    }

    /// `stop` was called.
    pub(crate) fn stopped(&mut self) {
        self.pass.asked_to_stop = true;
        self.over("stop was called");
    }

    /// `step` said `Send`, and it is no look.
    pub(crate) fn sent(&mut self, id: AttemptId, images: &[ImageId], now: Moment) {
        let id = number(id);
        let policy = self.policy.clone();
        self.may_send(id, images, policy.chunk, now);
        self.pass.quiet = None;

        let busy = busy_asks(&policy);
        let mut indices = Vec::with_capacity(images.len());
        for name in images {
            let index = *self.index.get(name).unwrap_or_else(|| panic!("law 2: {name} was never asked for"));
            indices.push(index);
            let image = &mut self.images[index];
            assert!(!image.known.is_settled(), "law 2: {name} is settled, and sent");
            assert!(!image.in_flight && !image.looked.now, "law 2: {name} is in two attempts at once");
            assert!(image.looked.ours || policy.verify != Verify::Before, "{name} is to be deleted, and was not looked at first");
            assert_ne!(image.again, Some(false), "law 1: {name} is asked for once more than it may be, {:?}", image.tally);
            assert!(images.len() <= image.together, "{name} was refused in a chunk, which was not halved");
            let tally = &mut image.tally;
            assert!(now.own >= tally.not_before, "{name} is busy, and asked for sooner than `busy_every` says");
            tally.sends += 1;
            tally.counted += 1;
            assert!(tally.counted <= policy.attempts, "law 1: more attempts for {name} than {}: {tally:?}", policy.attempts);
            assert!(tally.busy_asked <= busy, "law 1: {name} is asked for again more often than {busy} times: {tally:?}");
            let most = policy.attempts + 1 + busy + tally.halvings;
            assert!(tally.sends <= most, "law 1: {name} is sent more often than {most} times: {tally:?}");
            image.in_flight = true;
        }
        self.flights.insert(id, indices);
    }

    /// What holds of a send of any kind.
    pub(crate) fn may_send(&mut self, id: u64, images: &[ImageId], most: usize, now: Moment) {
        let policy = &self.policy;
        assert_eq!(self.pass.over, None, "law 7: {id} is sent after a stop, {:?}", self.pass.streak);
        assert!(id >= self.next_attempt, "law 2: the number {id} is used twice");
        self.next_attempt = id + 1;

        assert!((1..=most).contains(&images.len()), "law 2: {} images are sent, {most} allowed", images.len());
        let mut once = HashSet::new();
        assert!(images.iter().all(|id| once.insert(id)), "law 2: an image is sent twice in {images:?}");

        let limit = if self.pass.accepted { policy.in_flight } else { 1 };
        let in_flight = self.flights.len() + self.looks.len();
        assert!(in_flight < limit, "{} attempts are in flight, {limit} allowed", in_flight + 1);

        assert!(
            now.world >= self.hold_until,
            "law 6: sent at {:?}, sooner than Retry-After allowed: {:?}",
            now.world,
            self.hold_until
        );
        if let (Some(last), Some(rate)) = (self.last_send, policy.requests_per_second) {
            // Half a microsecond for the rounding of floats.
            let earliest = last + Duration::from_secs_f64(1.0 / rate).saturating_sub(Duration::from_nanos(500));
            assert!(now.world >= earliest, "sent faster than {rate} a second");
        }
        self.last_send = Some(now.world);
        if let (Some(deadline), Some(started)) = (policy.deadline, self.pass.started) {
            assert!(now.own + policy.attempt_timeout <= started + deadline, "sent too late to finish before the deadline");
        }
    }

    /// `step` said `Send`, and it is a look.
    pub(crate) fn looked(&mut self, id: AttemptId, images: &[ImageId], now: Moment) {
        let id = number(id);
        self.may_send(id, images, 100, now);
        let quiet = self.pass.quiet;
        if !self.look_sent(id, images, quiet, now) {
            self.pass.quiet = None;
        }
    }

    /// An attempt was answered, or lost.
    pub(crate) fn landed(&mut self, id: AttemptId, spoken: &Spoken, now: Moment) {
        let id = number(id);
        self.landed += 1;
        if let Means::Sight(sight) = &spoken.means {
            self.look_landed(id, sight, now);
        } else {
            self.attempt_landed(id, spoken, now);
        }
        if let Some(wait) = spoken.retry_after {
            self.hold_until = self.hold_until.max(now.world.saturating_add(wait));
            let end = now.own.saturating_add(wait).saturating_add(self.policy.attempt_timeout);
            let deadline = self.policy.deadline.zip(self.pass.started).map(|(deadline, started)| started + deadline);
            if wait > self.policy.max_wait || deadline.is_some_and(|deadline| end > deadline) {
                self.pass.long_wait = true;
                self.over_if_unfinished("the service asked for a long wait");
            }
        }
    }

    fn attempt_landed(&mut self, id: u64, spoken: &Spoken, now: Moment) {
        let images = self.flights.remove(&id).expect("an attempt in flight");
        for id in &spoken.foreign {
            if !self.foreign.contains(id) {
                self.foreign.push(id.clone());
            }
        }
        for &index in &images {
            self.images[index].in_flight = false;
            self.images[index].asked = true;
        }
        match &spoken.means {
            Means::NotDone(kind) => {
                self.each(&images, |image, policy| image.again = Some(image.tally.counted < policy.attempts));
                self.failed(id, kind);
            }
            Means::Clock => {
                let next = self.next_attempt;
                if id < *self.pass.corrected.get_or_insert(next) {
                    self.each(&images, |image, _| {
                        image.tally.counted = image.tally.counted.saturating_sub(1);
                        image.again = Some(true);
                    });
                } else {
                    self.each(&images, |image, _| image.again = Some(false));
                    self.pass.clock_refused_twice = true;
                    self.over("the clock was refused twice");
                }
            }
            Means::Refused { status, code } => self.refused(id, &images, *status, code),
            Means::Maybe(kind, again) => {
                self.each(&images, |image, policy| {
                    image.unclear();
                    image.again = Some(*again && image.tally.counted < policy.attempts);
                });
                self.failed(id, kind);
            }
            Means::Stated(words) => {
                self.pass.accepted = true;
                self.pass.streak = Default::default();
                self.pass.failures = 0;
                for (&index, word) in images.iter().zip(words) {
                    self.stated(index, word, now);
                }
                self.over_if_none_exist();
            }
            Means::Sight(_) => unreachable!("a look has no images in flight"),
        }
    }

    /// Whether an image that was not spoken of was answered is not said: then nothing is demanded.
    pub(crate) fn over_if_none_exist(&mut self) {
        self.pass.hundred_missing |= self.pass.missing >= 100 && !self.pass.others && !self.policy.missing_ok;
        if self.pass.hundred_missing && !self.pass.silent {
            self.over_if_unfinished("the first 100 images do not exist");
        }
    }

    /// Row 8.
    fn refused(&mut self, id: u64, images: &[usize], status: u16, code: &str) {
        let about_every_request = matches!(status, 401 | 403 | 404 | 405);
        if about_every_request && !self.pass.accepted {
            self.each(images, |image, _| image.again = Some(false));
            self.pass.hopeless = true;
            self.over("key, permission or address were refused");
        } else if !matches!(status, 401 | 404 | 405) && images.len() > 1 {
            let half = images.len().div_ceil(2);
            self.each(images, |image, _| {
                image.tally.counted = image.tally.counted.saturating_sub(1);
                image.tally.halvings += 1;
                image.together = half;
                image.again = Some(true);
            });
            self.pass.streak = Default::default();
        } else {
            self.each(images, |image, _| image.again = Some(false));
            self.failed(id, &format!("{status} {code}"));
        }
    }

    /// Row 7.
    fn stated(&mut self, index: usize, word: &Word, now: Moment) {
        let policy = &self.policy;
        let image = &mut self.images[index];
        let doubt = image.doubt;
        image.touched = true;
        image.together = 100;
        let mut missing = Some(false);
        match word {
            Word::Deleted => image.settled(Known::Gone(Evidence::Acknowledged)),
            Word::Failed(code) => match code.as_str() {
                "InvalidImage.NotFound" if doubt => image.settled(Known::Gone(Evidence::NotFoundAfterUnclear)),
                "InvalidImage.NotFound" => {
                    missing = Some(true);
                    image.settled(Known::Gone(Evidence::NotFound));
                }
                "InvalidImage.Shared" => image.settled(Known::Refused(code.clone())),
                "OperationDenied.ImageIsCopying" | "OperationDenied.ImageIsExporting" | "InvalidImageStatus" => {
                    if doubt && code == "InvalidImageStatus" {
                        image.known = Known::Unclear;
                    } else {
                        image.known = Known::Busy(code.clone());
                        image.doubt = false;
                    }
                    let tally = &mut image.tally;
                    let since = *tally.busy_since.get_or_insert(now.own);
                    let again = !policy.busy_for.is_zero() && now.own + policy.busy_every <= since + policy.busy_for;
                    if again {
                        tally.counted = tally.counted.saturating_sub(1);
                        tally.busy_asked += 1;
                        tally.not_before = now.own + policy.busy_every;
                    }
                    image.again = Some(again);
                }
                "InternalError" => {
                    missing = None;
                    image.unclear();
                    image.again = Some(image.tally.counted < policy.attempts);
                }
                // Unclear as it was; whether it is asked for again is not said.
                _ if doubt => {
                    image.known = Known::Unclear;
                    image.again = None;
                }
                _ => image.settled(Known::Refused(code.clone())),
            },
            Word::Silent => {
                missing = None;
                image.unclear();
                image.again = Some(image.tally.counted < policy.attempts);
            }
        }
        match missing {
            Some(true) => self.pass.missing += 1,
            Some(false) => self.pass.others = true,
            None => self.pass.silent = true,
        }
    }

    fn failed(&mut self, id: u64, kind: &str) {
        if id < self.burst {
            return;
        }
        self.burst = self.next_attempt;
        self.pass.failures += 1;
        self.pass.most_failures = self.pass.most_failures.max(self.pass.failures);
        let times = if self.pass.streak.0 == kind { self.pass.streak.1 + 1 } else { 1 };
        self.pass.streak = (kind.to_owned(), times);
        if times >= self.policy.stop_after {
            self.over_if_unfinished("too many failures of a kind in a row");
        }
    }

    /// What stops a run that has something left to delete does not always keep one that has not from looking at what it did.
    fn over_if_unfinished(&mut self, why: &'static str) {
        let left = self.images.iter().any(|image| image.again == Some(true));
        if left || !self.flights.is_empty() || self.looks.values().any(Glance::is_needed) {
            self.over(why);
        }
    }

    pub(crate) fn over(&mut self, why: &'static str) {
        self.pass.over.get_or_insert(why);
    }

    fn each(&mut self, images: &[usize], change: impl Fn(&mut Image, &Policy)) {
        for &index in images {
            change(&mut self.images[index], &self.policy);
        }
    }

    /// The driver was dropped, and the next one called `abandon`.
    pub(crate) fn abandoned(&mut self) {
        for images in std::mem::take(&mut self.flights).into_values() {
            self.landed += 1;
            self.each(&images, |image, policy| {
                image.in_flight = false;
                image.unclear();
                image.again = Some(image.tally.counted < policy.attempts);
            });
        }
        self.burst = self.next_attempt;
        self.landed += self.looks.len();
        self.looks_lost();
    }

    /// `retry_left` was called.
    pub(crate) fn retried(&mut self) {
        self.pass = Pass::default();
        for image in &mut self.images {
            image.tally = Tally::default();
            image.together = 100;
            image.again = Some(!image.known.is_settled());
            image.looked = image.looked.in_next_pass(&self.policy, image.in_flight, image.known.is_settled());
        }
        // Those in flight were made for a pass that is over.
        for look in self.looks.values_mut() {
            look.stale = true;
        }
    }

    /// The process died, and a new one resumed from a journal with so many attempts and this last number; these attempts have
    /// no outcome.
    pub(crate) fn crashed(&mut self, last: Option<AttemptId>, attempts: usize, open: &[AttemptId]) {
        for id in open {
            for index in self.flights.remove(&number(*id)).expect("an attempt in flight") {
                self.images[index].unclear();
            }
        }
        for image in &mut self.images {
            image.in_flight = false;
        }
        self.flights.clear();
        self.looks.clear();
        self.burst = 0;
        self.landed = attempts;
        self.next_attempt = last.map_or(1, |last| number(last) + 1);
        self.foreign.clear();
        self.hold_until = Duration::ZERO;
        self.last_send = None;
        self.before = None;
        self.retried();
    }

    /// The longest `Step::Wait` that the policy explains.
    pub(crate) fn longest_wait(&self) -> Duration {
        let policy = &self.policy;
        let interval = policy.requests_per_second.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(1.0 / rate));
        let looks = if policy.verify == Verify::Never { Duration::ZERO } else { crate::machine_looks::PAUSE };
        policy.max_wait.max(policy.backoff_cap).max(policy.busy_every).max(interval).max(looks)
    }
}

impl Image {
    fn unclear(&mut self) {
        self.known = Known::Unclear;
        self.doubt = true;
        self.touched = true;
    }

    pub(crate) fn settled(&mut self, known: Known) {
        self.known = known;
        self.doubt = false;
        self.again = Some(false);
    }
}

impl Known {
    fn is_settled(&self) -> bool {
        matches!(self, Self::Gone(_) | Self::Refused(_) | Self::NotOurs)
    }
}

/// How often a busy image may be asked for again.
fn busy_asks(policy: &Policy) -> u32 {
    if policy.busy_for.is_zero() {
        return 0;
    }
    policy.busy_for.as_nanos().div_ceil(policy.busy_every.as_nanos().max(1)).try_into().unwrap_or(u32::MAX)
}
