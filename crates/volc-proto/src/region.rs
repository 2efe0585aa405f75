//! The name of a region.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// A region's name, such as `cn-beijing`: part of every signature, and of some host names.
///
/// It is one host label of lower-case letters, digits and inner hyphens, 63 at most, so that no region can make a signed
/// request go to another host.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(Arc<str>);

impl Region {
    /// Checks a name. A well-formed name that nobody has heard of is allowed: regions are added without notice.
    ///
    /// # Errors
    ///
    /// [`InvalidRegion`] for a name that is no host label.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidRegion> {
        let name = name.into();
        let label = (1..=63).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !name.starts_with('-')
            && !name.ends_with('-');
        if label { Ok(Self(name.into())) } else { Err(InvalidRegion { name }) }
    }

    /// The name as it stands in the credential scope: `cn-beijing`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the official SDKs list the name. Another may be new, or of a region that is not for everyone; or mistyped:
    /// the shared host `open.volcengineapi.com` takes requests for any.
    pub fn is_known(&self) -> bool {
        KNOWN.binary_search(&self.as_str()).is_ok()
    }

    /// The listed name that this one is, or is perhaps meant to be: at most a quarter of its characters differ.
    ///
    /// ```
    /// use volc_proto::Region;
    /// let mistyped = Region::new("cn-bejing")?;
    /// assert!(!mistyped.is_known());
    /// assert_eq!(mistyped.nearest_known(), Some("cn-beijing"));
    /// assert_eq!(Region::new("us-east-1")?.nearest_known(), None);
    /// # Ok::<(), volc_proto::InvalidRegion>(())
    /// ```
    pub fn nearest_known(&self) -> Option<&'static str> {
        let (edits, nearest) = KNOWN.iter().map(|known| (edits(&self.0, known), *known)).min()?;
        (edits <= self.0.len() / 4).then_some(nearest)
    }
}

/// volcengine-go-sdk 1.2.49, `volcengine/endpoints/standard_resolver.go`; in byte order.
const KNOWN: [&str; 52] = [
    "ap-singapore-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "byteplus-global",
    "cn-beijing",
    "cn-beijing-autodriving",
    "cn-beijing-selfdrive",
    "cn-beijing2",
    "cn-beijing300",
    "cn-changsha-sdv",
    "cn-chengdu",
    "cn-chengdu-sdv",
    "cn-chongqing-sdv",
    "cn-datong",
    "cn-east-1-dedicated",
    "cn-gaofang-bj",
    "cn-gaofang-gz1",
    "cn-gaofang-nt1",
    "cn-gaofang-nt2",
    "cn-gaofang-nt3",
    "cn-gaofang-nt4",
    "cn-gaofang-nt5",
    "cn-guangzhou",
    "cn-guilin-boe",
    "cn-hangzhou",
    "cn-hjxj",
    "cn-hjzg",
    "cn-hlbx",
    "cn-hlxj",
    "cn-hlzg",
    "cn-hongkong",
    "cn-hongkong-pop",
    "cn-lfbx",
    "cn-lfxj",
    "cn-lfzg",
    "cn-macau-pop-sdv",
    "cn-mainland",
    "cn-nanjing-bbit",
    "cn-ningbo-sdv",
    "cn-north-1",
    "cn-north-1-dedicated",
    "cn-north-boe",
    "cn-shanghai",
    "cn-shanghai-autodriving",
    "cn-taiwan-boe",
    "cn-wuhan",
    "cn-wulanchabu",
    "cn-xian-boe-sdv",
    "overseas-1",
    "rec-cn",
    "rec-sg",
];

/// How many characters must be put in, left out or replaced to make one text of the other (Levenshtein).
fn edits(a: &str, b: &str) -> usize {
    // One row of the table at a time: `row[j]` edits make the first `j` characters of `b` of those of `a` read so far.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Region({})", self.0)
    }
}

impl std::str::FromStr for Region {
    type Err = InvalidRegion;

    fn from_str(name: &str) -> Result<Self, InvalidRegion> {
        Self::new(name)
    }
}

/// A name that cannot be a region's, since it is no host label as [`Region`] describes it. The message shows the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidRegion {
    name: String,
}

impl fmt::Display for InvalidRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected a region of 1 to 63 lower-case letters, digits and inner hyphens, like `cn-beijing`, not {:?}",
            self.name
        )
    }
}

impl Error for InvalidRegion {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_that_could_change_the_host_is_refused() {
        for name in [
            "",
            "cn.beijing",
            "cn/beijing",
            "evil.example/",
            "a@b",
            "a:1",
            "-a",
            "a-",
            "CN-BEIJING",
            "cn_beijing",
            "a b",
            "é",
            "a\n",
        ] {
            assert!(Region::new(name).is_err(), "{name:?}");
        }
        assert!(Region::new("a".repeat(63)).is_ok());
        assert!(Region::new("a".repeat(64)).is_err());
    }

    #[test]
    fn the_table_can_be_searched_and_holds_regions_only() {
        assert!(KNOWN.is_sorted());
        for name in KNOWN {
            let region = Region::new(name).unwrap();
            assert!(region.is_known(), "{name}");
            assert_eq!(region.nearest_known(), Some(name));
        }
    }

    #[test]
    fn a_mistyped_name_leads_to_the_one_that_was_meant() {
        for (name, meant) in [
            ("cn-bejing", Some("cn-beijing")),
            ("cnbeijing", Some("cn-beijing")),
            ("cn-beijing-1", Some("cn-beijing")),
            ("cn-shangahi", Some("cn-shanghai")),
            ("ap-southest-1", Some("ap-southeast-1")),
            ("us-east-1", None),
            ("eu-central-1", None),
            ("zz", None),
        ] {
            assert_eq!(Region::new(name).unwrap().nearest_known(), meant, "{name}");
        }
    }

    #[test]
    fn edits_are_counted() {
        for (a, b, count) in
            [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("ab", "ba", 2)]
        {
            assert_eq!(edits(a, b), count, "{a} {b}");
        }
    }
}
