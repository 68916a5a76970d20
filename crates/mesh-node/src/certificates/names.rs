//! The names in a certificate: what a dialler may have called the member that answers.

use mesh_model::{AssetId, FleetId};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The name of `asset` as a host: `rover.lunar-base.internal`. No public authority certifies names under `.internal`.
pub fn dns_name(asset: &AssetId, fleet: &FleetId) -> String {
    format!("{}.{}.internal", label(asset.as_str()), label(fleet.as_str()))
}

/// What a member is dialled by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    Dns(String),
    Address(IpAddr),
}

/// All names of `asset`, which others reach at `host`. TLS compares with what was dialled, so an address that stands in
/// an endpoint stands in the certificate as an address.
///
/// On loopback everybody has the same address, and the name tells nobody apart. That is left to the common name, which
/// is the asset's own and by which access is granted, whoever dialled.
pub(super) fn of(asset: &AssetId, fleet: &FleetId, host: Option<&str>) -> BTreeSet<Name> {
    let own = Name::Dns(dns_name(asset, fleet));
    let dialled = host.map(|host| match host.parse() {
        Ok(address) => Name::Address(address),
        Err(_) => Name::Dns(host.to_owned()),
    });
    dialled.into_iter().chain([own]).collect()
}

/// A host name has `-` where an id has `_`, and ends with neither. Ids begin with a letter, so that a label which begins
/// with a digit is free for those that end with `_`: no two ids have one label.
fn label(id: &str) -> String {
    let label = id.replace('_', "-");
    if label.ends_with('-') { format!("0{label}0") } else { label }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(asset: &str) -> String {
        let fleet = FleetId::new("lunar_base").expect("a good name");
        dns_name(&AssetId::new(asset).expect("a good name"), &fleet)
    }

    #[test]
    fn an_id_becomes_a_host_name_of_its_own() {
        assert_eq!(name("rover"), "rover.lunar-base.internal");
        assert_eq!(name("rover_2"), "rover-2.lunar-base.internal");
        let ids = ["rover", "rover_", "rover__", "rover_0", "rover__0"];
        assert_eq!(ids.map(name).into_iter().collect::<BTreeSet<_>>().len(), ids.len());
        assert!(!name("rover_").starts_with("rover-."));
    }
}
