//! Every host that the official resolvers of two clouds give for a region.

use std::collections::BTreeMap;

use serde::Deserialize;
use volc_proto::{Endpoint, Region};
use volc_tests::load_file;

#[derive(Debug, Deserialize)]
struct Endpoints {
    service: String,
    whitelist_volcengine: Vec<String>,
    whitelist_byteplus: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    region: String,
    in_whitelist: bool,
    /// Host, or the error of the official resolver, by cloud, resolver and kind of addresses.
    #[serde(flatten)]
    hosts: BTreeMap<String, String>,
}

fn endpoints() -> Endpoints {
    let endpoints: Endpoints = load_file("vectors/endpoints.json");
    assert!(endpoints.rows.len() >= 65, "expected the recorded regions, found {}", endpoints.rows.len());
    endpoints
}

/// The rows whose region can be part of a host's name.
fn regions(endpoints: &Endpoints) -> impl Iterator<Item = (Region, &Row)> {
    endpoints.rows.iter().filter_map(|row| Some((Region::new(row.region.as_str()).ok()?, row)))
}

#[test]
fn every_region_has_the_host_of_the_official_resolvers() {
    let endpoints = endpoints();
    let mut hosts = 0;
    for (region, row) in regions(&endpoints) {
        for (resolver, host) in &row.hosts {
            let endpoint = match resolver.split_once("_ipv4").or(resolver.split_once("_dual_stack")).map(|(name, _)| name) {
                Some("volcengine_default") => Endpoint::new(region.clone()),
                Some("volcengine_standard") => Endpoint::regional(region.clone()),
                Some("byteplus_default") => Endpoint::byteplus(region.clone()),
                Some("byteplus_standard") => Endpoint::byteplus_regional(region.clone()),
                _ => panic!("expected a known resolver, not {resolver}"),
            };
            let endpoint = if resolver.ends_with("_dual_stack") { endpoint.dual_stack() } else { endpoint };
            if !host.starts_with("error: ") {
                assert_eq!(endpoint.origin(&endpoints.service), format!("https://{host}"), "{region}, {resolver}");
                hosts += 1;
            }
        }
    }
    assert!(hosts >= 57 * 8, "expected hosts of every resolver, compared {hosts}");
}

#[test]
fn a_region_that_is_no_host_label_is_refused() {
    let refused: Vec<String> =
        endpoints().rows.into_iter().map(|row| row.region).filter(|name| Region::new(name.as_str()).is_err()).collect();
    assert_eq!(refused, ["CN-BEIJING", "cn_beijing", "", "evil.example/", "cn-beijing.evil.example"]);
}

#[test]
fn the_known_regions_are_those_that_the_official_resolvers_list() {
    let endpoints = endpoints();
    for (region, row) in regions(&endpoints) {
        assert_eq!(region.is_known(), row.in_whitelist, "{region}");
        if row.hosts.values().any(|host| host.starts_with("error: ")) {
            assert!(!region.is_known(), "{region}");
        }
    }
    for name in endpoints.whitelist_volcengine.iter().chain(&endpoints.whitelist_byteplus) {
        assert!(Region::new(name.as_str()).is_ok_and(|region| region.is_known()), "{name}");
    }
    let known = regions(&endpoints).filter(|(region, _)| region.is_known()).count();
    assert_eq!(known, endpoints.whitelist_volcengine.len());
}
