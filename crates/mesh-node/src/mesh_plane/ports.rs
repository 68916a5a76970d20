//! Ports for the members of a fleet that is started on one machine.

use crate::error::NodeError;
use crate::fleet_folder::{Endpoint, FleetFile};
use mesh_model::AssetId;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

/// A port on which nothing listened when it was found, and which no other run finds as long as this lives.
///
/// A member comes up a while after its port was chosen. Until then a socket of another protocol says that the port is
/// somebody's: members listen by TCP, and who looks for ports tries both.
#[derive(Debug)]
pub struct FreePort {
    number: u16,
    _claim: UdpSocket,
}

impl FreePort {
    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }

    fn claim(number: u16) -> Option<Self> {
        let claim = UdpSocket::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        Some(Self { number, _claim: claim })
    }
}

/// Where each member of `file` is reached in a run that starts now: a free port stands where none is written down.
pub fn endpoints_of_run(file: &FleetFile) -> Result<BTreeMap<AssetId, Endpoint>, NodeError> {
    let mut endpoints: BTreeMap<_, _> =
        file.members.iter().map(|(id, member)| (id.clone(), member.endpoint.clone())).collect();
    let fixed: BTreeSet<_> = endpoints.values().filter_map(Endpoint::port).collect();
    let open = endpoints.values_mut().filter(|endpoint| endpoint.port().is_none());
    // A port that is written down may be free at this moment, and is taken nevertheless.
    let free = free_ports(file.members.len() + fixed.len())?;
    let free = free.iter().map(FreePort::number).filter(|port| !fixed.contains(port));
    for (endpoint, port) in open.zip(free) {
        *endpoint = endpoint.with_port(port);
    }
    Ok(endpoints)
}

/// As many ports as asked for on which nothing listens on loopback at this moment, in order.
///
/// They are below those that systems give to outgoing connections. A member whose peer is down dials the peer's port
/// again and again; were it one of those, the system would some day give the dialler that very port, and the
/// connection would meet itself and keep the port from the peer.
pub fn free_ports(count: usize) -> Result<Vec<FreePort>, NodeError> {
    let mut seed = [0; 2];
    getrandom::fill(&mut seed).map_err(|why| NodeError::NoEntropy { why: why.to_string() })?;
    let span = usize::from(LAST - FIRST) + 1;
    // Two runs that start at once look in different places.
    let start = usize::from(u16::from_le_bytes(seed)) % span;
    let count_taken = count.min(COUNT_MAX);
    let candidates = (0..span).map(|step| FIRST + ((start + step) % span) as u16);
    let mut ports: Vec<FreePort> = candidates.filter_map(FreePort::claim).take(count_taken).collect();
    if ports.len() < count {
        let source = io::Error::new(io::ErrorKind::AddrInUse, "no port is free");
        return Err(NodeError::NotListening { endpoint: format!("tls/127.0.0.1, ports {FIRST} to {LAST}"), source });
    }
    ports.sort_by_key(FreePort::number);
    Ok(ports)
}

/// Each holds a socket; no fleet on one machine has so many members.
const COUNT_MAX: usize = 500;
const FIRST: u16 = 17_000;
/// Linux gives 32768 and above to outgoing connections, other systems 49152 and above.
const LAST: u16 = 32_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet_folder::FleetFolder;
    use mesh_model::FleetId;
    use std::fs;

    #[test]
    fn a_member_keeps_the_port_that_is_written_down_and_the_others_get_free_ones() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let name = FleetId::new("lunar_base").expect("a good name");
        let members = ["habitat", "relay", "rover"].map(|name| AssetId::new(name).expect("a good name"));
        FleetFolder::open_or_create(folder.path(), &name, &members).expect("makes the fleet");
        let path = folder.path().join("fleet.toml");
        let text = fs::read_to_string(&path).expect("reads");
        fs::write(&path, text.replacen("tls/127.0.0.1:0", "tls/127.0.0.1:17123", 1)).expect("writes");
        let endpoints = endpoints_of_run(&FleetFile::read(folder.path()).expect("reads")).expect("finds ports");
        assert_eq!(endpoints[&members[0]], Endpoint::loopback(17_123));
        let ports: BTreeSet<_> = endpoints.values().filter_map(Endpoint::port).collect();
        assert_eq!(ports.len(), 3, "{endpoints:?}");
    }

    #[test]
    fn free_ports_are_different_and_can_be_listened_on() {
        let ports = free_ports(40).expect("there are so many");
        let numbers: BTreeSet<u16> = ports.iter().map(FreePort::number).collect();
        assert_eq!(numbers.len(), 40);
        let listeners = numbers.iter().map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)));
        assert_eq!(listeners.filter(Result::is_ok).count(), 40);
        assert!(
            numbers.iter().all(|port| FreePort::claim(*port).is_none()),
            "a port that is somebody's is found again"
        );
        assert!(free_ports(20_000).is_err());
    }
}
