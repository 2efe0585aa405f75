//! Which images a rule selects. Pure: it is given what was read, and the time.
//!
//! Whatever is in doubt stays: an image without a name or a readable date, a tie for the last place among the newest, an age
//! that the clock leaves open, and an image that one of its groups keeps.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use regex_lite::Regex;
use volc_proto::ecs::ImageId;
use volc_proto::{Timestamp, VALIDITY_SECONDS};

use crate::seen::Seen;

/// What is asked for. Every part of it narrows the selection.
// Nothing is asked for by default but in tests: it would be everything.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(Default))]
pub(crate) struct Rule {
    /// The beginnings of names; each is a group where there is no `group_by`.
    pub(crate) prefixes: Vec<String>,
    /// Its first capture in a name is the name of the group; where it captures nothing, there is none.
    pub(crate) group_by: Option<Regex>,
    pub(crate) older_than: Option<Duration>,
    /// So many of each group stay.
    pub(crate) keep_newest: Option<usize>,
    pub(crate) tags: Vec<Tag>,
}

/// A tag that an image must have: with this value, or with any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) key: String,
    pub(crate) value: Option<String>,
}

/// What becomes of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Goes,
    Stays(Why),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    NoName,
    NoDate,
    /// It is being made, has failed, or is in no known state: nobody could start an instance from it.
    Unavailable,
    Newest,
    /// As old as the last of the newest.
    Tie,
    Young,
    OtherGroup,
    KeepFile,
}

impl Why {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::NoName => "no name",
            Self::NoDate => "no date",
            Self::Unavailable => "unavailable",
            Self::Newest => "newest",
            Self::Tie => "tie",
            Self::Young => "young",
            Self::OtherGroup => "kept by another group",
            Self::KeepFile => "pinned",
        }
    }
}

/// What a rule comes to.
#[derive(Debug, PartialEq)]
pub(crate) struct Selection {
    pub(crate) groups: Vec<Group>,
    /// Own images that are in no group, and stay.
    pub(crate) ungrouped: usize,
    pub(crate) images: Vec<Seen>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Group {
    pub(crate) name: String,
    /// Places in the selection's images, the newest first and those without a date last.
    pub(crate) members: Vec<(usize, Verdict)>,
}

impl Rule {
    /// `account`: that of the key, where it is known. `now`: by a clock that the service accepts.
    pub(crate) fn select(
        &self,
        mut images: Vec<Seen>,
        account: Option<&str>,
        keep: &HashSet<ImageId>,
        now: Timestamp,
    ) -> Selection {
        images.retain(|image| image.is_own(account));
        images.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
        let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        if self.group_by.is_none() {
            // A prefix that no name begins with is shown as an empty group.
            groups.extend(self.prefixes.iter().map(|prefix| (prefix.clone(), Vec::new())));
        }
        let mut ungrouped = 0;
        for (index, image) in images.iter().enumerate() {
            let names = self.groups_of(image);
            ungrouped += usize::from(names.is_empty());
            names.into_iter().for_each(|name| groups.entry(name.to_owned()).or_default().push(index));
        }

        let judge = |(name, members): (String, Vec<usize>)| Group { name, members: self.judge(&images, &members, now) };
        let mut groups: Vec<Group> = groups.into_iter().map(judge).collect();
        let stays = |(index, verdict): &(usize, Verdict)| (*verdict != Verdict::Goes).then_some(*index);
        let kept: HashSet<usize> = groups.iter().flat_map(|group| group.members.iter().filter_map(stays)).collect();
        for (index, verdict) in groups.iter_mut().flat_map(|group| &mut group.members) {
            match verdict {
                Verdict::Goes if kept.contains(index) => *verdict = Verdict::Stays(Why::OtherGroup),
                Verdict::Goes if keep.contains(&images[*index].id) => *verdict = Verdict::Stays(Why::KeepFile),
                _ => {}
            }
        }
        Selection { groups, ungrouped, images }
    }

    /// None where the rule does not mean the image.
    fn groups_of<'a>(&'a self, image: &'a Seen) -> Vec<&'a str> {
        const ALL: &str = "all images";

        let tagged =
            |tag: &Tag| image.tags.iter().any(|(key, value)| *key == tag.key && tag.value.as_ref().is_none_or(|v| v == value));
        if !self.tags.iter().all(tagged) {
            return Vec::new();
        }
        let name = image.name.as_deref();
        let begins = |prefix: &&String| name.is_some_and(|name| name.starts_with(prefix.as_str()));
        let mut prefixes: Vec<_> = self.prefixes.iter().filter(begins).map(String::as_str).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        match &self.group_by {
            _ if prefixes.is_empty() && !self.prefixes.is_empty() => Vec::new(),
            Some(regex) => {
                let capture = name.and_then(|name| regex.captures(name)?.get(1));
                capture.map(|capture| capture.as_str()).filter(|name| !name.is_empty()).into_iter().collect()
            }
            None if self.prefixes.is_empty() => vec![ALL],
            None => prefixes,
        }
    }

    /// The members of one group, the newest first.
    fn judge(&self, images: &[Seen], members: &[usize], now: Timestamp) -> Vec<(usize, Verdict)> {
        let sure = |image: &Seen| image.name.is_some() && image.created.is_some() && image.is_available();
        let newest: HashMap<usize, usize> = members
            .iter()
            .copied()
            .filter(|&index| sure(&images[index]))
            .enumerate()
            .map(|(rank, index)| (index, rank))
            .collect();
        let last = self.keep_newest.and_then(|count| newest.iter().find(|(_, rank)| **rank + 1 == count));
        let last = last.and_then(|(&index, _)| images[index].created);
        let verdict = |index: usize| {
            let image = &images[index];
            if image.name.is_none() {
                return Verdict::Stays(Why::NoName);
            }
            let Some(age) = image.age(now) else { return Verdict::Stays(Why::NoDate) };
            let Some(rank) = newest.get(&index) else { return Verdict::Stays(Why::Unavailable) };
            match self.keep_newest {
                Some(count) if *rank < count => return Verdict::Stays(Why::Newest),
                Some(_) if image.created == last => return Verdict::Stays(Why::Tie),
                _ => {}
            }
            // The service's clock may be behind the one that is looked at by as much as it tolerates.
            let sure_age = age - VALIDITY_SECONDS.cast_signed();
            match self.older_than {
                Some(least) if sure_age <= least.as_secs().try_into().unwrap_or(i64::MAX) => Verdict::Stays(Why::Young),
                _ => Verdict::Goes,
            }
        };
        members.iter().map(|&index| (index, verdict(index))).collect()
    }
}

impl Selection {
    /// What goes, the oldest first: whatever ends a run early, no newer image of a group is deleted before an older one.
    pub(crate) fn to_delete(&self) -> Vec<ImageId> {
        let goes = self.groups.iter().flat_map(|group| &group.members).filter(|(_, verdict)| *verdict == Verdict::Goes);
        let places: BTreeSet<usize> = goes.map(|(index, _)| *index).collect();
        places.into_iter().rev().map(|index| self.images[index].id.clone()).collect()
    }

    /// What would go if it were not in the keep file.
    pub(crate) fn kept_by_file(&self) -> Vec<ImageId> {
        let members = self.groups.iter().flat_map(|group| &group.members);
        let kept = members.filter(|(_, verdict)| *verdict == Verdict::Stays(Why::KeepFile));
        let places: BTreeSet<usize> = kept.map(|(index, _)| *index).collect();
        places.into_iter().map(|index| self.images[index].id.clone()).collect()
    }
}

#[cfg(test)]
mod tests;
