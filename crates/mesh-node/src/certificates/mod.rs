//! The fleet's own certificate authority, and the short-lived certificates under which its members meet.
//!
//! A certificate says who may open a link and under which name; it says nothing about what is true. Every message that
//! travels over such a link carries its author's own signature, and that alone is acted upon.
//!
//! In the fleet folder:
//!
//! - `ca/ca.pem`: the authority's certificate, which every member holds;
//! - `ca/ca.key`: its private key, only where certificates are issued;
//! - `tls/<asset>.pem` and `tls/<asset>.key`: a member's certificate and private key.
//!
//! A private key is made once and stays; a renewal replaces the certificate alone, in one rename. So whoever reads the
//! two files at any moment has a pair that fits, also while two programs renew at once.

mod authority;
mod leaf;
mod names;

pub use names::dns_name;

use crate::durable;
use crate::error::{Fault, NodeError};
use crate::fleet_folder::{self, FleetFile};
use authority::Authority;
use leaf::Leaf;
use mesh_model::AssetId;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;

/// What one member opens its links with: files that were checked when this was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The authority's certificate: whom to trust.
    pub authority: PathBuf,
    /// The member's certificate.
    pub certificate: PathBuf,
    /// The private key that belongs to it.
    pub key: PathBuf,
    /// When the certificate ends.
    pub expires: SystemTime,
}

/// How long a certificate is valid in a fleet whose members are out of contact for up to `contact_gap_s` seconds: an hour,
/// or three such gaps. A member that a gap kept from being renewed is then still let in when contact is back.
pub fn lifetime(contact_gap_s: u64) -> Duration {
    Duration::from_secs(contact_gap_s.saturating_mul(3).clamp(LIFETIME_S_MIN, LIFETIME_S_MAX))
}

/// The files of `asset` in the fleet folder at `path`, if they let it open links at the time `now`.
pub fn identity(path: &Path, file: &FleetFile, asset: &AssetId, now: SystemTime) -> Result<Identity, NodeError> {
    let now = OffsetDateTime::from(now);
    let authority = Authority::read(path, &file.name, now)?;
    let leaf = Leaf::read(path, asset)?;
    leaf.check(asset, &authority)?;
    leaf.check_key()?;
    leaf.check_validity(now)?;
    Ok(Identity {
        authority: authority_path(path),
        certificate: certificate_path(path, asset),
        key: key_path(path, asset),
        expires: leaf.ends().into(),
    })
}

/// Issues a certificate to everyone in `file` whose own is missing, damaged, not valid at `now`, about to end, or for another
/// endpoint. Returns to whom. Makes the authority if the folder has none.
pub fn renew(path: &Path, file: &FleetFile, contact_gap_s: u64, now: SystemTime) -> Result<Vec<AssetId>, NodeError> {
    let now = OffsetDateTime::from(now);
    let lifetime = lifetime(contact_gap_s);
    let due: Vec<_> = certified(file).filter(|(asset, host)| is_due(path, file, asset, *host, lifetime, now)).collect();
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let issuer = authority::open_or_create(path, &file.name, now)?;
    fleet_folder::create_private_folder(&path.join(TLS_NAME))?;
    let mut renewed = Vec::new();
    for (asset, host) in due {
        let key = leaf::open_or_create_key(&key_path(path, asset))?;
        let pem = issuer.issue(asset, &file.name, host, &key, now, lifetime)?;
        durable::replace_file(&certificate_path(path, asset), pem.as_bytes())?;
        renewed.push(asset.clone());
    }
    Ok(renewed)
}

/// Makes the authority of the new fleet in `file`, unless an interrupted attempt has made it.
pub(crate) fn create_authority(path: &Path, fleet: &mesh_model::FleetId) -> Result<(), NodeError> {
    authority::open_or_create(path, fleet, SystemTime::now().into()).map(|_| ())
}

/// Whether the authority's private key, if it is here at all, is its owner's alone. Runs that renew nothing never read it.
pub(crate) fn check_authority_key(path: &Path) -> Result<(), NodeError> {
    let key = authority::private_path(path);
    if fleet_folder::file_exists(&key)? { fleet_folder::check_private(&key, 0o600) } else { Ok(()) }
}

/// Who gets a certificate, and the host under which others dial it.
fn certified(file: &FleetFile) -> impl Iterator<Item = (&AssetId, Option<&str>)> {
    let members = file.members.iter().map(|(asset, member)| (asset, Some(member.endpoint.host())));
    members.chain(file.readers.iter().map(|reader| (reader, None)))
}

/// Whatever is wrong with what is there, a new certificate is the cure; what is wrong with a private key is not cured but
/// told, when it is read for issuing.
///
/// Less than half of a lifetime left is too little: a certificate lives long because its holder may be out of contact for
/// long, and is to begin such a stretch with enough.
fn is_due(
    path: &Path,
    file: &FleetFile,
    asset: &AssetId,
    host: Option<&str>,
    lifetime: Duration,
    now: OffsetDateTime,
) -> bool {
    let fit = || -> Result<bool, NodeError> {
        let authority = Authority::read(path, &file.name, now)?;
        let leaf = Leaf::read(path, asset)?;
        leaf.check(asset, &authority)?;
        leaf.check_key()?;
        leaf.check_validity(now)?;
        Ok(leaf.ends() - now >= lifetime / 2 && leaf.is_for(&names::of(asset, &file.name, host)))
    };
    !fit().unwrap_or(false)
}

fn authority_path(fleet: &Path) -> PathBuf {
    fleet.join(AUTHORITY_NAME).join("ca.pem")
}

fn certificate_path(fleet: &Path, asset: &AssetId) -> PathBuf {
    fleet.join(TLS_NAME).join(format!("{asset}.pem"))
}

fn key_path(fleet: &Path, asset: &AssetId) -> PathBuf {
    fleet.join(TLS_NAME).join(format!("{asset}.key"))
}

fn malformed(path: &Path, expected: &'static str, why: impl ToString) -> NodeError {
    NodeError::unfit(path, Fault::Malformed { expected, why: why.to_string() })
}

/// The folder of the authority in a fleet folder.
pub(crate) const AUTHORITY_NAME: &str = "ca";
/// The folder of the members' certificates in a fleet folder.
pub(crate) const TLS_NAME: &str = "tls";
const LIFETIME_S_MIN: u64 = 3600;
/// A year: whoever is out of contact for longer is met by hand.
const LIFETIME_S_MAX: u64 = 365 * 24 * 3600;
/// Clocks of two machines differ; a certificate begins this long before it is issued.
const BACKDATED: time::Duration = time::Duration::minutes(5);

#[cfg(test)]
mod tests;
