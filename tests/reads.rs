//! Reading with both clients, against the emulator: every filter, every boundary of a page, and the account of a key.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::collections::BTreeSet;

use volc_emulator::{Emulator, Fault, FaultRule, Image, OsType, Visibility as Seen, When};
use volc_proto::ecs::{Deletion, DescribeImages, Evidence, ImageId, ImagePage, Outcome, Policy, Snapshots, Verify, Visibility};
use volc_proto::sts::GetCallerIdentity;
use volc_proto::{Credentials, Region, Timestamp};

fn who() -> Credentials {
    Credentials::new("AKLTreadsreadsre", "not-a-secret").unwrap()
}

/// All pages, by each client: the IDs of the images on each page.
fn pages(emulator: &Emulator, filter: &DescribeImages) -> [Vec<Vec<String>>; 2] {
    let endpoint = emulator.endpoint(Region::new("cn-beijing").unwrap());
    let ids = |page: ImagePage| page.images.into_iter().filter_map(|image| image.image_id).collect();
    let blocking = volc_ureq::Client::new(endpoint.clone(), who());
    let first = blocking.describe_images(filter.clone()).map(|page| ids(page.unwrap())).collect();
    let client = volc_hyper::Client::new(endpoint, who());
    let second = runtime().block_on(async {
        let (mut all, mut pages) = (Vec::new(), client.describe_images(filter.clone()));
        while let Some(page) = pages.next().await {
            all.push(ids(page.unwrap()));
        }
        all
    });
    [first, second]
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn every_page_is_read_whatever_its_size() {
    for images in [0, 1, 15, 16, 100, 101, 1_000] {
        let inventory = (0..images).map(|n| Image::new(format!("image-page{n:05}")));
        let emulator = Emulator::start(who(), inventory).unwrap();
        for (results, size) in [(None, 15), (Some(1), 1), (Some(99), 99), (Some(100), 100)] {
            if results == Some(1) && images > 101 {
                continue;
            }
            let filter = match results {
                Some(results) => DescribeImages::new().max_results(results).unwrap(),
                None => DescribeImages::new(),
            };
            for pages in pages(&emulator, &filter) {
                let all: BTreeSet<&String> = pages.iter().flatten().collect();
                assert_eq!(all.len(), images, "{images} images, {results:?} on a page");
                assert_eq!(pages.len(), images.div_ceil(size).max(1), "{images} images, {results:?} on a page");
            }
        }
    }
}

#[test]
fn every_filter_finds_what_it_says() {
    let emulator = Emulator::builder()
        .credentials(who())
        .image(
            Image::new("image-a")
                .name("golden")
                .os_type(OsType::Linux)
                .platform("CentOS")
                .project("p")
                .tag("team", "ci")
                .lts(true),
        )
        .image(
            Image::new("image-b").name("silver").os_type(OsType::Windows).cloud_init(false).tag("team", "qa").status("creating"),
        )
        .image(Image::new("image-c").visibility(Seen::Public).owner("1"))
        .start()
        .unwrap();
    let ids = |ids: &[&str]| ids.iter().map(|id| ImageId::new(*id).unwrap()).collect::<Vec<_>>();
    let all = DescribeImages::new;
    for (name, filter, found) in [
        ("nothing", all(), &["image-a", "image-b", "image-c"][..]),
        ("ids", all().image_ids(ids(&["image-b", "image-missing"])).unwrap(), &["image-b"]),
        ("name", all().image_name("golden"), &["image-a"]),
        ("visibility", all().visibility(Visibility::Private), &["image-a", "image-b"]),
        ("visibility", all().visibility(Visibility::Public), &["image-c"]),
        ("status", all().status("creating"), &["image-b"]),
        ("statuses", all().status("creating").status("available"), &["image-a", "image-b", "image-c"]),
        ("image status", all().image_status("creating"), &["image-b"]),
        ("os", all().os_type("Windows"), &["image-b"]),
        ("platform", all().platform("CentOS").visibility(Visibility::Private).image_name("golden"), &["image-a"]),
        ("cloud-init", all().supports_cloud_init(false), &["image-b"]),
        ("lts", all().is_lts(true).image_name("golden"), &["image-a"]),
        ("project", all().project_name("p"), &["image-a"]),
        ("tag", all().tag("team", ["ci", "other"]), &["image-a"]),
        ("tag of any value", all().tag("team", Vec::<String>::new()), &["image-a", "image-b"]),
    ] {
        for pages in pages(&emulator, &filter) {
            let mut seen: Vec<String> = pages.into_iter().flatten().collect();
            seen.sort();
            assert_eq!(seen, found, "{name}");
        }
    }
}

#[test]
fn a_key_tells_its_account() {
    let emulator = Emulator::builder().credentials(who()).account_id(2_100_000_123).start().unwrap();
    let endpoint = emulator.endpoint(Region::new("cn-beijing").unwrap());
    let blocking = volc_ureq::Client::new(endpoint.clone(), who()).call(&GetCallerIdentity).unwrap();
    let client = volc_hyper::Client::new(endpoint, who());
    let other = runtime().block_on(client.call(&GetCallerIdentity)).unwrap();
    assert_eq!(blocking.output.account_id.as_deref(), Some("2100000123"));
    assert_eq!(blocking.output, other.output);
}

#[test]
fn an_error_ends_the_pages() {
    let inventory = (0..40).map(|n| Image::new(format!("image-page{n:05}")));
    let emulator = Emulator::builder().credentials(who()).images(inventory).fault(When::requests([2]), Fault::html(502, false));
    let emulator = emulator.start().unwrap();
    let client = volc_ureq::Client::new(emulator.endpoint(Region::new("cn-beijing").unwrap()), who());
    let pages: Vec<_> = client.describe_images(DescribeImages::new()).collect();
    assert!(pages.len() == 2 && pages[0].is_ok() && pages[1].is_err());
}

#[test]
fn what_a_lost_answer_left_unclear_is_seen_absent() {
    for images in [1, 100, 101, 1_000] {
        let inventory = (0..images).map(|n| Image::new(format!("image-look{n:05}")));
        let lost = FaultRule::new(When::Chance { of: 0.5, seed: 3 }, Fault::Drop { after_deletion: true }).only("DeleteImages");
        let emulator = Emulator::builder().credentials(who()).images(inventory).faults([lost]).start().unwrap();
        let ids = (0..images).map(|n| ImageId::new(format!("image-look{n:05}")).unwrap());
        let policy = Policy {
            attempts: 1,
            stop_after: 1_000,
            verify: Verify::Unclear,
            chunk: 10,
            backoff_base: std::time::Duration::ZERO,
            ..Policy::default()
        };
        let mut deletion = Deletion::new(ids, Snapshots::Keep, policy).unwrap();
        let client = volc_ureq::Client::new(emulator.endpoint(Region::new("cn-beijing").unwrap()), who());
        let report = client.run(&mut deletion);
        assert!(report.all_gone(), "{images} images: {:?}", report.counts());
        assert!(emulator.images().is_empty());
        assert!(images < 100 || report.outcomes().any(|(_, outcome)| *outcome == Outcome::Gone(Evidence::SeenAbsent)));
    }
}

#[test]
fn generated_images_can_be_read() {
    let emulator = Emulator::start(who(), Image::generate(250, 7, Timestamp::from(std::time::SystemTime::now()))).unwrap();
    let client = volc_ureq::Client::new(emulator.endpoint(Region::new("cn-beijing").unwrap()), who());
    let filter = DescribeImages::new().visibility(Visibility::Private).max_results(100).unwrap();
    for page in client.describe_images(filter) {
        for image in page.unwrap().images {
            assert!(
                image.image_name.is_some() && image.created_at.is_some() && image.size.is_some_and(|gib| gib > 0),
                "{image:?}"
            );
        }
    }
}
