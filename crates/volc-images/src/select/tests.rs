use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;

use super::*;

/// 2024-02-01T00:00:00+08:00.
const NOW: u64 = 1_706_716_800;
const DAY: u64 = 86_400;

fn now() -> Timestamp {
    Timestamp::from_unix(NOW).unwrap()
}

/// An image of this name, made so many seconds ago.
fn image(id: &str, name: Option<&str>, age: Option<i64>) -> Seen {
    Seen {
        id: ImageId::new(id).unwrap(),
        name: name.map(str::to_owned),
        size_gib: None,
        created_at: None,
        created: age.map(|age| jiff::Timestamp::from_second(NOW as i64 - age).unwrap()),
        status: Some("available".to_owned()),
        visibility: Some("private".to_owned()),
        share_status: None,
        owner: None,
        tags: Vec::new(),
        snapshots: Vec::new(),
    }
}

fn aged(id: &str, name: &str, days: u64) -> Seen {
    image(id, Some(name), Some((days * DAY) as i64))
}

fn select(rule: &Rule, images: Vec<Seen>) -> Selection {
    rule.select(images, None, &HashSet::new(), now())
}

fn deleted(rule: &Rule, images: Vec<Seen>) -> Vec<String> {
    select(rule, images).to_delete().iter().map(ToString::to_string).collect()
}

fn newest(count: usize, prefixes: &[&str]) -> Rule {
    let prefixes = prefixes.iter().map(|&prefix| prefix.to_owned()).collect();
    Rule { keep_newest: Some(count), prefixes, ..Rule::default() }
}

fn older_than(days: u64) -> Rule {
    Rule { older_than: Some(Duration::from_secs(days * DAY)), ..Rule::default() }
}

/// Why an image stays, in its first group.
fn why(selection: &Selection, id: &str) -> Option<Why> {
    let mut members = selection.groups.iter().flat_map(|group| &group.members);
    match members.find(|(index, _)| selection.images[*index].id.as_str() == id)?.1 {
        Verdict::Stays(why) => Some(why),
        Verdict::Goes => None,
    }
}

#[test]
fn the_newest_of_each_group_stay_and_the_oldest_goes_first() {
    let images = || vec![aged("a1", "a-1", 9), aged("a2", "a-2", 5), aged("a3", "a-3", 7), aged("b1", "b-1", 100)];
    assert_eq!(deleted(&newest(1, &["a-", "b-"]), images()), ["a1", "a3"]);
    let rule = Rule { group_by: Some(Regex::new("^([a-z])-").unwrap()), ..newest(2, &[]) };
    assert_eq!(deleted(&rule, images()), ["a1"]);
    // With a regex a prefix only narrows.
    let rule = Rule { prefixes: vec!["b-".to_owned()], ..rule };
    assert_eq!(deleted(&rule, images()), [""; 0]);
    assert_eq!(select(&rule, images()).ungrouped, 3);
}

#[test]
fn both_bounds_must_allow_it() {
    let images = || vec![aged("new", "a", 1), aged("young", "a", 10), aged("old", "a", 40), aged("oldest", "a", 50)];
    let rule = Rule { keep_newest: Some(1), ..older_than(30) };
    assert_eq!(deleted(&Rule { prefixes: vec!["a".to_owned()], ..rule }, images()), ["oldest", "old"]);
    let selection = select(&older_than(45), images());
    assert_eq!((why(&selection, "old"), why(&selection, "oldest")), (Some(Why::Young), None));
}

#[test]
fn an_age_that_the_clock_leaves_open_is_no_reason() {
    let limit = (30 * DAY + VALIDITY_SECONDS) as i64;
    let images = vec![image("at-it", Some("a"), Some(limit)), image("beyond", Some("a"), Some(limit + 1))];
    assert_eq!(deleted(&older_than(30), images), ["beyond"]);
}

#[test]
fn what_is_in_doubt_stays_and_takes_no_place_among_the_newest() {
    let images = vec![
        image("unnamed", None, Some(1)),
        image("undated", Some("a"), None),
        aged("1", "a", 1),
        aged("2", "a", 2),
        aged("tie", "a", 2),
        aged("4", "a", 3),
    ];
    let selection = select(&Rule { keep_newest: Some(2), ..Rule::default() }, images);
    assert_eq!(selection.to_delete(), [ImageId::new("4").unwrap()]);
    let whys = ["unnamed", "undated", "1", "tie"].map(|id| why(&selection, id).unwrap());
    assert_eq!(whys, [Why::NoName, Why::NoDate, Why::Newest, Why::Tie]);
}

#[test]
fn an_image_in_two_groups_is_kept_if_either_keeps_it() {
    // The newest of `a-b` is not among the newest of `a`.
    let images = vec![aged("1", "a-1", 1), aged("2", "a-b-1", 2), aged("3", "a-b-2", 3), aged("4", "a-4", 4)];
    let selection = select(&newest(1, &["a", "a-b"]), images);
    assert_eq!(why(&selection, "2"), Some(Why::OtherGroup));
    assert_eq!(selection.to_delete().len(), 2);
}

#[test]
fn only_own_private_images_with_the_tags_are_meant() {
    let mut images: Vec<_> = ["private", "public", "unsaid", "theirs", "untagged"].map(|id| aged(id, "a", 100)).into();
    images[1].visibility = Some("public".to_owned());
    images[2].visibility = None;
    images[3].owner = Some("22".to_owned());
    for image in &mut images[..4] {
        image.tags = vec![("stage".to_owned(), "dev".to_owned())];
    }
    let tag = |value: Option<&str>| Tag { key: "stage".to_owned(), value: value.map(str::to_owned) };
    let with = |tag| Rule { tags: vec![tag], ..Rule::default() };
    let deleted = |rule: Rule| rule.select(images.clone(), Some("21"), &HashSet::new(), now()).to_delete();
    assert_eq!(deleted(with(tag(Some("dev")))), [ImageId::new("private").unwrap()]);
    assert_eq!(deleted(with(tag(None))).len(), 1);
    assert!(deleted(with(tag(Some("production")))).is_empty());
}

#[test]
fn a_prefix_that_nothing_begins_with_is_an_empty_group_and_a_capture_of_nothing_is_none() {
    let selection = select(&newest(1, &["golden-", "goldne-"]), vec![aged("1", "golden-1", 1)]);
    assert_eq!(selection.groups.iter().map(|group| group.members.len()).collect::<Vec<_>>(), [1, 0]);
    let rule = Rule { group_by: Some(Regex::new("^([a-z]*)").unwrap()), ..newest(1, &[]) };
    assert_eq!(select(&rule, vec![aged("1", "1-a", 1)]).ungrouped, 1);
}

/// Its name, days since it was made, whether it has the tag, and whether it is private, if that is said.
type Drawn = (Option<&'static str>, Option<i64>, bool, Option<bool>);

/// Few values, so that ties, overlaps and gaps are frequent.
fn inventory() -> impl Strategy<Value = Vec<Seen>> {
    let names = proptest::sample::select(vec!["a", "a-b", "a-b-c", "b", "b-c", "c"]);
    let one = (weighted(0.9, names), weighted(0.9, -2i64..12), any::<bool>(), weighted(0.9, any::<bool>()));
    vec(one, 0..20).prop_map(|all| {
        let seen = |(index, (name, days, tagged, private)): (usize, Drawn)| Seen {
            tags: tagged.then(|| ("t".to_owned(), "v".to_owned())).into_iter().collect(),
            visibility: private.map(|private| if private { "private" } else { "public" }.to_owned()),
            ..image(&format!("i{index}"), name, days.map(|days| days * DAY as i64))
        };
        all.into_iter().enumerate().map(seen).collect()
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    let prefixes = vec(proptest::sample::select(vec!["a", "a-b", "b", "z"]), 0..3);
    let regex = of(proptest::sample::select(vec!["^([a-z])", "^(a|b)-", "(c)?$"]));
    (prefixes, regex, of(0u64..10), of(1usize..4), any::<bool>()).prop_map(|(prefixes, regex, days, keep_newest, tag)| Rule {
        prefixes: prefixes.into_iter().map(str::to_owned).collect(),
        group_by: regex.map(|regex| Regex::new(regex).unwrap()),
        older_than: days.map(|days| Duration::from_secs(days * DAY)),
        keep_newest,
        tags: tag.then(|| Tag { key: "t".to_owned(), value: Some("v".to_owned()) }).into_iter().collect(),
    })
}

/// The groups of an image, by the rule's words alone.
fn groups(rule: &Rule, image: &Seen) -> Vec<String> {
    if image.visibility.as_deref() != Some("private") || (image.tags.is_empty() && !rule.tags.is_empty()) {
        return Vec::new();
    }
    let name = image.name.clone().unwrap_or_default();
    let begins = |prefix: &&String| image.name.is_some() && name.starts_with(prefix.as_str());
    let prefixes: HashSet<_> = rule.prefixes.iter().filter(begins).collect();
    if !rule.prefixes.is_empty() && prefixes.is_empty() {
        return Vec::new();
    }
    match &rule.group_by {
        Some(regex) => regex.captures(&name).and_then(|c| Some(c.get(1)?.as_str().to_owned())).into_iter().collect(),
        None if rule.prefixes.is_empty() => vec![String::new()],
        None => prefixes.into_iter().cloned().collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn never_more_than_asked(rule in rule(), images in inventory(), pinned in 0usize..20) {
        let keep: HashSet<_> = [ImageId::new(format!("i{pinned}")).unwrap()].into();
        let deleted: HashSet<_> = rule.select(images.clone(), None, &keep, now()).to_delete().into_iter().collect();
        for image in images.iter().filter(|image| deleted.contains(&image.id)) {
            prop_assert!(!keep.contains(&image.id));
            prop_assert!(image.name.is_some() && image.created.is_some());
            let groups_of = groups(&rule, image);
            prop_assert!(!groups_of.is_empty());
            if let Some(least) = rule.older_than {
                prop_assert!(image.age(now()).unwrap() > least.as_secs() as i64);
            }
            // In each of its groups so many that are strictly newer stay.
            for group in groups_of {
                let stay = images.iter().filter(|other| {
                    groups(&rule, other).contains(&group) && other.created > image.created && !deleted.contains(&other.id)
                });
                prop_assert!(stay.count() >= rule.keep_newest.unwrap_or(0));
            }
        }
    }

    #[test]
    fn never_a_newer_one_deleted_while_an_older_one_of_its_group_is_kept(rule in rule(), images in inventory()) {
        let selection = select(&rule, images);
        for group in &selection.groups {
            let goes = group.members.iter().filter(|(_, verdict)| *verdict == Verdict::Goes);
            let Some(newest) = goes.filter_map(|(index, _)| selection.images[*index].created).max() else { continue };
            for (index, verdict) in &group.members {
                let older = selection.images[*index].created.is_some_and(|created| created < newest);
                // But for what is in doubt, or another group's.
                let other = matches!(verdict, Verdict::Goes | Verdict::Stays(Why::NoName | Why::OtherGroup));
                prop_assert!(!older || other, "{:?} {:?}", verdict, group);
            }
        }
        let created = |id: &ImageId| selection.images.iter().find(|image| image.id == *id).unwrap().created;
        prop_assert!(selection.to_delete().iter().map(created).is_sorted());
    }

    #[test]
    fn all_that_is_asked_goes_where_nothing_is_in_doubt(
        ages in proptest::collection::btree_set(0u64..60, 1..20),
        keep in 1usize..5,
        days in 0u64..50,
    ) {
        let images: Vec<_> = ages.iter().map(|age| aged(&format!("i{age}"), "a", *age)).collect();
        let rule = Rule { keep_newest: Some(keep), ..older_than(days) };
        let expected: Vec<_> = ages.iter().skip(keep).filter(|age| **age > days).rev().map(|age| format!("i{age}")).collect();
        prop_assert_eq!(deleted(&rule, images), expected);
    }

    #[test]
    fn the_order_in_which_images_are_read_changes_nothing(rule in rule(), images in inventory()) {
        let reversed = images.iter().rev().cloned().collect();
        prop_assert_eq!(select(&rule, images), select(&rule, reversed));
    }
}
