//! The mission file: what a member's process is told by whoever starts it, beside the fleet folder.
//!
//! `mission/mission.toml` in the run folder says where to meet; `mission/ASSET.settings` holds what only that asset is to
//! know. The newest mission of a fleet is also named in its fleet folder, so that a member can be started by hand.

use super::control::Ticket;
use crate::durable;
use crate::error::{Fault, MISSING_MISSION, NodeError};
use crate::fleet_folder::{Endpoint, FleetFile};
use crate::run_folder::RunFolder;
use mesh_asset::Settings;
use mesh_model::{AssetId, Canonical, FleetId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What every process of a mission has to know.
#[derive(Debug, Clone, PartialEq)]
pub struct MissionFile {
    /// Whose mission it is.
    pub fleet: FleetId,
    /// Its seed.
    pub seed: u64,
    /// The run folder.
    pub run: PathBuf,
    /// The router of the local plane.
    pub router: String,
    /// ROS_DOMAIN_ID on the local plane.
    pub domain: u32,
    /// How its time goes.
    pub pace: Pace,
    /// Opens the members' ears for the simulator.
    pub(super) ticket: Ticket,
    /// The members.
    pub members: BTreeMap<AssetId, MissionMember>,
}

/// How the time of a mission goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// Tick by tick, as fast as all members do their part.
    LockStep,
    /// So many times as fast as the clock on the wall, whether members keep up or not.
    Realtime(f64),
}

/// Where a member is met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissionMember {
    /// Where it listens on the mesh plane.
    pub endpoint: Endpoint,
    /// Whom it has links to, up or not.
    pub links: BTreeSet<AssetId>,
    /// Whether somebody else than `run` starts it.
    pub is_external: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MissionToml {
    version: u32,
    fleet: FleetId,
    // TOML has no numbers of 64 bits without a sign.
    seed: String,
    run: PathBuf,
    router: String,
    domain: u32,
    realtime: Option<f64>,
    ticket: String,
    #[serde(rename = "member")]
    members: Vec<MemberToml>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberToml {
    id: AssetId,
    endpoint: String,
    links: BTreeSet<AssetId>,
    external: bool,
}

/// A fleet folder's pointer to its newest mission.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PointerToml {
    mission: PathBuf,
}

impl MissionFile {
    /// Reads the mission file at `path`.
    pub fn read(path: &Path) -> Result<Self, NodeError> {
        let text = durable::read_text(path)?;
        Self::parse(&text).map_err(|why| NodeError::unfit(path, Fault::Malformed { expected: "a mission file", why }))
    }

    /// The mission that was last started for the fleet in the folder at `fleet`.
    pub fn newest_of(fleet: &Path) -> Result<PathBuf, NodeError> {
        FleetFile::read(fleet)?;
        let path = fleet.join(POINTER_NAME);
        if !path.try_exists().map_err(NodeError::refused("read", &path))? {
            return Err(NodeError::unfit(fleet, Fault::Missing { what: MISSING_MISSION }));
        }
        let malformed = |why: toml::de::Error| Fault::Malformed { expected: "a mission's place", why: why.to_string() };
        let pointer: PointerToml =
            toml::from_str(&durable::read_text(&path)?).map_err(|why| NodeError::unfit(&path, malformed(why)))?;
        Ok(pointer.mission)
    }

    /// Writes the mission into its run folder, with what each member is to know, and into the fleet folder where it is.
    /// Returns the path of the file.
    pub fn write(&self, run: &RunFolder, settings: &[Settings], fleet: &Path) -> Result<PathBuf, NodeError> {
        let folder = run.path().join(FOLDER_NAME);
        fs::create_dir_all(&folder).map_err(NodeError::refused("create", &folder))?;
        for settings in settings {
            let path = folder.join(format!("{}.settings", settings.me));
            durable::create_private_file(&path, &settings.encode())?;
        }
        let path = folder.join("mission.toml");
        // It holds the ticket.
        durable::create_private_file(&path, self.to_text().as_bytes())?;
        let mission = std::path::absolute(&path).map_err(NodeError::refused("find", &path))?;
        let pointer = toml::to_string(&PointerToml { mission: mission.clone() }).expect("a path has a TOML form");
        durable::replace_file(&fleet.join(POINTER_NAME), pointer.as_bytes())?;
        Ok(mission)
    }

    /// What `asset` is to know; `path` is where this file was read.
    pub fn settings(&self, path: &Path, asset: &AssetId) -> Result<Settings, NodeError> {
        let path = durable::parent(path).join(format!("{asset}.settings"));
        let bytes = durable::read_bytes(&path, SETTINGS_LENGTH_MAX)?;
        let malformed =
            |why: String| NodeError::unfit(&path, Fault::Malformed { expected: "an asset's settings", why });
        let settings = Settings::decode(&bytes).map_err(|why| malformed(why.to_string()))?;
        if settings.me != *asset || settings.contract.fleet != self.fleet {
            return Err(malformed(format!("they are of {} in {}", settings.me, settings.contract.fleet)));
        }
        Ok(settings)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let raw: MissionToml = toml::from_str(text).map_err(|why| why.to_string())?;
        if raw.version != VERSION {
            return Err(Fault::OtherVersion { found: raw.version, expected: VERSION }.to_string());
        }
        let mut members = BTreeMap::new();
        for member in raw.members {
            let endpoint = Endpoint::from_str(&member.endpoint).map_err(|why| why.to_string())?;
            members.insert(member.id, MissionMember { endpoint, links: member.links, is_external: member.external });
        }
        Ok(Self {
            fleet: raw.fleet,
            seed: raw.seed.parse().map_err(|why| format!("seed {:?}: {why}", raw.seed))?,
            run: raw.run,
            router: raw.router,
            domain: raw.domain,
            pace: raw.realtime.map_or(Pace::LockStep, Pace::Realtime),
            ticket: raw.ticket.parse().map_err(|why| format!("ticket: {why}"))?,
            members,
        })
    }

    fn to_text(&self) -> String {
        let member = |(id, member): (&AssetId, &MissionMember)| MemberToml {
            id: id.clone(),
            endpoint: member.endpoint.to_string(),
            links: member.links.clone(),
            external: member.is_external,
        };
        let toml = MissionToml {
            version: VERSION,
            fleet: self.fleet.clone(),
            seed: self.seed.to_string(),
            run: self.run.clone(),
            router: self.router.clone(),
            domain: self.domain,
            realtime: match self.pace {
                Pace::LockStep => None,
                Pace::Realtime(rate) => Some(rate),
            },
            ticket: self.ticket.to_string(),
            members: self.members.iter().map(member).collect(),
        };
        let body = toml::to_string(&toml).expect("names, paths and numbers have a TOML form");
        format!("# What the processes of this run were told.\n\n{body}")
    }
}

const VERSION: u32 = 1;
const FOLDER_NAME: &str = "mission";
const POINTER_NAME: &str = "mission.toml";
const SETTINGS_LENGTH_MAX: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mission_file_is_read_back_as_it_was_written() {
        let id = |name: &str| AssetId::new(name).expect("a good name");
        let member = |port, links: &[&str]| MissionMember {
            endpoint: Endpoint::loopback(port),
            links: links.iter().map(|name| id(name)).collect(),
            is_external: port == 17001,
        };
        let file = MissionFile {
            fleet: FleetId::new("lunar_base").expect("a good name"),
            seed: u64::MAX,
            run: PathBuf::from("/tmp/run"),
            router: "tcp/127.0.0.1:1".to_owned(),
            domain: 3,
            pace: Pace::Realtime(60.0),
            ticket: Ticket([7; 16]),
            members: BTreeMap::from([(id("rover"), member(17001, &["habitat"])), (id("habitat"), member(17002, &[]))]),
        };
        assert_eq!(MissionFile::parse(&file.to_text()), Ok(file.clone()));
        let lockstep = MissionFile { pace: Pace::LockStep, ..file };
        assert_eq!(MissionFile::parse(&lockstep.to_text()), Ok(lockstep.clone()));
        let newer = lockstep.to_text().replace("version = 1", "version = 2");
        assert!(MissionFile::parse(&newer).expect_err("newer").contains('2'));
    }
}
