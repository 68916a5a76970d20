//! The fleet folder: who is in the fleet, their public keys, and the private keys of the members flown from this machine.
//!
//! It lives outside the repository and outlives the runs. `fleet.toml` is written last: a folder without it was never
//! finished, and making it again takes up the keys that are there already. Nothing here is ever overwritten, except
//! certificates by their successors.

mod endpoint;
mod file;

pub use endpoint::{Endpoint, EndpointError};
pub use file::{FleetFile, Member};

use crate::certificates::{self, AUTHORITY_NAME, Identity, TLS_NAME};
use crate::durable;
use crate::error::{Fault, NodeError};
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, KeypairBytes};
use file::FILE_NAME;
use mesh_identity::SecretKey;
use mesh_model::{AssetId, FleetId};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A fleet of which one or all members are flown from this machine.
pub struct FleetFolder {
    path: PathBuf,
    file: FleetFile,
    /// Keys of members in `file`, each checked against its public key.
    keys: BTreeMap<AssetId, SecretKey>,
}

impl FleetFolder {
    /// Opens the folder at `path` for a fleet called `name` with exactly these members; makes it if there is none.
    pub fn open_or_create(path: &Path, name: &FleetId, members: &[AssetId]) -> Result<Self, NodeError> {
        if !file_exists(&path.join(FILE_NAME))? {
            create(path, name, members)?;
        }
        let file = FleetFile::read(path)?;
        file.check_serves(path, name, members)?;
        certificates::check_authority_key(path)?;
        let keys = read_keys(path, &file, file.members.keys())?;
        Ok(Self { path: path.to_owned(), file, keys })
    }

    /// Opens the folder at `path` for `asset` alone, which is to open links from here: a robot's folder holds `fleet.toml`,
    /// the authority's certificate, and of private keys its own two. Nothing else is read.
    pub fn open_for(path: &Path, asset: &AssetId) -> Result<Self, NodeError> {
        let file = FleetFile::read(path)?;
        if !file.members.contains_key(asset) {
            return Err(NodeError::unfit(path, Fault::NotAMember { asset: asset.clone() }));
        }
        certificates::check_authority_key(path)?;
        let keys = read_keys(path, &file, [asset])?;
        let folder = Self { path: path.to_owned(), file, keys };
        folder.identity(asset, SystemTime::now())?;
        Ok(folder)
    }

    /// Opens the folder at `path` for the keys of those of `assets` that are members, to sign with and nothing else.
    pub fn open_to_sign(path: &Path, assets: &BTreeSet<AssetId>) -> Result<Self, NodeError> {
        let file = FleetFile::read(path)?;
        let keys = read_keys(path, &file, assets.iter().filter(|asset| file.members.contains_key(*asset)))?;
        Ok(Self { path: path.to_owned(), file, keys })
    }

    /// Issues certificates to those whose own are missing, not valid at `now` or about to end, in a fleet whose members are
    /// out of contact for up to `contact_gap_s` seconds. Returns to whom. Needs the authority's private key only then.
    pub fn renew(&self, now: SystemTime, contact_gap_s: u64) -> Result<Vec<AssetId>, NodeError> {
        certificates::renew(&self.path, &self.file, contact_gap_s, now)
    }

    /// What `asset` opens its links with, if that is valid at `now`.
    pub fn identity(&self, asset: &AssetId, now: SystemTime) -> Result<Identity, NodeError> {
        certificates::identity(&self.path, &self.file, asset, now)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its public half.
    pub fn file(&self) -> &FleetFile {
        &self.file
    }

    /// The private key of `asset`; `None` when it is no member, or the folder was opened for another one.
    pub fn key(&self, asset: &AssetId) -> Option<&SecretKey> {
        self.keys.get(asset)
    }
}

/// Where the fleet of a scenario lives: `explicit` if given, else `$COSMOSMESH_HOME/fleets/<scenario>`, where
/// COSMOSMESH_HOME defaults to `$HOME/.local/share/cosmosmesh`.
pub fn location(explicit: Option<&Path>, scenario: &FleetId) -> Result<PathBuf, NodeError> {
    if let Some(path) = explicit {
        return Ok(path.to_owned());
    }
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = set("COSMOSMESH_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share/cosmosmesh")));
    home.map(|home| home.join("fleets").join(scenario.as_str())).ok_or(NodeError::NoHome)
}

fn create(path: &Path, name: &FleetId, members: &[AssetId]) -> Result<(), NodeError> {
    create_private_folder(path)?;
    refuse_strangers(path)?;
    let keys = path.join(KEYS_NAME);
    create_private_folder(&keys)?;
    let mut public = BTreeMap::new();
    for id in members {
        let file = key_path(path, id);
        if !file_exists(&file)? {
            // When another process makes the same fleet at this moment, the first key stays and both read it back.
            durable::create_private_file(&file, drawn_key()?.as_bytes())?;
        }
        public.insert(id.clone(), read_key(&file)?.public());
    }
    certificates::create_authority(path, name)?;
    durable::replace_file(&path.join(FILE_NAME), file::text_of(name, &public).as_bytes())
}

/// A folder that becomes a fleet is empty, but for the keys of an earlier attempt.
fn refuse_strangers(path: &Path) -> Result<(), NodeError> {
    for entry in fs::read_dir(path).map_err(NodeError::refused("read", path))? {
        let name = entry.map_err(NodeError::refused("read", path))?.file_name();
        // Another process that makes the same fleet has its temporary file here, or is already done.
        let ours = [KEYS_NAME, FILE_NAME, AUTHORITY_NAME, TLS_NAME];
        let expected = ours.iter().any(|known| name == *known) || name.to_string_lossy().starts_with(".tmp");
        if !expected {
            let found = name.to_string_lossy().into_owned();
            return Err(NodeError::unfit(path, Fault::NotAFleet { found }));
        }
    }
    Ok(())
}

fn drawn_key() -> Result<String, NodeError> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|why| NodeError::NoEntropy { why: why.to_string() })?;
    // Version 1 of PKCS#8, without the public key: older tools do not read the other.
    let pem = KeypairBytes { secret_key: secret, public_key: None }
        .to_pkcs8_pem(LineEnding::LF)
        .expect("32 bytes have a PKCS#8 form");
    Ok(pem.to_string())
}

/// The keys of `ids`, which are members in `file`.
fn read_keys<'a>(
    path: &Path,
    file: &FleetFile,
    ids: impl IntoIterator<Item = &'a AssetId>,
) -> Result<BTreeMap<AssetId, SecretKey>, NodeError> {
    check_private(&path.join(KEYS_NAME), 0o700)?;
    let mut keys = BTreeMap::new();
    for id in ids {
        let member = &file.members[id];
        let key_file = key_path(path, id);
        let key = read_key(&key_file)?;
        let found = key.public();
        if found != member.public_key {
            let (found, expected) = (found.did(), member.public_key.did());
            return Err(NodeError::unfit(&key_file, Fault::WrongKey { asset: id.clone(), found, expected }));
        }
        keys.insert(id.clone(), key);
    }
    Ok(keys)
}

fn read_key(file: &Path) -> Result<SecretKey, NodeError> {
    if !file_exists(file)? {
        return Err(NodeError::unfit(file, Fault::Missing { what: "private key" }));
    }
    check_private(file, 0o600)?;
    let text = durable::read_text(file)?;
    let pair = KeypairBytes::from_pkcs8_pem(&text).map_err(|why| {
        let expected = "an Ed25519 private key in PKCS#8 PEM";
        NodeError::unfit(file, Fault::Malformed { expected, why: why.to_string() })
    })?;
    Ok(SecretKey::from_seed(pair.secret_key))
}

fn key_path(fleet: &Path, id: &AssetId) -> PathBuf {
    fleet.join(KEYS_NAME).join(format!("{id}.key"))
}

pub(crate) fn file_exists(path: &Path) -> Result<bool, NodeError> {
    path.try_exists().map_err(NodeError::refused("read", path))
}

#[cfg(unix)]
pub(crate) fn create_private_folder(path: &Path) -> Result<(), NodeError> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(NodeError::refused("create", path))
}

#[cfg(not(unix))]
pub(crate) fn create_private_folder(path: &Path) -> Result<(), NodeError> {
    fs::create_dir_all(path).map_err(NodeError::refused("create", path))
}

#[cfg(unix)]
pub(crate) fn check_private(path: &Path, expected: u32) -> Result<(), NodeError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path).map_err(NodeError::refused("read", path))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(NodeError::unfit(path, Fault::WidePermissions { mode, expected }));
    }
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn check_private(_: &Path, _: u32) -> Result<(), NodeError> {
    Ok(())
}

const KEYS_NAME: &str = "keys";

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn ids(names: &[&str]) -> Vec<AssetId> {
        names.iter().map(|name| AssetId::new(name).expect("a good name")).collect()
    }

    fn name() -> FleetId {
        FleetId::new("lunar_base").expect("a good name")
    }

    fn fresh() -> (tempfile::TempDir, PathBuf) {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let path = parent.path().join("fleets/lunar_base");
        FleetFolder::open_or_create(&path, &name(), &ids(&["habitat", "rover"])).expect("makes the fleet");
        (parent, path)
    }

    fn fault(path: &Path, name: &FleetId, members: &[&str]) -> Fault {
        match FleetFolder::open_or_create(path, name, &ids(members)) {
            Err(NodeError::Unfit { fault, .. }) => fault,
            Err(other) => panic!("another error: {other}"),
            Ok(_) => panic!("no error"),
        }
    }

    #[test]
    fn a_fleet_made_once_is_found_again_with_the_same_keys() {
        let (_parent, path) = fresh();
        let members = ids(&["rover", "habitat"]);
        let first = FleetFolder::open_or_create(&path, &name(), &members).expect("opens");
        let again = FleetFolder::open_or_create(&path, &name(), &members).expect("opens");
        assert_eq!(first.file(), again.file());
        for id in &members {
            let key = again.key(id).expect("a member has a key");
            assert_eq!(key.public(), first.file().members[id].public_key);
        }
        let mode = |path: &Path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
        assert_eq!(mode(&path.join("keys")), 0o700);
        assert_eq!(mode(&path.join("keys/rover.key")), 0o600);
    }

    #[test]
    fn each_unfit_folder_is_told_apart() {
        let (_parent, path) = fresh();
        let both = ["habitat", "rover"];
        assert_eq!(
            fault(&path, &name(), &["habitat", "tug"]),
            Fault::OtherMembers { new: ids(&["tug"]), gone: ids(&["rover"]) }
        );
        assert!(matches!(fault(&path, &FleetId::new("mars").expect("a good name"), &both), Fault::OtherFleet { .. }));

        let key = path.join("keys/rover.key");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).expect("changes the mode");
        assert_eq!(fault(&path, &name(), &both), Fault::WidePermissions { mode: 0o640, expected: 0o600 });
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("changes the mode");

        fs::copy(path.join("keys/habitat.key"), &key).expect("copies");
        assert!(matches!(fault(&path, &name(), &both), Fault::WrongKey { .. }));
        fs::write(&key, "not a key").expect("writes");
        assert!(matches!(fault(&path, &name(), &both), Fault::Malformed { .. }));
        fs::remove_file(&key).expect("removes");
        assert_eq!(fault(&path, &name(), &both), Fault::Missing { what: "private key" });
    }

    #[test]
    fn a_folder_with_other_things_is_left_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("thesis.tex"), "mine").expect("writes");
        let found = fault(folder.path(), &name(), &["rover"]);
        assert_eq!(found, Fault::NotAFleet { found: "thesis.tex".to_owned() });
        assert_eq!(fs::read_dir(folder.path()).expect("lists").count(), 1);
    }

    #[test]
    fn an_interrupted_creation_is_taken_up_with_its_keys() {
        let (_parent, path) = fresh();
        let before = FleetFile::read(&path).expect("reads");
        fs::remove_file(path.join(FILE_NAME)).expect("removes");
        fs::remove_file(path.join("keys/rover.key")).expect("removes");
        let folder = FleetFolder::open_or_create(&path, &name(), &ids(&["habitat", "rover"])).expect("makes it again");
        let habitat = &ids(&["habitat"])[0];
        assert_eq!(folder.file().members[habitat], before.members[habitat]);
    }
}
