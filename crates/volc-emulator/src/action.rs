//! What the service can be asked for.

use http::Method;

/// An action that the emulator carries out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    DeleteImages,
    DescribeImages,
    GetCallerIdentity,
}

impl Action {
    const ALL: [Self; 3] = [Self::DeleteImages, Self::DescribeImages, Self::GetCallerIdentity];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DeleteImages => "DeleteImages",
            Self::DescribeImages => "DescribeImages",
            Self::GetCallerIdentity => "GetCallerIdentity",
        }
    }

    /// The service of the credential scope, and the version.
    fn place(self) -> (&'static str, &'static str) {
        match self {
            Self::DeleteImages | Self::DescribeImages => ("ecs", "2020-04-01"),
            Self::GetCallerIdentity => ("sts", "2018-01-01"),
        }
    }

    pub(crate) fn is_service(name: &str) -> bool {
        Self::ALL.iter().any(|action| action.place().0 == name)
    }

    pub(crate) fn find(service: &str, name: &str, version: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name && action.place() == (service, version))
    }

    /// The documents of ECS know `GET` alone. The vendor's demos send a form to `DescribeImages`
    /// (<https://github.com/volcengine/volc-openapi-demos>), its SDKs post to STS.
    pub(crate) fn takes(self, method: &Method) -> bool {
        *method == Method::GET || (*method == Method::POST && self != Self::DeleteImages)
    }

    /// What permission it takes: the name and resource of a policy.
    pub(crate) fn permission(self, region: &str, account: u64) -> (String, String) {
        let resource = match self {
            Self::DeleteImages | Self::DescribeImages => format!("trn:ecs:{region}:{account}:image/*"),
            Self::GetCallerIdentity => "*".to_owned(),
        };
        (format!("{}:{}", self.place().0, self.name()), resource)
    }

    /// Checked where a user names one: a rule for an action that nobody asks for would never do anything.
    pub(crate) fn check(name: &str) -> Result<(), String> {
        match Self::ALL.iter().any(|action| action.name() == name) {
            true => Ok(()),
            false => Err(format!("expected the action DeleteImages, DescribeImages or GetCallerIdentity, not {name:?}")),
        }
    }
}
