//! A member as a process of its own, which can be killed and stopped: this very program, started again.

use crate::room::{MEMBERS, Room, member, patient, settings};
use mesh_node::mesh_plane::Parcel;
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// A process that sends back to everybody what it hears from them. It ends with this value, or with the program that started it.
pub struct Process(Child);

impl Process {
    pub fn start(room: &Room, name: &str) -> Self {
        let ports: Vec<_> = room.ports.iter().map(u16::to_string).collect();
        let mut child = Command::new(env::current_exe().expect("this program has a path"))
            .args(["--exact", "child::a_process_that_plays_a_member", "--nocapture", "--test-threads=1"])
            .env(ROLE, name)
            .env(FOLDER, &room.path)
            .env(PORTS, ports.join(","))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let lines = BufReader::new(child.stdout.as_mut().expect("is piped"));
        let up = lines.lines().map_while(Result::ok).any(|line| line.contains(UP));
        assert!(up, "the process ended");
        Self(child)
    }

    pub fn kill(mut self) {
        self.0.kill().expect("kills");
        self.0.wait().expect("ends");
    }

    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.0.id().to_string()]).status();
        assert!(status.expect("runs").success());
    }

    /// What the process has resident, in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).expect("is there");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("is told");
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("is a number")
    }
}

impl Process {
    /// The addresses on which the process takes TCP connections, and those of its UDP sockets.
    pub fn listens_on(&self) -> Vec<String> {
        let folder = format!("/proc/{}", self.0.id());
        let links = fs::read_dir(format!("{folder}/fd")).expect("is there").filter_map(|entry| {
            let target = fs::read_link(entry.ok()?.path()).ok()?;
            Some(target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
        });
        let own: BTreeSet<_> = links.collect();
        let mut found = Vec::new();
        for table in ["tcp", "tcp6", "udp", "udp6"] {
            let rows = fs::read_to_string(format!("{folder}/net/{table}")).unwrap_or_default();
            for row in rows.lines().skip(1) {
                let columns: Vec<_> = row.split_whitespace().collect();
                let (local, state, inode) = (columns[1], columns[3], columns[9]);
                if own.contains(inode) && (state == LISTENING || table.starts_with("udp")) {
                    found.push(readable(local));
                }
            }
        }
        found
    }
}

/// `0100007F:4268` as people write it; what is not an IPv4 address stays.
fn readable(local: &str) -> String {
    let number = |text: &str| u32::from_str_radix(text, 16).ok();
    let parts = local.split_once(':').and_then(|(address, port)| Some((number(address)?, number(port)?)));
    match parts {
        Some((address, port)) => format!("{}:{port}", Ipv4Addr::from(address.swap_bytes())),
        None => local.to_owned(),
    }
}

const LISTENING: &str = "0A";

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The process's side. Without the setting that says whom to play there is nothing to do: it is no test.
#[test]
fn a_process_that_plays_a_member() {
    let Ok(name) = env::var(ROLE) else { return };
    let folder = env::var(FOLDER).expect("is set");
    let ports: Vec<u16> =
        env::var(PORTS).expect("is set").split(',').map(|port| port.parse().expect("is one")).collect();
    let played = member(patient(settings(Path::new(&folder), &name, &ports)));
    assert!(MEMBERS.contains(&name.as_str()));
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    println!("{UP}");
    loop {
        match played.inbox.recv_timeout(Duration::from_secs(300)) {
            Ok(parcel) => {
                let back = Parcel { from: parcel.to.clone(), to: parcel.from.clone(), ..parcel };
                played.plane.send(&back).expect("sends");
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
        }
    }
}

const ROLE: &str = "MESH_PLANE_TEST_MEMBER";
const FOLDER: &str = "MESH_PLANE_TEST_FOLDER";
const PORTS: &str = "MESH_PLANE_TEST_PORTS";
const UP: &str = "the plane is up";
