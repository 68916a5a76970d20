//! The supervisor's side of a mission flown by processes: brings up the router, starts members and simulator, passes on what
//! they tell, and stops them in order. What came of it is then made from the files that they wrote.

use super::control::{Figures, Ticket};
use super::mission_file::{MissionFile, MissionMember, Pace};
use super::news::News;
use crate::error::NodeError;
use crate::fleet_folder::FleetFolder;
use crate::flight::{FlightError, Flown, drawn_mission};
use crate::host::Observer;
use crate::mesh_plane::{FreePort, free_ports};
use crate::reconstruct::{Watched, reconstruct};
use crate::report::{FlightMode, ProcessFigures, SIMULATOR};
use crate::run_folder::RunFolder;
use crate::supervisor::{Ended, Event, Events, Program, RestartPolicy, Stdout, Supervisor, Surrender};
use crate::trace;
use mesh_asset::Settings;
use mesh_model::{AssetId, Hash, MissionTime};
use mesh_ros::rmw_zenoh::Router;
use mesh_ros::zenoh_config;
use mesh_sim::almanac::Almanac;
use mesh_sim::fleet::{self, FleetEvent};
use mesh_sim::journal::LinkChange;
use mesh_sim::{LinkBook, Scenario};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant, SystemTime};

/// What is flown, by which program.
pub struct ProcessFlight<'a> {
    /// The mission.
    pub scenario: &'a Scenario,
    /// Its seed.
    pub seed: u64,
    /// Whose keys sign.
    pub fleet: &'a FleetFolder,
    /// Where everything is written.
    pub run: &'a RunFolder,
    /// How its time goes.
    pub pace: Pace,
    /// This program, which every process runs.
    pub program: PathBuf,
    /// What every process is given on its command line.
    pub arguments: Vec<OsString>,
    /// Port of the local plane's router; 0 for a free one.
    pub ros_port: u16,
    /// ROS_DOMAIN_ID on the local plane.
    pub domain: u32,
    /// Members that somebody else starts.
    pub external: BTreeSet<AssetId>,
}

/// Watches a mission flown by processes.
pub trait ProcessObserver: Observer {
    /// Something happened to a process.
    fn process(&mut self, event: &ProcessEvent<'_>);
}

/// Something that happened to a process.
#[derive(Debug)]
pub enum ProcessEvent<'a> {
    /// The router of the local plane listens here.
    Router(&'a str),
    /// Somebody has to start this member, with this command line.
    Awaited(&'a AssetId, &'a [OsString]),
    /// It was started for the nth time and has this number.
    Started(&'a str, u32, u32),
    /// It wrote a line for people.
    Line(&'a str, &'a str),
    /// It ended by itself or was killed, and when it is started again.
    Ended(&'a str, &'a Ended, Option<Duration>),
    /// It is not started again.
    GaveUp(&'a str, &'a Surrender, &'a [String]),
    /// The mission goes on without this member.
    Lost(MissionTime, &'a AssetId),
    /// It is back.
    Found(MissionTime, &'a AssetId),
}

/// A mission that processes have flown.
pub struct ProcessRun {
    /// How it went, by the files.
    pub flown: Flown,
    /// Why it did not come to its end, unless it did or somebody stopped it.
    pub broken_off: Option<String>,
}

impl ProcessFlight<'_> {
    /// Flies it.
    pub fn fly(&self, observer: &mut dyn ProcessObserver) -> Result<ProcessRun, FlightError> {
        let began = Instant::now();
        let almanac = Almanac::new(self.scenario);
        let links = LinkBook::new(self.scenario, &almanac);
        self.fleet.renew(SystemTime::now(), longest_gap_s(&links).max(self.wall_s()))?;
        let router = Router::open(self.ros_port).map_err(|source| NodeError::LocalPlane { source })?;
        observer.process(&ProcessEvent::Router(&router.endpoint()));
        let chosen = self.fleet.file().members.values().filter(|member| member.endpoint.port().is_none()).count();
        // Held until the mission is over: a member that is started again comes back to its port.
        let ports = free_ports(chosen)?;
        let file = self.mission_file(&router, &links, &ports)?;
        let keys = self.fleet.file().roster().iter().map(|(asset, key)| (asset.clone(), key.did())).collect();
        let settings: Vec<Settings> = fleet::settings(self.scenario, &almanac, drawn_mission()?, &keys);
        let mission = file.write(self.run, &settings, self.fleet.path())?;
        let (supervisor, events) = Supervisor::new(RestartPolicy::default());
        let (news, told) = channel();
        let mut watch = Watch {
            flight: self,
            supervisor,
            events,
            told,
            observer,
            began,
            first_plan: None,
            has_begun: false,
            over: None,
            lost: BTreeSet::new(),
            counted: BTreeMap::new(),
            broken_off: None,
        };
        watch.start(&mission, &news)?;
        drop(news);
        let watched = watch.until_over();
        watch.stop();
        watched?;
        // The members are asked for everything while the router is still there.
        drop(router);
        watch.finish().map_err(FlightError::Node)
    }

    /// How long the flight takes at least, by the clock on the wall.
    fn wall_s(&self) -> u64 {
        match self.pace {
            Pace::LockStep => 0,
            Pace::Realtime(rate) => (f64::from(self.scenario.timing.duration_s) / rate).ceil() as u64,
        }
    }

    fn mission_file(&self, router: &Router, links: &LinkBook, ports: &[FreePort]) -> Result<MissionFile, NodeError> {
        let members = &self.fleet.file().members;
        let mut ports = ports.iter().map(FreePort::number);
        let mut met = BTreeMap::new();
        for (id, member) in members {
            let endpoint = match member.endpoint.port() {
                Some(_) => member.endpoint.clone(),
                None => member.endpoint.with_port(ports.next().expect("as many as are needed were found")),
            };
            let linked = links.links().iter().filter_map(|(link, _)| link.other_end(id).cloned()).collect();
            let is_external = self.external.contains(id);
            met.insert(id.clone(), MissionMember { endpoint, links: linked, is_external });
        }
        Ok(MissionFile {
            fleet: self.scenario.name.clone(),
            seed: self.seed,
            run: std::path::absolute(self.run.path()).map_err(NodeError::refused("find", self.run.path()))?,
            router: router.endpoint(),
            domain: self.domain,
            pace: self.pace,
            ticket: Ticket::draw()?,
            members: met,
        })
    }

    fn member_arguments(&self, asset: &AssetId, mission: &Path) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec!["node".into(), "--asset".into(), asset.as_str().into()];
        arguments.extend(["--fleet".into(), self.fleet.path().into(), "--mission".into(), mission.into()]);
        arguments.extend(self.arguments.iter().cloned());
        arguments
    }

    fn program(&self, arguments: Vec<OsString>, stdout: Stdout) -> Program {
        Program {
            path: self.program.clone(),
            arguments,
            environment: vec![(zenoh_config::RUNTIME_VARIABLE.into(), zenoh_config::RUNTIME.into())],
            folder: None,
            stdout,
        }
    }
}

/// The longest time between two contacts over one link.
fn longest_gap_s(links: &LinkBook) -> u64 {
    let gaps = links.links().iter().flat_map(|(_, contacts)| {
        contacts.windows(2).map(|pair| pair[1].from_s.saturating_sub(pair[0].until_s)).collect::<Vec<_>>()
    });
    gaps.max().unwrap_or(0)
}

/// A mission under way.
struct Watch<'a> {
    flight: &'a ProcessFlight<'a>,
    supervisor: Supervisor,
    events: Events,
    told: Receiver<News>,
    observer: &'a mut dyn ProcessObserver,
    began: Instant,
    first_plan: Option<Duration>,
    has_begun: bool,
    over: Option<Over>,
    /// Members that the mission had to go on without for a while.
    lost: BTreeSet<AssetId>,
    /// What each member counted, all its processes together.
    counted: BTreeMap<AssetId, Counted>,
    broken_off: Option<String>,
}

#[derive(Default)]
struct Counted {
    bytes_sent: u64,
    dropped: u64,
}

struct Over {
    world: Hash,
    interrupted: bool,
}

impl Watch<'_> {
    fn start(&mut self, mission: &Path, news: &Sender<News>) -> Result<(), FlightError> {
        let failed = |why: crate::supervisor::StartError| NodeError::NotStarted { why: why.to_string() };
        for asset in self.flight.scenario.contract().members {
            let arguments = self.flight.member_arguments(&asset, mission);
            if self.flight.external.contains(&asset) {
                self.observer.process(&ProcessEvent::Awaited(&asset, &arguments));
                continue;
            }
            let program = self.flight.program(arguments, Stdout::Lines);
            self.supervisor.start(asset.as_str(), program).map_err(failed)?;
        }
        let mut arguments: Vec<OsString> = vec!["simulator".into(), "--mission".into(), mission.into()];
        arguments.extend(self.flight.arguments.iter().cloned());
        let news = news.clone();
        let stdout = Stdout::raw(move |_, mut output| {
            loop {
                match News::read(&mut output) {
                    // Nobody listens any more when the mission is over.
                    Ok(Some(piece)) => drop(news.send(piece)),
                    Ok(None) => return,
                    Err(why) => {
                        tracing::error!(%why, "the simulator says something that is no news");
                        return;
                    }
                }
            }
        });
        let program = self.flight.program(arguments, stdout);
        // The world cannot be taken up again.
        let once = RestartPolicy { restarts_max: 0, ..RestartPolicy::default() };
        Ok(self.supervisor.start_with_policy(SIMULATOR, program, once).map_err(failed)?)
    }

    /// Watches until the world is at its end, somebody wants the mission to stop, or the simulator is gone.
    fn until_over(&mut self) -> Result<(), FlightError> {
        loop {
            if let Ok(news) = self.told.recv_timeout(GLANCE) {
                self.hear(news);
                while let Ok(news) = self.told.try_recv() {
                    self.hear(news);
                }
            }
            while let Some(event) = self.events.next_now() {
                let is_end = matches!(&event, Event::Exited { name, .. } if name == SIMULATOR);
                self.pass_on(event)?;
                if is_end {
                    // Everything that it told is here when its end is.
                    while let Ok(news) = self.told.try_recv() {
                        self.hear(news);
                    }
                    if self.over.is_none() {
                        self.broken_off.get_or_insert_with(|| "the simulator ended before its mission".to_owned());
                    }
                    return Ok(());
                }
            }
            if let Some(over) = &self.over {
                if over.interrupted {
                    self.broken_off.get_or_insert_with(|| "somebody else ended the simulator".to_owned());
                }
                return Ok(());
            }
            if self.observer.stop_requested() {
                return Ok(());
            }
        }
    }

    /// Stops the world first, so that nobody is missed, then the members.
    fn stop(&mut self) {
        // Everything that the simulator told is here when its end is.
        self.supervisor.stop(&[&[SIMULATOR]], GRACE);
        while let Ok(news) = self.told.try_recv() {
            self.hear(news);
        }
        while let Some(event) = self.events.next_now() {
            if let Event::Line { name, text, .. } = event {
                self.observer.process(&ProcessEvent::Line(&name, &text));
            }
        }
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Began => self.has_begun = true,
            News::Link { now, a, b, up } => {
                self.show(now, &FleetEvent::Link(&LinkChange { time: now, a, b, up }));
            }
            News::Sensors(now, telemetry) => self.show(now, &FleetEvent::Clock(&telemetry)),
            News::Asset(now, asset, event) => {
                if matches!(event, mesh_asset::Event::Certified { .. }) {
                    self.first_plan.get_or_insert_with(|| self.began.elapsed());
                }
                self.show(now, &FleetEvent::Asset(&asset, &event));
            }
            News::Refused(now, asset, why) => self.show(now, &FleetEvent::Refused(&asset, &why)),
            News::Lost(now, asset, heard) => {
                self.observer.process(&ProcessEvent::Lost(now, &asset));
                // A process that stands still holds up whoever has a link to it. It comes back by itself if it can.
                self.supervisor.kill_incarnation(asset.as_str(), heard + 1);
                self.lost.insert(asset);
            }
            News::Found(now, asset) => self.observer.process(&ProcessEvent::Found(now, &asset)),
            News::Figures(asset, Figures { bytes_sent, garbage, .. }) => {
                let counted = self.counted.entry(asset).or_default();
                counted.bytes_sent += bytes_sent;
                counted.dropped += garbage;
            }
            News::Over { world, interrupted, .. } => self.over = Some(Over { world, interrupted }),
        }
    }

    fn show(&mut self, now: MissionTime, event: &FleetEvent<'_>) {
        trace::fleet_event(now, event);
        self.observer.observe(now, event);
    }

    fn pass_on(&mut self, event: Event) -> Result<(), FlightError> {
        match &event {
            Event::Started { name, pid, incarnation } => {
                self.observer.process(&ProcessEvent::Started(name, *pid, *incarnation));
            }
            Event::Line { name, text, .. } => self.observer.process(&ProcessEvent::Line(name, text)),
            Event::Missed { name, lines } => {
                self.observer.process(&ProcessEvent::Line(name, &format!("({lines} lines are missing here)")));
            }
            Event::Exited { name, ended, restarting_in, .. } => {
                if name == SIMULATOR && self.over.is_none() && *ended != Ended::Code(0) {
                    self.broken_off = Some(format!(
                        "the simulator {ended}: the vehicles fly on by the schedules that they hold, the members were \
                         stopped in order, and nothing that they had logged is lost"
                    ));
                }
                self.observer.process(&ProcessEvent::Ended(name, ended, *restarting_in));
            }
            Event::GaveUp { name, why, last_words } => {
                self.observer.process(&ProcessEvent::GaveUp(name, why, last_words));
                if !self.has_begun {
                    let (name, why, last_words) = (name.clone(), why.to_string(), last_words.join("\n"));
                    return Err(NodeError::ProcessFailed { name, why, last_words }.into());
                }
            }
        }
        Ok(())
    }

    /// What came of it, by the files.
    fn finish(self) -> Result<ProcessRun, NodeError> {
        let wall_s = self.began.elapsed().as_secs_f64();
        let Self { flight, supervisor, lost, counted, first_plan, .. } = self;
        let mut reconstructed = reconstruct(flight.run, flight.scenario, flight.seed)?;
        if let Some(over) = self.over
            && over.world != Hash::of(&reconstructed.outcome.world.state_bytes())
        {
            reconstructed.flaws.push("the world as it was flown ended in another state".to_owned());
        }
        let restarts = &reconstructed.restarts;
        let figures = |asset: &AssetId| ProcessFigures {
            name: asset.to_string(),
            rss_bytes: supervisor.peak_memory(asset.as_str()),
            bytes_sent: counted.get(asset).map_or(0, |counted| counted.bytes_sent),
            dropped: counted.get(asset).map_or(0, |counted| counted.dropped),
            restarts: restarts.get(asset).copied().unwrap_or(0),
            lost: lost.contains(asset),
        };
        let mut processes: Vec<_> = flight.scenario.contract().members.iter().map(figures).collect();
        processes.push(ProcessFigures {
            name: SIMULATOR.to_owned(),
            rss_bytes: supervisor.peak_memory(SIMULATOR),
            bytes_sent: 0,
            dropped: 0,
            restarts: 0,
            lost: self.broken_off.is_some(),
        });
        let mode = match flight.pace {
            Pace::LockStep => FlightMode::Processes,
            Pace::Realtime(_) => FlightMode::Realtime,
        };
        let flown = reconstructed.into_flown(Watched { mode, processes, wall_s, first_plan });
        Ok(ProcessRun { flown, broken_off: self.broken_off })
    }
}

const GLANCE: Duration = Duration::from_millis(20);
/// How long a process may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(5);
