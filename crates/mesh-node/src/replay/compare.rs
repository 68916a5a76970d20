//! What came out of a replay against the files beside the recordings: report, logs, plans.

use super::Difference;
use crate::audit::{LOG_LENGTH_MAX, sound_part};
use crate::durable;
use crate::error::NodeError;
use crate::plan_file::plan_file;
use crate::report::{RecordingFigures, Report};
use crate::retrace::{Retraced, Voyage, is_interrupted};
use crate::run_folder::RunFolder;
use mesh_model::{AssetId, Canonical, Hash, SignedEnvelope};
use mesh_sim::Scenario;
use mesh_sync::read_log;
use std::collections::BTreeMap;
use std::io::ErrorKind;

/// What came out against the report, the plan file and the figures of the recordings.
pub(super) fn compare(
    run: &RunFolder,
    scenario: &Scenario,
    report: &Report,
    retraced: &BTreeMap<AssetId, Retraced>,
    voyage: &Voyage,
    state_hash: Hash,
) -> Result<Option<Box<Difference>>, NodeError> {
    if let Some(difference) = compare_states(report, retraced, state_hash) {
        return Ok(Some(difference));
    }
    for (asset, retraced) in retraced {
        if let Some(difference) = compare_log(run, asset, retraced, report.is_cut_off(asset))? {
            return Ok(Some(difference));
        }
    }
    if let Some(difference) = compare_end(report, retraced, voyage) {
        return Ok(Some(difference));
    }
    if let Some(difference) = compare_plans(run, scenario, report, retraced)? {
        return Ok(Some(difference));
    }
    compare_recordings(run, report, retraced)
}

fn compare_states(
    report: &Report,
    retraced: &BTreeMap<AssetId, Retraced>,
    state_hash: Hash,
) -> Option<Box<Difference>> {
    for state in retraced.values().map(|asset| &asset.state) {
        let recorded = report.asset(&state.asset).map(|figures| figures.state);
        if recorded != Some(state.hash()) {
            let recorded = recorded.map_or("no state".to_owned(), |hash| format!("final state {hash}"));
            let mut difference = Difference::of_file(REPORT, recorded, state.hash().to_string());
            difference.asset = Some(state.asset.clone());
            return Some(difference);
        }
    }
    (report.state_hash != state_hash).then(|| {
        let (recorded, replayed) = (format!("state hash {}", report.state_hash), state_hash.to_string());
        Difference::of_file(REPORT, recorded, replayed)
    })
}

/// How and when the mission ended. Who was lost need not have been there.
fn compare_end(report: &Report, retraced: &BTreeMap<AssetId, Retraced>, voyage: &Voyage) -> Option<Box<Difference>> {
    if let Some((now, asset)) = voyage.absences.iter().find(|(_, asset)| !report.is_lost(asset.as_str())) {
        return Some(Difference::of_world(*now, format!("a fleet without {asset}"), "a report that does not say so"));
    }
    let said = |interrupted: bool| if interrupted { "a mission that was stopped" } else { "a mission to its end" };
    let interrupted = is_interrupted(retraced);
    if report.interrupted != interrupted {
        return Some(Difference::of_file(REPORT, said(report.interrupted), said(interrupted)));
    }
    let left = retraced.iter().find(|(id, asset)| asset.is_closed == interrupted && !report.is_lost(id.as_str()));
    if let Some((id, _)) = left {
        return Some(Difference::of_asset(id, "no end", "the end of the mission, which others were told"));
    }
    (report.mission_s != voyage.ended.as_s()).then(|| {
        let (recorded, replayed) = (format!("an end at {} s", report.mission_s), format!("{} s", voyage.ended.as_s()));
        Difference::of_file(REPORT, recorded, replayed)
    })
}

fn compare_plans(
    run: &RunFolder,
    scenario: &Scenario,
    report: &Report,
    retraced: &BTreeMap<AssetId, Retraced>,
) -> Result<Option<Box<Difference>>, NodeError> {
    let mut certified: Vec<_> = retraced.values().flat_map(Retraced::certified).collect();
    certified.sort_by_key(|certified| certified.agreed);
    let plans = plan_file(scenario.name.as_str(), report.seed, &certified);
    let written = match durable::read_text(&run.plan()) {
        Err(NodeError::Refused { source, .. }) if source.kind() == ErrorKind::NotFound => None,
        read => Some(read?),
    };
    if written.as_deref() == Some(&plans) {
        return Ok(None);
    }
    let recorded = written.map_or("nothing: the file is missing", |_| "other plans");
    Ok(Some(Difference::of_file("plan.json", recorded, "the plans that were certified")))
}

/// The figures of the recordings, and the files that they were taken from.
fn compare_recordings(
    run: &RunFolder,
    report: &Report,
    retraced: &BTreeMap<AssetId, Retraced>,
) -> Result<Option<Box<Difference>>, NodeError> {
    for (asset, retraced) in retraced {
        let recorded = report.recording(asset).map(|own| own.inputs_hash);
        if recorded != Some(retraced.totals.digest) {
            let recorded = recorded.map_or("no inputs".to_owned(), |hash| format!("inputs with the digest {hash}"));
            return Ok(Some(Difference::of_asset(asset, recorded, retraced.totals.digest.to_string())));
        }
    }
    if !report.recordings.iter().map(|figures| &figures.asset).eq(retraced.keys()) {
        return Ok(Some(Difference::of_file(REPORT, "other recordings", "one of each member, in id order")));
    }
    for figures in &report.recordings {
        let found = RecordingFigures::hash_of_file(run, &figures.asset)?;
        if found != figures.file_hash {
            let recorded = format!("a file with SHA-256 {}", figures.file_hash);
            return Ok(Some(Difference::of_asset(&figures.asset, recorded, found.to_string())));
        }
    }
    Ok(None)
}

/// The log file of an asset against the entries that it had persisted, one by one. An asset that was cut off may have had
/// one more on the disk than it lived to hear of, and a part of another.
fn compare_log(
    run: &RunFolder,
    asset: &AssetId,
    retraced: &Retraced,
    is_cut_off: bool,
) -> Result<Option<Box<Difference>>, NodeError> {
    let differ = |entry: Option<u64>, recorded: String, replayed: String| {
        let mut difference = Difference::of_file(&format!("logs/{asset}.log"), recorded, replayed);
        (difference.asset, difference.entry) = (Some(asset.clone()), entry);
        Ok(Some(difference))
    };
    let bytes = match durable::read_bytes(&run.log(asset), LOG_LENGTH_MAX) {
        Err(NodeError::Refused { source, .. }) if source.kind() == ErrorKind::NotFound => {
            let entries = &retraced.entries;
            if is_cut_off && entries.is_empty() {
                return Ok(None);
            }
            return differ(None, "nothing: the file is missing".to_owned(), format!("{} entries", entries.len()));
        }
        read => read?,
    };
    let found = match read_log(if is_cut_off { sound_part(&bytes) } else { &bytes }) {
        Ok(found) => found,
        Err(damage) => return differ(Some(damage.entry), damage.to_string(), "a sound entry".to_owned()),
    };
    let mut expected: Vec<&SignedEnvelope> = retraced.entries.iter().collect();
    if is_cut_off && found.len() > expected.len() {
        expected.extend(&retraced.pending);
    }
    let place = found.iter().zip(&expected).position(|(found, entry)| found != *entry);
    let place = place.or_else(|| (found.len() != expected.len()).then(|| found.len().min(expected.len())));
    let Some(place) = place else { return Ok(None) };
    let named = |entry: Option<&SignedEnvelope>| {
        entry.map_or("no such entry".to_owned(), |entry| format!("an entry with SHA-256 {}", entry.unsigned_hash()))
    };
    differ(Some(place as u64), named(found.get(place)), named(expected.get(place).copied()))
}

const REPORT: &str = "report.json";
