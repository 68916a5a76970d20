//! What the fleet in one process needs from this machine: keys, logs and recordings on real files.

use crate::disk::FileDisk;
use crate::error::NodeError;
use crate::fleet_folder::FleetFolder;
use crate::recording::{Heading, RecordingWriter};
use crate::report::RecordingFigures;
use crate::run_folder::RunFolder;
use crate::{durable, trace};
use mesh_asset::{Event, Input, Settings};
use mesh_model::{AssetId, Canonical, Hash, MissionTime, SignedEnvelope};
use mesh_sim::fleet::{FleetEvent, Host};
use mesh_sim::lockstep::Shell;
use mesh_sync::LogStore;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Watches a flight, and may end it.
pub trait Observer {
    /// Something happened.
    fn observe(&mut self, now: MissionTime, event: &FleetEvent<'_>);
    /// Whether the flight should stop where it is.
    fn stop_requested(&mut self) -> bool;
}

/// A host on real files.
pub struct NodeHost<'a> {
    fleet: &'a FleetFolder,
    run: &'a RunFolder,
    observer: &'a mut dyn Observer,
    stores: BTreeMap<AssetId, Store>,
    ticks: u64,
    began: Instant,
    first_plan: Option<Duration>,
}

/// The two files of one asset.
struct Store {
    log: LogStore<FileDisk>,
    recording: RecordingWriter,
}

/// What a host wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Entries of each log.
    pub log_entries: BTreeMap<AssetId, u64>,
    /// The recordings in id order.
    pub recordings: Vec<RecordingFigures>,
    /// SHA-256 of the scenario file beside them.
    pub scenario_hash: Hash,
    /// How often the clock moved on.
    pub ticks: u64,
    /// Time by the clock on the wall until the first plan was certified.
    pub first_plan: Option<Duration>,
}

impl<'a> NodeHost<'a> {
    /// Begins the logs and recordings of the assets with these settings in a new run folder.
    pub fn new(
        fleet: &'a FleetFolder,
        run: &'a RunFolder,
        seed: u64,
        settings: &[Settings],
        observer: &'a mut dyn Observer,
    ) -> Result<Self, NodeError> {
        let mut stores = BTreeMap::new();
        for settings in settings {
            let asset = &settings.me;
            let heading = Heading::of(asset, seed);
            let recording = RecordingWriter::create(&run.recording(asset), &heading, &settings.encode())?;
            let opened = LogStore::open(FileDisk::new(&run.logs()), &log_name(asset));
            let log = opened.map_err(|why| NodeError::of_log(&run.log(asset), why))?.store;
            stores.insert(asset.clone(), Store { log, recording });
        }
        Ok(Self { fleet, run, observer, stores, ticks: 0, began: Instant::now(), first_plan: None })
    }

    /// Ends the recordings.
    pub fn finish(self) -> Result<Written, NodeError> {
        let mut written = Written {
            log_entries: BTreeMap::new(),
            recordings: Vec::new(),
            scenario_hash: durable::file_hash(&self.run.scenario())?,
            ticks: self.ticks,
            first_plan: self.first_plan,
        };
        for (asset, store) in self.stores {
            let totals = store.recording.finish()?;
            written.recordings.push(RecordingFigures {
                inputs: totals.inputs,
                inputs_hash: totals.digest,
                file_hash: durable::file_hash(&self.run.recording(&asset))?,
                finished: true,
                broken: None,
                asset: asset.clone(),
            });
            written.log_entries.insert(asset, store.log.entries());
        }
        Ok(written)
    }

    fn store(&mut self, asset: &AssetId) -> &mut Store {
        self.stores.get_mut(asset).expect("a flight has the assets whose settings its host was made with")
    }
}

impl Shell for NodeHost<'_> {
    type Error = NodeError;

    fn sign(&mut self, asset: &AssetId, unsigned: &[u8]) -> Result<[u8; 64], NodeError> {
        let key = self.fleet.key(asset).expect("a flight has the members that its fleet folder was opened with");
        Ok(key.sign(unsigned))
    }

    fn persist(&mut self, asset: &AssetId, entry: &SignedEnvelope) -> Result<(), NodeError> {
        let path = self.run.log(asset);
        self.store(asset).log.append(entry).map_err(|why| NodeError::of_log(&path, why))
    }

    fn record(&mut self, asset: &AssetId, now: MissionTime, input: &Input) -> Result<(), NodeError> {
        self.store(asset).recording.input(now, &input.encode())
    }
}

impl Host for NodeHost<'_> {
    fn observe(&mut self, now: MissionTime, event: &FleetEvent<'_>) {
        if self.first_plan.is_none() && matches!(event, FleetEvent::Asset(_, Event::Certified { .. })) {
            self.first_plan = Some(self.began.elapsed());
        }
        trace::fleet_event(now, event);
        self.observer.observe(now, event);
    }

    fn stop_requested(&mut self) -> bool {
        self.ticks += 1;
        self.observer.stop_requested()
    }
}

/// Largest resident memory of this process so far, in bytes; 0 where the system does not tell.
pub fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    peak_in(&status).unwrap_or(0)
}

/// Largest resident memory of the process `pid` so far, in bytes; 0 where the system does not tell, and once it has
/// ended.
pub fn peak_memory_of(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    peak_in(&status).unwrap_or(0)
}

fn peak_in(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

fn log_name(asset: &AssetId) -> String {
    format!("{asset}.log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_the_status_page() {
        assert_eq!(peak_in("Name:\tx\nVmHWM:\t    1234 kB\nVmRSS:\t 1 kB\n"), Some(1234 * 1024));
        assert_eq!(peak_in("VmHWM: many kB"), None);
        assert_eq!(peak_in(""), None);
    }
}
