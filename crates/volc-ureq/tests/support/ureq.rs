//! The two ways to make a client, as adapters under test.

use volc_proto::{Credentials, Endpoint};
use volc_ureq::{Client, Error, ureq};

use super::{Adapter, Failure, Limits, Outcome, action, assert_shows_no_secret};

/// [`Client::new`].
pub struct Ready(pub Client);

/// [`Client::with_agent`], with ureq's defaults.
pub struct Foreign(pub Client);

impl Adapter for Ready {
    fn new(endpoint: Endpoint, who: Credentials, limits: Limits) -> Self {
        Self(Client::new(endpoint, who).timeout(limits.total).connect_timeout(limits.connect))
    }

    fn call(&self) -> Outcome {
        call(&self.0)
    }
}

impl Adapter for Foreign {
    fn new(endpoint: Endpoint, who: Credentials, limits: Limits) -> Self {
        let agent = ureq::Agent::new_with_defaults();
        Self(Client::with_agent(agent, endpoint, who).timeout(limits.total).connect_timeout(limits.connect))
    }

    fn call(&self) -> Outcome {
        call(&self.0)
    }
}

pub fn call(client: &Client) -> Outcome {
    assert_shows_no_secret(&format!("{client:?}"));
    client.call(&action()).map(|reply| reply.request_id).map_err(|error| {
        let refused = matches!(&error, Error::Lost(lost) if lost.certificate_refused());
        Failure::new(&error, error.fate(), refused)
    })
}
