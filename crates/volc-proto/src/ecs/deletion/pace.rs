//! When the next attempt may be sent.

use std::time::Duration;

use super::outcome::{Reason, ReasonKind};
use super::policy::Policy;

/// Holds a run back: by its rate, after failures, and as long as the service asked for.
#[derive(Debug)]
pub(crate) struct Pace {
    not_before: Duration,
    /// What the service asked for.
    asked: Duration,
    last_send: Option<Duration>,
    /// Time between two sends; longer than the policy's after throttling.
    interval: Duration,
    streak: Option<Streak>,
    jitter: u64,
}

/// Failures of one kind in a row.
#[derive(Debug)]
struct Streak {
    kind: ReasonKind,
    code: Option<String>,
    times: u32,
}

impl Pace {
    pub(crate) fn new(policy: &Policy) -> Self {
        Self {
            not_before: Duration::ZERO,
            asked: Duration::ZERO,
            last_send: None,
            interval: policy.interval(),
            streak: None,
            jitter: policy.jitter_seed,
        }
    }

    /// Forgets what slowed the run down, but not what the service asked for.
    pub(crate) fn restart(&mut self, policy: &Policy) {
        self.interval = policy.interval();
        self.streak = None;
    }

    /// The earliest time for the next send.
    pub(crate) fn next_send(&self) -> Duration {
        let paced = self.last_send.map_or(Duration::ZERO, |sent| sent.saturating_add(self.interval));
        self.not_before.max(self.asked).max(paced)
    }

    /// When the wait that the service asked for is over.
    pub(crate) fn asked(&self) -> Duration {
        self.asked
    }

    /// Time has passed that the run's clock does not know of.
    pub(crate) fn rest(&mut self, passed: Duration) {
        self.asked = self.asked.saturating_sub(passed);
    }

    pub(crate) fn sent(&mut self, now: Duration) {
        self.last_send = Some(now);
    }

    /// Nothing before this time.
    pub(crate) fn hold_until(&mut self, time: Duration) {
        self.not_before = self.not_before.max(time);
    }

    /// Nothing before this time, for the service asked for it.
    pub(crate) fn hold_as_asked(&mut self, time: Duration) {
        self.asked = self.asked.max(time);
    }

    /// The service answers: back to the policy's pace, in steps so small that the run stays near the rate that it found.
    pub(crate) fn accepted(&mut self, policy: &Policy) {
        self.streak = None;
        self.interval = (self.interval / 16 * 15).max(policy.interval());
    }

    /// The service wants fewer requests.
    pub(crate) fn throttled(&mut self, policy: &Policy) {
        let slowest = policy.backoff_cap.max(policy.interval());
        self.interval = self.interval.saturating_mul(2).clamp(policy.backoff_base / 8, slowest);
    }

    /// One more failure; returns how many of its kind there were in a row.
    pub(crate) fn failed(&mut self, reason: &Reason) -> u32 {
        let times = match &self.streak {
            Some(streak) if streak.kind == reason.kind() && streak.code.as_deref() == reason.code() => streak.times + 1,
            _ => 1,
        };
        self.streak = Some(Streak { kind: reason.kind(), code: reason.code().map(str::to_owned), times });
        times
    }

    /// The wait after so many failures: between half of the policy's backoff and all of it.
    pub(crate) fn backoff(&mut self, policy: &Policy, failures: u32) -> Duration {
        let wait = policy.backoff(failures);
        let part = f64::from((split_mix(&mut self.jitter) >> 32) as u32) / f64::from(u32::MAX);
        let half = wait / 2;
        half.saturating_add(half.mul_f64(part))
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): spreads any seed in five lines.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The run's own time. It stands still while no driver runs: another one's zero says nothing of how long that was, and a wait
/// that the service asked for must not end sooner.
#[derive(Debug, Default)]
pub(super) struct Clock {
    pub(super) now: Duration,
    /// The run's time when its driver took over.
    base: Duration,
    /// What that driver called it.
    zero: Option<Duration>,
}

impl Clock {
    pub(super) fn tick(&mut self, now: Duration) -> Duration {
        let zero = *self.zero.get_or_insert(now);
        self.now = self.now.max(self.base.saturating_add(now.saturating_sub(zero)));
        self.now
    }

    pub(super) fn hand_over(&mut self) {
        self.base = self.now;
        self.zero = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jitter_is_the_generator_that_was_published() {
        let mut state = 0;
        let numbers = [(); 3].map(|()| split_mix(&mut state));
        assert_eq!(numbers, [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]);
    }

    #[test]
    fn a_wait_is_spread_between_its_half_and_its_whole() {
        let policy = Policy { jitter_seed: 7, ..Policy::default() };
        let mut pace = Pace::new(&policy);
        let waits: Vec<_> = (0..1_000).map(|_| pace.backoff(&policy, 2)).collect();
        let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
        assert!(Duration::from_millis(500) <= *least && *least < Duration::from_millis(550), "{least:?}");
        assert!(Duration::from_millis(950) < *most && *most <= Duration::from_millis(1_000), "{most:?}");
    }

    #[test]
    fn throttling_slows_the_run_and_accepted_replies_let_it_recover() {
        let policy = Policy { requests_per_second: Some(10.0), ..Policy::default() };
        let mut pace = Pace::new(&policy);
        pace.throttled(&policy);
        pace.throttled(&policy);
        assert_eq!(pace.interval, Duration::from_millis(400));
        pace.accepted(&policy);
        assert_eq!(pace.interval, Duration::from_millis(375));
        for _ in 0..100 {
            pace.throttled(&policy);
        }
        assert_eq!(pace.interval, policy.backoff_cap);
        for _ in 0..100 {
            pace.accepted(&policy);
        }
        assert_eq!(pace.interval, Duration::from_millis(100));
    }

    #[test]
    fn a_run_that_begins_anew_forgets_what_slowed_it_down_but_not_what_it_was_asked() {
        let policy = Policy { requests_per_second: Some(10.0), ..Policy::default() };
        let reason = Reason::new(ReasonKind::Lost, "timed out");
        let mut pace = Pace::new(&policy);
        pace.throttled(&policy);
        assert_eq!([pace.failed(&reason), pace.failed(&reason)], [1, 2]);
        pace.hold_as_asked(Duration::from_secs(10));
        pace.restart(&policy);
        assert_eq!((pace.interval, pace.failed(&reason)), (Duration::from_millis(100), 1));
        pace.rest(Duration::from_secs(4));
        assert_eq!(pace.asked(), Duration::from_secs(6));
    }
}
