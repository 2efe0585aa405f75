//! Unix seconds and the signature's date format, both ways.
//!
//! Knows the calendar; never meets a clock: the time is always an argument.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: u64 = 24 * 60 * 60;

/// A moment in whole seconds, from 1970-01-01 to 9999-12-31 UTC, written `20230707T105452Z`: the form of `X-Date`
/// ([signature document](https://www.volcengine.com/docs/6369/67270)).
///
/// ```
/// use volc_proto::Timestamp;
/// let at = Timestamp::from_unix(1_688_727_292).expect("before the year 10000");
/// assert_eq!(at.to_string(), "20230707T105452Z");
/// assert_eq!("20230707T105452Z".parse(), Ok(at));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// 9999-12-31T23:59:59Z: the last second with a year of four digits.
    pub const MAX: Self = Self(253_402_300_799);

    /// From seconds since 1970-01-01T00:00:00Z; `None` beyond the year 9999.
    pub const fn from_unix(seconds: u64) -> Option<Self> {
        if seconds <= Self::MAX.0 { Some(Self(seconds)) } else { None }
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub const fn unix(self) -> u64 {
        self.0
    }

    /// Moved by whole seconds, kept inside the range.
    #[must_use]
    pub const fn shifted(self, seconds: i64) -> Self {
        let moved = self.0.saturating_add_signed(seconds);
        if moved > Self::MAX.0 { Self::MAX } else { Self(moved) }
    }

    /// The 16 bytes of `X-Date`; the first 8 are the day of the credential scope.
    pub(crate) fn text(self) -> TimestampText {
        let (year, month, day) = civil(self.0 / DAY);
        let second = self.0 % DAY;
        let mut text = *b"00000000T000000Z";
        put(&mut text[..4], year);
        put(&mut text[4..6], month);
        put(&mut text[6..8], day);
        put(&mut text[9..11], second / 3600);
        put(&mut text[11..13], second / 60 % 60);
        put(&mut text[13..15], second % 60);
        TimestampText(text)
    }
}

/// A formatted [`Timestamp`], on the stack.
#[derive(Clone, Copy)]
pub(crate) struct TimestampText([u8; 16]);

impl TimestampText {
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("only digits, T and Z are written")
    }

    pub(crate) fn day(&self) -> &str {
        &self.as_str()[..8]
    }
}

/// A clock outside the range is taken for the range's end: the service then refuses the request as expired, and says so.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let seconds = time.duration_since(UNIX_EPOCH).as_ref().map_or(0, Duration::as_secs);
        Self::from_unix(seconds).unwrap_or(Self::MAX)
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let bytes: &[u8; 16] = text.as_bytes().try_into().map_err(|_| InvalidTimestamp(()))?;
        let number = |from: usize, to: usize| {
            bytes[from..to].iter().try_fold(0, |number, b| b.is_ascii_digit().then(|| number * 10 + u64::from(b - b'0')))
        };
        let parsed = || {
            let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
            let (hour, minute, second) = (number(9, 11)?, number(11, 13)?, number(13, 15)?);
            let at = Self(days(year, month, day)? * DAY + hour * 3600 + minute * 60 + second);
            // Written again it is the same: 30 February, hour 24 and a leap second are not dates of this format.
            (at.text().0 == *bytes).then_some(at)
        };
        parsed().ok_or(InvalidTimestamp(()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text().as_str())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text().as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A text that is no `YYYYMMDD'T'HHMMSS'Z'` date of the years 1970 to 9999.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidTimestamp(());

impl fmt::Display for InvalidTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a UTC date like 20230707T105452Z, from 1970 to 9999")
    }
}

impl std::error::Error for InvalidTimestamp {}

fn put(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

// The calendar counts from 0000-03-01, so that a leap day is the last day of its year: an era of 400 years has 146,097
// days, and month lengths repeat every five months (153 days). Howard Hinnant, "chrono-compatible low-level date algorithms".
const ERA: u64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH: u64 = 719_468;

/// Year, month and day of a day counted from 1970-01-01.
fn civil(day: u64) -> (u64, u64, u64) {
    let day = day + EPOCH;
    let (era, of_era) = (day / ERA, day % ERA);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, year) = if month < 10 { (month + 3, era * 400 + year_of_era) } else { (month - 9, era * 400 + year_of_era + 1) };
    (year, month, day)
}

/// Days from 1970-01-01; `None` before it, and for a month or day that no year has.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let year_of_era = year % 400;
    let of_year = (153 * month + 2) / 5 + day - 1;
    (year / 400 * ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year).checked_sub(EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_no_date_is_refused() {
        for text in [
            "",
            "20230707T105452",
            "20230707t105452Z",
            "20230707T105452z",
            "20230230T000000Z",
            "20230229T000000Z",
            "20231301T000000Z",
            "20230001T000000Z",
            "20230100T000000Z",
            "20230300T000000Z",
            "20230101T240000Z",
            "20230101T006000Z",
            "20230101T000060Z",
            "19691231T235959Z",
            "00000101T000000Z",
            "2023-707T105452Z",
            "+0230707T105452Z",
            "２023070T105452Z",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
        assert!("20240229T235959Z".parse::<Timestamp>().is_ok());
    }

    #[test]
    fn a_shift_stays_inside_the_range() {
        let start = Timestamp::from_unix(10).expect("in range");
        assert_eq!(start.shifted(-20).unix(), 0);
        assert_eq!(start.shifted(5).unix(), 15);
        assert_eq!(start.shifted(i64::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::from_unix(Timestamp::MAX.unix() + 1), None);
    }
}
