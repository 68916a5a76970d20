//! The router of the local plane, in this process: what clients of this crate and nodes of ROS 2 meet at.

use crate::error::RosError;
use crate::zenoh_config;
use std::net::{Ipv4Addr, TcpListener};
use zenoh::{Session, Wait};

/// A router on the loopback interface, until it is dropped.
pub struct Router {
    session: Session,
    port: u16,
}

impl Router {
    /// Listens on `port`; 0 stands for a free one.
    pub fn open(port: u16) -> Result<Self, RosError> {
        let session = zenoh::open(zenoh_config::router(port)).wait().map_err(|why| match in_use(port) {
            true => RosError::PortInUse { port },
            false => RosError::Middleware { attempt: "open a router", why: why.to_string() },
        })?;
        let locators = session.info().locators().wait();
        let ports = locators.iter().filter_map(|locator| locator.address().as_str().rsplit_once(':')?.1.parse().ok());
        match ports.into_iter().next() {
            Some(port) => Ok(Self { session, port }),
            None => Err(RosError::Middleware { attempt: "open a router", why: "it listens nowhere".to_owned() }),
        }
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where clients find it: `tcp/127.0.0.1:7447`.
    pub fn endpoint(&self) -> String {
        format!("tcp/127.0.0.1:{}", self.port)
    }

    /// How many processes are connected.
    pub fn connections(&self) -> usize {
        self.session.info().transports().wait().count()
    }
}

/// Zenoh says why a port cannot be had in words only.
fn in_use(port: u16) -> bool {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    bound.is_err_and(|why| why.kind() == std::io::ErrorKind::AddrInUse)
}
