//! The fleet folder: who is in the fleet, their public keys, and a private key for each member flown from this machine.
//!
//! It lives outside the repository and outlives the runs. `fleet.toml` is written last: a folder without it was never
//! finished, and making it again takes up the keys that are there already. Nothing here is ever overwritten.

use crate::durable;
use crate::error::{Fault, NodeError};
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, KeypairBytes};
use mesh_identity::{PublicKey, Roster, SecretKey};
use mesh_model::{AssetId, FleetId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A fleet whose members are flown from this machine.
pub struct FleetFolder {
    path: PathBuf,
    file: FleetFile,
    /// One key a member of `file`, each checked against its public key.
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
        let keys = read_keys(path, &file)?;
        Ok(Self { path: path.to_owned(), file, keys })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its public half.
    pub fn file(&self) -> &FleetFile {
        &self.file
    }

    /// The private key of `asset`; `None` when it is no member.
    pub fn key(&self, asset: &AssetId) -> Option<&SecretKey> {
        self.keys.get(asset)
    }
}

/// `fleet.toml`: the public half of a fleet, all that is needed to verify what its members signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetFile {
    /// The fleet's name, which is its scenario's.
    pub name: FleetId,
    /// The members.
    pub members: BTreeMap<AssetId, Member>,
}

/// What is known publicly about a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What its signatures are checked with.
    pub public_key: PublicKey,
    /// Where it is reached.
    pub endpoint: String,
}

impl FleetFile {
    /// Reads `fleet.toml` in the fleet folder at `path`.
    pub fn read(path: &Path) -> Result<Self, NodeError> {
        let file = path.join(FILE_NAME);
        if !file_exists(&file)? {
            return Err(NodeError::unfit(path, Fault::Missing { what: "fleet.toml" }));
        }
        let text = durable::read_text(&file)?;
        parse(&text).map_err(|why| NodeError::unfit(&file, Fault::Malformed { expected: "a fleet file", why }))
    }

    /// The members and their public keys.
    pub fn roster(&self) -> Roster {
        self.members.iter().map(|(id, member)| (id.clone(), member.public_key)).collect()
    }

    /// Whether this, read from the folder at `path`, is the fleet `name` with exactly the members `expected`.
    pub fn check_serves(&self, path: &Path, name: &FleetId, expected: &[AssetId]) -> Result<(), NodeError> {
        if self.name != *name {
            let (found, expected) = (self.name.to_string(), name.to_string());
            return Err(NodeError::unfit(path, Fault::OtherFleet { found, expected }));
        }
        let new: Vec<_> = expected.iter().filter(|id| !self.members.contains_key(id)).cloned().collect();
        let gone: Vec<_> = self.members.keys().filter(|id| !expected.contains(id)).cloned().collect();
        if new.is_empty() && gone.is_empty() {
            return Ok(());
        }
        Err(NodeError::unfit(path, Fault::OtherMembers { new, gone }))
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

/// `fleet.toml` as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FleetToml {
    version: u32,
    name: FleetId,
    #[serde(rename = "asset")]
    assets: Vec<AssetToml>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AssetToml {
    id: AssetId,
    public_key: PublicKey,
    endpoint: String,
}

fn parse(text: &str) -> Result<FleetFile, String> {
    let raw: FleetToml = toml::from_str(text).map_err(|why| why.to_string())?;
    if raw.version != FILE_VERSION {
        return Err(Fault::OtherVersion { found: raw.version, expected: FILE_VERSION }.to_string());
    }
    let mut members = BTreeMap::new();
    for asset in raw.assets {
        let member = Member { public_key: asset.public_key, endpoint: asset.endpoint };
        if members.insert(asset.id.clone(), member).is_some() {
            return Err(format!("the asset {} stands there twice", asset.id));
        }
    }
    Ok(FleetFile { name: raw.name, members })
}

fn create(path: &Path, name: &FleetId, members: &[AssetId]) -> Result<(), NodeError> {
    create_private_folder(path)?;
    refuse_strangers(path)?;
    let keys = path.join(KEYS_NAME);
    create_private_folder(&keys)?;
    let mut assets = Vec::new();
    for id in members {
        let file = key_path(path, id);
        if !file_exists(&file)? {
            // When another process makes the same fleet at this moment, the first key stays and both read it back.
            durable::create_private_file(&file, drawn_key()?.as_bytes())?;
        }
        let public_key = read_key(&file)?.public();
        assets.push(AssetToml { id: id.clone(), public_key, endpoint: IN_PROCESS.to_owned() });
    }
    assets.sort_by(|a, b| a.id.cmp(&b.id));
    let body = toml::to_string(&FleetToml { version: FILE_VERSION, name: name.clone(), assets })
        .expect("names and texts have a TOML form");
    durable::replace_file(&path.join(FILE_NAME), format!("{HEADER}{body}").as_bytes())
}

/// A folder that becomes a fleet is empty, but for the keys of an earlier attempt.
fn refuse_strangers(path: &Path) -> Result<(), NodeError> {
    for entry in fs::read_dir(path).map_err(NodeError::refused("read", path))? {
        let name = entry.map_err(NodeError::refused("read", path))?.file_name();
        // Another process that makes the same fleet has its temporary file here, or is already done.
        let expected = name == KEYS_NAME || name == FILE_NAME || name.to_string_lossy().starts_with(".tmp");
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

fn read_keys(path: &Path, file: &FleetFile) -> Result<BTreeMap<AssetId, SecretKey>, NodeError> {
    check_private(&path.join(KEYS_NAME), 0o700)?;
    let mut keys = BTreeMap::new();
    for (id, member) in &file.members {
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

fn file_exists(path: &Path) -> Result<bool, NodeError> {
    path.try_exists().map_err(NodeError::refused("read", path))
}

#[cfg(unix)]
fn create_private_folder(path: &Path) -> Result<(), NodeError> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(NodeError::refused("create", path))
}

#[cfg(not(unix))]
fn create_private_folder(path: &Path) -> Result<(), NodeError> {
    fs::create_dir_all(path).map_err(NodeError::refused("create", path))
}

#[cfg(unix)]
fn check_private(path: &Path, expected: u32) -> Result<(), NodeError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path).map_err(NodeError::refused("read", path))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(NodeError::unfit(path, Fault::WidePermissions { mode, expected }));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_private(_: &Path, _: u32) -> Result<(), NodeError> {
    Ok(())
}

const FILE_NAME: &str = "fleet.toml";
const FILE_VERSION: u32 = 1;
const KEYS_NAME: &str = "keys";
const IN_PROCESS: &str = "in-process";
const HEADER: &str = "# A CosmosMesh fleet: its members and their public keys. Share this file with whoever is to verify what\n\
                      # they signed. The private keys are beside it under keys/; keep those to yourself.\n\n";

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

    #[test]
    fn a_fleet_file_with_an_unknown_key_or_a_bad_public_key_is_malformed() {
        assert!(parse("version = 1\nname = \"a\"\nasset = []\ncolour = 1").is_err());
        let asset = "[[asset]]\nid = \"rover\"\npublic_key = \"did:key:zzz\"\nendpoint = \"x\"";
        let why = parse(&format!("version = 1\nname = \"a\"\n{asset}")).expect_err("the key is bad");
        assert!(why.contains("line 5"), "{why}");
    }
}
