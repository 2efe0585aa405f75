//! What must hold of any input whatever. An oracle panics where it does not; `cargo test` calls it with generated inputs
//! and with the fuzzers' corpus, a fuzz target with whatever its fuzzer comes up with.

mod cursor;
mod draft;
mod presign;
mod query;
mod reply;
mod sign;
mod verify;

pub use self::presign::presign_verify;
pub use self::query::encode_query;
pub use self::reply::parse_response;
pub use self::sign::sign_verify;
pub use self::verify::verify_request;
