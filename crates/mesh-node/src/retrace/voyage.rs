//! What the world was told, and the world flown again with it.
//!
//! Where the simulator was a process of its own it recorded which commands took effect when. In one process they are
//! the ones that the assets gave, at the times at which they gave them.

use super::{Place, Retraced};
use crate::error::NodeError;
use crate::recording::{Tear, WorldEvent, WorldRecordingReader};
use crate::replay::{Difference, world_damage};
use crate::run_folder::RunFolder;
use mesh_adapters::{CommandSchedule, Telemetry};
use mesh_model::{AssetId, Canonical, Hash, MissionTime};
use mesh_sim::World;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that came to the world from outside.
#[derive(Debug, Default)]
pub(crate) struct Voyage {
    /// Whether the simulator says so itself.
    pub(crate) is_recorded: bool,
    /// When which vehicle was given what, in order.
    pub(crate) commands: Vec<(MissionTime, AssetId, CommandSchedule)>,
    /// When the fleet went on without whom.
    pub(crate) absences: Vec<(MissionTime, AssetId)>,
    /// How far the mission came.
    pub(crate) ended: MissionTime,
    /// Where the simulator's own word breaks off, if it does. Commands that were given later are taken to have been heard
    /// at once, as they are in lock-step.
    pub(crate) tear: Option<Tear>,
}

impl Voyage {
    /// What is known of a run whose assets have been executed again. Fails only if the machine is in the way.
    pub(crate) fn of(
        run: &RunFolder,
        seed: u64,
        retraced: &BTreeMap<AssetId, Retraced>,
    ) -> Result<Result<Self, Box<Difference>>, NodeError> {
        let path = run.world_recording();
        if !path.try_exists().map_err(NodeError::refused("read", &path))? {
            return Ok(Ok(Self::given(retraced)));
        }
        let mut voyage = Self { is_recorded: true, ended: ended(retraced), ..Self::default() };
        let Some(mut reader) = (match world_damage(WorldRecordingReader::open_torn(&path))? {
            Ok(reader) => reader,
            Err(damaged) => return Ok(Err(damaged)),
        }) else {
            // The simulator was killed before it had begun.
            return Ok(Ok(Self { is_recorded: true, ..Self::given(retraced) }));
        };
        if reader.heading().seed != seed {
            let recorded = format!("the world with seed {}", reader.heading().seed);
            return Ok(Err(Difference::of_file(WORLD_FILE, recorded, format!("seed {seed}"))));
        }
        let mut newest = MissionTime::ZERO;
        loop {
            match world_damage(reader.next_event())? {
                Ok(Some((now, event))) => {
                    newest = now;
                    voyage.take(now, event);
                }
                Ok(None) => break,
                Err(damaged) => return Ok(Err(damaged)),
            }
        }
        voyage.tear = reader.tear().cloned();
        if voyage.tear.is_some() {
            voyage.go_on(newest, retraced);
        }
        Ok(Ok(voyage))
    }

    /// The voyage on which every command took effect when it was given.
    pub(crate) fn given(retraced: &BTreeMap<AssetId, Retraced>) -> Self {
        let mut commands = Vec::new();
        for (id, asset) in retraced {
            commands.extend(asset.commands.iter().map(|(now, schedule)| (*now, id.clone(), schedule.clone())));
        }
        commands.sort_by_key(|(now, ..)| *now);
        Self { is_recorded: false, commands, absences: Vec::new(), ended: ended(retraced), tear: None }
    }

    /// The first command that took effect and that its asset had not given; in lock-step also one that an asset gave and
    /// that did not take effect. Of an asset whose process was lost nobody knows what was heard last.
    pub(crate) fn differs(
        &self,
        retraced: &BTreeMap<AssetId, Retraced>,
        is_lockstep: bool,
        is_excused: &dyn Fn(&AssetId) -> bool,
    ) -> Option<Box<Difference>> {
        if !self.is_recorded {
            return None;
        }
        let mut applied: BTreeMap<&AssetId, BTreeSet<(MissionTime, Hash)>> = BTreeMap::new();
        for (now, asset, schedule) in &self.commands {
            let hash = schedule.hash();
            let own = retraced.get(asset).map_or([].as_slice(), |asset| &asset.commands);
            let was_given = own.iter().any(|(given, own)| *given <= *now && own.hash() == hash);
            if !was_given && retraced.get(asset).is_none_or(|asset| asset.parted.is_none()) {
                let recorded = format!("a command to {asset} with SHA-256 {hash}");
                return Some(Difference::of_world(*now, recorded, "no such command was given"));
            }
            applied.entry(asset).or_default().insert((*now, hash));
        }
        for (id, asset) in
            retraced.iter().filter(|(id, asset)| is_lockstep && !is_excused(id) && asset.parted.is_none())
        {
            let own = applied.remove(id).unwrap_or_default();
            // Of the last tick of a mission that was stopped, not everything need have been heard.
            let given = asset.commands.iter().filter(|(now, _)| asset.is_closed || *now < self.ended);
            let given: BTreeSet<_> = given.map(|(now, schedule)| (*now, schedule.hash())).collect();
            if let Some((now, hash)) = given.difference(&own).next() {
                let replayed = format!("a command of {id} with SHA-256 {hash}");
                return Some(Difference::of_world(*now, "no such command", replayed));
            }
            let late = |(now, _): &&(MissionTime, Hash)| asset.is_closed || *now < self.ended;
            if let Some((now, hash)) = own.difference(&given).find(late) {
                let recorded = format!("a command to {id} with SHA-256 {hash}");
                return Some(Difference::of_world(*now, recorded, "a command at another time"));
            }
        }
        None
    }

    /// Flies the world and holds its sensors against the recorded readings, which are in order of time; at one time they
    /// come before what is commanded. Gives the first that differs, where the flight breaks off.
    pub(crate) fn fly(&self, world: &mut World, readings: &[Reading<'_>]) -> Option<Box<Difference>> {
        let mut readings = readings.iter().peekable();
        for (now, asset, schedule) in &self.commands {
            while let Some(reading) = readings.next_if(|reading| reading.read <= *now) {
                if let Some(difference) = reading.differs(world) {
                    return Some(difference);
                }
            }
            world.advance(*now);
            world.command(asset, schedule.clone());
        }
        if let Some(difference) = readings.find_map(|reading| reading.differs(world)) {
            return Some(difference);
        }
        world.advance(self.ended);
        None
    }

    /// Adds what was given after the simulator's last word, at `newest`, and is not in it.
    fn go_on(&mut self, newest: MissionTime, retraced: &BTreeMap<AssetId, Retraced>) {
        let mut later = Self::given(retraced).commands;
        later.retain(|command| command.0 >= newest && !self.commands.contains(command));
        self.commands.append(&mut later);
        self.commands.sort_by_key(|(now, ..)| *now);
    }

    fn take(&mut self, now: MissionTime, event: WorldEvent) {
        self.ended = self.ended.max(now);
        match event {
            WorldEvent::Command { asset, schedule } => self.commands.push((now, asset, schedule)),
            WorldEvent::Away { asset, away: true } => self.absences.push((now, asset)),
            WorldEvent::Away { away: false, .. } | WorldEvent::Reached => {}
        }
    }
}

/// A sensor that was read.
pub(crate) struct Reading<'a> {
    asset: &'a AssetId,
    /// When it was read, which for a process that runs free may be before it was handed over.
    read: MissionTime,
    place: Place,
    telemetry: &'a Telemetry,
}

impl Reading<'_> {
    /// Whether the world's sensor says something else.
    fn differs(&self, world: &mut World) -> Option<Box<Difference>> {
        world.advance(self.read);
        let replayed = world.telemetry(self.asset);
        if replayed.as_ref() == Some(self.telemetry) {
            return None;
        }
        let replayed = format!("sensors that say {replayed:?}");
        Some(Difference::at(self.asset, self.place, format!("{:?}", self.telemetry), replayed))
    }
}

/// All readings in the order in which they were made: in lock-step when they were handed over, else when they say that
/// they were made.
pub(crate) fn readings(retraced: &BTreeMap<AssetId, Retraced>, is_lockstep: bool) -> Vec<Reading<'_>> {
    let mut readings: Vec<Reading<'_>> = Vec::new();
    for (asset, retraced) in retraced {
        for (place, telemetry) in &retraced.readings {
            let read = if is_lockstep { place.now } else { time(telemetry) };
            readings.push(Reading { asset, read, place: *place, telemetry });
        }
    }
    readings.sort_by_key(|reading| reading.read);
    readings
}

fn ended(retraced: &BTreeMap<AssetId, Retraced>) -> MissionTime {
    retraced.values().map(|asset| asset.ended).max().unwrap_or(MissionTime::ZERO)
}

fn time(telemetry: &Telemetry) -> MissionTime {
    match telemetry {
        Telemetry::Habitat(habitat) => habitat.time,
        Telemetry::Rover(rover) => rover.time,
        Telemetry::Satellite(satellite) => satellite.time,
    }
}

/// Where the world's recording is, seen from the run folder.
pub(crate) const WORLD_FILE: &str = "world.mcap";
