//! What can go wrong in the shell: the disk refuses, a folder is not what it should be, a file is damaged.

use mesh_model::AssetId;
use mesh_sync::{DiskError, LogError};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use time::OffsetDateTime;

/// Why the shell could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Refused {
        /// What was tried: `read`, `create`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes: {why}")]
    NoEntropy {
        /// What it said.
        why: String,
    },
    /// A certificate could not be made.
    #[error("cannot issue a certificate to {asset}: {why}")]
    NotIssued {
        /// To whom.
        asset: AssetId,
        /// What the library said.
        why: String,
    },
    /// The mesh plane does not come up where it should listen.
    #[error("cannot listen on {endpoint}: {source}")]
    NotListening {
        /// Where it should.
        endpoint: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The mesh plane does not come up.
    #[error("the mesh plane does not open: {why}")]
    NoMeshPlane {
        /// What Zenoh said.
        why: String,
    },
    /// The local plane, which ROS 2 sees, does not come up.
    #[error("the local plane: {source}")]
    LocalPlane {
        /// What went wrong.
        source: mesh_ros::RosError,
    },
    /// A process was not started.
    #[error("{why}")]
    NotStarted {
        /// Why.
        why: String,
    },
    /// A process ended before the mission began, and would again.
    #[error("the process {name} {why}; its last words:\n{last_words}")]
    ProcessFailed {
        /// Which.
        name: String,
        /// How it ended.
        why: String,
        /// What it wrote to standard error before.
        last_words: String,
    },
    /// The supervisor does not listen any more.
    #[error("cannot tell the supervisor what happens: {source}")]
    NotTold {
        /// What the operating system said.
        source: io::Error,
    },
    /// Nothing says where the fleets live.
    #[error("no place for the fleet folder: neither COSMOSMESH_HOME nor HOME is set")]
    NoHome,
    /// Something on disk is not what it should be.
    #[error("{}: {fault}", path.display())]
    Unfit {
        /// What is unfit.
        path: PathBuf,
        /// In what way.
        fault: Fault,
    },
}

/// In what way a file or folder is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Longer than any such file can be.
    #[error("more than {length_max} bytes")]
    TooLong {
        /// How long it may be.
        length_max: u64,
    },
    /// There is no such file or folder.
    #[error("no such {what}")]
    Missing {
        /// What should be there.
        what: &'static str,
    },
    /// Not in the expected format.
    #[error("not {expected}: {why}")]
    Malformed {
        /// What was expected.
        expected: &'static str,
        /// What the parser met.
        why: String,
    },
    /// Not text.
    #[error("not UTF-8 text: line {line}, byte {byte} of the file")]
    NotText {
        /// The line that is none, counted from 1.
        line: usize,
        /// The first byte that is wrong, counted from 0.
        byte: usize,
    },
    /// A run folder exists already.
    #[error("the folder exists and is not empty; nothing in it was touched")]
    NotEmpty,
    /// No plan was certified, or not the one that was asked for.
    #[error("no certificate of {} in any log", PlanNumber(*plan))]
    NoCertificate {
        /// Number of the plan; none if any would have done.
        plan: Option<u64>,
    },
    /// A member took no part in a planning.
    #[error("{asset} negotiated no plan {plan}")]
    NotNegotiated {
        /// Who did not.
        asset: AssetId,
        /// Number of the plan.
        plan: u64,
    },
    /// A member was started for a mission that has its report already.
    #[error("this mission is over; nothing in its folder was touched")]
    MissionOver,
    /// A file that is not written over, because it may hold what is private to somebody.
    #[error("there is such a file already, and it was left as it is")]
    Exists,
    /// A folder with other things in it was given as fleet folder.
    #[error("the folder has no fleet.toml, yet holds {found:?}")]
    NotAFleet {
        /// A thing in it.
        found: String,
    },
    /// The folder of another fleet.
    #[error("holds the fleet {found:?}, but the scenario's is {expected:?}")]
    OtherFleet {
        /// Whose folder it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// The fleet has other members than the scenario.
    #[error("the members differ from the scenario's: {}", MemberDifference(new, gone))]
    OtherMembers {
        /// Assets of the scenario that are not in the fleet.
        new: Vec<AssetId>,
        /// Members of the fleet that are not in the scenario.
        gone: Vec<AssetId>,
    },
    /// Others than the owner may read or write.
    #[error("open to others than its owner (mode {mode:03o}, expected {expected:03o})")]
    WidePermissions {
        /// The permissions found.
        mode: u32,
        /// The permissions that it should have.
        expected: u32,
    },
    /// The private key belongs to another public key.
    #[error("this private key is not the one of {asset}: its public key is {found}, fleet.toml says {expected}")]
    WrongKey {
        /// Whose key it should be.
        asset: AssetId,
        /// Its public key.
        found: String,
        /// The public key in fleet.toml.
        expected: String,
    },
    /// A fleet folder was opened for somebody who is not in it.
    #[error("{asset} is not a member of this fleet")]
    NotAMember {
        /// Who is not.
        asset: AssetId,
    },
    /// A certificate has ended.
    #[error("the {what} expired on {}", Utc(since))]
    Expired {
        /// Whose certificate it is.
        what: &'static str,
        /// When it ended.
        since: OffsetDateTime,
    },
    /// A certificate begins later.
    #[error("the {what} is not valid before {}", Utc(from))]
    NotYetValid {
        /// Whose certificate it is.
        what: &'static str,
        /// When it begins.
        from: OffsetDateTime,
    },
    /// A certificate that the fleet's authority has not signed.
    #[error("this certificate was issued by another authority ({found})")]
    ForeignIssuer {
        /// Who is named as its issuer.
        found: String,
    },
    /// The certificate of somebody else.
    #[error("this is the certificate of {found:?}, not of {expected}")]
    OtherSubject {
        /// Whose it is.
        found: String,
        /// Whose it should be.
        expected: AssetId,
    },
    /// The private key belongs to another certificate.
    #[error("this private key does not belong to the certificate beside it")]
    OtherKeyThanCertified,
    /// A recording does not hold what it should, or its checksums do not agree with its content.
    #[error("record {record}: {why}")]
    DamagedRecord {
        /// Counts the records of the file from 0.
        record: u64,
        /// What is wrong.
        why: String,
    },
    /// A signed log is not what its author wrote.
    #[error("{why}")]
    DamagedLog {
        /// Where, and what is wrong.
        why: String,
    },
    /// Written by a version of the format that this program does not know.
    #[error("format version {found}, this program knows {expected}")]
    OtherVersion {
        /// The version found.
        found: u32,
        /// The version known.
        expected: u32,
    },
}

impl NodeError {
    /// The operating system refused to `action` the file or folder at `path`.
    pub fn refused(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Refused { action, path, source }
    }

    /// The file or folder at `path` has a fault.
    pub fn unfit(path: &Path, fault: Fault) -> Self {
        Self::Unfit { path: path.to_owned(), fault }
    }

    /// The signed log at `path` cannot be read or written.
    pub(crate) fn of_log(path: &Path, why: LogError) -> Self {
        let kind = match &why {
            LogError::Damaged { damage, .. } => {
                return Self::unfit(path, Fault::DamagedLog { why: damage.to_string() });
            }
            LogError::Disk(DiskError::Full { .. }) => io::ErrorKind::StorageFull,
            LogError::Disk(DiskError::Denied { .. }) => io::ErrorKind::PermissionDenied,
            LogError::Disk(DiskError::Missing { .. }) => io::ErrorKind::NotFound,
            _ => io::ErrorKind::Other,
        };
        Self::refused("write", path)(io::Error::new(kind, why))
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Refused { source, action, .. } => refusal_hint(source.kind(), action).map(str::to_owned),
            Self::NoEntropy { .. } | Self::NotIssued { .. } | Self::NoMeshPlane { .. } => None,
            Self::NotStarted { .. } | Self::NotTold { .. } => None,
            Self::LocalPlane { source: mesh_ros::RosError::PortInUse { .. } } => {
                Some("leave --ros-port away for a free one, or end what listens there".to_owned())
            }
            Self::LocalPlane { source: mesh_ros::RosError::NoRouter { .. } } => {
                Some(format!("the run that began this mission has ended: {BEGIN_ANOTHER}"))
            }
            Self::LocalPlane { .. } => None,
            Self::ProcessFailed { .. } => Some("its file under trace/ in the run folder says more".to_owned()),
            Self::NotListening { source, .. } => Some(
                match source.kind() {
                    io::ErrorKind::AddrInUse => {
                        "another program listens there, perhaps another run: end it, or give the asset another endpoint \
                         in fleet.toml (tls/127.0.0.1:0 takes a free port at each run)"
                    }
                    _ => "correct the endpoint in fleet.toml: it names a host and port of this machine",
                }
                .to_owned(),
            ),
            Self::NoHome => Some("name the folder with --fleet, or set COSMOSMESH_HOME".to_owned()),
            Self::Unfit { path, fault } => fault.hint(path),
        }
    }
}

fn refusal_hint(kind: io::ErrorKind, action: &str) -> Option<&'static str> {
    use io::ErrorKind;
    Some(match kind {
        ErrorKind::NotFound if action == "create" => "the folder above it cannot hold it; name another place",
        ErrorKind::NotFound => "check the spelling of the path",
        ErrorKind::PermissionDenied if action == "read" => "check who may read it",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "check who may write there, or name another folder"
        }
        ErrorKind::FileTooLarge => {
            "raise the limit on the length of files (ulimit -f), or name a folder on another disk"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space, or name a folder on another disk",
        ErrorKind::AlreadyExists => "something that is no folder has this name; name another",
        ErrorKind::IsADirectory => "this is a folder; name a file",
        ErrorKind::NotADirectory => "a part of this path is a file; name a folder",
        _ => return None,
    })
}

impl Fault {
    fn hint(&self, path: &Path) -> Option<String> {
        let path = path.display();
        Some(match self {
            Self::Missing { what: "private key" } => {
                "restore it from a backup, or move the fleet folder away: the next run \
                 makes a new fleet with new keys, and earlier runs still verify against the folder you moved (--fleet)"
                    .to_owned()
            }
            Self::Missing { what: "fleet.toml" } => {
                "name the fleet folder of the run with --fleet; a run with this scenario creates it".to_owned()
            }
            Self::Missing { what: MISSING_MISSION } => {
                "begin a mission with `cosmosmesh run`, and name this member with --external".to_owned()
            }
            Self::Missing { what: MISSING_REPORT } => {
                "the flight broke off, or the file was removed: there is nothing to \
                                                       compare with; `cosmosmesh audit verify` still checks the logs"
                    .to_owned()
            }
            Self::Missing { what: "certificate" | "certificate authority" | "private key of the certificate" } => {
                "`cosmosmesh run` issues what is missing where the fleet's authority is; a robot gets ca/ca.pem and its own \
                 two files under tls/ from there"
                    .to_owned()
            }
            Self::Missing { what: "private key of the certificate authority" } => {
                "renew the certificates on the machine that made this fleet, and copy ca/ca.pem and tls/ from there".to_owned()
            }
            Self::Missing { .. } => "name the folder that `cosmosmesh run` wrote".to_owned(),
            Self::NoCertificate { .. } | Self::NotNegotiated { .. } => "plan.json in the run's folder lists the plans that were agreed".to_owned(),
            Self::MissionOver => BEGIN_ANOTHER.to_owned(),
            Self::NotAMember { .. } => "name one of the assets in fleet.toml".to_owned(),
            Self::NotYetValid { .. } => "set the clock of this machine, or let a run renew it: `cosmosmesh run` does so".to_owned(),
            Self::Expired { .. } | Self::ForeignIssuer { .. } | Self::OtherSubject { .. } | Self::OtherKeyThanCertified => {
                "`cosmosmesh run` renews certificates where the fleet's authority is; a robot gets ca/ca.pem and its own \
                 two files under tls/ from there"
                    .to_owned()
            }
            Self::Exists => "name another file with --out, or remove this one".to_owned(),
            Self::NotEmpty => "name a new folder with --out, or leave --out away".to_owned(),
            Self::NotAFleet { .. } => "name an empty or a new folder with --fleet".to_owned(),
            Self::OtherFleet { found, .. } => {
                format!("name the folder of this scenario's fleet with --fleet; this one serves {found}")
            }
            Self::OtherMembers { .. } => format!(
                "a fleet's members are fixed when its folder is made: give the changed scenario another name, name a new \
                 folder with --fleet, or move {path} away"
            ),
            Self::WidePermissions { expected, .. } => format!("chmod {expected:03o} {path}"),
            Self::WrongKey { .. } => "put the right key file back, or move the fleet folder away".to_owned(),
            Self::DamagedRecord { .. } => {
                "the recording was cut off or altered after it was written; nothing in it can be relied upon".to_owned()
            }
            Self::DamagedLog { .. } => {
                "restore the log from a copy: who goes on from a damaged one would contradict what it signed. \
                 `cosmosmesh audit verify` says what is left of it"
                    .to_owned()
            }
            Self::OtherVersion { .. } => "use the version of cosmosmesh that wrote it".to_owned(),
            Self::NotText { .. } => "save it as UTF-8".to_owned(),
            Self::TooLong { .. } => "name the right file: this cannot be one".to_owned(),
            Self::Malformed { expected: "a report", .. } => "it was altered or cut off after it was written; \
                                                             `cosmosmesh audit verify` checks the logs without it if \
                                                             you move it away"
                .to_owned(),
            Self::Malformed { expected: "a proof" | "a problem in canonical bytes", .. } => {
                "it was damaged on its way, or is something else: copy or export it again".to_owned()
            }
            Self::Malformed { .. } => "restore it from a copy, or move the folder away".to_owned(),
        })
    }
}

const BEGIN_ANOTHER: &str = "begin a new one with `cosmosmesh run`, and name this member with --external";
/// What a run without a report lacks.
pub(crate) const MISSING_REPORT: &str = "report of this run";
/// What is missing when a fleet has no mission.
pub(crate) const MISSING_MISSION: &str = "mission of this fleet";

/// A plan, as it is called.
struct PlanNumber(Option<u64>);

impl fmt::Display for PlanNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => write!(f, "plan {number}"),
            None => f.write_str("any plan"),
        }
    }
}

/// A time as people read it.
struct Utc<'a>(&'a OffsetDateTime);

impl fmt::Display for Utc<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(time) = self;
        let (year, month, day) = time.to_calendar_date();
        let (hour, minute, second) = time.to_hms();
        write!(f, "{year:04}-{:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC", u8::from(month))
    }
}

struct MemberDifference<'a>(&'a [AssetId], &'a [AssetId]);

impl fmt::Display for MemberDifference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |ids: &[AssetId]| ids.iter().map(AssetId::as_str).collect::<Vec<_>>().join(", ");
        if !self.0.is_empty() {
            write!(f, "new in the scenario: {}", list(self.0))?;
        }
        if !self.0.is_empty() && !self.1.is_empty() {
            f.write_str("; ")?;
        }
        if !self.1.is_empty() {
            write!(f, "only in the fleet: {}", list(self.1))?;
        }
        Ok(())
    }
}
