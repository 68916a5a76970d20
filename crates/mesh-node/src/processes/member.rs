//! One member as a process of its own: takes its asset up where it was left, joins both planes, and does its part of
//! every tick until it is told to end.

use super::control::{Figures, Reply, Request};
use super::inbox::{Answerer, Arrival, Inbox};
use super::member_shell::{MemberShell, TakenUp};
use super::mission_file::{MissionFile, MissionMember};
use super::queries;
use super::views::{About, LocalPlane};
use crate::error::{Fault, NodeError};
use crate::fleet_folder::FleetFolder;
use crate::mesh_plane::{BLOCKED_MAX, Kind, MeshPlane, MeshSettings, Parcel};
use crate::run_folder::RunFolder;
use mesh_adapters::AdapterSettings;
use mesh_asset::Settings;
use mesh_model::{AssetId, Canonical, SignedEnvelope};
use mesh_ros::rmw_zenoh::{self, ZenohBackend};
use mesh_ros::{Responder, Service};
use mesh_sim::fleet::asset_seed;
use mesh_sim::lockstep::{self, Grant, Seat, Sent, Stepped};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// Which member of which mission.
#[derive(Debug, Clone)]
pub struct MemberOptions {
    /// Who it is.
    pub asset: AssetId,
    /// The fleet folder.
    pub fleet: PathBuf,
    /// Where the mission file was read.
    pub path: PathBuf,
    /// The mission file.
    pub mission: MissionFile,
}

/// Tells a member to end. May be called from anywhere, and more than once.
pub type End = Arc<dyn Fn() + Send + Sync>;

/// Why a member has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Homecoming {
    /// The mission is over.
    Over,
    /// Somebody told this process to end.
    Told,
}

/// Flies one member until it is told to end. `listen` is given what tells it so, before anything takes long.
pub fn fly_member(options: &MemberOptions, listen: impl FnOnce(End)) -> Result<Homecoming, NodeError> {
    let MemberOptions { asset, fleet, path, mission } = options;
    let folder = FleetFolder::open_for(fleet, asset)?;
    if folder.file().name != mission.fleet {
        let (found, expected) = (folder.file().name.to_string(), mission.fleet.to_string());
        return Err(NodeError::unfit(fleet, Fault::OtherFleet { found, expected }));
    }
    let me = mission.members.get(asset);
    let me = me.ok_or_else(|| NodeError::unfit(path, Fault::NotAMember { asset: asset.clone() }))?;
    let settings = mission.settings(path, asset)?;
    let run = RunFolder::open(&mission.run)?;
    // To take a recording up again is to write it anew, which one whose hash is in a report would not survive.
    if run.report().try_exists().map_err(NodeError::refused("read", &run.report()))? {
        return Err(NodeError::unfit(run.path(), Fault::MissionOver));
    }
    let key = folder.key(asset).expect("the folder was opened for this member");
    let inbox = Inbox::new(mission.ticket);
    let slot = inbox.slot();
    listen(Arc::new(move || slot.end()));

    // The others are looked for while the recording is executed.
    let mesh = open_mesh(&folder, mission, asset, me, &inbox)?;
    // A mission that nobody flies any more has no router; then nothing of it is touched.
    let backend = connect(mission)?;
    let began = Instant::now();
    let TakenUp { mut shell, past, incarnation } = MemberShell::take_up(&run, &settings, mission.seed, key)?;
    let inputs = past.len();
    let about = About { asset: asset.clone(), domain: domain(&settings), tick_s: f64::from(settings.tick_s) };
    let mut seat = Seat::new(settings, asset_seed(mission.seed, asset), mission.seed)
        .map_err(|why| NodeError::unfit(path, Fault::Malformed { expected: "sound settings", why: why.to_string() }))?;
    seat.take_up(past, &mut shell)?;
    shell.flush();
    if incarnation > 0 {
        tracing::info!(incarnation, inputs, took_s = began.elapsed().as_secs_f64(), now = %seat.now(), "taken up again");
    }
    // At the start this saves sending again. Who comes back is waited for, and does not wait for those who do not.
    let patience = if incarnation == 0 { MEETING_MAX } else { Duration::ZERO };
    if let Err(absent) = mesh.wait_connected(&me.links, patience) {
        tracing::info!(?absent, "begins without all neighbours");
    }
    let local = LocalPlane::open(backend, about, &inbox.slot())?;
    let mut member = Member { seat, shell, mesh, local, incarnation, pending: None };
    let homecoming = member.serve(&inbox)?;
    // Who asks from here on hears that nobody is there: what is refused after the figures were told would not be counted.
    member.local.serve_no_more();
    member.shell.finish();
    close(member.mesh);
    Ok(homecoming)
}

/// Closes the links, but waits for nobody who does not answer: nothing is lost by that any more.
fn close(mesh: MeshPlane) {
    let (done, closed) = channel();
    thread::spawn(move || {
        let closing = mesh.close();
        // Nobody listens any more after the wait.
        let _ = done.send(closing);
    });
    match closed.recv_timeout(CLOSE_MAX) {
        Ok(Ok(())) => {}
        Ok(Err(why)) => tracing::debug!(%why, "the links were not closed"),
        Err(_) => tracing::debug!("left without closing all links"),
    }
}

fn open_mesh(
    folder: &FleetFolder,
    mission: &MissionFile,
    asset: &AssetId,
    me: &MissionMember,
    inbox: &Inbox,
) -> Result<MeshPlane, NodeError> {
    let others = mission.members.iter().filter(|(id, _)| *id != asset);
    let settings = MeshSettings {
        fleet: mission.fleet.clone(),
        me: asset.clone(),
        listen: me.endpoint.clone(),
        members: others.map(|(id, member)| (id.clone(), member.endpoint.clone())).collect(),
        neighbours: me.links.clone(),
        readers: folder.file().readers.clone(),
        identity: folder.identity(asset, SystemTime::now())?,
        blocked_max: BLOCKED_MAX,
    };
    let slot = inbox.slot();
    MeshPlane::open(settings, move |parcel| slot.parcel(parcel))
}

fn connect(mission: &MissionFile) -> Result<Arc<ZenohBackend>, NodeError> {
    let settings =
        rmw_zenoh::Settings { router: mission.router.clone(), domain: mission.domain, connect_timeout: CONNECT_MAX };
    ZenohBackend::connect(&settings).map_err(|source| NodeError::LocalPlane { source })
}

/// What kind of vehicle it has; empty for none.
fn domain(settings: &Settings) -> &'static str {
    match &settings.vehicle {
        None => "",
        Some(AdapterSettings::Habitat(..)) => "habitat",
        Some(AdapterSettings::Rover(..)) => "rover",
        Some(AdapterSettings::Satellite(..)) => "satellite",
    }
}

struct Member<'a> {
    seat: Seat,
    shell: MemberShell<'a>,
    mesh: MeshPlane,
    local: LocalPlane,
    incarnation: u32,
    /// A step that waits for messages that are under way.
    pending: Option<Pending>,
}

struct Pending {
    grant: Grant,
    answerer: Answerer,
    since: Instant,
}

impl Member<'_> {
    fn serve(&mut self, inbox: &Inbox) -> Result<Homecoming, NodeError> {
        while !inbox.is_ended() {
            match inbox.next_within(GLANCE) {
                Some(Arrival::Parcel(parcel)) => self.seat.receive(arrived(parcel)),
                Some(Arrival::Request(Request::Step(grant), answerer)) => {
                    // The same step asked for again has waited since it was asked for first.
                    let since = match self.pending.take() {
                        Some(before) if before.grant.now == grant.now => before.since,
                        _ => Instant::now(),
                    };
                    self.pending = Some(Pending { grant, answerer, since });
                }
                Some(Arrival::Request(Request::Hello, answerer)) => {
                    answerer.answer(&Reply::Here(self.seat.now(), self.seat.contacts().clone()));
                }
                Some(Arrival::Request(Request::End, answerer)) => {
                    self.shell.finish();
                    answerer.answer(&Reply::Ended(self.figures(inbox)));
                    return Ok(Homecoming::Over);
                }
                Some(Arrival::Request(Request::Again(wanted), answerer)) => {
                    answerer.answer(&Reply::Resent(self.send_again(&wanted)));
                }
                Some(Arrival::Entries(request, responder)) => {
                    answer(responder, &queries::entries(self.seat.asset(), &request));
                }
                Some(Arrival::Plan(request, responder)) => {
                    answer(responder, &queries::plan(self.seat.asset(), &request));
                }
                None => {}
            }
            if let Some(pending) = self.pending.take() {
                self.step(pending, inbox)?;
            }
        }
        Ok(Homecoming::Told)
    }

    fn step(&mut self, pending: Pending, inbox: &Inbox) -> Result<(), NodeError> {
        let stepped = self.seat.step(&pending.grant, &mut self.shell)?;
        let (answer, parcels) = match stepped {
            Stepped::Done(answer, parcels) => (answer, parcels),
            Stepped::Missing(missing) if pending.since.elapsed() > PATIENCE => {
                pending.answerer.answer(&Reply::Missing(missing));
                return Ok(());
            }
            Stepped::Missing(_) => {
                self.pending = Some(pending);
                return Ok(());
            }
        };
        // What made the asset say this is on record before anybody hears it.
        self.shell.flush();
        for parcel in &parcels {
            self.send(parcel.clone());
        }
        self.local.show(&self.seat, &pending.grant, &answer, &parcels, &self.shell.take_persisted());
        pending.answerer.answer(&Reply::Done(answer, self.figures(inbox)));
        Ok(())
    }

    fn figures(&self, inbox: &Inbox) -> Figures {
        Figures {
            incarnation: self.incarnation,
            bytes_sent: self.mesh.counters().sent.bytes,
            garbage: self.garbage(inbox),
        }
    }

    fn send(&self, parcel: lockstep::Parcel) {
        let sent = SignedEnvelope::decode(&parcel.bytes).and_then(|signed| signed.peek()).map(|envelope| {
            let lockstep::Parcel { from, to, frame, sent, at, bytes } = parcel;
            self.mesh.send(&Parcel { from, to, kind: Kind::of(envelope.kind), frame, at, sent, bytes })
        });
        match sent {
            Ok(Ok(())) => {}
            // It will be missed and asked for again.
            Ok(Err(why)) => tracing::warn!(%why, "a message was not sent"),
            Err(why) => tracing::error!(%why, "the asset sent something that is no message"),
        }
    }

    fn send_again(&self, wanted: &[Sent]) -> u32 {
        let parcels = wanted.iter().filter_map(|sent| self.seat.again(sent));
        let resent = parcels.map(|parcel| self.send(parcel)).count();
        tracing::debug!(wanted = wanted.len(), resent, "sent again");
        u32::try_from(resent).unwrap_or(u32::MAX)
    }

    fn garbage(&self, inbox: &Inbox) -> u64 {
        self.mesh.counters().garbage() + self.local.garbage() + self.seat.turned_away() + inbox.dropped()
    }
}

fn answer<S: Service>(responder: Responder<S>, response: &S::Response) {
    if let Err(why) = responder.answer(response) {
        tracing::warn!(%why, "a question was not answered");
    }
}

fn arrived(parcel: Parcel) -> lockstep::Parcel {
    let Parcel { from, to, kind: _, frame, at, sent, bytes } = parcel;
    lockstep::Parcel { from, to, frame, sent, at, bytes }
}

/// How long it waits for anything before it looks around.
const GLANCE: Duration = Duration::from_millis(20);
/// How long a step waits for messages that are under way before it is answered that they are missing.
const PATIENCE: Duration = Duration::from_millis(60);
/// How long it waits for its neighbours before it begins without them.
const MEETING_MAX: Duration = Duration::from_secs(3);
/// How long it takes over closing its links.
const CLOSE_MAX: Duration = Duration::from_millis(500);
/// How long it waits for the router of the local plane.
const CONNECT_MAX: Duration = Duration::from_secs(10);
