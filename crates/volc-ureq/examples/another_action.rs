//! An action that the library does not have: describe it, and everything else works with it.
#![allow(clippy::print_stdout, reason = "a program that talks to people")]

use std::error::Error as StdError;

use volc_emulator::{Emulator, Fault, When};
use volc_proto::{Action, Credentials, Query, Region, ReplyError};
use volc_ureq::{Client, Error};

/// `DescribeRegions` (<https://www.volcengine.com/docs/6396/70808>): the parameters that are wanted here.
struct DescribeRegions {
    region_ids: Vec<String>,
}

/// Its `Result`: the members that are wanted here. Others are passed over.
#[derive(serde::Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Regions {
    regions: Vec<RegionName>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RegionName {
    region_id: String,
}

impl Action for DescribeRegions {
    const NAME: &'static str = "DescribeRegions";
    const VERSION: &'static str = "2020-04-01";
    const SERVICE: &'static str = "ecs";
    type Output = Regions;

    fn query(&self, query: &mut Query) {
        query.push_list("RegionIds", &self.region_ids);
    }
}

fn main() -> Result<(), Box<dyn StdError>> {
    // The emulator does not know this action either. What it answers first is given to it here.
    let reply = Fault::Answer {
        status: 200,
        body: r#"{"ResponseMetadata":{"RequestId":"20240131","Action":"DescribeRegions"},
            "Result":{"Regions":[{"RegionId":"cn-beijing"},{"RegionId":"cn-shanghai"}]}}"#
            .to_owned(),
        content_type: Some("application/json".to_owned()),
        after_deletion: false,
    };
    let who = Credentials::new("AKLTexampleexample", "an example's secret")?;
    let emulator = Emulator::builder().credentials(who.clone()).fault(When::requests([1]), reply).start()?;
    let client = Client::new(emulator.endpoint(Region::new("cn-beijing")?), who);

    let what = DescribeRegions { region_ids: vec!["cn-beijing".to_owned(), "cn-shanghai".to_owned()] };
    let reply = client.call(&what)?;
    println!("request {}:", reply.request_id.as_deref().unwrap_or("without an ID"));
    for region in &reply.output.regions {
        println!("    {}", region.region_id);
    }

    // An error of the service is a value, too. This one comes after the emulator has checked the signature.
    match client.call(&what) {
        Err(Error::Reply(ReplyError::Api(error))) => println!("again: {error}\n    of the kind {:?}", error.kind()),
        other => println!("again: {:?}", other.map(|reply| reply.request_id)),
    }
    println!("All this was an emulator: nothing real was asked.");
    Ok(())
}
