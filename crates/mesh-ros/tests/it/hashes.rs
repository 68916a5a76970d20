//! Type hashes against those that rosidl computes, and against what this project said before.

use crate::{facts, generated, generator};
use mesh_ros::{Service, TypeId, interfaces};
use std::collections::BTreeMap;

#[test]
fn core_types_have_the_hashes_of_ros() {
    let jazzy = facts::jazzy();
    let core: Vec<&TypeId> =
        interfaces::TYPES.iter().filter(|found| !found.name.starts_with("cosmosmesh_msgs/")).collect();
    assert!(core.len() >= 15, "{core:?}");
    for TypeId { name, hash, .. } in core {
        assert_eq!(jazzy.get(name), Some(hash), "{name}");
    }
}

#[test]
fn own_types_keep_their_hashes() {
    let own = interfaces::TYPES.iter().filter(|found| found.name.starts_with("cosmosmesh_msgs/"));
    let own: BTreeMap<&str, &str> = own.chain(generated::TYPES).map(|found| (found.name, found.hash)).collect();
    assert_eq!(own, facts::own_hashes());
}

/// Interfaces of ROS that the project does not use, chosen for what can go wrong: services, empty sides, same-package
/// nesting in services, `byte`, `char`.
#[test]
fn the_generator_hashes_what_else_there_is_in_ros() {
    let message = |name: &str, text: &str| file(generator::Kind::Message, name, text);
    let service = |name: &str, text: &str| file(generator::Kind::Service, name, text);
    let mut std_msgs = package("std_msgs", vec![message("Byte", "byte data # x"), message("Char", "char data # x")]);
    std_msgs.files.push(message("Empty", ""));
    let std_srvs = package(
        "std_srvs",
        vec![
            service("Empty", "---\n"),
            service("SetBool", "bool data # x\n---\nbool success # x\nstring message # x\n"),
            service("Trigger", "---\nbool success # x\nstring message # x\n"),
        ],
    );
    let rcl_interfaces = package(
        "rcl_interfaces",
        vec![
            message("FloatingPointRange", "float64 from_value # x\nfloat64 to_value # x\nfloat64 step # x"),
            message("LoggerLevel", "uint8 LOG_LEVEL_INFO = 20 # x\nstring name # x\nuint32 level # x"),
            service("GetLoggerLevels", "string[] names # x\n---\nLoggerLevel[] levels # x"),
        ],
    );
    let known = [core("builtin_interfaces"), core("service_msgs")];
    let text = generator::generate(&[std_msgs, std_srvs, rcl_interfaces], &known).expect("generates");
    let used: Vec<&str> = interfaces::TYPES.iter().map(|found| found.name).collect();
    let others: Vec<_> = facts::jazzy().into_iter().filter(|(name, _)| !used.contains(name)).collect();
    assert!(others.len() >= 15, "{others:?}");
    for (name, hash) in others {
        assert!(text.contains(&format!("name: {name:?}, dds: ")), "{name}");
        assert!(text.contains(hash), "{name}");
    }
}

#[test]
fn types_have_the_names_of_rmw() {
    let id = <interfaces::cosmosmesh_msgs::srv::GetPlan as Service>::TYPE;
    assert_eq!((id.name, id.dds), ("cosmosmesh_msgs/srv/GetPlan", "cosmosmesh_msgs::srv::dds_::GetPlan_"));
    let request = interfaces::TYPES.iter().find(|found| found.name == "cosmosmesh_msgs/srv/GetPlan_Request");
    assert_eq!(request.map(|found| found.dds), Some("cosmosmesh_msgs::srv::dds_::GetPlan_Request_"));
}

fn core(name: &str) -> generator::Package {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let packages = generator::files::read_packages(here).expect("readable");
    packages.into_iter().find(|package| package.name == name).expect("there")
}

fn package(name: &str, files: Vec<generator::File>) -> generator::Package {
    generator::Package { name: name.to_owned(), files }
}

fn file(kind: generator::Kind, name: &str, text: &str) -> generator::File {
    generator::File { kind, name: name.to_owned(), text: text.to_owned() }
}
