//! How a run behaves: every bound of the machine, with its default.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::ecs::delete_images::DeleteImages;

/// How a [`Deletion`](super::Deletion) behaves. Take the default and change what you must:
///
/// ```
/// use std::time::Duration;
/// use volc_proto::ecs::Policy;
/// let policy = Policy { in_flight: 4, deadline: Some(Duration::from_secs(600)), ..Policy::default() };
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Images in one request, 1 to 100. Default 100, the service's limit: the fewest requests.
    pub chunk: usize,
    /// Attempts under way at once, at least 1. Default 1: no rate limit of this action is documented. Until a first reply
    /// was accepted there is one attempt under way whatever this says: a wrong key costs one request.
    pub in_flight: usize,
    /// Attempts for one image, at least 1. Default 4, as the official SDKs have it.
    pub attempts: u32,
    /// How long an attempt may take from its start to the last byte of its answer. Default 30 s, as in the official SDKs.
    pub attempt_timeout: Duration,
    /// The wait after a first failure; it doubles with each one that follows. Default 500 ms.
    pub backoff_base: Duration,
    /// The longest such wait. Default 20 s: 10 failures in a row ([`stop_after`](Self::stop_after)) then bridge an outage
    /// of about a minute and a half.
    pub backoff_cap: Duration,
    /// Spreads the waits of many clients: each wait is between half and the whole of its length. The core has no randomness;
    /// adapters that make a policy for you put a random number here. Default 0.
    pub jitter_seed: u64,
    /// The longest `Retry-After` that is obeyed by waiting; a longer one stops the run. Default 60 s.
    pub max_wait: Duration,
    /// Time for the whole run, from its first step. No attempt starts that could not finish in
    /// [`attempt_timeout`](Self::attempt_timeout) before it. Default none.
    pub deadline: Option<Duration>,
    /// How long to wait for images that are being copied or exported. Default zero: they are reported as busy at once.
    pub busy_for: Duration,
    /// How often to ask again for such images. Default 15 s.
    pub busy_every: Duration,
    /// Requests per second over the whole run. Default none: one attempt after another is a pace of its own. Throttling
    /// answers slow the run below this, and accepted replies let it recover.
    pub requests_per_second: Option<f64>,
    /// Goes on when the first 100 images that were answered do not exist. Default no.
    pub missing_ok: bool,
    /// Whether images are looked at as well. Default never: looking needs a permission of its own.
    pub verify: Verify,
    /// How long to go on looking, from the last deletion on, for images that are still there. Default 5 minutes, as the
    /// vendor's Terraform provider has it: a deletion may go on after it was accepted.
    pub verify_for: Duration,
    /// Failures of the same kind in a row that stop the run, at least 1; attempts that were under way at once count once.
    /// Default 10: a broken network does not cost 10,000 requests.
    pub stop_after: u32,
}

/// Which images are looked at with `DescribeImages`, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verify {
    /// None.
    Never,
    /// At the end, those that are unclear.
    Unclear,
    /// At the end, those that are unclear and those that count as gone.
    All,
    /// All, before anything is sent for them; at the end, those that are unclear. An image that is absent then was not there
    /// before, and a public one or another account's is never asked for. Without permission to look, nothing is deleted.
    Before,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            chunk: DeleteImages::MAX_IMAGES,
            in_flight: 1,
            attempts: 4,
            attempt_timeout: Duration::from_secs(30),
            backoff_base: Duration::from_millis(500),
            backoff_cap: Duration::from_secs(20),
            jitter_seed: 0,
            max_wait: Duration::from_secs(60),
            deadline: None,
            busy_for: Duration::ZERO,
            busy_every: Duration::from_secs(15),
            requests_per_second: None,
            missing_ok: false,
            verify: Verify::Never,
            verify_for: Duration::from_secs(300),
            stop_after: 10,
        }
    }
}

impl Policy {
    pub(crate) fn check(&self) -> Result<(), InvalidPolicy> {
        let rate = self.requests_per_second.unwrap_or(1.0);
        let rules = [
            ("chunk", "1 to 100", (1..=DeleteImages::MAX_IMAGES).contains(&self.chunk)),
            ("in_flight", "at least 1", self.in_flight >= 1),
            ("attempts", "at least 1", self.attempts >= 1),
            ("attempt_timeout", "more than zero", !self.attempt_timeout.is_zero()),
            ("backoff_cap", "at least `backoff_base`", self.backoff_cap >= self.backoff_base),
            ("deadline", "at least `attempt_timeout`", self.deadline.is_none_or(|deadline| deadline >= self.attempt_timeout)),
            // Otherwise the wait for a busy image would be a loop without a pause.
            ("busy_every", "at least 1 s, where `busy_for` is set", self.busy_for.is_zero() || self.busy_every.as_secs() >= 1),
            ("requests_per_second", "between 0.001 and 1,000,000", (0.001..=1e6).contains(&rate)),
            ("stop_after", "at least 1", self.stop_after >= 1),
        ];
        match rules.iter().find(|(.., holds)| !holds) {
            Some(&(field, expected, _)) => Err(InvalidPolicy { field, expected }),
            None => Ok(()),
        }
    }

    /// The shortest time between two sends.
    pub(crate) fn interval(&self) -> Duration {
        self.requests_per_second.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(1.0 / rate))
    }

    /// The wait after `failures` in a row (at least 1), before jitter.
    pub(crate) fn backoff(&self, failures: u32) -> Duration {
        let doubled = 2u32.saturating_pow(failures.saturating_sub(1));
        self.backoff_base.saturating_mul(doubled).min(self.backoff_cap)
    }
}

/// A [`Policy`] that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidPolicy {
    field: &'static str,
    expected: &'static str,
}

impl fmt::Display for InvalidPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected `{}` to be {}", self.field, self.expected)
    }
}

impl Error for InvalidPolicy {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_cannot_be_followed_is_refused() {
        let ok = Policy::default();
        assert_eq!(ok.check(), Ok(()));
        let second = Duration::from_secs(1);
        for (bad, field) in [
            (Policy { chunk: 0, ..ok.clone() }, "chunk"),
            (Policy { chunk: 101, ..ok.clone() }, "chunk"),
            (Policy { in_flight: 0, ..ok.clone() }, "in_flight"),
            (Policy { attempts: 0, ..ok.clone() }, "attempts"),
            (Policy { attempt_timeout: Duration::ZERO, ..ok.clone() }, "attempt_timeout"),
            (Policy { backoff_cap: Duration::ZERO, ..ok.clone() }, "backoff_cap"),
            (Policy { deadline: Some(second), ..ok.clone() }, "deadline"),
            (Policy { busy_for: second, busy_every: Duration::ZERO, ..ok.clone() }, "busy_every"),
            (Policy { requests_per_second: Some(0.0), ..ok.clone() }, "requests_per_second"),
            (Policy { requests_per_second: Some(f64::NAN), ..ok.clone() }, "requests_per_second"),
            (Policy { stop_after: 0, ..ok.clone() }, "stop_after"),
        ] {
            assert_eq!(bad.check().map_err(|error| error.field), Err(field));
        }
    }

    #[test]
    fn waits_double_up_to_their_cap() {
        let policy = Policy::default();
        let waits: Vec<_> = (1..=7).map(|failures| policy.backoff(failures).as_millis()).collect();
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000]);
        assert_eq!(policy.backoff(u32::MAX), policy.backoff_cap);
    }
}
