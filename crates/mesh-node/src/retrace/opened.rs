//! The recordings of all members, opened, and held against the scenario before anything is executed.

use crate::error::NodeError;
use crate::fleet_folder::FleetFile;
use crate::recording::RecordingReader;
use crate::replay::{Difference, damage};
use crate::run_folder::RunFolder;
use mesh_asset::Settings;
use mesh_identity::PublicKey;
use mesh_model::{AssetId, Canonical, MissionTime};
use mesh_sim::Scenario;
use mesh_sim::almanac::Almanac;
use mesh_sim::fleet::{self, asset_seed};
use std::collections::BTreeMap;
use std::io::ErrorKind;

/// A recording that has been opened, with what an asset is made from.
pub(crate) struct Opened {
    /// None if nothing was ever recorded.
    pub(crate) reader: Option<RecordingReader>,
    pub(crate) settings: Settings,
    pub(crate) key: PublicKey,
    pub(crate) seed: u64,
    pub(crate) start: MissionTime,
}

/// How recordings are opened.
pub(crate) struct Opening<'a> {
    pub(crate) run: &'a RunFolder,
    pub(crate) scenario: &'a Scenario,
    pub(crate) almanac: &'a Almanac,
    /// The seed of the mission.
    pub(crate) seed: u64,
    /// Whose public keys the recorded ones must be.
    pub(crate) fleet: Option<&'a FleetFile>,
    /// Whose recording may break off, or be missing.
    pub(crate) may_be_torn: &'a dyn Fn(&AssetId) -> bool,
}

/// Opens the recordings of all members. Their settings must be those that the scenario gives.
pub(crate) fn open(opening: &Opening<'_>) -> Result<Result<BTreeMap<AssetId, Opened>, Box<Difference>>, NodeError> {
    let mut recorded = BTreeMap::new();
    for asset in opening.scenario.contract().members {
        let reader = match opening.reader(&asset)? {
            Ok(reader) => reader,
            Err(difference) => return Ok(Err(difference)),
        };
        let settings = match reader.as_ref().map(|reader| opening.settings(&asset, reader)).transpose() {
            Ok(settings) => settings,
            Err(difference) => return Ok(Err(difference)),
        };
        recorded.insert(asset, (reader, settings));
    }
    let Some(first) = recorded.values().find_map(|(_, settings)| settings.clone()) else {
        return Ok(Err(Difference::of_file("rec", "nothing", "the recordings of the members")));
    };
    let mut opened = BTreeMap::new();
    for settings in fleet::settings(opening.scenario, opening.almanac, first.mission, &first.keys) {
        let asset = settings.me.clone();
        let (reader, found) = recorded.remove(&asset).unwrap_or_default();
        if found.is_some_and(|found| found != settings) {
            let same = "the settings that scenario.toml gives and all others were given";
            return Ok(Err(Difference::of_asset(&asset, "other settings", same)));
        }
        match opening.opened(&asset, reader, settings) {
            Ok(recording) => opened.insert(asset, recording),
            Err(difference) => return Ok(Err(difference)),
        };
    }
    Ok(Ok(opened))
}

impl Opening<'_> {
    /// The recording of an asset; none if it may be torn and holds nothing.
    fn reader(&self, asset: &AssetId) -> Result<Result<Option<RecordingReader>, Box<Difference>>, NodeError> {
        let path = self.run.recording(asset);
        if !(self.may_be_torn)(asset) {
            return Ok(damage(asset, RecordingReader::open(&path))?.map(Some));
        }
        match RecordingReader::open_torn(&path) {
            Err(NodeError::Refused { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(Ok(None)),
            opened => damage(asset, opened),
        }
    }

    fn settings(&self, asset: &AssetId, reader: &RecordingReader) -> Result<Settings, Box<Difference>> {
        let heading = reader.heading();
        if heading.asset != *asset {
            return Err(Difference::of_asset(asset, format!("the inputs of {}", heading.asset), asset.to_string()));
        }
        let seed = asset_seed(self.seed, asset);
        if heading.seed != seed || heading.start != MissionTime::ZERO {
            let recorded = format!("seed {} from {}", heading.seed, heading.start);
            return Err(Difference::of_asset(asset, recorded, format!("seed {seed} from {}", MissionTime::ZERO)));
        }
        Settings::decode(reader.settings())
            .map_err(|why| Difference::of_asset(asset, "settings that cannot be read", why.to_string()))
    }

    fn opened(
        &self,
        asset: &AssetId,
        reader: Option<RecordingReader>,
        settings: Settings,
    ) -> Result<Opened, Box<Difference>> {
        let did = settings.keys.get(asset).map_or("", String::as_str);
        let key = PublicKey::from_did(did)
            .map_err(|why| Difference::of_asset(asset, format!("the public key {did:?}"), why.to_string()))?;
        if let Some(member) = self.fleet.and_then(|fleet| fleet.members.get(asset))
            && member.public_key != key
        {
            return Err(Difference::of_asset(asset, format!("the public key {key}"), member.public_key.did()));
        }
        Ok(Opened { reader, settings, key, seed: asset_seed(self.seed, asset), start: MissionTime::ZERO })
    }
}
