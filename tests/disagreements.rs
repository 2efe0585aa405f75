//! Inputs on which official implementations differ: what our signer makes of each, and which signatures the server's side
//! takes. Every test is named after its rule; where a document has one, our signer follows it.

use std::collections::BTreeMap;

use http::header::HOST;
use http::{Method, Request};
use serde::Deserialize;
use volc_proto::{Query, Signer, VerifyError, verify};
use volc_tests::load_file;
use volc_tests::vectors::{Vector, Vectors, Wire};

#[derive(Debug, Deserialize)]
struct Disputed {
    client_should: String,
    server_must: String,
    groups: Vec<Group>,
    outputs: BTreeMap<String, Output>,
}

/// Implementations that agree.
#[derive(Debug, Deserialize)]
struct Group {
    /// `Authorization`, or the signature of a presigned request.
    value: String,
    implementations: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Output {
    /// The query of a presigned request, perhaps with what stands before it in the URI.
    query_string: Option<String>,
}

/// A test for each input: whose signature is ours, whose are accepted and whose are refused, each named by a part of the
/// name of one of its implementations.
macro_rules! rules {
    ($($rule:ident: $id:literal, ours $ours:literal, accepts [$($accepts:literal),*], refuses [$($refuses:literal),*];)*) => {
        $(
            #[test]
            fn $rule() {
                check($id, $ours, &[$($accepts),*], &[$($refuses),*]);
            }
        )*

        #[test]
        fn every_disagreement_has_a_rule() {
            let named = [$($id),*];
            let known: Vec<String> = disagreements().into_iter().map(|vector| vector.id).collect();
            assert_eq!(named.as_slice(), known);
        }
    };
}

rules! {
    parameters_are_sorted_by_name_and_not_with_their_values:
        "d01-ten-ids-joined-sort", ours "documentation", accepts ["documentation"], refuses ["perl"];
    parameters_are_sorted_by_raw_name_and_not_by_encoded_name:
        "d02-raw-or-encoded-name-order", ours "documentation", accepts ["documentation"], refuses ["python-sdk"];
    parameters_are_sorted_by_byte_and_not_by_utf_16_unit:
        "d03-utf16-or-utf8-name-order", ours "documentation", accepts ["documentation"], refuses ["sdk-core"];
    parameters_of_one_name_keep_their_order:
        "d04-duplicate-names", ours "documentation", accepts ["documentation"], refuses ["python-sdk", "sdk-core"];
    parameters_of_one_name_keep_their_order_beside_the_headers_of_go:
        "d04g-duplicate-names-go-headers", ours "go-sdk", accepts ["go-sdk"], refuses ["python-sdk"];
    parameters_of_one_name_keep_their_order_beside_x_date_alone:
        "d04x-duplicate-names-xdate-only", ours "documentation", accepts ["documentation"], refuses ["openapi", "java-sdk"];
    header_values_are_trimmed_at_both_ends_and_kept_inside:
        "d05-header-whitespace", ours "documentation", accepts ["documentation"], refuses ["python-sdk", "sdk-core"];
    header_values_are_trimmed_at_both_ends_as_go_does:
        "d05g-header-whitespace-go-headers", ours "go-sdk", accepts ["go-sdk"], refuses ["python-sdk"];
    port_443_is_not_signed_and_either_way_accepted:
        "d06-host-443", ours "documentation", accepts ["documentation", "sdk-core"], refuses [];
    port_80_is_not_signed_and_either_way_accepted:
        "d06b-host-80", ours "documentation", accepts ["documentation", "sdk-core"], refuses [];
    port_443_is_not_signed_beside_the_headers_of_go:
        "d06g-host-443-go-headers", ours "go-sdk", accepts ["go-sdk"], refuses [];
    the_list_of_signed_parameters_is_signed_and_accepted_where_it_is_not:
        "d07-presign-no-host", ours "python-sdk", accepts ["python-sdk", "sdk-core"], refuses [];
    the_list_of_signed_parameters_is_signed_with_the_host:
        "d07h-presign-host", ours "python-sdk", accepts ["python-sdk", "sdk-core"], refuses [];
    a_presigned_query_is_decoded_and_escaped_anew:
        "d08-presign-reserved", ours "python-sdk", accepts ["python-sdk"], refuses ["sdk-core"];
    a_presigned_host_has_no_default_port_and_is_accepted_with_one:
        "d09-presign-host-443", ours "go-sdk", accepts ["go-sdk", "python-sdk", "sdk-core"], refuses [];
    a_presigned_token_is_not_signed_and_accepted_where_it_is_listed:
        "d10-presign-token-no-host", ours "python-sdk",
        accepts ["python-sdk", "golang 26924eb", "openapi", "sdk-core"], refuses ["golang v1.0.23"];
    a_presigned_token_is_not_signed_beside_the_host:
        "d10h-presign-token-host", ours "python-sdk", accepts ["python-sdk", "sdk-core"], refuses [];
    headers_are_signed_in_order_and_accepted_in_any:
        "d11-unsorted-signed-headers", ours "documentation", accepts ["documentation", "golang/java"], refuses [];
    the_headers_that_the_python_signer_signs_are_accepted:
        "d12-plain", ours "python-sdk", accepts ["python-sdk"], refuses [];
    the_headers_that_go_signs_are_accepted:
        "d12-go", ours "go-sdk", accepts ["go-sdk"], refuses [];
    the_headers_that_node_signs_are_accepted:
        "d12-minimal", ours "sdk-core", accepts ["sdk-core"], refuses [];
    x_date_alone_is_accepted_as_java_signs_it:
        "d12-xdate-only", ours "java-sdk", accepts ["java-sdk"], refuses [];
    the_headers_that_the_python_client_signs_are_accepted:
        "d12-python-default", ours "python-sdk", accepts ["python-sdk"], refuses [];
    a_path_is_signed_segment_by_segment_escaped:
        "d15-path", ours "documentation", accepts ["documentation"], refuses ["python-sdk"];
    a_path_is_signed_escaped_as_go_does:
        "d15g-path-go-headers", ours "go-sdk", accepts ["go-sdk"], refuses ["python-sdk"];
    a_blank_is_percent_20_and_a_tilde_is_itself:
        "d17-php-demo", ours "documentation", accepts ["documentation"], refuses ["php"];
}

fn disagreements() -> Vec<Vector<Disputed>> {
    let file: Vectors<Disputed> = load_file("vectors/disagreements.json");
    assert_eq!(file.count, file.vectors.len());
    file.vectors
}

fn check(id: &str, ours: &str, accepts: &[&str], refuses: &[&str]) {
    let vector = disagreements().into_iter().find(|vector| vector.id == id).expect("a known disagreement");
    let Disputed { client_should, server_must, groups, .. } = &vector.rest;
    let is_of = |group: &Group, who: &str| group.implementations.iter().any(|name| name.contains(who));
    let ours = groups.iter().find(|group| is_of(group, ours)).expect("an implementation that is ours");
    assert_eq!(sign(&vector), ours.value, "{id}: {client_should}");

    assert_eq!(groups.len(), accepts.len() + refuses.len(), "{id}: expected a rule for each of {groups:#?}");
    for group in groups {
        let accepted = accepts.iter().any(|who| is_of(group, who));
        let refused = refuses.iter().any(|who| is_of(group, who));
        assert_ne!(accepted, refused, "{id}: expected one rule for {:?}", group.implementations);
        let expected = if accepted { Ok(()) } else { Err(VerifyError::Signature) };
        assert_eq!(served(&vector, group), expected, "{id}, {:?}: {server_must}", group.implementations);
    }
}

/// What our signer makes of it: `Authorization`, or the signature of a presigned request.
fn sign(vector: &Vector<Disputed>) -> String {
    let (who, region, at, names) = (vector.who(), vector.region(), vector.at(), vector.signed());
    let signer = Signer::new(&who, &region, &vector.service);
    if vector.kind == "header" {
        let signature = signer.headers(&names).signature(&vector.unsigned(Wire::Escaped), vector.body.as_bytes(), at);
        return signature.expect("a signature").authorization().to_str().expect("ASCII").to_owned();
    }
    let host = [HOST];
    let signer = signer.headers(if vector.presign_host.is_some() { &host } else { &[] });
    let presigned = signer.presign(&vector.uri(&Wire::Escaped.write(&vector.query)), at, None).expect("a URI").into_uri();
    let signature = Query::parse(presigned.query().unwrap_or_default()).first("X-Signature").map(|s| s.into_owned());
    String::from_utf8(signature.expect("a signature")).expect("ASCII")
}

/// What the server's side says to the request as these implementations send it.
fn served(vector: &Vector<Disputed>, group: &Group) -> Result<(), VerifyError> {
    let request = match vector.kind.as_str() {
        "header" => vector.sent(Wire::Escaped, &group.value),
        _ => {
            let output = &vector.rest.outputs[&group.implementations[0]];
            let query = output.query_string.as_deref().expect("a query");
            let query = query.split_once("/?").map_or(query, |(_, query)| query);
            assert!(query.contains(&group.value), "{query}");
            let mut request = Request::new(());
            *request.method_mut() = Method::GET;
            *request.uri_mut() = vector.uri(query);
            request
        }
    };
    verify(&request, vector.body.as_bytes(), vector.at(), |_| Some(vector.who())).map(drop)
}

#[test]
fn a_client_that_keeps_one_of_two_equal_names_is_accepted_if_it_sends_that_one_alone() {
    for (id, who) in [("d04-duplicate-names", "python-sdk"), ("d04x-duplicate-names-xdate-only", "java-sdk")] {
        let mut vector = disagreements().into_iter().find(|vector| vector.id == id).expect("a known disagreement");
        vector.query.remove(2);
        let groups = &vector.rest.groups;
        let group = groups.iter().find(|group| group.implementations.iter().any(|name| name.contains(who))).expect(who);
        assert_eq!(served(&vector, group), Ok(()), "{id}");
    }
}
