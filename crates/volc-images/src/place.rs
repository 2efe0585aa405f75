//! Where requests go and who signs them: from flags, the environment, and the vendor's profiles.

use std::cell::Cell;
use std::fs;
use std::io;
use std::path::PathBuf;

use volc_proto::{Credentials, Endpoint, Profile, Region, Timestamp};

use crate::args;
use crate::emulator;
use crate::exit::Failure;

/// What the process was started with. Tests bring their own.
pub(crate) struct Environment<'a> {
    pub(crate) variable: &'a dyn Fn(&str) -> Option<String>,
    pub(crate) home: Option<PathBuf>,
    pub(crate) now: Timestamp,
}

impl Environment<'_> {
    /// An empty value counts as none, as for the vendor's SDKs.
    fn variable(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    /// The profile of that name in the configuration of the vendor's command line.
    fn profile(&self, name: Option<&str>) -> Result<Profile, Failure> {
        let named = self.variable("VOLCENGINE_CLI_CONFIG_FILE").map(PathBuf::from);
        let file = named.or_else(|| Some(self.home.as_ref()?.join(".volcengine").join("config.json")));
        let missing = |file: &str| {
            let expected = "expected credentials in VOLCENGINE_ACCESS_KEY and VOLCENGINE_SECRET_KEY, or a profile in";
            Failure::impossible(format!("{expected} {file}"))
        };
        let file = file.ok_or_else(|| missing("~/.volcengine/config.json"))?;
        let text = fs::read_to_string(&file).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => missing(&file.display().to_string()),
            _ => Failure::impossible(format!("{}: {error}", file.display())),
        })?;
        let name = name.map(str::to_owned).or_else(|| self.variable("VOLCENGINE_PROFILE"));
        Profile::parse(&text, name.as_deref()).map_err(Failure::impossible)
    }
}

/// Where, and who, and how both were found.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) endpoint: Endpoint,
    pub(crate) region_from: String,
    pub(crate) who: Credentials,
    pub(crate) who_from: String,
    pub(crate) warnings: Vec<String>,
}

impl Place {
    /// `journal` is the region of the run that is gone on with: only a flag has precedence over it.
    pub(crate) fn find(flags: &args::Place, journal: Option<&str>, environment: &Environment<'_>) -> Result<Self, Failure> {
        let mut warnings = Vec::new();
        let (who, who_from) = match from_environment(flags, environment)? {
            Some(who) => (who, "from the environment".to_owned()),
            None => {
                let profile = environment.profile(flags.profile.as_deref())?;
                if let Some(end) = profile.expires_at().filter(|end| *end <= environment.now) {
                    warnings.push(format!("the key of the profile {} expired at {end}", profile.name()));
                }
                (profile.credentials().clone(), format!("from the profile {}", profile.name()))
            }
        };
        let (region, region_from) = find_region(flags, journal, environment)?;
        warnings.extend(unknown(&region));
        let endpoint = match &flags.endpoint {
            Some(uri) => Endpoint::custom(uri, region).map_err(Failure::usage)?,
            // Only the hosts of single regions have names for both protocols everywhere.
            None if flags.dual_stack && flags.byteplus => Endpoint::byteplus_regional(region).dual_stack(),
            None if flags.dual_stack => Endpoint::regional(region).dual_stack(),
            None if flags.byteplus => Endpoint::byteplus(region),
            None => Endpoint::new(region),
        };
        Ok(Self { endpoint, region_from, who, who_from, warnings })
    }

    /// An emulator that has been started for this run, in the region of [`region_of_rehearsal`](Self::region_of_rehearsal).
    pub(crate) fn rehearsal(endpoint: Endpoint, region_from: String) -> Self {
        let who_from = "the emulator's".to_owned();
        Self { endpoint, region_from, who: emulator::credentials(), who_from, warnings: Vec::new() }
    }

    /// A rehearsal needs no region, but takes the one that the real run would have.
    pub(crate) fn region_of_rehearsal(flags: &args::Place, environment: &Environment<'_>) -> (Region, String) {
        let default = || (Region::new("cn-beijing").expect("a host label"), "the emulator's".to_owned());
        find_region(flags, None, environment).unwrap_or_else(|_| default())
    }
}

/// A profile that is asked for by name is meant: the environment's key may be another account's. Half a key is an error and
/// no reason to look further.
fn from_environment(flags: &args::Place, environment: &Environment<'_>) -> Result<Option<Credentials>, Failure> {
    if flags.profile.is_some() {
        return Ok(None);
    }
    let some = Cell::new(false);
    let lookup = |name: &str| {
        let value = environment.variable(name);
        some.set(some.get() || value.is_some());
        value
    };
    match Credentials::from_lookup(lookup) {
        Ok(who) => Ok(Some(who)),
        Err(error) if some.get() => Err(Failure::impossible(error)),
        Err(_) => Ok(None),
    }
}

fn find_region(flags: &args::Place, journal: Option<&str>, environment: &Environment<'_>) -> Result<(Region, String), Failure> {
    if let Some(region) = &flags.region {
        return Ok((region.clone(), "from --region".to_owned()));
    }
    let variable = |name: &str| Some((environment.variable(name)?, format!("from {name}")));
    let named = journal.map(|name| (name.to_owned(), "from the journal".to_owned()));
    let named = named.or_else(|| variable("VOLCENGINE_REGION")).or_else(|| variable("VOLCSTACK_REGION"));
    if let Some((name, from)) = named {
        return Ok((Region::new(name).map_err(Failure::usage)?, from));
    }
    let profile = environment.profile(flags.profile.as_deref()).ok();
    let region =
        profile.as_ref().and_then(|profile| Some((profile.region()?.clone(), format!("from the profile {}", profile.name()))));
    region.ok_or_else(|| Failure::usage("expected a region: --region, VOLCENGINE_REGION, or a profile that names one"))
}

/// A warning about a region that nobody has heard of.
fn unknown(region: &Region) -> Option<String> {
    if region.is_known() {
        return None;
    }
    let meant = region.nearest_known().map(|known| format!("; is {known} meant?")).unwrap_or_default();
    Some(format!("the official SDKs know no region {region}{meant}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: args::Place = args::Place { region: None, endpoint: None, dual_stack: false, byteplus: false, profile: None };

    fn find(flags: &args::Place, pairs: &[(&str, &str)]) -> Result<Place, String> {
        let variable = |name: &str| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        let environment = Environment { variable: &variable, home: None, now: Timestamp::MAX };
        Place::find(flags, None, &environment).map_err(|failure| failure.to_string())
    }

    fn with_key<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        [&[("VOLCENGINE_ACCESS_KEY", "AKLTZXhhbXBsZQexample"), ("VOLCENGINE_SECRET_KEY", "s")], more].concat()
    }

    #[test]
    fn half_a_key_is_no_reason_to_take_another_one() {
        let error = find(&NOBODY, &[("VOLCENGINE_SECRET_KEY", "s"), ("VOLCENGINE_REGION", "cn-beijing")]).unwrap_err();
        assert!(error.contains("VOLCENGINE_ACCESS_KEY"), "{error}");
    }

    #[test]
    fn a_flag_goes_before_the_environment() {
        let pairs = with_key(&[("VOLCENGINE_REGION", ""), ("VOLCSTACK_REGION", "cn-shanghai")]);
        let place = find(&NOBODY, &pairs).unwrap();
        assert_eq!((place.endpoint.region().as_str(), &*place.region_from), ("cn-shanghai", "from VOLCSTACK_REGION"));
        let flags = args::Place { region: Some(Region::new("cn-beijing").unwrap()), ..NOBODY };
        assert_eq!(find(&flags, &pairs).unwrap().endpoint.region().as_str(), "cn-beijing");
    }

    #[test]
    fn a_mistyped_region_is_told() {
        let place = find(&NOBODY, &with_key(&[("VOLCENGINE_REGION", "cn-bejing")])).unwrap();
        assert_eq!(place.warnings, ["the official SDKs know no region cn-bejing; is cn-beijing meant?"]);
    }

    #[test]
    fn both_protocols_take_a_host_of_the_region() {
        let pairs = with_key(&[("VOLCENGINE_REGION", "cn-beijing")]);
        let origin = |flags| find(&flags, &pairs).unwrap().endpoint.origin("ecs");
        assert_eq!(origin(args::Place { dual_stack: true, ..NOBODY }), "https://ecs.cn-beijing.volcengine-api.com");
        assert_eq!(origin(args::Place { byteplus: true, ..NOBODY }), "https://open.ap-southeast-1.byteplusapi.com");
    }
}
