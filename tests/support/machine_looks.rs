//! The laws of looking: what a look may name, what must be known after it, and that it ends.

use std::collections::HashMap;
use std::time::Duration;

use volc_proto::ecs::{Evidence, ImageId, Policy, Verify};

use crate::machine_laws::{Image, Known, Laws, Moment};
use crate::machine_sights::Sight;

/// The shortest time between two looks at an image that was seen.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);

/// A look with its pages.
#[derive(Debug)]
pub(crate) struct Chain {
    images: Vec<usize>,
    /// What leads to the page that is to be read next.
    page: Option<String>,
    pages: usize,
    /// When its first page was asked for.
    sent: Duration,
    seen: HashMap<usize, Option<&'static str>>,
    before: bool,
    /// `retry_left` was called since: its answer says nothing.
    pub(crate) stale: bool,
}

impl Chain {
    /// Whether something may be deleted after it.
    pub(crate) fn is_needed(&self) -> bool {
        self.before && !self.stale
    }
}

/// What was looked at of an image in one pass.
#[derive(Debug, Clone, Default)]
pub(crate) struct Looked {
    /// It must be looked at before it is asked for.
    first: bool,
    /// It was seen, or was in flight already.
    pub(crate) ours: bool,
    /// A look at it is under way or waits for its next page.
    pub(crate) now: bool,
    /// Of one look, which is begun anew after each of them.
    failures: u32,
    /// The most images that the next look may name with it: half of those with which one was not found.
    together: Option<usize>,
    last: Option<Duration>,
    /// It was seen absent, or there when `verify_for` was spent.
    pub(crate) enough: bool,
}

impl Looked {
    pub(crate) fn of(policy: &Policy) -> Self {
        Self { first: policy.verify == Verify::Before, ..Self::default() }
    }

    pub(crate) fn in_next_pass(&self, policy: &Policy, in_flight: bool, settled: bool) -> Self {
        Self { first: policy.verify == Verify::Before && !in_flight && !settled, ours: in_flight, ..Self::default() }
    }
}

impl Image {
    /// Whether it is to be looked at in the end.
    pub(crate) fn is_to_be_seen(&self, verify: Verify) -> bool {
        match self.known {
            Known::Unclear | Known::SeenPresent => verify != Verify::Never,
            Known::Gone(evidence) => verify == Verify::All && evidence != Evidence::AbsentBefore,
            _ => false,
        }
    }
}

impl Laws {
    /// A look is sent. Returns whether it is one of those at the end.
    pub(crate) fn look_sent(
        &mut self,
        id: u64,
        names: &[ImageId],
        page: Option<&str>,
        quiet: Option<Duration>,
        now: Moment,
    ) -> bool {
        let verify = self.policy.verify;
        assert_ne!(verify, Verify::Never, "nothing is to be looked at");
        let unverified = self.before.as_ref().and_then(|report| report.unverified());
        assert_eq!(unverified, None, "looks were given up, and one is sent");
        let images: Vec<usize> = names.iter().map(|name| self.index[name]).collect();
        let before = self.images[images[0]].looked.first;
        assert!(!before || verify == Verify::Before, "images are looked at before they are asked for");
        if !before {
            self.pass.looking_since.get_or_insert(quiet.expect("nothing is under way when looks at the end begin"));
        }

        let goes_on = |chain: &Chain| page.is_some() && chain.images == images && chain.page.as_deref() == page;
        let chain = match self.waiting.iter().position(goes_on) {
            Some(index) => self.waiting.remove(index),
            None => {
                assert_eq!(page, None, "the page of no look");
                for &index in &images {
                    let (image, name) = (&mut self.images[index], &names[0]);
                    assert!(!image.looked.now, "{name} is in two looks at once");
                    assert!(!image.in_flight, "{name} is looked at, and in flight");
                    let together = image.looked.together.unwrap_or(100);
                    assert!(images.len() <= together, "{name} was not found in a look, which was not halved");
                    assert_eq!(image.looked.first, before, "looks of two kinds in one, {name}");
                    assert!(before || image.is_to_be_seen(verify), "{name} need not be looked at: {:?}", image.known);
                    assert!(!image.looked.enough, "{name} is looked at once more than needed");
                    let spent = self.pass.looking_since.unwrap_or_default() + self.policy.verify_for;
                    let soonest = image.looked.last.map_or(Duration::ZERO, |last| last + PAUSE);
                    assert!(
                        now.own >= soonest.min(spent),
                        "{name} is looked at again without a pause: {now:?}, {soonest:?}, {spent:?}"
                    );
                    image.looked.now = true;
                }
                Chain { images, page: None, pages: 0, sent: now.own, seen: HashMap::new(), before, stale: false }
            }
        };
        let failures = self.images[chain.images[0]].looked.failures;
        assert!(failures < self.policy.attempts, "a look that failed {failures} times is made again");
        self.looks.insert(id, chain);
        !before
    }

    /// A look was answered, or lost.
    pub(crate) fn look_landed(&mut self, id: u64, sight: &Sight, now: Moment) {
        let mut chain = self.looks.remove(&id).expect("a look in flight");
        if matches!(sight, Sight::Page { .. } | Sight::Nothing) {
            self.pass.streak = Default::default();
            self.pass.failures = 0;
        }
        if chain.stale {
            return;
        }
        match sight {
            Sight::Page { seen, next } => {
                let places = &self.index;
                chain.seen.extend(seen.iter().map(|(id, visibility)| (places[id], *visibility)));
                chain.pages += 1;
                match next {
                    _ if chain.pages > chain.images.len() + 1 => self.look_failed(chain),
                    None => self.look_complete(&chain, now),
                    // It leads to itself, or nowhere.
                    Some(next) if chain.page.as_ref() == Some(next) => self.look_failed(chain),
                    Some(next) => {
                        chain.page = Some(next.clone());
                        self.waiting.push(chain);
                    }
                }
            }
            Sight::NotFound if chain.images.len() == 1 => self.look_complete(&chain, now),
            Sight::NotFound => {
                for &index in &chain.images {
                    let looked = &mut self.images[index].looked;
                    *looked =
                        Looked { now: false, failures: 0, together: Some(chain.images.len().div_ceil(2)), ..looked.clone() };
                }
            }
            Sight::Failed | Sight::Nothing => self.look_failed(chain),
            Sight::Refused => self.gave_up(&chain),
        }
    }

    fn look_failed(&mut self, chain: Chain) {
        for &index in &chain.images {
            let looked = &mut self.images[index].looked;
            looked.failures += 1;
            looked.now = false;
        }
        if self.images[chain.images[0]].looked.failures >= self.policy.attempts {
            self.gave_up(&chain);
        }
    }

    fn gave_up(&mut self, chain: &Chain) {
        if chain.before {
            self.pass.blind_before = true;
            self.over("images could not be looked at before their deletion");
        } else {
            self.pass.blind_after = true;
        }
    }

    /// The driver was dropped.
    pub(crate) fn looks_lost(&mut self) {
        for chain in std::mem::take(&mut self.looks).into_values().filter(|chain| !chain.stale) {
            self.look_failed(chain);
        }
    }

    /// Every page was read: what was not seen is not there.
    fn look_complete(&mut self, chain: &Chain, now: Moment) {
        let spent = chain.sent >= self.pass.looking_since.unwrap_or_default().saturating_add(self.policy.verify_for);
        for &index in &chain.images {
            let image = &mut self.images[index];
            let last = (!chain.before).then_some(now.own);
            image.looked = Looked { last, enough: image.looked.enough, ours: image.looked.ours, ..Looked::default() };
            match (chain.before, chain.seen.get(&index)) {
                (true, None) if image.touched || image.asked => {
                    self.pass.others = true;
                    image.settled(Known::Gone(Evidence::SeenAbsent));
                }
                (true, None) => {
                    self.pass.missing += 1;
                    image.settled(Known::Gone(Evidence::AbsentBefore));
                }
                (true, Some(visibility)) => {
                    self.pass.others = true;
                    match visibility {
                        Some(visibility) if *visibility != "private" => image.settled(Known::NotOurs),
                        _ => image.looked.ours = true,
                    }
                }
                (false, None) => {
                    image.looked.enough = true;
                    if matches!(image.known, Known::Unclear | Known::SeenPresent | Known::Gone(Evidence::Acknowledged)) {
                        image.settled(Known::Gone(Evidence::SeenAbsent));
                    }
                }
                (false, Some(_)) => {
                    image.looked.enough = spent;
                    image.known = Known::SeenPresent;
                    image.doubt = true;
                }
            }
        }
        if chain.before {
            self.over_if_none_exist();
        }
    }
}
