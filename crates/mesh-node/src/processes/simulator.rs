//! The simulator as a process of its own: the world, the clock, the links. It grants the members their ticks and tells its
//! supervisor what happens.

use super::control::{Figures, Reply, Request, Ticket, Ticketed, decode, encode};
use super::mission_file::{MissionFile, Pace};
use super::news::News;
use super::sensors::Sensors;
use super::views::{STEP_SERVICE, publish};
use crate::durable;
use crate::error::{Fault, NodeError};
use crate::program_version;
use crate::recording::{WorldEvent, WorldHeading, WorldRecorder, WorldRecordingWriter};
use crate::run_folder::RunFolder;
use mesh_model::{AssetId, Hash};
use mesh_ros::interfaces::cosmosmesh_msgs::srv::{Step, StepRequest};
use mesh_ros::interfaces::rosgraph_msgs::msg::Clock;
use mesh_ros::rmw_zenoh::{self, ZenohBackend};
use mesh_ros::{CallError, Client, Node, Publisher, Qos, RosError};
use mesh_sim::Scenario;
use mesh_sim::almanac::Almanac;
use mesh_sim::lockstep::{Answer, Conductor, Sent};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// Which mission, and where the news go.
pub struct SimulatorOptions<W> {
    /// The mission file.
    pub mission: PathBuf,
    /// Takes the news.
    pub news: W,
    /// Set when the simulator is to stop.
    pub stop: Arc<AtomicBool>,
}

/// Flies the world of a mission to its end, or until it is told to stop.
pub fn simulate<W: Write>(options: SimulatorOptions<W>) -> Result<(), NodeError> {
    let mission = MissionFile::read(&options.mission)?;
    let run = RunFolder::open(&mission.run)?;
    let text = durable::read_text(&run.scenario())?;
    let (scenario, _) = mesh_sim::scenario::parse(&text);
    let no_scenario = || Fault::Malformed { expected: "a scenario", why: "it was one when the run began".to_owned() };
    let scenario = scenario.ok_or_else(|| NodeError::unfit(&run.scenario(), no_scenario()))?;
    let almanac = Almanac::new(&scenario);
    let heading =
        WorldHeading { program: program_version().to_owned(), scenario: scenario.name.clone(), seed: mission.seed };
    let recording = WorldRecorder::new(WorldRecordingWriter::create(&run.world_recording(), &heading)?);
    let (replies, arrived) = channel();
    let plane = Plane::open(&mission, &scenario, replies).map_err(|source| NodeError::LocalPlane { source })?;
    let mut conductor = Conductor::new(&scenario, &almanac, mission.seed);
    if mission.pace != Pace::LockStep {
        conductor = conductor.without_waiting();
    }
    let simulator = Simulator {
        conductor,
        plane,
        arrived,
        recording,
        news: options.news,
        stop: options.stop,
        pace: mission.pace,
        awaits_people: mission.members.values().any(|member| member.is_external),
        lost_after: LOST_AFTER,
        calls: BTreeMap::new(),
        commanded: false,
    };
    simulator.fly()
}

/// The simulator's node on the local plane.
struct Plane {
    _node: Node,
    clock: Publisher<Clock>,
    sensors: Sensors,
    members: BTreeMap<AssetId, Client<Step>>,
    replies: Sender<Arrived>,
    ticket: Ticket,
}

/// What came of a call.
struct Arrived {
    member: AssetId,
    /// Counts the calls to this member: what an earlier one brings is late.
    number: u64,
    reply: Result<Reply, CallError>,
}

impl Plane {
    fn open(mission: &MissionFile, scenario: &Scenario, replies: Sender<Arrived>) -> Result<Self, RosError> {
        let settings = rmw_zenoh::Settings {
            router: mission.router.clone(),
            domain: mission.domain,
            connect_timeout: CONNECT_MAX,
        };
        let node = Node::new(ZenohBackend::connect(&settings)?, "/", "simulator")?;
        let clock = node.publisher("/clock", Qos::CLOCK)?;
        let sensors = Sensors::advertise(&node, scenario)?;
        let mut members = BTreeMap::new();
        for id in mission.members.keys() {
            members.insert(id.clone(), node.client::<Step>(&format!("/{id}/{STEP_SERVICE}"))?);
        }
        Ok(Self { _node: node, clock, sensors, members, replies, ticket: mission.ticket })
    }

    fn call(&self, member: &AssetId, number: u64, request: Request) {
        let Some(client) = self.members.get(member) else { return };
        let (replies, from) = (self.replies.clone(), member.clone());
        let service = client.service().to_string();
        let grant = encode(&Ticketed { ticket: self.ticket, request });
        client.call(&StepRequest { grant }, CALL_MAX, move |answer| {
            let understood = |answer: mesh_ros::interfaces::cosmosmesh_msgs::srv::StepResponse| {
                decode(&answer.answer).map_err(|why| CallError::Garbled { service, flaw: why.to_string() })
            };
            // Nobody listens any more when the mission is over.
            let _ = replies.send(Arrived { member: from, number, reply: answer.and_then(understood) });
        });
    }

    fn is_there(&self, member: &AssetId) -> bool {
        self.await_server(member, Duration::ZERO)
    }

    fn await_server(&self, member: &AssetId, timeout: Duration) -> bool {
        self.members.get(member).is_some_and(|client| client.wait_for_server(timeout))
    }
}

struct Simulator<'a, W> {
    conductor: Conductor<'a>,
    plane: Plane,
    arrived: Receiver<Arrived>,
    recording: WorldRecorder,
    news: W,
    stop: Arc<AtomicBool>,
    pace: Pace,
    /// Whether somebody has to start a member by hand.
    awaits_people: bool,
    /// How long a member that does not answer is waited for.
    lost_after: Duration,
    calls: BTreeMap<AssetId, Calls>,
    /// Whether anything was recorded in this tick.
    commanded: bool,
}

/// How it stands with the calls to one member.
#[derive(Default)]
struct Calls {
    /// Number of the last call.
    number: u64,
    /// When it is called again, unless it answers.
    again: Option<Instant>,
    /// Since when it has not answered as it should.
    silent: Option<Instant>,
    /// Since when it misses messages.
    missing: Option<Instant>,
    figures: Figures,
}

impl<W: Write> Simulator<'_, W> {
    fn fly(mut self) -> Result<(), NodeError> {
        self.await_members()?;
        self.tell(&News::Began)?;
        let began = Instant::now();
        let interrupted = loop {
            self.tick()?;
            let is_stopped = self.is_stopped();
            if is_stopped || self.conductor.is_last() {
                break is_stopped;
            }
            self.look_for_the_lost()?;
            self.conductor.advance();
            self.await_time(began)?;
        };
        self.send_home(if interrupted { HOME_INTERRUPTED_MAX } else { HOME_MAX })?;
        let now = self.conductor.now();
        for (member, calls) in &self.calls {
            News::Figures(member.clone(), calls.figures).write(&mut self.news).map_err(not_told)?;
        }
        let world = Hash::of(&self.conductor.world().state_bytes());
        if let Err(why) = self.recording.finish(now) {
            tracing::error!(%why, "the recording of the world could not be ended");
        }
        News::Over { now, world, interrupted }.write(&mut self.news).map_err(not_told)
    }

    /// Tells everybody that the mission is over, and waits for at most `patience` until they have ended their recordings.
    fn send_home(&mut self, patience: Duration) -> Result<(), NodeError> {
        let there: BTreeSet<AssetId> =
            self.plane.members.keys().filter(|member| self.plane.is_there(member)).cloned().collect();
        for member in &there {
            self.call(member, Request::End);
        }
        let (mut left, deadline) = (there, Instant::now() + patience);
        while !left.is_empty() {
            match self.arrived.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Arrived { member, number, reply }) => {
                    if self.calls.get(&member).is_some_and(|own| own.number == number) {
                        left.remove(&member);
                    }
                    if let Ok(Reply::Ended(figures)) = reply {
                        self.note_figures(&member, figures)?;
                    }
                }
                Err(_) => break,
            }
        }
        Ok(())
    }

    /// Waits until all members are there; those that are not in time are lost before the mission begins.
    fn await_members(&mut self) -> Result<(), NodeError> {
        let members: Vec<AssetId> = self.plane.members.keys().cloned().collect();
        self.calls.extend(members.iter().map(|member| (member.clone(), Calls::default())));
        let began = Instant::now();
        let start_max = if self.awaits_people { EXTERNAL_MAX } else { START_MAX };
        // One that was there and died while others were waited for is waited for again.
        while let Some(absent) = members.iter().find(|member| !self.plane.is_there(member)) {
            if self.is_stopped() {
                return Ok(());
            }
            if began.elapsed() >= start_max {
                break;
            }
            self.plane.await_server(absent, GLANCE);
        }
        if !self.awaits_people {
            // Where the machine is slow or busy, who is killed takes as long to be back as all took to come up.
            let came_up = began.elapsed().saturating_mul(COMEBACK_FACTOR);
            self.lost_after = came_up.clamp(LOST_AFTER, LOST_AFTER_MAX);
        }
        for absent in members.iter().filter(|member| !self.plane.is_there(member)).cloned().collect::<Vec<_>>() {
            self.lose(&absent)?;
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<(), NodeError> {
        if self.conductor.is_last() {
            // Everybody is told that it was the last one.
            self.settle()?;
        }
        let now = self.conductor.now();
        let tick = self.conductor.begin();
        publish(&self.plane.clock, &Clock { clock: now.into() });
        self.plane.sensors.show(now, self.conductor.world());
        for change in tick.changes {
            self.tell(&News::Link { now, a: change.a, b: change.b, up: change.up })?;
        }
        if let Some(telemetry) = tick.telemetry {
            self.tell(&News::Sensors(now, telemetry))?;
        }
        for (member, grant) in tick.grants {
            let calls = self.calls.entry(member.clone()).or_default();
            (calls.silent, calls.missing) = (Some(Instant::now()), None);
            self.call(&member, Request::Step(grant));
        }
        if self.pace == Pace::LockStep || self.conductor.is_last() {
            self.settle()?;
        }
        self.keep_commands();
        Ok(())
    }

    /// Waits until all have answered, or are lost.
    fn settle(&mut self) -> Result<(), NodeError> {
        while !self.conductor.is_settled() && !self.is_stopped() {
            self.attend(GLANCE)?;
        }
        Ok(())
    }

    /// Takes one reply, or sees who has been silent for too long.
    fn attend(&mut self, timeout: Duration) -> Result<(), NodeError> {
        if let Ok(arrived) = self.arrived.recv_timeout(timeout) {
            self.take(arrived)?;
        }
        let open: Vec<AssetId> = self.conductor.open().cloned().collect();
        let now = Instant::now();
        for member in open {
            let calls = self.calls.entry(member.clone()).or_default();
            if calls.silent.is_some_and(|since| now.duration_since(since) > self.lost_after) {
                self.lose(&member)?;
            } else if calls.again.is_some_and(|again| again <= now)
                && let Some(grant) = self.conductor.open_grant(&member).cloned()
            {
                self.call(&member, Request::Step(grant));
            }
        }
        Ok(())
    }

    fn take(&mut self, arrived: Arrived) -> Result<(), NodeError> {
        let Arrived { member, number, reply } = arrived;
        let calls = self.calls.entry(member.clone()).or_default();
        let is_last = number == calls.number;
        match reply {
            Ok(Reply::Done(answer, figures)) => {
                (calls.silent, calls.again) = (None, None);
                self.note_figures(&member, figures)?;
                self.done(&member, *answer)?;
            }
            Ok(Reply::Missing(missing)) if is_last => {
                calls.silent = None;
                let since = *calls.missing.get_or_insert_with(Instant::now);
                calls.again = Some(Instant::now() + RETRY);
                self.chase(&member, missing, since);
            }
            Ok(Reply::Here(_, contacts)) => {
                calls.silent = None;
                self.found(&member, contacts)?;
            }
            Ok(Reply::Missing(_) | Reply::Resent(_) | Reply::Ended(_)) => {}
            // The last call tells by itself how it ended.
            Err(_) if !is_last => {}
            Err(why) => {
                tracing::debug!(%member, %why, "no answer");
                calls.silent.get_or_insert_with(Instant::now);
                calls.again = Some(Instant::now() + RETRY);
            }
        }
        Ok(())
    }

    fn done(&mut self, member: &AssetId, answer: Answer) -> Result<(), NodeError> {
        if self.conductor.open_grant(member).is_none_or(|grant| grant.now != answer.now) {
            return Ok(());
        }
        for refused in &answer.refused {
            self.tell(&News::Refused(answer.now, member.clone(), refused.clone()))?;
        }
        for event in &answer.events {
            self.tell(&News::Asset(answer.now, member.clone(), event.clone()))?;
        }
        for schedule in &answer.commands {
            let command = WorldEvent::Command { asset: member.clone(), schedule: schedule.clone() };
            self.record(&command);
        }
        self.conductor.answered(member, answer);
        Ok(())
    }

    /// Has those messages sent again that somebody misses. What cannot be had any more is given up.
    fn chase(&mut self, member: &AssetId, missing: Vec<(AssetId, u64)>, since: Instant) {
        if since.elapsed() > self.lost_after {
            tracing::warn!(%member, ?missing, "goes on without these messages");
            self.conductor.forgive(member, &missing);
            return;
        }
        let mut wanted: BTreeMap<AssetId, Vec<Sent>> = BTreeMap::new();
        for (from, frame) in missing {
            wanted.entry(from).or_default().push(self.conductor.sent(member, frame));
        }
        for (from, frames) in wanted {
            // The numbers of calls for steps stay as they are: this one's reply says nothing that is waited for.
            self.plane.call(&from, 0, Request::Again(frames));
        }
    }

    fn call(&mut self, member: &AssetId, request: Request) {
        let calls = self.calls.entry(member.clone()).or_default();
        calls.number += 1;
        calls.again = None;
        self.plane.call(member, calls.number, request);
    }

    fn lose(&mut self, member: &AssetId) -> Result<(), NodeError> {
        let now = self.conductor.now();
        tracing::warn!(%now, %member, "does not answer; the mission goes on without it");
        self.conductor.lose(member);
        self.record(&WorldEvent::Away { asset: member.clone(), away: true });
        let heard = self.calls.get(member).map_or(0, |calls| calls.figures.incarnation);
        self.tell(&News::Lost(now, member.clone(), heard))
    }

    /// Greets members that were lost and whose process is there again.
    fn look_for_the_lost(&mut self) -> Result<(), NodeError> {
        let lost = |member: &&AssetId| !self.conductor.is_present(member) && self.plane.is_there(member);
        let back: Vec<AssetId> = self.plane.members.keys().filter(lost).cloned().collect();
        for member in back {
            let is_asked =
                self.calls.get(&member).is_some_and(|calls| calls.again.is_some_and(|at| at > Instant::now()));
            if !is_asked {
                self.call(&member, Request::Hello);
                self.calls.entry(member).or_default().again = Some(Instant::now() + CALL_MAX);
            }
        }
        while let Ok(arrived) = self.arrived.try_recv() {
            self.take(arrived)?;
        }
        Ok(())
    }

    fn found(&mut self, member: &AssetId, contacts: BTreeSet<AssetId>) -> Result<(), NodeError> {
        if self.conductor.is_present(member) {
            return Ok(());
        }
        let now = self.conductor.now();
        self.conductor.find(member, contacts);
        self.record(&WorldEvent::Away { asset: member.clone(), away: false });
        self.tell(&News::Found(now, member.clone()))
    }

    fn note_figures(&mut self, member: &AssetId, figures: Figures) -> Result<(), NodeError> {
        let calls = self.calls.entry(member.clone()).or_default();
        let before = std::mem::replace(&mut calls.figures, figures);
        // What the process before it had counted would be forgotten.
        if before.incarnation != figures.incarnation {
            return self.tell(&News::Figures(member.clone(), before));
        }
        Ok(())
    }

    /// What was commanded survives a kill of this process before time goes on.
    fn keep_commands(&mut self) {
        if std::mem::take(&mut self.commanded)
            && let Err(why) = self.recording.flush()
        {
            tracing::error!(%why, "the world goes on without a recording");
        }
    }

    /// A world that cannot be recorded goes on: the assets' own recordings tell what they commanded.
    fn record(&mut self, event: &WorldEvent) {
        self.commanded = true;
        if let Err(why) = self.recording.event(self.conductor.now(), event) {
            tracing::error!(%why, "the world goes on without a recording");
        }
    }

    /// In real time the next tick comes when it is due; until then replies are taken.
    fn await_time(&mut self, began: Instant) -> Result<(), NodeError> {
        let Pace::Realtime(rate) = self.pace else { return Ok(()) };
        let after = Duration::try_from_secs_f64(self.conductor.now().as_s() / rate).unwrap_or(Duration::MAX);
        loop {
            let left = after.saturating_sub(began.elapsed());
            // A clock that is late hears what the members say, too.
            self.attend(left.min(GLANCE))?;
            if left.is_zero() || self.is_stopped() {
                return Ok(());
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn tell(&mut self, news: &News) -> Result<(), NodeError> {
        news.write(&mut self.news).map_err(not_told)
    }
}

fn not_told(source: std::io::Error) -> NodeError {
    NodeError::NotTold { source }
}

/// How long a call may take: a step is a fraction of that.
const CALL_MAX: Duration = Duration::from_secs(3);
/// How soon a member that has not answered is called again.
const RETRY: Duration = Duration::from_millis(40);
/// How long a member that does not answer is waited for, at least.
const LOST_AFTER: Duration = Duration::from_secs(5);
/// The same at most, however long the members took to come up.
const LOST_AFTER_MAX: Duration = Duration::from_secs(30);
/// It is waited for so many times as long as all took to come up.
const COMEBACK_FACTOR: u32 = 4;
/// How long all members are waited for at the beginning.
const START_MAX: Duration = Duration::from_secs(60);
/// The same, if a person has to start one.
const EXTERNAL_MAX: Duration = Duration::from_secs(600);
/// How long members may take to end their recordings.
const HOME_MAX: Duration = Duration::from_secs(20);
/// The same if somebody waits for the end.
const HOME_INTERRUPTED_MAX: Duration = Duration::from_secs(3);
const GLANCE: Duration = Duration::from_millis(20);
/// How long it waits for the router of the local plane.
const CONNECT_MAX: Duration = Duration::from_secs(10);
