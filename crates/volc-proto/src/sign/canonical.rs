//! The texts that both sides of a signature compute: canonical request, credential scope, string to sign.
//!
//! Names and order after the [signature document](https://www.volcengine.com/docs/6369/67270).

use std::borrow::Cow;

use percent_encoding::percent_decode;
use sha2::{Digest, Sha256};

use super::key::SigningKey;
use super::{Signature, X_SECURITY_TOKEN};
use crate::query::write_escaped;
use crate::timestamp::TimestampText;

pub(crate) const ALGORITHM: &str = "HMAC-SHA256";

/// SHA-256 of nothing: the body of every GET.
pub(crate) const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A hash or a signature in lower-case hex, on the stack.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hex([u8; 64]);

impl Hex {
    pub(crate) fn new(bytes: &[u8; 32]) -> Self {
        let mut hex = [0; 64];
        base16ct::lower::encode(bytes, &mut hex).expect("twice the bytes");
        Self(hex)
    }

    pub(crate) fn sha256(bytes: &[u8]) -> Self {
        Self::new(&Sha256::digest(bytes).into())
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hex is ASCII")
    }
}

/// A request, reduced to what is signed of it.
pub(crate) struct CanonicalRequest<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    /// Lower-case names with trimmed values, in the order in which they are signed.
    pub(crate) headers: &'a [(&'a str, &'a [u8])],
    /// The names of `headers`, [joined](joined_names).
    pub(crate) signed_headers: &'a str,
    pub(crate) body_sha256: &'a str,
}

impl CanonicalRequest<'_> {
    /// Gives the text away piece by piece: hashing needs no copy of it.
    pub(crate) fn write(&self, mut put: impl FnMut(&[u8])) {
        for line in [self.method, self.path, self.query] {
            put(line.as_bytes());
            put(b"\n");
        }
        for (name, value) in self.headers {
            put(name.as_bytes());
            put(b":");
            put(value);
            put(b"\n");
        }
        // Without any header one line end stands in for the block (all official signers of query signatures).
        put(if self.headers.is_empty() { b"\n\n" } else { b"\n" });
        put(self.signed_headers.as_bytes());
        put(b"\n");
        put(self.body_sha256.as_bytes());
    }

    /// The text for people: the token's value is left out.
    pub(crate) fn redacted(&self) -> String {
        let headers = self.headers.iter().map(|&(name, value)| match name == X_SECURITY_TOKEN.as_str() {
            true => (name, Signature::HIDDEN_TOKEN.as_bytes()),
            false => (name, value),
        });
        let mut text = Vec::new();
        CanonicalRequest { headers: &headers.collect::<Vec<_>>(), ..*self }.write(|piece| text.extend_from_slice(piece));
        // A signed header may hold bytes that are no UTF-8; they are signed as they are and shown as well as can be.
        String::from_utf8_lossy(&text).into_owned()
    }

    pub(crate) fn sha256(&self) -> Hex {
        let mut hash = Sha256::new();
        self.write(|piece| hash.update(piece));
        Hex::new(&hash.finalize().into())
    }
}

/// The names, with semicolons between them.
pub(crate) fn joined_names(headers: &[(&str, &[u8])]) -> String {
    headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";")
}

/// What a signature is valid for: `day/region/service/request`, the day being that of the request's date.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) date: &'a TimestampText,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
}

impl<'a> Scope<'a> {
    pub(crate) fn pieces(&self) -> [&'a str; 6] {
        [self.date.day(), "/", self.region, "/", self.service, "/request"]
    }

    pub(crate) fn string_to_sign<'b>(&'b self, canonical_sha256: &'b Hex) -> [&'b str; 12] {
        let [day, a, region, b, service, request] = self.pieces();
        [ALGORITHM, "\n", self.date.as_str(), "\n", day, a, region, b, service, request, "\n", canonical_sha256.as_str()]
    }

    pub(crate) fn sign(&self, key: &SigningKey, canonical: &CanonicalRequest<'_>) -> Hex {
        Hex::new(&key.tag(&self.string_to_sign(&canonical.sha256())))
    }
}

/// The path, each segment decoded and escaped again: however it was written, it is signed in one spelling.
pub(crate) fn canonical_path(path: &str) -> Cow<'_, str> {
    if path.is_empty() || path == "/" {
        return Cow::Borrowed("/");
    }
    let mut canonical = Vec::with_capacity(path.len());
    for (index, segment) in path.split('/').enumerate() {
        if index > 0 {
            canonical.push(b'/');
        }
        write_escaped(&mut canonical, &Cow::from(percent_decode(segment.as_bytes())));
    }
    Cow::Owned(String::from_utf8(canonical).expect("what is written is ASCII"))
}

/// A header's value without blanks at its ends.
pub(crate) fn trimmed(value: &[u8]) -> &[u8] {
    value.trim_ascii()
}
