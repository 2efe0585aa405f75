//! What types show of themselves, and what errors say.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::error::Error;

use http::Response;
use volc_proto::ecs::{DeleteImages, DescribeImages, ImageId, ImagePage, Snapshots};
use volc_proto::{Endpoint, Fate, Profile, Query, Region, Timestamp, parse};

fn region() -> Region {
    Region::new("cn-beijing").unwrap()
}

#[test]
fn a_value_shows_itself() {
    let mut query = Query::new();
    query.push("Note", "a b");
    for (shown, expected) in [
        (format!("{:?}", ImageId::new("image-a").unwrap()), "ImageId(image-a)"),
        (format!("{:?}", region()), "Region(cn-beijing)"),
        (format!("{:?}", Timestamp::from_unix(0).unwrap()), "Timestamp(19700101T000000Z)"),
        (format!("{query:?}"), "Query(\"Note=a%20b\")"),
        (Fate::Unsent.to_string(), "nothing was sent"),
        (Fate::Unknown.to_string(), "the request may have reached the service"),
    ] {
        assert_eq!(shown, expected);
    }
}

#[test]
fn an_error_says_what_was_expected() {
    let image = || ImageId::new("image-a").unwrap();
    let id = |text: &str| ImageId::new(text).unwrap_err().to_string();
    let batch = |ids| DeleteImages::new(ids, Snapshots::Keep).unwrap_err().to_string();
    let next = |token: &str| DescribeImages::new().next_page(&page(token)).unwrap().unwrap();
    let endpoint = |uri: &str| Endpoint::custom(uri, region()).unwrap_err().to_string();
    let profile = |text: &str| Profile::parse(text, Some("ci")).unwrap_err();
    let keyless = profile(r#"{"profiles":{"ci":{"mode":"ak"}}}"#);
    for (said, expected) in [
        (id(""), "expected an image ID of 1 to 128 letters, digits, `.`, `_`, `~` and `-`, not an empty one"),
        (id("a b"), "expected an image ID of 1 to 128 letters, digits, `.`, `_`, `~` and `-`, not \"a b\""),
        (
            id(&"a".repeat(129)),
            "expected an image ID of 1 to 128 letters, digits, `.`, `_`, `~` and `-`, not one of 129 characters",
        ),
        (batch(vec![]), "expected 1 to 100 images in one request, not 0"),
        (batch(vec![image(), image()]), "expected each image once, not `image-a` twice"),
        (DescribeImages::new().image_ids(vec![]).unwrap_err().to_string(), "expected 1 to 100 images in one request"),
        (next("t").next_page(&page("t")).unwrap_err().to_string(), "expected another page or the end, not the same page again"),
        ("2023".parse::<Timestamp>().unwrap_err().to_string(), "expected a UTC date like 20230707T105452Z, from 1970 to 9999"),
        (endpoint("ftp://example.com/?X-Signature=s"), "expected no query or fragment in the endpoint \"ftp://example.com/\""),
        (endpoint("ftp://user:secret@example.com"), "expected no credentials in the URI in the endpoint \"…@example.com\""),
        (profile("{}").to_string(), "expected a profile \"ci\", but there is none"),
        (profile(r#"{"profiles":{"a":{}}}"#).to_string(), "expected a profile \"ci\", but there are only [\"a\"]"),
        (keyless.to_string(), "expected a usable key in the profile \"ci\""),
        (keyless.source().unwrap().to_string(), "expected an access key ID of visible ASCII characters without `/`, `,` and `=`"),
    ] {
        assert_eq!(said, expected);
    }
}

fn page(token: &str) -> ImagePage {
    let body = format!(r#"{{"ResponseMetadata":{{}},"Result":{{"NextToken":"{token}"}}}}"#);
    parse::<DescribeImages>(&Response::new(body)).unwrap().output
}

#[test]
fn an_answer_that_is_no_reply_says_why() {
    for (body, source) in
        [("<html>", "expected other JSON at line 1, column 1"), ("[]", "expected other members at line 1, column 0")]
    {
        let response = Response::builder().status(502).header("x-tt-logid", "2023").body(body).unwrap();
        let error = parse::<DeleteImages>(&response).unwrap_err();
        assert_eq!(error.request_id(), Some("2023"));
        assert_eq!(error.source().unwrap().to_string(), source);
    }
}
