//! Configuration and scenario files, as text.

use std::error::Error;
use std::fmt;

use serde::Deserialize;
use volc_proto::{Credentials, InvalidCredentials, Region, Timestamp};

use crate::builder::Builder;
use crate::delete_images::Listing;
use crate::describe_images::UnknownIds;
use crate::image::Image;
use crate::inventory::{Repeated, Visible};
use crate::keys::Expiry;
use crate::scenario::FaultRule;

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Config {
    region: Option<String>,
    account_id: Option<u64>,
    credentials: Vec<Who>,
    listing: Listing,
    seed: u64,
    images: Vec<Image>,
    unknown_ids: UnknownIds,
    visible_after_deletion: Visible,
    repeated_deletion: Repeated,
    faults: Vec<FaultRule>,
    clock_offset: i64,
    denied_actions: Vec<String>,
    denied_images: Vec<String>,
    denied_projects: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Who {
    access_key_id: String,
    secret_access_key: String,
    #[serde(default)]
    session_token: Option<String>,
    #[serde(default)]
    expires_after_requests: Option<u64>,
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

impl Who {
    fn read(self) -> Result<(Credentials, Option<Expiry>), InvalidConfig> {
        let invalid = |error: InvalidCredentials| InvalidConfig(error.to_string());
        let who = Credentials::new(self.access_key_id, self.secret_access_key).map_err(invalid)?;
        let expiry = match (self.expires_after_requests, self.expires_at) {
            (None, None) => None,
            (Some(requests), None) => Some(Expiry::AfterRequests(requests)),
            (None, Some(time)) => Some(Expiry::At(time)),
            (Some(_), Some(_)) => {
                return Err(InvalidConfig("expected one of `expires_after_requests` and `expires_at`, not both".to_owned()));
            }
        };
        match self.session_token {
            Some(token) => Ok((who.with_session_token(token).map_err(invalid)?, expiry)),
            None if expiry.is_some() => Err(InvalidConfig("expected a session token in credentials that expire".to_owned())),
            None => Ok((who, expiry)),
        }
    }
}

impl Builder {
    /// Reads a configuration file's text. Every member may be left out, an unknown one is an error. Keys should be made up:
    /// an error may quote what it does not understand.
    ///
    /// ```
    /// let builder = volc_emulator::Builder::from_json(r#"{
    ///     "region": "cn-beijing",
    ///     "account_id": 2100000000,
    ///     "credentials": [
    ///         {"access_key_id": "AKLTexample", "secret_access_key": "not-a-secret"},
    ///         {"access_key_id": "AKTPexample", "secret_access_key": "not-a-secret", "session_token": "token",
    ///          "expires_after_requests": 3}
    ///     ],
    ///     "listing": "failed-only",
    ///     "images": [
    ///         {"id": "image-a", "name": "web-20240131", "created_at": "2024-01-31T09:30:00+08:00", "size": 20,
    ///          "tags": {"team": "web"}, "snapshots": [{"id": "snap-1", "size": 20}]},
    ///         {"id": "image-b", "state": "copying", "calls": 2, "snapshots": ["snap-2"]},
    ///         {"id": "image-c", "visibility": "public", "os_type": "windows"}
    ///     ],
    ///     "unknown_ids": "not-found",
    ///     "visible_after_deletion": {"requests": 2},
    ///     "repeated_deletion": "wrong-status",
    ///     "faults": [{"when": {"requests": [1]}, "fault": {"drop": {"after_deletion": true}}}],
    ///     "clock_offset": -3600,
    ///     "seed": 7,
    ///     "denied_actions": ["GetCallerIdentity"],
    ///     "denied_images": ["image-d"],
    ///     "denied_projects": ["production"]
    /// }"#)?;
    /// # Ok::<(), volc_emulator::InvalidConfig>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] says where the text differs from what was expected.
    pub fn from_json(text: &str) -> Result<Self, InvalidConfig> {
        let config: Config = serde_json::from_str(text).map_err(|error| InvalidConfig(error.to_string()))?;
        let mut builder = Self::new()
            .listing(config.listing)
            .seed(config.seed)
            .unknown_ids(config.unknown_ids)
            .visible_after_deletion(config.visible_after_deletion)
            .repeated_deletion(config.repeated_deletion)
            .clock_offset(config.clock_offset);
        if let Some(region) = config.region {
            builder.region = Region::new(region).map_err(|error| InvalidConfig(error.to_string()))?;
        }
        builder.account_id = config.account_id.unwrap_or(builder.account_id);
        builder.keys = config.credentials.into_iter().map(Who::read).collect::<Result<_, _>>()?;
        builder.images = config.images;
        builder.faults = config.faults;
        builder.denied_actions.extend(config.denied_actions);
        builder.denied_images.extend(config.denied_images);
        builder.denied_projects.extend(config.denied_projects);
        builder.check().map_err(InvalidConfig)?;
        Ok(builder)
    }

    /// Reads a scenario file's text, a list of [faults](FaultRule), and adds them behind those that are there.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`], as in [`from_json`](Self::from_json).
    pub fn faults_from_json(self, text: &str) -> Result<Self, InvalidConfig> {
        let rules: Vec<FaultRule> = serde_json::from_str(text).map_err(|error| InvalidConfig(error.to_string()))?;
        let builder = self.faults(rules);
        builder.check().map_err(InvalidConfig)?;
        Ok(builder)
    }
}

/// A text that is no configuration. The message says what was expected, and may quote the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidConfig(String);

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for InvalidConfig {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;
    use crate::image::{ImageState, OsType, Visibility};
    use crate::scenario::When;
    use crate::snapshot::Snapshot;

    #[test]
    fn every_member_says_what_a_method_says() {
        let time = Timestamp::from_unix(1_700_000_000).unwrap();
        let who = |id| Credentials::new(id, "s").unwrap();
        let temporary = |id| who(id).with_session_token("t").unwrap();
        let built = Builder::new()
            .region(Region::new("ap-southeast-1").unwrap())
            .account_id(21)
            .credentials(who("A"))
            .temporary_credentials(temporary("B"), Expiry::AfterRequests(3))
            .temporary_credentials(temporary("C"), Expiry::At(time))
            .listing(Listing::Forgetful)
            .seed(7)
            .image(Image::new("image-a").snapshots(["snap-1"]).project("web"))
            .image(Image::new("image-b").state(ImageState::WrongStatus).for_calls(2))
            .image(
                Image::new("image-c")
                    .snapshots([Snapshot::new("snap-2").size(80)])
                    .name("n")
                    .created_at(time)
                    .updated_at(time.shifted(60))
                    .size(80)
                    .tag("team", "ci")
                    .owner("22")
                    .visibility(Visibility::Shared)
                    .status("error")
                    .share_status("not shared")
                    .os_type(OsType::Windows)
                    .platform("p")
                    .cloud_init(false)
                    .lts(true)
                    .without("Description"),
            )
            .unknown_ids(UnknownIds::NotFound)
            .visible_after_deletion(Visible::Milliseconds(5))
            .repeated_deletion(Repeated::WrongStatus)
            .faults([FaultRule::new(When::Always, Fault::CutBody).only("DescribeImages")])
            .fault(When::from(2), Fault::Truncated)
            .clock_offset(-5)
            .deny_action("GetCallerIdentity")
            .deny_image("image-c")
            .deny_project("production");
        let read = Builder::from_json(
            r#"{
                "region": "ap-southeast-1",
                "account_id": 21,
                "credentials": [
                    {"access_key_id": "A", "secret_access_key": "s"},
                    {"access_key_id": "B", "secret_access_key": "s", "session_token": "t", "expires_after_requests": 3},
                    {"access_key_id": "C", "secret_access_key": "s", "session_token": "t", "expires_at": "20231114T221320Z"}
                ],
                "listing": "forgetful",
                "seed": 7,
                "images": [
                    {"id": "image-a", "snapshots": ["snap-1"], "project": "web"},
                    {"id": "image-b", "state": "wrong-status", "calls": 2},
                    {
                        "id": "image-c", "snapshots": [{"id": "snap-2", "size": 80}], "name": "n",
                        "created_at": "2023-11-15T06:13:20+08:00", "updated_at": "2023-11-15T06:14:20+08:00",
                        "size": 80, "tags": {"team": "ci"}, "owner": "22", "visibility": "shared", "status": "error",
                        "share_status": "not shared", "os_type": "windows", "platform": "p", "cloud_init": false,
                        "lts": true, "without": ["Description"]
                    }
                ],
                "unknown_ids": "not-found",
                "visible_after_deletion": {"milliseconds": 5},
                "repeated_deletion": "wrong-status",
                "faults": [{"when": "always", "fault": "cut-body", "action": "DescribeImages"}],
                "clock_offset": -5,
                "denied_actions": ["GetCallerIdentity"],
                "denied_images": ["image-c"],
                "denied_projects": ["production"]
            }"#,
        );
        let read = read.unwrap().faults_from_json(r#"[{"when": {"range": {"from": 2}}, "fault": "truncated"}]"#).unwrap();
        assert_eq!(format!("{read:#?}"), format!("{built:#?}"));
        assert_eq!(format!("{:#?}", Builder::from_json("{}").unwrap()), format!("{:#?}", Builder::new()));
    }
}
