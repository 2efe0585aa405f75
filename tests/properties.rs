//! What holds of any input: the oracles with inputs that look like real ones, and laws that need no oracle.

use jiff::civil::{Date, date};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use volc_proto::ecs::{DeleteImages, ImageId, Snapshots};
use volc_proto::{Credentials, Endpoint, Query, Region, Signer, Timestamp};
use volc_tests::oracles;

/// `PROPTEST_CASES` sets how many. Failures are not written to files: one becomes a test of its own, or a fuzzer's seed.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

/// Bytes without 0xFF, which ends a piece; often such that names repeat or are each other's beginning.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let near = select(vec!["", "a", "A", "a-", "a/", "a=", "ImageIds.1", "ImageIds.10", "ImageIds.2", "镜", "+", "%41", " "]);
    prop_oneof![near.prop_map(|text| text.as_bytes().to_vec()), vec(0..0xff_u8, 0..12)]
}

fn leaf() -> impl Strategy<Value = String> {
    let odd = select(vec!["null", "{}", "[]", "\"\"", "0", "-1", "7", "\"7\"", "1e999", "true", "[[]]", "{\"Code\":\"x\"}"]);
    prop_oneof![odd.prop_map(str::to_owned), any::<String>().prop_map(|text| serde_json::Value::from(text).to_string())]
}

/// An object with most of its members, now and then something else in place of one, or one twice.
fn object(members: Vec<(&'static str, BoxedStrategy<String>)>) -> BoxedStrategy<String> {
    let member = |(name, value): (&'static str, BoxedStrategy<String>)| {
        let value = prop_oneof![9 => value, 1 => leaf()].prop_map(move |value| format!("{name:?}:{value}"));
        (weighted(0.8, value), weighted(0.02, leaf().prop_map(move |value| format!("{name:?}:{value}"))))
    };
    let members: Vec<_> = members.into_iter().map(member).collect();
    let join = |members: Vec<(Option<String>, Option<String>)>| {
        let members: Vec<String> = members.into_iter().flat_map(|(once, twice)| [once, twice]).flatten().collect();
        format!("{{{}}}", members.join(","))
    };
    members.prop_map(join).boxed()
}

fn word(words: &'static [&'static str]) -> BoxedStrategy<String> {
    select(words).prop_map(|word| format!("{word:?}")).boxed()
}

fn reply_body() -> BoxedStrategy<String> {
    let error = || {
        object(vec![
            ("Code", word(&["", "InternalError", "InvalidImage.Shared", "FlowLimitExceeded"])),
            ("Message", leaf().boxed()),
            ("CodeN", leaf().boxed()),
        ])
    };
    let detail = object(vec![
        ("ImageId", word(&["", "image-a", "image-b", "image-c", "镜像"])),
        ("Error", weighted(0.5, error()).prop_map(|error| error.unwrap_or_else(|| "null".to_owned())).boxed()),
    ]);
    let details = vec(detail, 0..6).prop_map(|details| format!("[{}]", details.join(","))).boxed();
    let call_error = weighted(0.2, error()).prop_map(|error| error.unwrap_or_else(|| "null".to_owned())).boxed();
    let metadata =
        object(vec![("RequestId", leaf().boxed()), ("Action", word(&["DeleteImages", "StartInstance"])), ("Error", call_error)]);
    object(vec![("ResponseMetadata", metadata), ("Result", object(vec![("OperationDetails", details)]))])
}

/// A request line, headers and a body as the server's side of signing gets them, right but for a few of its parts.
fn signed_text() -> impl Strategy<Value = String> {
    let hex = "[0-9a-f]{64}|[0-9A-Fa-f]{62,66}";
    let scope = "(AKLT|AKTP)[a-z]{4}/(20240517|20240518|x)/(cn-beijing|-)/(ecs|)/(request|aws4_request)";
    let by_header = (scope, "(host;x-date|x-date;host|x-date|host|;|x-date;x-absent)", hex).prop_map(|(scope, names, hex)| {
        format!(
            "GET /?Action=DeleteImages HTTP/1.1\r\nHost: h:443\r\nX-Date: 20240517T081122Z\r\n\
             Authorization: HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={hex}\r\n\r\n"
        )
    });
    let queries = "(Action;X-Date;X-Credential;X-Algorithm;X-SignedHeaders(;X-SignedQueries)?(;X-Expires)?|Action|)";
    let by_query = (scope, "(host|)", queries, hex, "(&X-Expires=[0-9-]{1,6})?(&X-Security-Token=t)?").prop_map(
        |(scope, names, queries, hex, more)| {
            format!(
                "GET /?Action=DeleteImages&X-Date=20240517T081122Z&X-Credential={scope}&X-Algorithm=HMAC-SHA256&\
                 X-SignedHeaders={names}&X-SignedQueries={queries}&X-Signature={hex}{more} HTTP/1.1\r\nHost: h\r\n\r\n"
            )
        },
    );
    prop_oneof![by_header, by_query]
}

/// What a fuzzer does to an input: cut off, or with a byte changed.
fn damaged(text: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<u8>> {
    (text, weighted(0.3, any::<(prop::sample::Index, bool, u8)>())).prop_map(|(text, damage)| {
        let mut bytes = text.into_bytes();
        match damage {
            Some((at, true, _)) if !bytes.is_empty() => bytes.truncate(at.index(bytes.len())),
            Some((at, false, byte)) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            _ => {}
        }
        bytes
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_query_has_one_spelling_and_is_read_back(pieces in vec(piece(), 0..24)) {
        oracles::encode_query(&pieces.join(&0xff));
    }

    #[test]
    fn a_reply_is_read_as_it_was_written_or_not_at_all(
        status in prop_oneof![4 => Just(200_u16), 1 => 100..1000_u16, 1 => any::<u16>()],
        body in damaged(reply_body()),
    ) {
        oracles::parse_response(&[&status.to_be_bytes()[..], &body].concat());
    }

    #[test]
    fn signing_and_verifying_agree_on_any_request(data in vec(any::<u8>(), 0..300)) {
        oracles::sign_verify(&data);
    }

    #[test]
    fn presigning_and_verifying_agree_on_any_uri(data in vec(any::<u8>(), 0..300)) {
        oracles::presign_verify(&data);
    }

    #[test]
    fn no_request_that_the_key_did_not_sign_verifies(data in damaged(signed_text())) {
        oracles::verify_request(&data);
    }

    #[test]
    fn noise_is_handled_by_every_oracle(data in vec(any::<u8>(), 0..200)) {
        oracles::encode_query(&data);
        oracles::parse_response(&data);
        oracles::verify_request(&data);
    }

    #[test]
    fn a_list_is_its_numbered_parameters(
        before in vec(select(vec!["A", "ImageIds", "ImageIds.1", "ImageIds.10", "ImageIds.2", "ImageIds/", "Z"]), 0..4),
        values in vec("[a-z +]{0,4}", 0..130),
    ) {
        let mut list = Query::new();
        before.iter().for_each(|name| list.push(name, "before"));
        let mut one_by_one = list.clone();
        list.push_list("ImageIds", &values);
        for (index, value) in values.iter().enumerate() {
            one_by_one.push(format!("ImageIds.{}", index + 1), value);
        }
        prop_assert_eq!(list.as_str(), one_by_one.as_str());
    }

    #[test]
    fn our_own_requests_are_signed_as_the_general_signer_signs_them(
        ids in prop::collection::hash_set("[A-Za-z0-9._~-]{1,128}", 1..101),
        snapshots in select(vec![Snapshots::Keep, Snapshots::Delete, Snapshots::ServiceDefault]),
        (secret, token) in ("[!-~]{1,80}", weighted(0.5, "[!-~]{1,300}")),
        region in "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?",
        host in 0..7_usize,
        seconds in 0..=Timestamp::MAX.unix(),
    ) {
        let region = Region::new(region).unwrap();
        let endpoint = match host {
            0 => Endpoint::new(region.clone()),
            1 => Endpoint::regional(region.clone()),
            2 => Endpoint::byteplus(region.clone()),
            3 => Endpoint::byteplus_regional(region.clone()),
            4 => Endpoint::custom("https://example.com:443", region.clone()).unwrap(),
            5 => Endpoint::custom("https://EXAMPLE.com:8443", region.clone()).unwrap(),
            _ => Endpoint::custom("http://[::1]:80", region.clone()).unwrap(),
        };
        let who = Credentials::new("AKLTpropertyproperty", secret).unwrap();
        let who = match token {
            Some(token) => who.with_session_token(token).unwrap(),
            None => who,
        };
        let at = Timestamp::from_unix(seconds).unwrap();
        let ids = ids.into_iter().map(|id| ImageId::new(id).unwrap()).collect();
        let own = endpoint.request(&DeleteImages::new(ids, snapshots).unwrap(), &who, at).unwrap();

        let mut general = own.clone();
        for name in ["authorization", "x-date", "x-content-sha256", "x-security-token"] {
            general.headers_mut().remove(name);
        }
        Signer::new(&who, &region, "ecs").sign(&mut general, b"", at).unwrap();
        prop_assert_eq!(own.headers(), general.headers());
        let query = own.uri().query().unwrap();
        let parsed = Query::parse(query);
        prop_assert_eq!(parsed.as_str(), query);
    }

    #[test]
    fn a_kept_key_signs_for_its_own_secret_day_region_and_service_alone(
        uses in vec((0..2_usize, 0..3_u64, 0..80_usize, select(vec!["ecs", "iam"])), 1..200),
    ) {
        let secrets = ["a secret", "another"];
        let kept = secrets.map(|secret| Credentials::new("AKLT", secret).unwrap());
        let mut seen = std::collections::BTreeMap::new();
        for (secret, day, region, service) in uses {
            let at = Timestamp::from_unix(1_700_000_000 + day * 86_400).unwrap();
            let name = format!("cn-region-{region}");
            let region = Region::new(name.clone()).unwrap();
            // A clone and one with a token share what was kept.
            let who = if day == 0 { kept[secret].clone() } else { kept[secret].clone().with_session_token("t").unwrap() };
            let key = *who.signing_key(at, &region, service).as_bytes();
            let fresh = Credentials::new("AKLT", secrets[secret]).unwrap().signing_key(at, &region, service);
            prop_assert_eq!(&key, fresh.as_bytes());
            seen.insert(key, (secret, day, name.clone(), service));
            prop_assert_eq!(&seen[&key], &(secret, day, name, service));
        }
    }
}

#[test]
fn a_date_of_any_day_is_that_of_a_date_library_and_is_read_back() {
    let mut day = date(1970, 1, 1);
    let mut unix = 0;
    loop {
        let (y, m, d) = (day.year(), day.month(), day.day());
        for (second, time) in [(unix, "000000"), (unix + 86_399, "235959")] {
            let at = Timestamp::from_unix(second).unwrap();
            let text = at.to_string();
            assert_eq!(text, format!("{y:04}{m:02}{d:02}T{time}Z"));
            assert_eq!(text.parse(), Ok(at));
        }
        if day == Date::MAX {
            break;
        }
        day = day.tomorrow().unwrap();
        unix += 86_400;
    }
    assert_eq!(unix + 86_399, Timestamp::MAX.unix());
}

#[test]
fn a_date_of_any_second_of_a_day_is_that_of_a_date_library_and_is_read_back() {
    // 29 February 2024.
    for second in 1_709_164_800..1_709_251_200 {
        let time = jiff::Timestamp::from_second(second).unwrap();
        let at = Timestamp::from_unix(second.unsigned_abs()).unwrap();
        let text = at.to_string();
        assert_eq!(text, time.strftime("%Y%m%dT%H%M%SZ").to_string());
        assert_eq!(text.parse(), Ok(at));
    }
}
