//! What `DescribeImages` and `GetCallerIdentity` answer.

mod wire;

use std::time::{Duration, Instant};

use http::Request;
use serde_json::{Value, json};
use volc_emulator::{
    Emulator, Fault, FaultRule, Image, ImageState, OsType, Repeated, Snapshot, UnknownIds, Visibility, Visible, When,
};
use volc_proto::ecs::{DescribeImages, ImageId, Visibility as Wanted};
use volc_proto::sts::GetCallerIdentity;
use volc_proto::{Query, Region, Signer, Timestamp};
use wire::{LIMIT, beijing, call, delete, describe, emulator, ids, named, now, send, signed, unsigned, who};

fn id(id: &str) -> ImageId {
    ImageId::new(id).expect("a valid ID")
}

/// A signed request with these parameters.
fn asked(emulator: &Emulator, parameters: &[(&str, &str)]) -> Request<()> {
    let common = [("Action", "DescribeImages"), ("Version", "2020-04-01")];
    let query: Query = common.iter().chain(parameters).collect::<Vec<_>>().into_iter().copied().collect();
    signed(emulator, &who(), &format!("/?{query}"))
}

#[test]
fn an_image_is_described_with_all_that_is_known_of_it() {
    let at = Timestamp::from_unix(1_706_659_200).unwrap();
    let image = Image::new("image-a")
        .name("web-20240131")
        .project("web")
        .created_at(at)
        .updated_at(at.shifted(61))
        .size(20)
        .tag("team", "web")
        .tag("env", "")
        .snapshots([Snapshot::new("snap-1").size(20), Snapshot::new("snap-2").size(500)])
        .state(ImageState::Shared)
        .os_type(OsType::Windows)
        .lts(true)
        .cloud_init(false);
    let emulator = Emulator::builder().credentials(who()).account_id(21).image(image).start().unwrap();
    let answer = call(&emulator, &DescribeImages::new());
    let json = answer.json();
    assert_eq!(json["ResponseMetadata"]["Action"], "DescribeImages");
    let expected = json!({
        "ImageId": "image-a",
        "ImageName": "web-20240131",
        "Description": "",
        "Status": "available",
        "Visibility": "private",
        "ShareStatus": "shared",
        "CreatedAt": "2024-01-31T08:00:00+08:00",
        "UpdatedAt": "2024-01-31T08:01:01+08:00",
        "Size": 20,
        "VirtualSize": 21_474_836_480_u64,
        "OsType": "Windows",
        "OsName": "Windows Server",
        "Platform": "Windows Server",
        "Architecture": "amd64",
        "ImageOwnerId": "21",
        "ProjectName": "web",
        "IsLTS": true,
        "IsSupportCloudInit": false,
        "Tags": [{"Key": "env", "Value": ""}, {"Key": "team", "Value": "web"}],
        "Snapshots": [
            {"SnapshotId": "snap-1", "Size": 20, "VolumeKind": "system"},
            {"SnapshotId": "snap-2", "Size": 500, "VolumeKind": "data"},
        ],
        "DetectionResults": null,
    });
    assert_eq!(json["Result"], json!({"Images": [expected], "NextToken": "", "TotalCount": 1}));
    // The client reads it, too.
    let read = &describe(&emulator, &DescribeImages::new()).images[0];
    assert_eq!((read.size, read.is_lts, read.snapshots.len(), read.tags.len()), (Some(20), Some(true), 2, 2));
}

#[test]
fn what_is_not_set_has_a_default_and_can_be_left_out() {
    let images = [
        Image::new("a"),
        Image::new("b").visibility(Visibility::Public).without("ImageName").without("CreatedAt"),
        Image::new("c").visibility(Visibility::Shared).state(ImageState::WrongStatus),
        Image::new("d").owner("22").status("error").share_status("s").platform("Fedora"),
    ];
    let emulator = Emulator::start(who(), images).unwrap();
    let json = call(&emulator, &DescribeImages::new()).json();
    let member = |index: usize, name: &str| json["Result"]["Images"][index].get(name).cloned();
    let text = |text: &str| Some(Value::from(text));
    assert_eq!((member(0, "ImageName"), member(0, "ImageOwnerId")), (text("a"), text("2100000000")));
    assert_eq!((member(0, "CreatedAt"), member(0, "Size")), (text("2024-01-01T00:00:00+08:00"), Some(json!(40))));
    assert_eq!((member(0, "ProjectName"), member(0, "Platform")), (text("default"), text("Ubuntu")));
    assert_eq!((member(1, "ImageName"), member(1, "CreatedAt")), (None, None));
    assert_eq!((member(1, "ImageOwnerId"), member(1, "Visibility")), (text("system"), text("public")));
    assert_eq!((member(2, "ImageOwnerId"), member(2, "Status")), (text("2100000001"), text("creating")));
    assert_eq!((member(3, "ImageOwnerId"), member(3, "Status")), (text("22"), text("error")));
    assert_eq!((member(3, "ShareStatus"), member(3, "Platform")), (text("s"), text("Fedora")));
}

/// The IDs on all pages, in order, and how many pages there were. Each page says how many images there are in all.
fn all_pages(emulator: &Emulator, first: DescribeImages, total: usize) -> (Vec<String>, usize) {
    let (mut next, mut found, mut pages) = (Some(first), Vec::new(), 0);
    while let Some(action) = next {
        let page = describe(emulator, &action);
        assert_eq!(page.total_count, Some(total as i64));
        found.extend(named(&page));
        pages += 1;
        next = action.next_page(&page).expect("another page");
    }
    (found, pages)
}

#[test]
fn pages_are_as_long_as_asked_for_and_together_everything_once() {
    for (count, size, pages) in [
        (0, None, 1),
        (1, None, 1),
        (15, None, 1),
        (16, None, 2),
        (100, Some(100), 1),
        (101, Some(100), 2),
        (1_000, Some(100), 10),
        (7, Some(1), 7),
    ] {
        let images = (0..count).map(|n| Image::new(format!("image-{n:04}")));
        let emulator = Emulator::start(who(), images).unwrap();
        let first = match size {
            Some(size) => DescribeImages::new().max_results(size).unwrap(),
            None => DescribeImages::new(),
        };
        let all: Vec<_> = (0..count).map(|n| format!("image-{n:04}")).collect();
        assert_eq!(all_pages(&emulator, first, count), (all, pages), "{count} images, {size:?} on a page");
    }
}

#[test]
fn a_deletion_between_two_pages_makes_the_next_one_skip_nothing() {
    let emulator = emulator(5).start().unwrap();
    let first = DescribeImages::new().max_results(2).unwrap();
    let page = describe(&emulator, &first);
    assert_eq!(named(&page), ["image-1", "image-2"]);
    delete(&emulator, ["image-1", "image-2", "image-3"]);
    let rest = describe(&emulator, &first.next_page(&page).unwrap().unwrap());
    assert_eq!((named(&rest), rest.next_token.as_deref()), (vec!["image-4".to_owned(), "image-5".to_owned()], Some("")));
}

#[test]
fn every_filter_finds_what_has_it_and_several_find_what_has_all() {
    let windows = Image::new("image-windows").os_type(OsType::Windows).name("desk").tag("team", "desk").project("p");
    let images = [
        Image::new("image-a").name("web").tag("team", "web").tag("env", "dev").lts(true),
        Image::new("image-b").name("web").tag("team", "ci").cloud_init(false).platform("Debian"),
        windows,
        Image::new("image-public").visibility(Visibility::Public),
        Image::new("image-shared").visibility(Visibility::Shared).status("error"),
        Image::new("image-wrong").state(ImageState::WrongStatus),
    ];
    let emulator = Emulator::start(who(), images).unwrap();
    let all = DescribeImages::new;
    let none = Vec::<String>::new();
    for (filter, found) in [
        (all(), "a b public shared windows wrong"),
        (all().image_ids(vec![id("image-b"), id("image-x"), id("image-a")]).unwrap(), "a b"),
        (all().image_name("web"), "a b"),
        (all().image_name("we"), ""),
        (all().visibility(Wanted::Private), "a b windows wrong"),
        (all().visibility(Wanted::Public), "public"),
        (all().visibility(Wanted::Shared), "shared"),
        (all().status("error").status("creating"), "shared wrong"),
        (all().image_status("creating"), "wrong"),
        (all().os_type("Windows"), "windows"),
        (all().platform("Debian"), "b"),
        (all().platform("Ubuntu"), "a public shared wrong"),
        (all().supports_cloud_init(false), "b"),
        (all().supports_cloud_init(true), "a public shared windows wrong"),
        (all().is_lts(true), "a"),
        (all().is_lts(false), "a b public shared windows wrong"),
        (all().instance_type_id("ecs.g1ie.large"), "a b public shared windows wrong"),
        (all().project_name("p"), "windows"),
        (all().project_name("default"), "a b public shared wrong"),
        (all().tag("team", none.clone()), "a b windows"),
        (all().tag("team", ["ci", "web"]), "a b"),
        (all().tag("team", ["ci", "web"]).tag("env", ["dev"]), "a"),
        (all().tag("Team", none), ""),
        (all().image_name("web").is_lts(true), "a"),
        (all().image_ids(vec![id("image-b")]).unwrap().visibility(Wanted::Public), ""),
    ] {
        let page = describe(&emulator, &filter);
        let short: Vec<_> = named(&page).iter().map(|id| id.trim_start_matches("image-").to_owned()).collect();
        assert_eq!(short.join(" "), found, "{filter:?}");
        assert_eq!(page.total_count, Some(page.images.len() as i64));
    }
}

#[test]
fn a_tag_finds_a_thousand_images_at_most() {
    let images = (0..1_001).map(|n| Image::new(format!("image-{n:04}")).tag("k", "v"));
    let emulator = Emulator::start(who(), images).unwrap();
    let first = DescribeImages::new().tag("k", ["v"]).max_results(100).unwrap();
    assert_eq!(all_pages(&emulator, first, 1_000).0.len(), 1_000);
    let all = DescribeImages::new().max_results(100).unwrap();
    assert_eq!(all_pages(&emulator, all, 1_001).0.len(), 1_001);
}

#[test]
fn an_unknown_id_is_left_out_or_refuses_the_call() {
    let two = || DescribeImages::new().image_ids(vec![id("image-1"), id("image-x")]).unwrap();
    let lenient = emulator(1).start().unwrap();
    assert_eq!(named(&describe(&lenient, &two())), ["image-1"]);

    let strict = emulator(1).unknown_ids(UnknownIds::NotFound).start().unwrap();
    let answer = call(&strict, &two());
    assert_eq!((answer.status(), answer.code().as_str()), (404, "InvalidImage.NotFound"));
    // An image that another filter leaves out is known.
    let filtered = DescribeImages::new().image_ids(vec![id("image-1")]).unwrap().image_name("other");
    assert_eq!(named(&describe(&strict, &filtered)), [""; 0]);
}

#[test]
fn parameters_that_are_wrong_are_refused() {
    let emulator = emulator(1).start().unwrap();
    for (name, value) in [
        ("MaxResults", "0"),
        ("MaxResults", "101"),
        ("NextToken", "image-1"),
        ("Visibility", "mine"),
        ("OsType", "linux"),
        ("IsLTS", "yes"),
        ("ImageIds.0", "a"),
        ("TagFilters.1.Values.1", "a"),
    ] {
        let answer = send(&emulator, &asked(&emulator, &[(name, value)]));
        assert_eq!((answer.status(), answer.code().as_str()), (400, "InvalidArgument"), "{name}={value}");
    }
    let names: Vec<_> = (1..=101).map(|n| format!("ImageIds.{n}")).collect();
    let parameters: Vec<_> = names.iter().map(|name| (name.as_str(), "a")).collect();
    assert_eq!(send(&emulator, &asked(&emulator, &parameters[..100])).status(), 200);
    assert_eq!(send(&emulator, &asked(&emulator, &parameters)).code(), "LimitExceeded.MaximumImageIds");
    // As SDKs spell what was not set.
    let unset = [("ImageIds", ""), ("ImageName", ""), ("NextToken", ""), ("MaxResults", "")];
    assert_eq!(send(&emulator, &asked(&emulator, &unset)).json()["Result"]["TotalCount"], 1);
}

#[test]
fn another_region_has_no_images() {
    let emulator = emulator(1).start().unwrap();
    let mut request = unsigned(&emulator, "GET", "/?Action=DescribeImages&Version=2020-04-01");
    Signer::new(&who(), &Region::new("cn-shanghai").unwrap(), "ecs").sign(&mut request, b"", now()).unwrap();
    assert_eq!(send(&emulator, &request).json()["Result"], json!({"Images": [], "NextToken": "", "TotalCount": 0}));
}

fn seen(emulator: &Emulator) -> Vec<(String, String)> {
    let page = describe(emulator, &DescribeImages::new());
    page.images.into_iter().map(|image| (image.image_id.unwrap_or_default(), image.status.unwrap_or_default())).collect()
}

fn entry(id: &str, status: &str) -> (String, String) {
    (id.to_owned(), status.to_owned())
}

#[test]
fn a_deleted_image_stays_visible_for_some_requests_and_is_not_there() {
    for (repeated, code) in [(Repeated::NotFound, "InvalidImage.NotFound"), (Repeated::WrongStatus, "InvalidImageStatus")] {
        let emulator = emulator(2).visible_after_deletion(Visible::Requests(3)).repeated_deletion(repeated).start().unwrap();
        assert_eq!(delete(&emulator, ["image-1", "image-1"]).details(), [entry("image-1", ""), entry("image-1", code)]);
        assert_eq!(ids(&emulator), ["image-2"]);
        let both = [entry("image-1", "deleting"), entry("image-2", "available")];
        assert_eq!(seen(&emulator), both);
        assert_eq!(delete(&emulator, ["image-1"]).details(), [entry("image-1", code)]);
        assert_eq!(seen(&emulator), both);
        assert_eq!(seen(&emulator), [entry("image-2", "available")]);
        assert_eq!(delete(&emulator, ["image-1"]).details(), [entry("image-1", "InvalidImage.NotFound")]);
        let deleted: Vec<_> = emulator.requests().into_iter().flat_map(|request| request.deleted).collect();
        assert_eq!(deleted, ["image-1"]);
    }
}

#[test]
fn a_deleted_image_stays_visible_for_some_time() {
    let emulator = emulator(1).visible_after_deletion(Visible::Milliseconds(200)).start().unwrap();
    let start = Instant::now();
    delete(&emulator, ["image-1"]);
    while !seen(&emulator).is_empty() {
        assert!(start.elapsed() < LIMIT);
    }
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[test]
fn a_visible_image_counts_as_known_and_its_kept_snapshots_have_no_image() {
    let builder = Emulator::builder().credentials(who()).image(Image::new("image-1").snapshots(["snap-1"]));
    let emulator = builder.visible_after_deletion(Visible::Requests(1)).unknown_ids(UnknownIds::NotFound).start().unwrap();
    let keep = wire::deletion(["image-1"], &[("DeleteBindedSnapshots", "false")]);
    send(&emulator, &signed(&emulator, &who(), &keep));
    let one = DescribeImages::new().image_ids(vec![id("image-1")]).unwrap();
    assert_eq!(describe(&emulator, &one).images[0].snapshots.len(), 1);
    assert_eq!(emulator.snapshots(), [Snapshot::new("snap-1")]);
    assert_eq!(call(&emulator, &one).code(), "InvalidImage.NotFound");
}

#[test]
fn a_form_is_taken_for_parameters() {
    let emulator = Emulator::start(who(), [Image::new("a"), Image::new("b").os_type(OsType::Windows)]).unwrap();
    let body = "OsType=Windows&MaxResults=1";
    let mut request = Request::post("/?Action=DescribeImages&Version=2020-04-01")
        .header("host", emulator.address().to_string())
        .header("content-type", "application/x-www-form-urlencoded")
        .body(())
        .unwrap();
    Signer::new(&who(), &beijing(), "ecs").sign(&mut request, body.as_bytes(), now()).unwrap();
    let answer = wire::send_with(&emulator, &request, body);
    assert_eq!(answer.json()["Result"]["Images"][0]["ImageId"], "b");
    assert_eq!(answer.json()["Result"]["TotalCount"], 1);
}

#[test]
fn the_account_is_told_by_post_and_by_get() {
    let emulator = emulator(0).account_id(21).start().unwrap();
    let posted = call(&emulator, &GetCallerIdentity).json();
    let metadata = &posted["ResponseMetadata"];
    assert_eq!((metadata["Service"].as_str(), metadata["Version"].as_str()), (Some("sts"), Some("2018-01-01")));
    let mut request = unsigned(&emulator, "GET", "/?Action=GetCallerIdentity&Version=2018-01-01");
    Signer::new(&who(), &beijing(), "sts").sign(&mut request, b"", now()).unwrap();
    let got = send(&emulator, &request).json();
    let identity = json!({"AccountId": 21, "IdentityId": "1", "IdentityType": "User", "Trn": "trn:iam::21:user/emulator"});
    assert_eq!((&posted["Result"], &got["Result"]), (&identity, &identity));
    assert_eq!(emulator.requests()[0].method, "POST");
}

#[test]
fn reads_go_wrong_as_deletions_do() {
    let only = |when, fault| FaultRule::new(when, fault).only("DescribeImages");
    let emulator = emulator(1)
        .faults([
            only(When::requests([1]), Fault::Drop { after_deletion: true }),
            only(When::requests([2]), Fault::Truncated),
            only(When::requests([3]), Fault::api_error("FlowLimitExceeded", false)),
            only(When::requests([4]), Fault::html(502, true)),
            only(When::requests([5]), Fault::Details(volc_emulator::DetailsFault::Null)),
        ])
        .start()
        .unwrap();
    assert_eq!(call(&emulator, &GetCallerIdentity).status(), 200);
    let all = DescribeImages::new();
    assert_eq!(call(&emulator, &all).bytes, b"");
    let half = call(&emulator, &all);
    assert!(half.is_complete() && serde_json::from_slice::<Value>(half.body()).is_err());
    assert_eq!(call(&emulator, &all).status(), 429);
    assert_eq!(delete(&emulator, ["image-x"]).status(), 200);
    assert_eq!(call(&emulator, &all).status(), 502);
    // Nothing to spoil.
    assert_eq!(named(&describe(&emulator, &all)), ["image-1"]);
    let faults = emulator.requests().into_iter().filter(|record| record.fault.is_some()).map(|record| record.number);
    assert_eq!(faults.collect::<Vec<_>>(), [2, 3, 4, 6, 7]);
}
