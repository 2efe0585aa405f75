//! What can have become of a request that brought no answer.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What can have become of a request that brought no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// Not one byte of it left: the service cannot have acted. Only for what is proven, such as a refused connection.
    Unsent,
    /// It may have reached the service, which may have acted. Everything that is not proven is this.
    Unknown,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsent => "nothing was sent",
            Self::Unknown => "the request may have reached the service",
        })
    }
}
