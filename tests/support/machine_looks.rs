//! The laws of looking: what a look may name, what must be known after it, and that it ends.

use std::collections::HashMap;
use std::time::Duration;

use volc_proto::ecs::{Evidence, ImageId, Policy, Verify};

use crate::machine_laws::{Image, Known, Laws, Moment};
use crate::machine_sights::Sight;

/// The shortest time between two looks at an image that was seen.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);

/// A look under way.
#[derive(Debug)]
pub(crate) struct Glance {
    images: Vec<usize>,
    sent: Duration,
    before: bool,
    /// `retry_left` was called since: its answer says nothing.
    pub(crate) stale: bool,
}

impl Glance {
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
    /// A look at it is under way.
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
    pub(crate) fn look_sent(&mut self, id: u64, names: &[ImageId], quiet: Option<Duration>, now: Moment) -> bool {
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
            assert!(now.own >= soonest.min(spent), "{name} is looked at again without a pause: {now:?}, {soonest:?}, {spent:?}");
            image.looked.now = true;
        }
        let failures = self.images[images[0]].looked.failures;
        assert!(failures < self.policy.attempts, "a look that failed {failures} times is made again");
        self.looks.insert(id, Glance { images, sent: now.own, before, stale: false });
        !before
    }

    /// A look was answered, or lost.
    pub(crate) fn look_landed(&mut self, id: u64, sight: &Sight, now: Moment) {
        let mut look = self.looks.remove(&id).expect("a look in flight");
        if matches!(sight, Sight::Page { .. } | Sight::Odd { .. }) {
            self.pass.streak = Default::default();
            self.pass.failures = 0;
        }
        if look.stale {
            return;
        }
        match sight {
            // Nothing is deleted after an answer that nobody understands.
            Sight::Odd { .. } if look.before => self.look_failed(&look),
            Sight::Odd { seen } => {
                self.present(&mut look, seen, now);
                self.look_failed(&look);
            }
            Sight::Page { seen, more: true } if seen.is_empty() => self.look_failed(&look),
            Sight::Page { seen, more } => {
                self.present(&mut look, seen, now);
                match more {
                    true => self.look_again(&look, None),
                    false => self.absent(&look),
                }
            }
            Sight::NotFound if look.images.len() == 1 => self.absent(&look),
            Sight::NotFound => self.look_again(&look, Some(look.images.len().div_ceil(2))),
            Sight::Failed => self.look_failed(&look),
            Sight::Refused => self.gave_up(&look),
        }
    }

    /// The same images are looked at again, perhaps in smaller looks.
    fn look_again(&mut self, look: &Glance, together: Option<usize>) {
        for &index in &look.images {
            let looked = &mut self.images[index].looked;
            *looked = Looked { now: false, failures: 0, together: together.or(looked.together), ..looked.clone() };
        }
    }

    fn look_failed(&mut self, look: &Glance) {
        for &index in &look.images {
            let looked = &mut self.images[index].looked;
            looked.failures += 1;
            looked.now = false;
        }
        if look.images.first().is_some_and(|&index| self.images[index].looked.failures >= self.policy.attempts) {
            self.gave_up(look);
        }
    }

    fn gave_up(&mut self, look: &Glance) {
        if look.before {
            self.pass.blind_before = true;
            self.over("images could not be looked at before their deletion");
        } else {
            self.pass.blind_after = true;
        }
    }

    /// The driver was dropped.
    pub(crate) fn looks_lost(&mut self) {
        for look in std::mem::take(&mut self.looks).into_values().filter(|look| !look.stale) {
            self.look_failed(&look);
        }
    }

    /// What a page lists is there. It is left out of the look.
    fn present(&mut self, look: &mut Glance, seen: &[(ImageId, Option<&'static str>)], now: Moment) {
        let spent = look.sent >= self.pass.looking_since.unwrap_or_default().saturating_add(self.policy.verify_for);
        let seen: HashMap<usize, Option<&str>> = seen.iter().map(|(id, visibility)| (self.index[id], *visibility)).collect();
        for (&index, visibility) in &seen {
            let image = &mut self.images[index];
            let last = (!look.before).then_some(now.own);
            image.looked = Looked { last, enough: image.looked.enough, ours: image.looked.ours, ..Looked::default() };
            if !look.before {
                image.looked.enough = spent;
                image.known = Known::SeenPresent;
                image.doubt = true;
                continue;
            }
            self.pass.others = true;
            match (visibility, &image.known) {
                (None | Some("private"), _) => image.looked.ours = true,
                (Some(_), Known::Unclear | Known::SeenPresent) => image.known = Known::SeenPresent,
                (Some(_), _) => image.settled(Known::NotOurs),
            }
        }
        look.images.retain(|index| !seen.contains_key(index));
    }

    /// An answer on one page did not list them: they are not there.
    fn absent(&mut self, look: &Glance) {
        for &index in &look.images {
            let image = &mut self.images[index];
            image.looked = Looked { enough: image.looked.enough || !look.before, ours: image.looked.ours, ..Looked::default() };
            if !look.before {
                if matches!(image.known, Known::Unclear | Known::SeenPresent | Known::Gone(Evidence::Acknowledged)) {
                    image.settled(Known::Gone(Evidence::SeenAbsent));
                }
            } else if image.touched || image.asked {
                self.pass.others = true;
                image.settled(Known::Gone(Evidence::SeenAbsent));
            } else {
                self.pass.missing += 1;
                image.settled(Known::Gone(Evidence::AbsentBefore));
            }
        }
        if look.before {
            self.over_if_none_exist();
        }
    }
}
