//! A loopback stand-in for the Volcengine ECS endpoint, to test with no cloud. Nothing real is deleted.
//!
//! It answers `DeleteImages` and `DescribeImages` of ECS (2020-04-01) and `GetCallerIdentity` of STS (2018-01-01) as the
//! documents say: it really checks every signature, in headers or in the query, keeps images and their snapshots, and gives
//! the documented codes, messages and statuses. And it goes wrong when it is told to: see [`Fault`].
//! As a program it is `volc-emulator`, with files for its configuration and its faults: see its
//! [README](https://crates.io/crates/volc-emulator).
//!
//! ```
//! use std::io::{Read, Write};
//!
//! use volc_emulator::{Emulator, Image, ImageState};
//! use volc_proto::ecs::{DeleteImages, ImageId, Snapshots};
//! use volc_proto::{Credentials, Region};
//!
//! let who = Credentials::new("AKLTexample", "not-a-secret")?;
//! let images = [Image::new("image-a"), Image::new("image-b").state(ImageState::Shared)];
//! let emulator = Emulator::start(who.clone(), images)?;
//!
//! // Any client will do whose endpoint can be set. Here it is a socket.
//! let what = DeleteImages::new(vec![ImageId::new("image-a")?, ImageId::new("image-b")?], Snapshots::Keep)?;
//! let endpoint = emulator.endpoint(Region::new("cn-beijing")?);
//! let request = endpoint.request(&what, &who, std::time::SystemTime::now().into())?;
//! let mut stream = std::net::TcpStream::connect(emulator.address())?;
//! write!(stream, "GET /?{} HTTP/1.1\r\nConnection: close\r\n", request.uri().query().unwrap_or_default())?;
//! for (name, value) in request.headers() {
//!     write!(stream, "{name}: {}\r\n", value.to_str()?)?;
//! }
//! write!(stream, "\r\n")?;
//! let mut answer = String::new();
//! stream.read_to_string(&mut answer)?;
//!
//! assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("InvalidImage.Shared"));
//! assert_eq!(emulator.images().len(), 1);
//! assert_eq!(emulator.requests()[0].deleted, ["image-a"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it proves, and what not
//!
//! This emulator and the clients of this project share one reading of the documents: signatures are checked by
//! [`volc_proto::verify`], the counterpart of what signs. Where that reading is wrong, both are, and still agree. What
//! speaks for it are the signing vectors of official programs, and the official SDKs for Python and Node, which agree with
//! the emulator. The live service has not been asked.
//!
//! # What no document says
//!
//! and is therefore a choice of the emulator, which a client must not rely on:
//!
//! - **Listing.** Whether deleted images are listed at all: [`Listing`] has three habits. A deleted image's `Error` is null.
//! - **Time.** A deletion is done when it is answered, unless [`Visible`] says that the image is seen for a while; its status
//!   is `deleting` then, and [`Repeated`] says what another deletion gets. [`Emulator::images`] is what was not accepted for
//!   deletion.
//! - **Order of checks.** `Action` and `Version` are there; signature; token's expiry; service; known action and version;
//!   method; permission for the action; other parameters; permissions for images. The first that does not hold is the answer.
//! - **Signature.** Without `Authorization` and without an `X-Signature` and `X-Credential` in the query:
//!   `MissingAuthenticationToken`; with a credential and no signature: `MissingSignature`. A wrong `X-Content-Sha256`, and a
//!   signed header that is not there: `SignatureDoesNotMatch`. No `X-Date`: `MissingRequestInfo`. A signature in the query has
//!   the codes of one in `Authorization`. A signature may be as far ahead of the clock as behind it. It may be used again.
//! - **Method.** `GET`; for `DescribeImages` and `GetCallerIdentity` also `POST`, with a form. The path counts in the signature
//!   and for nothing else, and so does `Host`.
//! - **Parameters.** The numbers of lists may come in any order and with gaps. One that is no number, is 0 or comes twice, an
//!   empty ID, and `DeleteBindedSnapshots` other than `true` and `false`, are an `InvalidArgument`. `ImageIds` without `N`
//!   names no image. Parameters that nobody knows are ignored. A parameter of `DescribeImages` without a value is none; one
//!   with a wrong value is an `InvalidArgument`, and so are more than ten of `Status.N`. More than 100 IDs get the code that
//!   `DeleteImages` has for it.
//! - **An ID twice in one request.** It is carried out once. The second entry says `InvalidImage.NotFound` (or what
//!   [`Repeated`] says) if the image was deleted, and what the first one says if it was not.
//! - **Region.** A request that is signed for another region than the emulator's finds no images.
//! - **Permissions.** One image that may not be deleted refuses the whole call, and nothing is deleted. A public image, one
//!   that is shared with this account and one of another owner are such images: `AccessDenied`. All keys belong to one account
//!   and one user.
//! - **Filters.** Names are compared whole. `ImageStatus` is `Status.N` with one value. Every image fits every
//!   `InstanceTypeId`. Several tags must all be there.
//! - **Pages.** Images come in the order of their IDs. `NextToken` leads to what comes after the last image of the page, with
//!   any filter and for ever, and has characters that must be escaped. An ID that does not exist: [`UnknownIds`].
//! - **Descriptions.** The spelling of `ShareStatus`, `OsName`, `Architecture` and `VolumeKind`, the owner of a public image
//!   (`system`), the status `creating` of an image in [`ImageState::WrongStatus`]. Members of which nothing is known are left
//!   out.
//! - **Envelope.** What a request does not say of itself is left out of `ResponseMetadata`. `X-Tt-Logid` is the request ID,
//!   whose last 20 characters are the request's number.
//! - **Errors.** Some statuses and messages: see [`CATALOGUE`].
//!
//! The connection of a request whose body exceeds 64 KiB is closed.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::{Builder as ThreadBuilder, JoinHandle};

use tokio::sync::oneshot;
use volc_proto::{Credentials, Endpoint, Region};

mod action;
mod answer;
mod builder;
mod catalogue;
mod claim;
mod config;
mod delete_images;
mod describe_images;
mod fault;
mod generate;
mod image;
mod inventory;
mod keys;
mod parameters;
mod scenario;
mod server;
mod service;
mod snapshot;
mod state;
mod stream;

pub use crate::builder::Builder;
pub use crate::catalogue::{CATALOGUE, ErrorCode};
pub use crate::config::InvalidConfig;
pub use crate::delete_images::Listing;
pub use crate::describe_images::UnknownIds;
pub use crate::fault::{DetailsFault, Fault};
pub use crate::image::{Image, ImageState, OsType, Visibility};
pub use crate::inventory::{Repeated, Visible};
pub use crate::keys::Expiry;
pub use crate::scenario::{FaultRule, When};
pub use crate::snapshot::Snapshot;
pub use crate::state::RequestRecord;

use crate::keys::Key;
use crate::server::{Shared, serve};
use crate::state::State;

/// An emulator that listens. It stops when it is dropped: its connections are closed, whatever they wait for.
pub struct Emulator {
    address: SocketAddr,
    shared: Shared,
    /// Dropped, it stops the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Emulator {
    /// Sets an emulator up, beginning with what [`Builder::new`] has.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// One key, these images, no faults, on a free port.
    ///
    /// # Errors
    ///
    /// As [`Builder::start`].
    pub fn start(who: Credentials, images: impl IntoIterator<Item = Image>) -> io::Result<Self> {
        Self::builder().credentials(who).images(images).start()
    }

    pub(crate) fn serve(listener: TcpListener, state: State) -> io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let shared = Shared::new(state);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _context = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel();
        let served = shared.clone();
        let thread = ThreadBuilder::new().name("volc-emulator".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::spawn(serve(listener, served));
                // Nobody sends: the sender is dropped.
                let _ = stopped.await;
            });
            // The runtime goes here, and every connection with it.
        })?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens, with the port that was free where none was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`, or another address that it was told to listen on: the base of a client's requests.
    pub fn url(&self) -> String {
        // Without the scope of an IPv6 address, which no URI has.
        format!("http://{}", SocketAddr::new(self.address.ip(), self.address.port()))
    }

    /// The endpoint of a client that signs for `region`. The images are in the region of the [`Builder`]; a client of
    /// another one finds none of them.
    pub fn endpoint(&self, region: Region) -> Endpoint {
        // It is a loopback address, or the builder was told by name.
        Endpoint::custom_with_plain_http_anywhere(&self.url(), region).expect("an address and a port are a host")
    }

    /// The images that are there, by ID: not those whose deletion was accepted, whatever `DescribeImages` still shows.
    pub fn images(&self) -> Vec<Image> {
        self.shared.lock().service.inventory.images().cloned().collect()
    }

    /// The snapshots that are there, by ID: those of images, and those that were kept.
    pub fn snapshots(&self) -> Vec<Snapshot> {
        self.shared.lock().service.inventory.snapshots()
    }

    /// Every request so far, in order. A request is in it before its answer is sent.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.shared.lock().requests.clone()
    }

    /// One more key that may sign, as [`Builder::credentials`].
    pub fn add_credentials(&self, who: Credentials) {
        self.shared.lock().service.keys.add(Key::new(who, None));
    }

    /// One more key whose session token expires, as [`Builder::temporary_credentials`].
    pub fn add_temporary_credentials(&self, who: Credentials, expiry: Expiry) {
        self.shared.lock().service.keys.add(Key::new(who, Some(expiry)));
    }

    /// This key may no longer sign: `InvalidAccessKey`.
    pub fn remove_credentials(&self, access_key_id: &str) {
        self.shared.lock().service.keys.remove(access_key_id);
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic in there was printed where it happened.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpStream;
    use std::time::{Duration, Instant};

    use super::*;

    /// Waits until this many hold the state: the handle, the listener, and each open connection.
    #[track_caller]
    fn wait_for(emulator: &Emulator, holders: usize) {
        let start = Instant::now();
        while emulator.shared.holders() != holders {
            assert!(start.elapsed() < Duration::from_secs(20), "{} holders", emulator.shared.holders());
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_stall_without_end_ends_when_the_client_leaves() {
        for after_deletion in [true, false] {
            let stall = Fault::StallHead { after_deletion, milliseconds: None };
            let emulator = Emulator::builder().fault(When::Always, stall).start().unwrap();
            let mut client = TcpStream::connect(emulator.address()).unwrap();
            client.write_all(b"GET /?Action=DeleteImages HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
            wait_for(&emulator, 3);
            while emulator.requests().is_empty() {
                std::thread::yield_now();
            }
            drop(client);
            wait_for(&emulator, 2);
        }
    }
}
