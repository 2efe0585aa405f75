//! The same `DeleteImages` query signed by each: from image IDs to a request that is ready to send.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use futures_util::FutureExt;
use http::Request;
use reqsign_core::{Context, SignRequest};
use rusty_s3::{Bucket, S3Action, UrlStyle};
use volc_proto::ecs::{DeleteImages, ImageId, Snapshots};
use volc_proto::{Credentials, Endpoint, Region};

/// A key that nobody has.
pub const KEY: (&str, &str) = ("AKLTFAKEkeyOfTheBenchmarksThatNobodyHasAaaaaaaa", "ZmFrZS1zZWNyZXQtb2YtdGhlLWJlbmNobWFya3M=");
/// The region of all.
pub const REGION: &str = "cn-beijing";
/// Its service.
pub const URL: &str = "https://ecs.cn-beijing.volcengineapi.com/";

/// A signer's name, and one signature by it.
pub type Signer = (&'static str, Box<dyn Fn()>);

/// All of them, volc-proto first. Each takes the time itself, as it does in a call.
///
/// aws-sigv4 signs as for an AWS service, reqsign as for an object of TOS; rusty-s3 presigns a URL of S3, and its body is not
/// hashed. volcengine-rs is not among them: it signs nothing that it does not send at once (see
/// instructions.rs).
///
/// # Panics
///
/// For more than 100 images, or none.
pub fn signers(images: usize) -> Vec<Signer> {
    let ids = volc_benches::ids(images);
    vec![
        ("volc-proto", volc_proto(ids.clone())),
        ("rusty-s3", rusty_s3(ids.clone())),
        ("aws-sigv4", aws_sigv4(ids.clone())),
        ("reqsign-volcengine-tos", reqsign(ids)),
    ]
}

/// A signature that nobody looks at, but the optimiser does not know.
fn boxed<T: 'static>(sign: impl Fn() -> T + 'static) -> Box<dyn Fn()> {
    Box::new(move || drop(std::hint::black_box(sign())))
}

fn volc_proto(ids: Vec<ImageId>) -> Box<dyn Fn()> {
    let action = DeleteImages::new(ids, Snapshots::Keep).expect("1 to 100 images");
    let endpoint = Endpoint::new(Region::new(REGION).expect("a region"));
    let who = Credentials::new(KEY.0, KEY.1).expect("letters");
    boxed(move || endpoint.request(&action, &who, SystemTime::now().into()).expect("it can be signed"))
}

fn rusty_s3(ids: Vec<ImageId>) -> Box<dyn Fn()> {
    let bucket = Bucket::new(URL.parse().expect("a URL"), UrlStyle::Path, "bucket", REGION).expect("a bucket");
    let who = rusty_s3::Credentials::new(KEY.0, KEY.1);
    boxed(move || {
        let mut action = bucket.get_object(Some(&who), "object");
        let query = action.query_mut();
        query.insert("Action", "DeleteImages");
        query.insert("DeleteBindedSnapshots", "false");
        query.insert("Version", "2020-04-01");
        for (n, id) in (1..).zip(&ids) {
            query.insert(format!("ImageIds.{n}"), id.as_str());
        }
        action.sign(Duration::from_secs(900))
    })
}

fn aws_sigv4(ids: Vec<ImageId>) -> Box<dyn Fn()> {
    let who: Identity = AwsCredentials::new(KEY.0, KEY.1, None, None, "benchmark").into();
    boxed(move || {
        let url = url(&ids);
        let parameters = v4::SigningParams::builder()
            .identity(&who)
            .region(REGION)
            .name("ecs")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .expect("nothing is missing")
            .into();
        let unsigned = SignableRequest::new("GET", &url, std::iter::empty(), SignableBody::Bytes(b"")).expect("it can be signed");
        let (instructions, _) = sign(unsigned, &parameters).expect("it can be signed").into_parts();
        let mut request = Request::get(url).body(()).expect("a request");
        instructions.apply_to_request_http1x(&mut request);
        request
    })
}

fn reqsign(ids: Vec<ImageId>) -> Box<dyn Fn()> {
    let signer = reqsign_volcengine_tos::RequestSigner::new(REGION);
    let (context, who) = (Context::new(), reqsign_volcengine_tos::Credential::new(KEY.0, KEY.1));
    boxed(move || {
        let (mut head, ()) = Request::get(url(&ids)).body(()).expect("a request").into_parts();
        let signed = signer.sign_request(&context, &mut head, Some(&who), None).now_or_never();
        signed.expect("nothing to wait for").expect("it can be signed");
        head
    })
}

/// For those that want a URL to begin with.
fn url(ids: &[ImageId]) -> String {
    let mut url = format!("{URL}?Action=DeleteImages&DeleteBindedSnapshots=false");
    for (n, id) in (1..).zip(ids) {
        let _ = write!(url, "&ImageIds.{n}={id}");
    }
    url.push_str("&Version=2020-04-01");
    url
}
