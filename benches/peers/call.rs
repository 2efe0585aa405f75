//! One call each, to the same server. Those that are not volc send a ready-made request and parse nothing.

use std::rc::Rc;

use tokio::runtime::Builder;
use volc_benches::{Caller, Loopback};

/// What makes calls, and so many calls by it.
pub(crate) type Peer = (&'static str, Box<dyn Fn(u32)>);

/// All of them, volc-ureq first.
pub(crate) fn peers(loopback: &Rc<Loopback>) -> Vec<Peer> {
    let by = |caller| -> Box<dyn Fn(u32)> {
        let loopback = loopback.clone();
        Box::new(move |count| loopback.call(caller, count as usize))
    };
    vec![
        ("volc-ureq", by(Caller::Ureq)),
        ("volc-hyper", by(Caller::Hyper)),
        ("ureq, a ready-made request", by(Caller::BareUreq)),
        ("hyper-util, a ready-made request", by(Caller::BareHyper)),
        ("reqwest, a ready-made request", reqwest(loopback)),
    ]
}

fn reqwest(loopback: &Loopback) -> Box<dyn Fn(u32)> {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let ready = reqwest::Request::try_from(loopback.ready().clone().map(|()| "")).expect("a URL");
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    Box::new(move |count| {
        runtime.block_on(async {
            for _ in 0..count {
                let response = client.execute(ready.try_clone().expect("an empty body")).await.expect("the server answers");
                assert!(!response.bytes().await.expect("the server answers").is_empty(), "an empty answer");
            }
        });
    })
}
