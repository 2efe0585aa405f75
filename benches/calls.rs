//! Whole calls over loopback connections that are kept alive: by each adapter, and by the library beneath it with a request
//! that is ready-made and an answer that nobody reads.

use std::net::SocketAddr;
use std::time::SystemTime;

use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client as Pooled;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::runtime::{Builder, Runtime};
use volc_proto::ecs::{DeleteImages, Snapshots};
use volc_proto::{Credentials, Endpoint, Region};

use crate::server::serve;
use crate::{Verdicts, ids, reply};

/// As much as the adapters read of an answer.
const MAX_BODY: usize = 1 << 20;

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// ureq with a ready-made request.
    BareUreq,
    /// `volc-ureq`.
    Ureq,
    /// hyper-util's pooled client with a ready-made request.
    BareHyper,
    /// `volc-hyper`.
    Hyper,
    /// Nobody: a request is built and signed, and a reply that is there already is read.
    Core,
}

/// A server that says of each image that it failed, and one client of each kind, each with a connection of its own.
pub struct Loopback {
    address: SocketAddr,
    action: DeleteImages,
    endpoint: Endpoint,
    who: Credentials,
    ready: Request<()>,
    reply: Response<Vec<u8>>,
    bare_ureq: ureq::Agent,
    ureq: volc_ureq::Client,
    runtime: Runtime,
    bare_hyper: Pooled<HttpConnector, Empty<Bytes>>,
    hyper: volc_hyper::Client,
}

impl Loopback {
    /// Calls for this many images, 1 to 100.
    ///
    /// # Panics
    ///
    /// For another number, and where there is no free port.
    pub fn new(images: usize) -> Self {
        let reply = reply(&ids(images), Verdicts::AllFailed);
        let address = serve(reply.body());
        let url = format!("http://{address}");
        let action = DeleteImages::new(ids(images), Snapshots::Keep).expect("1 to 100 images");
        let endpoint = Endpoint::custom(&url, Region::new("cn-beijing").expect("a region")).expect("a loopback address");
        let who = Credentials::new("AKLTFAKEkeyOfTheBenchmarks", "not-a-secret").expect("letters");
        let ready = endpoint.request(&action, &who, SystemTime::now().into()).expect("it can be signed");
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        Self {
            address,
            ready: ready.map(drop),
            reply,
            bare_ureq: ureq::Agent::new_with_defaults(),
            ureq: volc_ureq::Client::new(endpoint.clone(), who.clone()),
            runtime: Builder::new_current_thread().enable_all().build().expect("a runtime"),
            bare_hyper: Pooled::builder(TokioExecutor::new()).build(tcp),
            hyper: volc_hyper::Client::new(endpoint.clone(), who.clone()),
            action,
            endpoint,
            who,
        }
    }

    /// Where the server is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The ready-made request.
    pub fn ready(&self) -> &Request<()> {
        &self.ready
    }

    /// So many calls, one after another.
    ///
    /// # Panics
    ///
    /// When one fails.
    pub fn call(&self, caller: Caller, times: usize) {
        match caller {
            Caller::BareUreq => (0..times).for_each(|_| {
                let mut response = self.bare_ureq.run(self.ready.clone()).expect("the server answers");
                let body = response.body_mut().with_config().limit(MAX_BODY as u64).read_to_vec().expect("a whole answer");
                assert_eq!(body.len(), self.reply.body().len());
            }),
            Caller::Ureq => (0..times).for_each(|_| {
                let reply = self.ureq.call(&self.action).expect("the server answers");
                assert_eq!(reply.output.operation_details.len(), self.action.ids().len());
            }),
            // All in one task, so that the runtime is not entered anew for each.
            Caller::BareHyper => self.runtime.block_on(async {
                for _ in 0..times {
                    let request = self.ready.clone().map(|()| Empty::new());
                    let response = self.bare_hyper.request(request).await.expect("the server answers");
                    let body = Limited::new(response.into_body(), MAX_BODY).collect().await.expect("a whole answer");
                    assert_eq!(body.to_bytes().len(), self.reply.body().len());
                }
            }),
            Caller::Hyper => self.runtime.block_on(async {
                for _ in 0..times {
                    let reply = self.hyper.call(&self.action).await.expect("the server answers");
                    assert_eq!(reply.output.operation_details.len(), self.action.ids().len());
                }
            }),
            Caller::Core => (0..times).for_each(|_| {
                let request = self.endpoint.request(&self.action, &self.who, SystemTime::now().into()).expect("it can be signed");
                let reply = volc_proto::parse::<DeleteImages>(&self.reply).expect("a success");
                assert_eq!(reply.output.operation_details.len(), self.action.ids().len());
                drop(std::hint::black_box(request));
            }),
        }
    }
}
