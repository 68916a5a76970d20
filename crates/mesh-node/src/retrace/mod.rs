//! One asset executed again from its recording: nothing but its settings, its seed and its recorded inputs go in.
//!
//! Signatures cannot be made again without the private key: the recorded one is taken, once it verifies for the bytes
//! that the asset asks to have signed. What the asset does besides is collected, to be compared with the world and with
//! what the others recorded.

mod opened;
mod track;
mod voyage;

pub(crate) use opened::{Opened, Opening, open};
pub(crate) use voyage::{Voyage, WORLD_FILE, readings};

use crate::error::NodeError;
use crate::proof;
use crate::recording::{Restart, Tear, Totals};
use crate::replay::{Difference, damage};
use mesh_adapters::{CommandSchedule, Telemetry};
use mesh_asset::{Asset, AssetState, Event, Input};
use mesh_model::{AssetId, Epoch, Hash, LocalProblem, MissionTime, Payload, SignedEnvelope};
use mesh_sim::journal::{Certified, Traffic};
use std::collections::{BTreeMap, BTreeSet};
use track::Track;

/// An asset at the end of its recording, or where its recording and it part.
pub(crate) struct Retraced {
    pub(crate) state: AssetState,
    pub(crate) totals: Totals,
    /// When the last input came.
    pub(crate) ended: MissionTime,
    /// What its sensors are recorded to have said.
    pub(crate) readings: Vec<(Place, Telemetry)>,
    /// The contacts that it is recorded to have made and lost.
    pub(crate) contacts: Vec<(Place, AssetId, bool)>,
    /// The messages that it is recorded to have received: from whom and their hash.
    pub(crate) received: Vec<(Place, AssetId, Hash)>,
    /// The messages that it sent: to whom and their hash.
    pub(crate) sent: BTreeSet<(AssetId, Hash)>,
    /// What it sent, lost messages not counted.
    pub(crate) traffic: Traffic,
    /// Transmissions to somebody whom it had contact with: to whom, and which.
    pub(crate) transmissions: Vec<(AssetId, u64)>,
    pub(crate) commands: Vec<(MissionTime, CommandSchedule)>,
    pub(crate) events: Vec<(MissionTime, Event)>,
    /// The log entries that it had persisted, signed as recorded.
    pub(crate) entries: Vec<SignedEnvelope>,
    /// The entry that was to be persisted when the recording ends.
    pub(crate) pending: Option<SignedEnvelope>,
    /// Whether it was told that the mission is over.
    pub(crate) is_closed: bool,
    /// Whether its writer ended the recording, by all that was read of it.
    pub(crate) is_finished: bool,
    /// The times at which it was told anything.
    pub(crate) times: BTreeSet<MissionTime>,
    /// Where its process was killed and another one took over.
    pub(crate) restarts: Vec<Restart>,
    /// Where the recording breaks off, if its writer did not end it.
    pub(crate) tear: Option<Tear>,
    /// The first input that is not what the asset asked for.
    pub(crate) parted: Option<Box<Difference>>,
}

/// An input's place in mission time and in its recording.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) now: MissionTime,
    pub(crate) number: u64,
}

/// Executes an asset again, whose mission ends at `end` at the latest. Fails only if the machine is in the way.
pub(crate) fn retrace(
    id: &AssetId,
    opened: Opened,
    end: MissionTime,
) -> Result<Result<Retraced, Box<Difference>>, NodeError> {
    let Opened { reader, settings, key, seed, start } = opened;
    let nothing = Totals::begin(&mesh_model::Canonical::encode(&settings));
    let asset = match Asset::new(settings, seed, start) {
        Ok(asset) => asset,
        Err(misuse) => return Ok(Err(Difference::of_asset(id, "settings", misuse.to_string()))),
    };
    let mut track = Track::new(id, asset, start, end);
    let Some(mut reader) = reader else { return Ok(Ok(track.finish(nothing))) };
    loop {
        let input = match damage(id, reader.next_input())? {
            Ok(Some(input)) => input,
            Ok(None) => break,
            Err(mut damaged) => {
                // From here on nothing is known: whatever differs elsewhere later on may be its doing.
                damaged.set_place(Place { now: track.ended(), number: reader.totals().inputs });
                track.part(damaged);
                break;
            }
        };
        if let Err(parted) = track.take(&input, &key) {
            track.part(parted);
            break;
        }
    }
    // A process that was killed may well have been at work.
    if reader.tear().is_none() && !track.is_settled() {
        let place = Place { now: track.ended(), number: reader.totals().inputs };
        track.part(Difference::at(id, place, "nothing more", "a request that was never answered"));
    }
    let (restarts, tear) = (reader.restarts().to_vec(), reader.tear().cloned());
    let retraced = track.finish(reader.totals());
    let is_finished = tear.is_none() && retraced.parted.is_none();
    Ok(Ok(Retraced { restarts, tear, is_finished, ..retraced }))
}

/// What an asset negotiated last for plan number `plan`, by executing it again up to there; none if it did not.
pub(crate) fn negotiated(
    id: &AssetId,
    opened: Opened,
    end: MissionTime,
    plan: u64,
) -> Result<Result<Option<proof::Opened>, Box<Difference>>, NodeError> {
    let Opened { reader, settings, key, seed, start } = opened;
    let asset = match Asset::new(settings, seed, start) {
        Ok(asset) => asset,
        Err(misuse) => return Ok(Err(Difference::of_asset(id, "settings", misuse.to_string()))),
    };
    let mut track = Track::new(id, asset, start, end);
    track.listen_to(plan);
    let mut found: Option<(Epoch, LocalProblem)> = None;
    let Some(mut reader) = reader else { return Ok(Ok(None)) };
    loop {
        let input = match damage(id, reader.next_input())? {
            Ok(Some(input)) => input,
            Ok(None) => break,
            Err(damaged) => return Ok(Err(damaged)),
        };
        if let Err(parted) = track.take(&input, &key) {
            return Ok(Err(parted));
        }
        let Some((epoch, problem)) = track.negotiated() else { continue };
        if epoch.plan > plan {
            break;
        }
        if epoch.plan == plan && found.as_ref().is_none_or(|(found, _)| found != epoch) {
            found = Some((epoch.clone(), problem.clone()));
        }
    }
    let Some((epoch, problem)) = found else { return Ok(Ok(None)) };
    let said = track.into_said().into_iter().filter(|(_, payload)| match payload {
        Payload::Shared(shared) => shared.epoch == epoch,
        Payload::Dual(dual) => dual.epoch == epoch,
        _ => false,
    });
    let said = said.collect();
    Ok(Ok(Some(proof::Opened { epoch, problem, said })))
}

impl Retraced {
    /// The plans that it certified, in order.
    pub(crate) fn certified(&self) -> impl Iterator<Item = Certified> {
        self.events.iter().filter_map(|(now, event)| match event {
            Event::Certified { certificate, opened } => {
                Some(Certified { opened: *opened, agreed: *now, certificate: (**certificate).clone() })
            }
            _ => None,
        })
    }
}

/// Whether the mission was stopped before its end: then nobody was told that it is over.
pub(crate) fn is_interrupted(retraced: &BTreeMap<AssetId, Retraced>) -> bool {
    !retraced.values().any(|asset| asset.is_closed)
}

/// An input in a few words. Long ones are named by their hash.
fn described(input: &Input) -> String {
    match input {
        Input::Tick => "a tick".to_owned(),
        Input::Telemetry(telemetry) => format!("{telemetry:?}"),
        Input::Message { from, bytes } => {
            format!("a message of {} bytes from {from}, SHA-256 {}", bytes.len(), Hash::of(bytes))
        }
        Input::Link { peer, up } => format!("contact with {peer} {}", if *up { "made" } else { "lost" }),
        Input::Signed { id, signature } => format!("signature {id}, SHA-256 {}", Hash::of(signature)),
        Input::Persisted { id } => format!("persisted {id}"),
        Input::Close => "the end of the mission".to_owned(),
    }
}
