//! The configuration of the vendor's command line, read from its text.
//!
//! Knows the shape of `~/.volcengine/config.json`; never meets a file or a variable. After volcengine-cli and
//! volcengine-go-sdk (`volcengine/credentials/clicreds/cli_provider.go`).

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use serde::Deserialize;

use crate::credentials::{Credentials, InvalidCredentials};
use crate::json::{Integer, Object, Text};
use crate::region::{InvalidRegion, Region};
use crate::timestamp::Timestamp;

/// One profile of the vendor CLI's `config.json`: a key, and the region it is meant for.
///
/// ```
/// use volc_proto::Profile;
/// // In a program: the file named by `VOLCENGINE_CLI_CONFIG_FILE`, else `~/.volcengine/config.json`; the profile named
/// // by `VOLCENGINE_PROFILE`, if it is set.
/// let text = r#"{"current":"ci","profiles":{"ci":{
///     "mode":"ak","access-key":"AKLTZXhhbXBsZQexample","secret-key":"c2VjcmV0","region":"cn-beijing"}}}"#;
/// let profile = Profile::parse(text, None)?;
/// assert_eq!(profile.region().map(|region| region.as_str()), Some("cn-beijing"));
/// assert_eq!(profile.credentials().masked_key_id(), "AKLT****mple");
/// # Ok::<(), volc_proto::InvalidProfile>(())
/// ```
#[derive(Debug, Clone)]
pub struct Profile {
    name: String,
    credentials: Credentials,
    region: Option<Region>,
    expires_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Config<'a> {
    #[serde(borrow, default)]
    current: Text<'a>,
    #[serde(borrow)]
    profiles: Option<BTreeMap<String, Option<Object<Entry<'a>>>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Entry<'a> {
    #[serde(borrow, default)]
    mode: Text<'a>,
    #[serde(borrow, default)]
    access_key: Text<'a>,
    #[serde(borrow, default)]
    secret_key: Text<'a>,
    #[serde(borrow, default)]
    session_token: Text<'a>,
    sts_expiration: Option<Integer>,
    #[serde(borrow, default)]
    region: Text<'a>,
}

impl Profile {
    /// Reads the profile called `name`, or else the current one, or else that called `default`. An empty name is none.
    ///
    /// # Errors
    ///
    /// [`InvalidProfile`]; in particular for a profile whose keys are not in the text but come from elsewhere (single
    /// sign-on, a role), which names its mode.
    pub fn parse(text: &str, name: Option<&str>) -> Result<Self, InvalidProfile> {
        let config: Object<Config<'_>> =
            serde_json::from_str(text).map_err(|error| InvalidProfile::Json { line: error.line(), column: error.column() })?;
        let Object(Config { current, profiles }) = config;
        let name = [name, Some(&*current)].into_iter().flatten().find(|name| !name.is_empty()).unwrap_or("default").to_owned();
        let mut profiles = profiles.unwrap_or_default();
        let Some(Some(Object(entry))) = profiles.remove(&name) else {
            return Err(InvalidProfile::NotFound { name, known: profiles.into_keys().collect() });
        };
        entry.read(name)
    }

    /// What the profile is called: the name that [`parse`](Self::parse) settled on.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key, with its session token where the profile has one.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The region that the profile names; `None` where it has none, or an empty one.
    pub fn region(&self) -> Option<&Region> {
        self.region.as_ref()
    }

    /// When the key expires (`sts-expiration`); `None` where the profile does not say, or says 0.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }
}

impl Entry<'_> {
    fn read(self, name: String) -> Result<Profile, InvalidProfile> {
        let mode = self.mode.into_owned();
        if !mode.trim().is_empty() && !mode.trim().eq_ignore_ascii_case("ak") {
            return Err(InvalidProfile::Mode { profile: name, mode });
        }
        let credentials = Credentials::new(self.access_key.into_owned(), self.secret_key.into_owned()).and_then(|who| {
            let token = self.session_token.into_owned();
            if token.is_empty() { Ok(who) } else { who.with_session_token(token) }
        });
        let credentials = match credentials {
            Ok(credentials) => credentials,
            Err(source) => return Err(InvalidProfile::Credentials { profile: name, source }),
        };
        let region = match self.region.into_owned() {
            none if none.is_empty() => None,
            region => match Region::new(region) {
                Ok(region) => Some(region),
                Err(source) => return Err(InvalidProfile::Region { profile: name, source }),
            },
        };
        let expires_at = match self.sts_expiration {
            None | Some(Integer { number: Some(0), .. }) => None,
            Some(Integer { number: Some(stamp @ 1..), .. }) => Some(moment(stamp.unsigned_abs())),
            Some(_) => return Err(InvalidProfile::Expiration { profile: name }),
        };
        Ok(Profile { name, credentials, region, expires_at })
    }
}

/// A Unix time in seconds, milliseconds, microseconds or nanoseconds, told apart by size as the official Go SDK does. One
/// beyond the year 9999 is taken for its end.
fn moment(stamp: u64) -> Timestamp {
    let unit = match stamp.checked_ilog10().unwrap_or(0) {
        ..12 => 1,
        12..15 => 1_000,
        15..18 => 1_000_000,
        18.. => 1_000_000_000,
    };
    Timestamp::from_unix(stamp / unit).unwrap_or(Timestamp::MAX)
}

/// Why a text gives no profile. Nothing of it is shown but names.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidProfile {
    /// The text is not the JSON of a configuration. It is not repeated: it may hold a secret.
    Json {
        /// The line that was not understood, counted from 1.
        line: usize,
        /// The byte in that line, counted from 1; 0 where nothing of the line was read.
        column: usize,
    },
    /// There is no profile of this name, or it is null.
    NotFound {
        /// The name that was looked for: the caller's, the current one, or `default`.
        name: String,
        /// The names of the other profiles, in byte order; empty where there are none.
        known: Vec<String>,
    },
    /// The profile's keys are not in the text: its mode gets them from elsewhere (single sign-on, a role). Get them there, and
    /// make [`Credentials`] of them.
    Mode {
        /// The name of the profile that was read.
        profile: String,
        /// Its mode as it is written, such as `sso`.
        mode: String,
    },
    /// The profile's key ID, secret or session token is missing or cannot be used.
    Credentials {
        /// The name of the profile that was read.
        profile: String,
        /// Which of them it is, and what was expected.
        source: InvalidCredentials,
    },
    /// The profile's `region` cannot be a region's name.
    Region {
        /// The name of the profile that was read.
        profile: String,
        /// What was expected; its message shows the name.
        source: InvalidRegion,
    },
    /// The profile's `sts-expiration` is neither 0 nor a positive whole number.
    Expiration {
        /// The name of the profile that was read.
        profile: String,
    },
}

impl fmt::Display for InvalidProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // What JSON's own error says could be a part of the text, and that a secret.
            Self::Json { line, column } => {
                write!(f, "expected the JSON of a CLI configuration, which line {line}, column {column} is not")
            }
            Self::NotFound { name, known } if known.is_empty() => write!(f, "expected a profile {name:?}, but there is none"),
            Self::NotFound { name, known } => write!(f, "expected a profile {name:?}, but there are only {known:?}"),
            Self::Mode { profile, mode } => {
                write!(f, "expected keys (mode `ak`) in the profile {profile:?}, which gets them by the mode {mode:?}")
            }
            Self::Credentials { profile, .. } => write!(f, "expected a usable key in the profile {profile:?}"),
            Self::Region { profile, .. } => write!(f, "expected a region's name in the profile {profile:?}"),
            Self::Expiration { profile } => {
                write!(f, "expected a Unix time in `sts-expiration` of the profile {profile:?}")
            }
        }
    }
}

impl Error for InvalidProfile {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Credentials { source, .. } => Some(source),
            Self::Region { source, .. } => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"{
        "current": "ci",
        "profiles": {
            "ci": {"mode": "ak", "access-key": "AKLTCI", "secret-key": "s", "session-token": "", "sts-expiration": 0,
                   "region": "", "disable-ssl": false, "endpoint-resolver": "", "use-dual-stack": false},
            "default": {"access-key": "AKLTDEFAULT", "secret-key": "s\u002b"},
            "temporary": {"mode": " AK ", "access-key": "AKTP", "secret-key": "s", "session-token": "t",
                          "sts-expiration": 1700000000, "region": "cn-beijing"},
            "sso": {"mode": "sso", "sso-session-name": "s", "account-id": "1", "role-name": "r"},
            "gone": null
        },
        "sso-session": {"s": {"name": "s", "registration-scopes": []}}
    }"#;

    #[test]
    fn a_name_goes_before_the_current_profile_and_that_before_the_default() {
        let key = |text: &str, name| Profile::parse(text, name).unwrap().credentials().access_key_id().to_owned();
        assert_eq!(key(CONFIG, Some("temporary")), "AKTP");
        assert_eq!(key(CONFIG, None), "AKLTCI");
        assert_eq!(key(CONFIG, Some("")), "AKLTCI");
        assert_eq!(key(&CONFIG.replace(r#""current": "ci""#, r#""current": """#), None), "AKLTDEFAULT");
        assert_eq!(key(&CONFIG.replace(r#""current": "ci","#, ""), None), "AKLTDEFAULT");
    }

    #[test]
    fn a_temporary_key_has_its_token_its_region_and_its_end() {
        let profile = Profile::parse(CONFIG, Some("temporary")).unwrap();
        assert_eq!(profile.name(), "temporary");
        assert_eq!(profile.region().map(Region::as_str), Some("cn-beijing"));
        assert_eq!(profile.expires_at().map(Timestamp::unix), Some(1_700_000_000));
        assert_eq!(profile.credentials().session_token(), Some("t"));

        let plain = Profile::parse(CONFIG, None).unwrap();
        assert_eq!((plain.region(), plain.expires_at(), plain.credentials().session_token()), (None, None, None));
    }

    #[test]
    fn an_end_may_be_in_any_unit() {
        for (stamp, unix) in [
            (1, 1),
            (1_700_000_000, 1_700_000_000),
            (1_700_000_000_999, 1_700_000_000),
            (1_700_000_000_999_999, 1_700_000_000),
            (1_700_000_000_999_999_999, 1_700_000_000),
            (999_999_999_999, Timestamp::MAX.unix()),
            (1_000_000_000_000, 1_000_000_000),
            (1_000_000_000_000_000, 1_000_000_000),
            (1_000_000_000_000_000_000, 1_000_000_000),
            (i64::MAX.unsigned_abs(), 9_223_372_036),
        ] {
            let text = CONFIG.replace("1700000000", &stamp.to_string());
            let end = Profile::parse(&text, Some("temporary")).unwrap().expires_at();
            assert_eq!(end.map(Timestamp::unix), Some(unix), "{stamp}");
        }
        for stamp in ["-1", "1.5", "\"soon\"", "{}"] {
            let text = CONFIG.replace("1700000000", stamp);
            let error = Profile::parse(&text, Some("temporary")).unwrap_err();
            assert_eq!(error, InvalidProfile::Expiration { profile: "temporary".to_owned() }, "{stamp}");
        }
    }

    #[test]
    fn a_profile_without_keys_of_its_own_names_its_mode() {
        let error = Profile::parse(CONFIG, Some("sso")).unwrap_err();
        assert_eq!(error, InvalidProfile::Mode { profile: "sso".to_owned(), mode: "sso".to_owned() });
        assert!(error.to_string().contains("sso"), "{error}");
    }

    #[test]
    fn a_profile_that_is_not_there_names_those_that_are() {
        for name in ["other", "gone"] {
            let error = Profile::parse(CONFIG, Some(name)).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("temporary"), "{error}");
        }
        for text in ["{}", r#"{"profiles":null}"#, r#"{"profiles":{}}"#] {
            let error = Profile::parse(text, None).unwrap_err();
            assert_eq!(error, InvalidProfile::NotFound { name: "default".to_owned(), known: vec![] }, "{text}");
        }
    }

    #[test]
    fn an_error_tells_what_is_wrong_and_repeats_no_secret() {
        let with = |from: &str, to: &str| Profile::parse(&CONFIG.replace(from, to), Some("temporary")).unwrap_err();
        for error in [
            with(r#""secret-key": "s", "session-token": "t""#, r#""secret-key": ["hunter2"], "session-token": "t""#),
            with(r#""session-token": "t""#, r#""session-token": "hunter2 hunter2""#),
            with(r#""access-key": "AKTP""#, r#""access-key": "hunter2/""#),
            with(r#"{"mode": " AK ""#, r#""hunter2", "x": {"mode": " AK ""#),
            Profile::parse("\"hunter2\"", None).unwrap_err(),
            Profile::parse("", None).unwrap_err(),
        ] {
            let source = error.source().map(ToString::to_string);
            assert!(!format!("{error} {error:?} {source:?}").contains("hunter2"), "{error:?}");
        }
        let error = with("cn-beijing", "cn.beijing");
        assert!(matches!(&error, InvalidProfile::Region { profile, .. } if profile == "temporary"), "{error:?}");
        assert!(error.source().is_some_and(|source| source.is::<InvalidRegion>()), "{error:?}");
    }
}
