//! Who signs: an access key, its secret, and the token of a temporary key.
//!
//! Knows the secret; never meets a log. The secret leaves this file only as the input of a [`SigningKey`].

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use crate::region::Region;
use crate::sign::SigningKey;
use crate::timestamp::Timestamp;

/// An access key ID with its secret access key, and a session token when the key is a temporary one of STS.
///
/// Cheap to clone; clones share the signing keys that were derived, one per credential scope, each kept for its day.
/// `Debug` shows the masked key ID only, and the secrets are overwritten when the last clone goes.
///
/// ```
/// use volc_proto::Credentials;
/// let who = Credentials::new("AKLTZXhhbXBsZQexample", "c2VjcmV0")?.with_session_token("dG9rZW4=")?;
/// assert_eq!(who.masked_key_id(), "AKLT****mple");
/// assert!(!format!("{who:?}").contains("c2VjcmV0"));
/// # Ok::<(), volc_proto::InvalidCredentials>(())
/// ```
#[derive(Clone)]
pub struct Credentials {
    inner: Arc<Inner>,
}

struct Inner {
    access_key_id: String,
    secret_access_key: Zeroizing<String>,
    session_token: Option<Zeroizing<String>>,
    /// One slot per credential scope without its day: a new day takes the old one's place.
    keys: Mutex<Vec<Slot>>,
}

#[derive(Clone)]
struct Slot {
    region: Region,
    service: String,
    day: [u8; 8],
    key: SigningKey,
}

/// More scopes than anyone signs for with one key; a caller that makes services up must not fill the memory.
const MAX_SLOTS: usize = 64;

impl Credentials {
    /// A long-term key.
    ///
    /// # Errors
    ///
    /// The key ID must be visible ASCII without `/`, `,` and `=`, which separate the parts of `Authorization`; the secret
    /// must not be empty, begin or end with a blank, or hold a control character (a line end pasted along, say).
    pub fn new(access_key_id: impl Into<String>, secret_access_key: impl Into<String>) -> Result<Self, InvalidCredentials> {
        let (access_key_id, secret_access_key) = (access_key_id.into(), Zeroizing::new(secret_access_key.into()));
        if access_key_id.is_empty() || !access_key_id.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b',' | b'=')) {
            return Err(InvalidCredentials::AccessKeyId);
        }
        let secret = secret_access_key.as_str();
        if secret.is_empty() || secret.trim() != secret || secret.chars().any(char::is_control) {
            return Err(InvalidCredentials::SecretAccessKey);
        }
        let inner = Inner { access_key_id, secret_access_key, session_token: None, keys: Mutex::default() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The same key with the session token that STS gave along.
    ///
    /// # Errors
    ///
    /// The token travels in a header: it must be visible ASCII and not empty.
    pub fn with_session_token(self, token: impl Into<String>) -> Result<Self, InvalidCredentials> {
        let token = Zeroizing::new(token.into());
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(InvalidCredentials::SessionToken);
        }
        let inner = Inner {
            access_key_id: self.inner.access_key_id.clone(),
            secret_access_key: self.inner.secret_access_key.clone(),
            session_token: Some(token),
            keys: Mutex::new(self.slots().clone()),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// From an environment-like source: `VOLCENGINE_ACCESS_KEY`, `VOLCENGINE_SECRET_KEY` and `VOLCENGINE_SESSION_TOKEN`;
    /// where none of the first two is set, `VOLCSTACK_ACCESS_KEY_ID` (or `_ACCESS_KEY`), `VOLCSTACK_SECRET_ACCESS_KEY`
    /// (or `_SECRET_KEY`) and `VOLCSTACK_SESSION_TOKEN`, as volcengine-go-sdk 1.2.49 reads them. An empty value counts as
    /// none. Names of the two families are never mixed: they may belong to two accounts.
    ///
    /// ```
    /// use volc_proto::Credentials;
    /// // `std::env::var(name).ok()` in a program.
    /// let who = Credentials::from_lookup(|name| match name {
    ///     "VOLCENGINE_ACCESS_KEY" => Some("AKLTZXhhbXBsZQexample".to_owned()),
    ///     "VOLCENGINE_SECRET_KEY" => Some("c2VjcmV0".to_owned()),
    ///     _ => None,
    /// })?;
    /// # Ok::<(), volc_proto::InvalidCredentials>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidCredentials::Missing`] names the first variable that is needed and not set; a value that cannot be used is
    /// refused as in [`new`](Self::new).
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidCredentials> {
        /// Names in order of preference; the first is the one an error asks for.
        struct Family {
            access_key_id: &'static [&'static str],
            secret_access_key: &'static [&'static str],
            session_token: &'static str,
        }
        const FAMILIES: [Family; 2] = [
            Family {
                access_key_id: &["VOLCENGINE_ACCESS_KEY"],
                secret_access_key: &["VOLCENGINE_SECRET_KEY"],
                session_token: "VOLCENGINE_SESSION_TOKEN",
            },
            Family {
                access_key_id: &["VOLCSTACK_ACCESS_KEY_ID", "VOLCSTACK_ACCESS_KEY"],
                secret_access_key: &["VOLCSTACK_SECRET_ACCESS_KEY", "VOLCSTACK_SECRET_KEY"],
                session_token: "VOLCSTACK_SESSION_TOKEN",
            },
        ];
        let first = |names: &[&str]| names.iter().find_map(|name| lookup(name).filter(|value| !value.is_empty()));
        for Family { access_key_id, secret_access_key, session_token } in FAMILIES {
            let (id, secret) = match (first(access_key_id), first(secret_access_key)) {
                (None, None) => continue,
                (Some(id), Some(secret)) => (id, secret),
                (None, Some(_)) => return Err(InvalidCredentials::Missing(access_key_id[0])),
                (Some(_), None) => return Err(InvalidCredentials::Missing(secret_access_key[0])),
            };
            let who = Self::new(id, secret)?;
            return match first(&[session_token]) {
                Some(token) => who.with_session_token(token),
                None => Ok(who),
            };
        }
        Err(InvalidCredentials::Missing(FAMILIES[0].access_key_id[0]))
    }

    /// The access key ID, which travels in every request. For people, show [`masked_key_id`](Self::masked_key_id).
    pub fn access_key_id(&self) -> &str {
        &self.inner.access_key_id
    }

    /// The ends of the access key ID, enough to tell one's own keys apart; a short one is hidden altogether.
    pub fn masked_key_id(&self) -> String {
        masked(&self.inner.access_key_id)
    }

    /// The session token, for the header that carries it.
    pub(crate) fn session_token(&self) -> Option<&str> {
        self.inner.session_token.as_ref().map(|token| token.as_str())
    }

    /// The key that signs for this day, region and service. Derived once and then kept: deriving costs four HMACs.
    pub fn signing_key(&self, at: Timestamp, region: &Region, service: &str) -> SigningKey {
        let text = at.text();
        let mut slots = self.slots();
        let found = slots.iter().position(|slot| slot.service == service && slot.region == *region);
        if let Some(slot) = found.map(|index| &slots[index]).filter(|slot| slot.day == *text.day().as_bytes()) {
            return slot.key.clone();
        }
        let key = SigningKey::derive(&self.inner.secret_access_key, text.day(), region.as_str(), service);
        let mut day = [0; 8];
        day.copy_from_slice(text.day().as_bytes());
        let slot = Slot { region: region.clone(), service: service.to_owned(), day, key: key.clone() };
        match found {
            Some(index) => slots[index] = slot,
            None => {
                if slots.len() == MAX_SLOTS {
                    slots.clear();
                }
                slots.push(slot);
            }
        }
        key
    }

    /// A thread that panicked elsewhere cannot have left a slot half written: the lock's poison is ignored.
    fn slots(&self) -> std::sync::MutexGuard<'_, Vec<Slot>> {
        self.inner.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An access key ID for people. Ends of 4 characters: at least as many stay hidden, and `AKLT` at the start is
/// the same for all long-term keys.
pub(crate) fn masked(id: &str) -> String {
    match (id.get(..4), id.get(id.len().saturating_sub(4)..)) {
        (Some(start), Some(end)) if id.len() >= 12 => format!("{start}****{end}"),
        _ => "****".to_owned(),
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.masked_key_id()).finish_non_exhaustive()
    }
}

/// Why a key cannot be used. The value itself is never shown.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidCredentials {
    /// The access key ID is empty or has a character that would break `Authorization`.
    AccessKeyId,
    /// The secret access key is empty, or has a blank at an end or a control character.
    SecretAccessKey,
    /// The session token is empty or could not travel in a header.
    SessionToken,
    /// The variable of this name is needed and not set, or empty.
    Missing(&'static str),
}

impl fmt::Display for InvalidCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccessKeyId => f.write_str("expected an access key ID of visible ASCII characters without `/`, `,` and `=`"),
            Self::SecretAccessKey => f.write_str(
                "expected a secret access key that is not empty, with no blank at either end and no control character",
            ),
            Self::SessionToken => f.write_str("expected a session token of visible ASCII characters"),
            Self::Missing(name) => write!(f, "expected credentials in `{name}` and its companions, but it is not set"),
        }
    }
}

impl std::error::Error for InvalidCredentials {}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn a_value_that_would_break_a_header_is_refused() {
        for id in ["", "AK/LT", "AK LT", "AK\nLT", "AK,LT", "AK=LT", "AKLTé", "AK\0"] {
            assert_eq!(Credentials::new(id, "s").unwrap_err(), InvalidCredentials::AccessKeyId, "{id:?}");
        }
        for secret in ["", "s\n", " s", "s\u{1b}s"] {
            assert_eq!(Credentials::new("AKLT", secret).unwrap_err(), InvalidCredentials::SecretAccessKey, "{secret:?}");
        }
        for token in ["", "a b", "a\r\nX-Evil: 1", "é"] {
            let who = Credentials::new("AKLT", "s").unwrap();
            assert_eq!(who.with_session_token(token).unwrap_err(), InvalidCredentials::SessionToken, "{token:?}");
        }
    }

    #[test]
    fn a_short_key_id_is_hidden_altogether() {
        assert_eq!(Credentials::new("AKLT1234567", "s").unwrap().masked_key_id(), "****");
        assert_eq!(Credentials::new("AKLT12345678", "s").unwrap().masked_key_id(), "AKLT****5678");
    }

    #[test]
    fn a_few_keys_are_kept_and_never_many() {
        let who = Credentials::new("AKLTexample", "s").unwrap();
        let region = Region::new("cn-beijing").unwrap();
        for services in 1..=MAX_SLOTS {
            who.signing_key(Timestamp::MAX, &region, &format!("s{services}"));
            assert_eq!(who.slots().len(), services);
        }
        who.signing_key(Timestamp::MAX, &region, "one-more");
        assert_eq!(who.slots().len(), 1);
    }

    #[test]
    fn the_two_families_of_variables_are_never_mixed() {
        let mixed = [("VOLCENGINE_ACCESS_KEY", "AKLTA"), ("VOLCSTACK_SECRET_KEY", "s")];
        assert_eq!(Credentials::from_lookup(lookup(&mixed)).unwrap_err(), InvalidCredentials::Missing("VOLCENGINE_SECRET_KEY"));
        let half = [("VOLCSTACK_SECRET_KEY", "s"), ("VOLCENGINE_ACCESS_KEY", "")];
        assert_eq!(Credentials::from_lookup(lookup(&half)).unwrap_err(), InvalidCredentials::Missing("VOLCSTACK_ACCESS_KEY_ID"));
        assert_eq!(Credentials::from_lookup(|_| None).unwrap_err(), InvalidCredentials::Missing("VOLCENGINE_ACCESS_KEY"));
    }

    #[test]
    fn older_names_are_read_where_the_newer_are_not_set() {
        let pairs = [
            ("VOLCSTACK_ACCESS_KEY", "AKLTOLD"),
            ("VOLCSTACK_ACCESS_KEY_ID", "AKLTOLDID"),
            ("VOLCSTACK_SECRET_KEY", "s"),
            ("VOLCSTACK_SESSION_TOKEN", "t"),
            ("VOLCENGINE_SESSION_TOKEN", "of another family"),
        ];
        let who = Credentials::from_lookup(lookup(&pairs)).unwrap();
        assert_eq!((who.access_key_id(), who.session_token()), ("AKLTOLDID", Some("t")));
    }
}
