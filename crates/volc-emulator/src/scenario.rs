//! Which requests a fault meets, and what its rules remember.

use std::collections::BTreeSet;
use std::time::Instant;

use serde::Deserialize;

use crate::action::Action;
use crate::fault::Fault;

/// Which requests a fault meets. Requests are counted from 1, however they are answered, and whatever they ask for, unless
/// the [rule](FaultRule) is limited to one action; those to the emulator's own paths are not counted.
///
/// In JSON: `"always"`, `{"requests": [1, 3]}`, `{"range": {"from": 2, "to": 5}}`, `{"chance": {"of": 0.2, "seed": 7}}`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum When {
    /// Every request that is counted.
    Always,
    /// Those of these numbers: at least one, and none of them 0.
    Requests(BTreeSet<u64>),
    /// From one number to another, both included.
    Range {
        /// The number of the first, at least 1.
        from: u64,
        /// The number of the last; none for no end.
        #[serde(default)]
        to: Option<u64>,
    },
    /// Some, by lot. The lot is drawn from the seed and the request's number alone: a run with the same seed draws the
    /// same, however its requests are spread over connections.
    Chance {
        /// The probability, from 0 to 1.
        of: f64,
        /// Another seed draws otherwise.
        seed: u64,
    },
}

impl When {
    /// The requests of these numbers: `When::requests([1, 3])`.
    pub fn requests(numbers: impl IntoIterator<Item = u64>) -> Self {
        Self::Requests(numbers.into_iter().collect())
    }

    /// This request and all after it.
    pub fn from(number: u64) -> Self {
        Self::Range { from: number, to: None }
    }

    fn meets(&self, request: u64) -> bool {
        match self {
            Self::Always => true,
            Self::Requests(numbers) => numbers.contains(&request),
            Self::Range { from, to } => *from <= request && to.is_none_or(|to| request <= to),
            // 53 bits are what an f64 takes without rounding.
            Self::Chance { of, seed } => ((mixed(&[*seed, request]) >> 11) as f64) < of * (1_u64 << 53) as f64,
        }
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Self::Requests(numbers) if numbers.is_empty() || numbers.contains(&0) => {
                Err("expected numbers of requests, from 1".to_owned())
            }
            Self::Range { from, to } if *from == 0 || to.is_some_and(|to| to < *from) => {
                Err("expected a range that starts at 1 or later and does not end before its start".to_owned())
            }
            Self::Chance { of, .. } if !(0.0..=1.0).contains(of) => Err(format!("expected a probability from 0 to 1, not {of}")),
            _ => Ok(()),
        }
    }
}

/// One rule of a scenario. Rules are in order, and the first that meets a request is the only one to happen.
///
/// ```
/// let json = r#"{"when": {"requests": [2]}, "fault": {"drop": {"after_deletion": true}}, "action": "DeleteImages"}"#;
/// let rule: volc_emulator::FaultRule = serde_json::from_str(json)?;
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FaultRule {
    /// Which requests it meets.
    pub when: When,
    /// What goes wrong with them.
    pub fault: Fault,
    /// The action that they ask for; the rule then counts only such requests. None for any.
    #[serde(default)]
    pub action: Option<String>,
}

impl FaultRule {
    /// A fault for some requests of any action.
    pub fn new(when: When, fault: Fault) -> Self {
        Self { when, fault, action: None }
    }

    /// For requests of one action: `When::requests([1])` is the first of them, wherever it comes among the others.
    #[must_use]
    pub fn only(self, action: impl Into<String>) -> Self {
        Self { action: Some(action.into()), ..self }
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        self.when.check()?;
        self.action.as_deref().map_or(Ok(()), Action::check)?;
        self.fault.check()
    }
}

/// The rules, in order, and what they remember.
#[derive(Debug, Default)]
pub(crate) struct Scenario {
    rules: Vec<(FaultRule, Memory)>,
}

#[derive(Debug, Default)]
struct Memory {
    /// How many requests there were of the rule's action.
    requests: u64,
    bucket: Bucket,
}

impl Scenario {
    pub(crate) fn new(rules: impl IntoIterator<Item = FaultRule>) -> Self {
        Self { rules: rules.into_iter().map(|rule| (rule, Memory::default())).collect() }
    }

    /// Counts a request, and finds the first fault that meets it.
    pub(crate) fn choose(&mut self, action: Option<&str>, now: Instant) -> Option<Fault> {
        let mut chosen = None;
        for (rule, memory) in &mut self.rules {
            if rule.action.is_some() && rule.action.as_deref() != action {
                continue;
            }
            memory.requests += 1;
            if chosen.is_none() && rule.when.meets(memory.requests) && !memory.bucket.allows(&rule.fault, now) {
                chosen = Some(rule.fault.clone());
            }
        }
        chosen
    }
}

/// A token bucket: full at first, one token a request.
#[derive(Debug, Default)]
struct Bucket {
    /// Tokens after the last request, and its time.
    last: Option<(f64, Instant)>,
}

impl Bucket {
    /// Whether the fault is a rate limit, and the request within it.
    fn allows(&mut self, fault: &Fault, now: Instant) -> bool {
        match *fault {
            Fault::RateLimit { per_second, burst, .. } => self.take(per_second, burst, now),
            _ => false,
        }
    }

    fn take(&mut self, per_second: f64, burst: u32, now: Instant) -> bool {
        let full = f64::from(burst);
        let tokens = self
            .last
            .map_or(full, |(tokens, then)| full.min(tokens + per_second * now.saturating_duration_since(then).as_secs_f64()));
        let enough = tokens >= 1.0;
        self.last = Some((if enough { tokens - 1.0 } else { tokens }, now));
        enough
    }
}

/// Bits that depend on every input bit: the finalizer of SplitMix64 (Steele, Lea, Flood 2014), over the inputs in turn.
pub(crate) fn mixed(inputs: &[u64]) -> u64 {
    inputs.iter().fold(0, |state: u64, input| {
        let mut z = (state ^ input).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_first_rule_that_meets_a_request_wins() {
        let mut scenario = Scenario::new([
            FaultRule::new(When::requests([2, 4]), Fault::CutHead),
            FaultRule::new(When::Range { from: 2, to: Some(3) }, Fault::CutBody),
            FaultRule::new(When::from(5), Fault::Truncated),
        ]);
        let chosen: Vec<_> = (1..=6).map(|_| scenario.choose(None, Instant::now())).collect();
        let expected = [
            None,
            Some(Fault::CutHead),
            Some(Fault::CutBody),
            Some(Fault::CutHead),
            Some(Fault::Truncated),
            Some(Fault::Truncated),
        ];
        assert_eq!(chosen, expected);
    }

    #[test]
    fn a_rule_for_one_action_counts_its_requests_alone() {
        let read = FaultRule::new(When::requests([2]), Fault::CutBody).only("DescribeImages");
        let mut scenario = Scenario::new([read, FaultRule::new(When::requests([1, 4]), Fault::CutHead)]);
        let actions = ["DeleteImages", "DescribeImages", "DeleteImages", "DescribeImages"];
        let chosen = actions.map(|action| scenario.choose(Some(action), Instant::now()));
        assert_eq!(chosen, [Some(Fault::CutHead), None, None, Some(Fault::CutBody)]);
        assert_eq!(scenario.choose(None, Instant::now()), None);
    }

    #[test]
    fn a_chance_is_drawn_from_seed_and_number_alone_and_is_as_likely_as_it_says() {
        let count = |of, seed| (1..=100_000).filter(|&number| When::Chance { of, seed }.meets(number)).count();
        assert_eq!(count(0.0, 1), 0);
        assert_eq!(count(1.0, 1), 100_000);
        for seed in 0..5 {
            let met = count(0.2, seed);
            assert!((19_000..21_000).contains(&met), "{met}");
            assert_eq!(met, count(0.2, seed));
        }
        assert_ne!(count(0.2, 1), count(0.2, 2));
    }

    #[test]
    fn a_rate_limit_lets_a_burst_through_and_then_its_rate() {
        let limit = Fault::RateLimit { per_second: 2.0, burst: 3, retry_after: None };
        let mut scenario =
            Scenario::new([FaultRule::new(When::Always, limit.clone()), FaultRule::new(When::requests([1]), Fault::CutHead)]);
        let start = Instant::now();
        assert_eq!(scenario.choose(None, start), Some(Fault::CutHead));
        assert_eq!(scenario.choose(None, start), None);
        assert_eq!(scenario.choose(None, start), None);
        assert_eq!(scenario.choose(None, start), Some(limit.clone()));
        assert_eq!(scenario.choose(None, start + Duration::from_millis(400)), Some(limit));
        assert_eq!(scenario.choose(None, start + Duration::from_millis(600)), None);
    }

    #[test]
    fn every_choice_of_requests_has_a_spelling() {
        for (json, when) in [
            (r#""always""#, When::Always),
            (r#"{"requests": [3, 1]}"#, When::requests([1, 3])),
            (r#"{"range": {"from": 2, "to": 5}}"#, When::Range { from: 2, to: Some(5) }),
            (r#"{"range": {"from": 2}}"#, When::from(2)),
            (r#"{"chance": {"of": 0.25, "seed": 7}}"#, When::Chance { of: 0.25, seed: 7 }),
        ] {
            assert_eq!(serde_json::from_str::<When>(json).unwrap(), when, "{json}");
        }
    }

    #[test]
    fn a_rule_that_cannot_work_is_refused() {
        let api =
            |code: &str, status| Fault::ApiError { code: code.to_owned(), after_deletion: false, status, retry_after: None };
        for (when, fault) in [
            (When::requests([]), Fault::CutBody),
            (When::requests([0]), Fault::CutBody),
            (When::from(0), Fault::CutBody),
            (When::Range { from: 3, to: Some(2) }, Fault::CutBody),
            (When::Chance { of: 1.5, seed: 0 }, Fault::CutBody),
            (When::Chance { of: f64::NAN, seed: 0 }, Fault::CutBody),
            (When::Always, api("NoSuchCode", None)),
            (When::Always, api("InternalError", Some(99))),
            (When::Always, Fault::RateLimit { per_second: 0.0, burst: 1, retry_after: None }),
            (When::Always, Fault::RateLimit { per_second: 1.0, burst: 0, retry_after: None }),
            (When::Always, Fault::RateLimit { per_second: 1.0, burst: 1, retry_after: Some("1\n".to_owned()) }),
        ] {
            let rule = FaultRule::new(when, fault);
            assert!(rule.check().is_err(), "{rule:?}");
        }
        let rule = FaultRule::new(When::Always, Fault::CutBody);
        assert!(rule.clone().only("DescribeImages").check().is_ok() && rule.only("DeleteImage").check().is_err());
    }
}
