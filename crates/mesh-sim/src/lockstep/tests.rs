//! A fleet in lock-step with seats that break off, forget and lose what is on the way; it must fly the same mission.

use super::{Answer, Conductor, Past, Seat, Sent, Shell, Stepped};
use crate::almanac::Almanac;
use crate::fleet::{asset_seed, settings, state_hash};
use crate::rehearsal::{Rehearsal, rehearse, rehearse_without_planner};
use crate::scenario::Scenario;
use mesh_asset::{Input, Settings};
use mesh_model::{AssetId, Hash, MissionId, MissionTime, SignedEnvelope};
use std::collections::BTreeMap;

/// What outlives a seat: keys and log as in a rehearsal, and the recording.
struct Kept {
    rehearsal: Rehearsal,
    past: BTreeMap<AssetId, Past>,
    /// Calls until the next one is refused: where a process would be killed.
    calls_left: Option<u32>,
}

/// The process was killed.
#[derive(Debug)]
struct Killed;

impl Kept {
    fn call(&mut self) -> Result<(), Killed> {
        match &mut self.calls_left {
            Some(0) => Err(Killed),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Shell for Kept {
    type Error = Killed;

    fn sign(&mut self, asset: &AssetId, unsigned: &[u8]) -> Result<[u8; 64], Killed> {
        self.call()?;
        Ok(self.rehearsal.sign(asset, unsigned).unwrap_or_else(|never| match never {}))
    }

    fn persist(&mut self, asset: &AssetId, entry: &SignedEnvelope) -> Result<(), Killed> {
        self.call()?;
        // As a file does: what stands at the end already is not put there again.
        if self.rehearsal.logs[asset].last() != Some(entry) {
            self.rehearsal.persist(asset, entry).unwrap_or_else(|never| match never {});
        }
        // The entry is on the disk, and nobody was told.
        self.call()
    }

    fn record(&mut self, asset: &AssetId, now: MissionTime, input: &Input) -> Result<(), Killed> {
        self.call()?;
        self.past.entry(asset.clone()).or_default().push_back((now, input.clone()));
        Ok(())
    }
}

struct Lockstep<'a> {
    conductor: Conductor<'a>,
    settings: BTreeMap<AssetId, Settings>,
    seats: BTreeMap<AssetId, Seat>,
    kept: Kept,
    seed: u64,
    kills: u32,
    asked_again: u32,
}

impl Lockstep<'_> {
    fn fly(scenario: &Scenario, seed: u64, mut kill: impl FnMut(u64) -> Option<u32>) -> (Hash, u32, u32, u64) {
        let almanac = Almanac::new(scenario);
        let rehearsal = Rehearsal::new(&scenario.contract().members, seed);
        let mut mission = [0; 16];
        mission[..8].copy_from_slice(&seed.to_le_bytes());
        let all = settings(scenario, &almanac, MissionId(mission), &rehearsal.public_keys());
        let mut fleet = Lockstep {
            conductor: Conductor::new(scenario, &almanac, seed),
            settings: all.into_iter().map(|settings| (settings.me.clone(), settings)).collect(),
            seats: BTreeMap::new(),
            kept: Kept { rehearsal, past: BTreeMap::new(), calls_left: None },
            seed,
            kills: 0,
            asked_again: 0,
        };
        let members: Vec<AssetId> = fleet.settings.keys().cloned().collect();
        for id in &members {
            fleet.take_up(id);
        }
        let mut ticks = 0;
        loop {
            for (id, grant) in fleet.conductor.begin().grants {
                ticks += 1;
                fleet.kept.calls_left = kill(ticks);
                fleet.step(&id, &grant);
            }
            assert!(fleet.conductor.is_settled());
            if fleet.conductor.is_last() {
                break;
            }
            fleet.conductor.advance();
        }
        let states: Vec<_> = fleet.seats.values().map(|seat| seat.asset().state()).collect();
        (state_hash(&states, fleet.conductor.world()), fleet.kills, fleet.asked_again, ticks)
    }

    /// Starts a process, or starts it again.
    fn take_up(&mut self, id: &AssetId) {
        let settings = self.settings[id].clone();
        let mut seat = Seat::new(settings, asset_seed(self.seed, id), self.seed).expect("sound settings");
        let past = self.kept.past.get(id).cloned().unwrap_or_default();
        seat.take_up(past, &mut self.kept).expect("nothing kills it here");
        self.seats.insert(id.clone(), seat);
    }

    fn step(&mut self, id: &AssetId, grant: &super::Grant) {
        loop {
            let seat = self.seats.get_mut(id).expect("a member");
            match seat.step(grant, &mut self.kept) {
                Ok(Stepped::Done(answer, parcels)) => {
                    self.conductor.answered(id, *answer);
                    for parcel in parcels {
                        self.seats.get_mut(&parcel.to).expect("a member").receive(parcel);
                    }
                    self.kept.calls_left = None;
                    return;
                }
                Ok(Stepped::Missing(missing)) => {
                    for (from, frame) in missing {
                        self.asked_again += 1;
                        let sent = Sent { to: id.clone(), frame, at: grant.now };
                        let parcel = self.seats[&from].again(&sent).expect("what was sent lately is kept");
                        self.seats.get_mut(id).expect("a member").receive(parcel);
                    }
                }
                Err(Killed) => {
                    self.kills += 1;
                    self.kept.calls_left = None;
                    self.take_up(id);
                }
            }
        }
    }
}

fn four_hours() -> Scenario {
    let mut scenario = Scenario::lunar_base();
    scenario.timing.duration_s = 4 * 3600;
    scenario
}

#[test]
fn a_clock_that_waits_for_nobody_passes_no_tick_over_before_it_has_the_answers() {
    let scenario = four_hours();
    let almanac = Almanac::new(&scenario);
    let mut conductor = Conductor::new(&scenario, &almanac, 1).without_waiting();
    let granted: Vec<AssetId> = conductor.begin().grants.into_iter().map(|(member, _)| member).collect();
    for (answered, member) in granted.iter().enumerate() {
        conductor.advance();
        assert_eq!(conductor.now(), MissionTime::from_s(answered as u64 + 1), "{member} may want the next tick");
        conductor.begin();
        conductor.answered(member, Answer::nothing(MissionTime::ZERO, None));
    }
    conductor.advance();
    let (reached, all) = (conductor.now(), MissionTime::from_s(granted.len() as u64 + 1));
    assert!(reached > all, "nobody wants anything, and yet it is only {reached}");
}

/// The planner has no sensors: alone, it is granted nothing for hours, and then it is reached before its own next tick.
#[test]
fn whoever_had_nothing_to_do_for_hours_takes_what_comes_at_their_end() {
    let alone = (MissionTime::from_s(39), MissionTime::from_s(3885));
    let (outcome, _) = rehearse_without_planner(&four_hours(), 1, alone.0, alone.1).expect("flies");
    assert!(outcome.journal.plans.iter().any(|plan| plan.agreed > alone.1), "nothing was agreed after the blackout");
}

#[test]
fn seats_of_their_own_fly_the_mission_of_the_fleet() {
    let scenario = four_hours();
    let (hash, kills, asked_again, _) = Lockstep::fly(&scenario, 3, |_| None);
    assert_eq!(hash, rehearse(&scenario, 3).expect("flies").0.state_hash);
    assert_eq!((kills, asked_again), (0, 0), "nothing was in the way");
}

#[test]
fn a_fleet_whose_seats_are_killed_at_every_kind_of_call_flies_the_same_mission() {
    let scenario = four_hours();
    let expected = rehearse(&scenario, 3).expect("flies").0.state_hash;
    for offset in 0..6 {
        // Every seventh step breaks off at its first, second, third... call of the shell.
        let kill = |tick: u64| (tick % 7 == offset).then_some((tick / 7 % 9) as u32);
        let (hash, kills, asked_again, ticks) = Lockstep::fly(&scenario, 3, kill);
        assert_eq!(hash, expected, "killed at offset {offset}");
        assert!(kills > 100, "{kills} kills in {ticks} steps");
        assert!(asked_again > 0, "nobody lost a message on the way");
    }
}

#[test]
fn a_tick_that_broke_off_goes_on_with_what_was_not_given_whoever_was_given_up_since() {
    let scenario = four_hours();
    let almanac = Almanac::new(&scenario);
    let ids = |name: &str| AssetId::new(name).expect("a good name");
    let rehearsal = Rehearsal::new(&scenario.contract().members, 1);
    let all = settings(&scenario, &almanac, MissionId([0; 16]), &rehearsal.public_keys());
    let own = all.into_iter().find(|settings| settings.me == ids("rover")).expect("a member");
    let mut kept = Kept { rehearsal, past: BTreeMap::new(), calls_left: None };
    let mut seat = Seat::new(own.clone(), 1, 1).expect("sound settings");
    seat.take_up(Past::new(), &mut kept).expect("nothing kills it here");
    let due = |names: &[(&str, u64)]| names.iter().map(|(name, frame)| (ids(name), *frame)).collect::<Vec<_>>();
    let now = MissionTime::from_s(5);
    let mut grant = super::Grant {
        now,
        contacts: Vec::new(),
        channels: Vec::new(),
        telemetry: None,
        due: due(&[("habitat", 0), ("planner", 0), ("satellite", 0)]),
        is_strict: true,
        is_last: false,
    };
    let parcel = |from: &str| super::Parcel {
        from: ids(from),
        to: ids("rover"),
        frame: 0,
        sent: MissionTime::ZERO,
        at: now,
        bytes: from.as_bytes().to_vec(),
    };
    ["habitat", "planner", "satellite"].into_iter().for_each(|from| seat.receive(parcel(from)));
    // The process is killed when it is to record the second message, and habitat is given up meanwhile.
    kept.calls_left = Some(1);
    assert!(seat.step(&grant, &mut kept).is_err(), "it was to be killed");
    kept.calls_left = None;
    let mut seat = Seat::new(own, 1, 1).expect("sound settings");
    let past = kept.past[&ids("rover")].clone();
    seat.take_up(past, &mut kept).expect("nothing kills it here");
    grant.due = due(&[("planner", 0), ("satellite", 0)]);
    ["planner", "satellite"].into_iter().for_each(|from| seat.receive(parcel(from)));
    assert!(matches!(seat.step(&grant, &mut kept), Ok(Stepped::Done(..))));
    let given = kept.past[&ids("rover")].iter().filter_map(|(_, input)| match input {
        Input::Message { from, .. } => Some(from.as_str().to_owned()),
        _ => None,
    });
    assert_eq!(given.collect::<Vec<_>>(), ["habitat", "planner", "satellite"]);
}
