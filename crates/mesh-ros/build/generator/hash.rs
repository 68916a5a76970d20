//! Type hashes (RIHS01, REP-2016) of everything that is defined.

use super::Refusal;
use super::definition::{Service, Structure};
use hiroz_codegen::hashing::{
    TypeDescription, TypeDescriptionMsg, build_type_description_msg, calculate_hash, calculate_service_type_hash,
    is_primitive_type,
};
use std::collections::BTreeMap;

/// The hash of every type by its ROS name, services included.
pub fn hashes(
    structures: &BTreeMap<String, Structure>,
    services: &[Service],
) -> Result<BTreeMap<String, String>, Refusal> {
    let known = describe_all(structures)?;
    let mut hashes = BTreeMap::new();
    for (name, structure) in structures {
        hashes.insert(name.clone(), calculate_hash(&describe(structure, &known)?).to_rihs_string());
    }
    for service in services {
        let [request, response] = [describe(&service.request, &known)?, describe(&service.response, &known)?];
        let name = format!("{}/srv/{}", service.package, service.name);
        hashes.insert(name, service_hash(service, &request, &response, &known)?);
        hashes.insert(service.request.ros_name(), calculate_hash(&request).to_rihs_string());
        hashes.insert(service.response.ros_name(), calculate_hash(&response).to_rihs_string());
    }
    Ok(hashes)
}

/// The descriptions of all messages, by package and name as the hasher looks them up.
fn describe_all(structures: &BTreeMap<String, Structure>) -> Result<BTreeMap<String, TypeDescription>, Refusal> {
    let mut known = BTreeMap::new();
    let mut waiting: Vec<&Structure> = structures.values().collect();
    while !waiting.is_empty() {
        let (ready, rest): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|structure| missing(structure, &known).is_none());
        for structure in &ready {
            let description = describe(structure, &known)?.type_description;
            known.insert(format!("{}/{}", structure.package, structure.ros), description);
        }
        if ready.is_empty() {
            // Also what nests in a circle ends here, so that every message has a depth.
            describe(rest[0], &known)?;
        }
        waiting = rest;
    }
    Ok(known)
}

fn describe(structure: &Structure, known: &BTreeMap<String, TypeDescription>) -> Result<TypeDescriptionMsg, Refusal> {
    let place = structure.ros_name();
    if let Some(missing) = missing(structure, known) {
        return Err(Refusal::new(place, format!("{missing} is not defined, or nests this type")));
    }
    let described = build_type_description_msg(&structure.parsed, known);
    let mut description = described.map_err(|why| Refusal::new(&place, why.to_string()))?;
    // The hasher calls everything a msg, requests and responses too.
    description.type_description.type_name = place;
    Ok(description)
}

/// The first type that `structure` nests and that is not known.
fn missing(structure: &Structure, known: &BTreeMap<String, TypeDescription>) -> Option<String> {
    let nested = structure.parsed.fields.iter().map(|field| &field.field_type);
    let nested = nested.filter(|field_type| !is_primitive_type(&field_type.base_type));
    let mut names = nested.map(|field_type| {
        format!("{}/{}", field_type.package.as_ref().unwrap_or(&structure.package), field_type.base_type)
    });
    names.find(|name| !known.contains_key(name))
}

fn service_hash(
    service: &Service,
    request: &TypeDescriptionMsg,
    response: &TypeDescriptionMsg,
    known: &BTreeMap<String, TypeDescription>,
) -> Result<String, Refusal> {
    let place = format!("{}/srv/{}", service.package, service.name);
    let find = |name: &str| {
        known.get(name).ok_or_else(|| Refusal::new(&place, format!("{name} is part of every service, but not defined")))
    };
    let event = find("service_msgs/ServiceEventInfo")?;
    let nested = request.referenced_type_descriptions.iter().chain(&response.referenced_type_descriptions);
    let nested = nested.chain([event, find("builtin_interfaces/Time")?]);
    let nested = nested.map(|description| (description.type_name.clone(), description.clone())).collect();
    let [request, response] = [&request.type_description, &response.type_description];
    calculate_service_type_hash(&service.package, &service.name, request, response, event, &nested)
        .map(|hash| hash.to_rihs_string())
        .map_err(|why| Refusal::new(&place, why.to_string()))
}
