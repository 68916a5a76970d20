//! A member on the local plane: the service by which it is stepped, and typed views of what it does, for people and tools.
//! Nothing is ever built from a view.

use super::inbox::Slot;
use crate::error::NodeError;
use mesh_adapters::{CommandSchedule, Setpoint, Telemetry};
use mesh_asset::{AssetState, Event};
use mesh_model::{AssetId, Canonical, MissionTime, Payload, Real, SignedEnvelope, Stream};
use mesh_ros::backend::RosBackend;
use mesh_ros::interfaces::cosmosmesh_msgs::msg::{
    self, AssetStatus, AuditRecord, Certificate, DualVariables, KpiSample, LinkStatus, PlanDelta, RoundReport,
    SharedVariables,
};
use mesh_ros::interfaces::cosmosmesh_msgs::srv::{GetAuditEntries, GetPlan, Step};
use mesh_ros::{Message, Node, Publisher, Qos, Server, Severity};
use mesh_sim::lockstep::{Answer, Contact, Grant, Parcel, Seat};
use std::sync::Arc;

/// Whose node it is.
pub(super) struct About {
    pub(super) asset: AssetId,
    /// Kind of its vehicle.
    pub(super) domain: &'static str,
    pub(super) tick_s: f64,
}

/// A member's node.
pub(super) struct LocalPlane {
    node: Node,
    about: About,
    status: Publisher<AssetStatus>,
    links: Publisher<LinkStatus>,
    command: Publisher<msg::CommandSchedule>,
    plan: Publisher<PlanDelta>,
    certificate: Publisher<Certificate>,
    audit: Publisher<AuditRecord>,
    shared: Publisher<SharedVariables>,
    dual: Publisher<DualVariables>,
    report: Publisher<RoundReport>,
    kpi: Publisher<KpiSample>,
    refused: u64,
    /// The service by which it is stepped is declared last: whoever finds it finds the rest, too.
    servers: Vec<Server>,
}

impl LocalPlane {
    /// Joins the graph as `/ASSET/mesh_asset` and is stepped from here on.
    pub(super) fn open(backend: Arc<dyn RosBackend>, about: About, slot: &Slot) -> Result<Self, NodeError> {
        let (step, entries, plan) = (slot.clone(), slot.clone(), slot.clone());
        let opened = Node::new(backend, &format!("/{}", about.asset), NODE_NAME).and_then(|node| {
            Ok(Self {
                about,
                status: node.publisher("status", Qos::PLAN)?,
                command: node.publisher("command", Qos::PLAN)?,
                links: node.publisher("links", Qos::reliable(10).kept())?,
                plan: node.publisher("plan", Qos::PLAN)?,
                certificate: node.publisher("certificate", Qos::PLAN)?,
                audit: node.publisher("audit", Qos::AUDIT)?,
                shared: node.publisher("shared_variables", Qos::DUAL)?,
                dual: node.publisher("dual_variables", Qos::DUAL)?,
                report: node.publisher("round_report", Qos::DUAL)?,
                kpi: node.publisher("kpi", Qos::DUAL)?,
                refused: 0,
                servers: vec![
                    node.serve::<GetPlan>("get_plan", move |request, responder| plan.plan(request, responder))?,
                    node.serve::<GetAuditEntries>("get_audit_entries", move |request, responder| {
                        entries.entries(request, responder);
                    })?,
                    node.serve::<Step>(STEP_SERVICE, move |request, responder| step.request(&request, responder))?,
                ],
                node,
            })
        });
        opened.map_err(|source| NodeError::LocalPlane { source })
    }

    /// Answers nobody any more. What it has shown stays.
    pub(super) fn serve_no_more(&mut self) {
        self.servers.clear();
    }

    /// Shows what the asset did in a tick.
    pub(super) fn show(
        &mut self,
        seat: &Seat,
        grant: &Grant,
        answer: &Answer,
        parcels: &[Parcel],
        persisted: &[SignedEnvelope],
    ) {
        let now = grant.now;
        self.refused += answer.traffic.refused;
        for signed in persisted {
            self.show_said(now, signed);
        }
        for parcel in parcels {
            // Entries of logs were shown when they were persisted, those of others are not its own words.
            if let Ok(signed) = SignedEnvelope::decode(&parcel.bytes)
                && signed.peek().is_ok_and(|envelope| envelope.stream == Stream::Live)
            {
                self.show_said(now, &signed);
            }
        }
        for schedule in &answer.commands {
            publish(&self.command, &self.commanded(now, schedule));
        }
        let mut has_adopted = false;
        for event in &answer.events {
            has_adopted |= matches!(event, Event::Adopted(_) | Event::Certified { .. });
            self.show_event(now, event);
        }
        for contact in &grant.contacts {
            self.show_link(grant, contact);
        }
        if has_adopted || grant.telemetry.is_some() || !grant.contacts.is_empty() {
            self.show_status(now, seat);
        }
    }

    /// Messages and requests that were none.
    pub(super) fn garbage(&self) -> u64 {
        let counts = self.node.counters();
        counts.dropped() + counts.requests_refused
    }

    fn commanded(&self, now: MissionTime, schedule: &CommandSchedule) -> msg::CommandSchedule {
        let steps: Vec<_> = schedule.setpoints.iter().map(setpoints).collect();
        msg::CommandSchedule {
            stamp: now.into(),
            asset: self.about.asset.to_string(),
            domain: self.about.domain.to_owned(),
            window: (&schedule.window).into(),
            setpoints: steps.first().into_iter().flatten().map(|(name, _)| name.clone()).collect(),
            values: steps.iter().flatten().map(|(_, value)| *value).collect(),
        }
    }

    fn show_said(&self, now: MissionTime, signed: &SignedEnvelope) {
        let Ok(payload) = Payload::decode(&signed.payload) else { return };
        match payload {
            Payload::Shared(shared) => publish(&self.shared, &(&self.about.asset, &shared).into()),
            Payload::Dual(dual) => publish(&self.dual, &(&self.about.asset, &dual).into()),
            Payload::Report(report) => publish(&self.report, &(&self.about.asset, &report).into()),
            Payload::Delta(delta) => publish(&self.plan, &(&delta).into()),
            Payload::Certificate(certificate) => publish(&self.certificate, &(&certificate).into()),
            Payload::Audit(record) => publish(&self.audit, &(&record).into()),
            _ => {}
        }
        tracing::trace!(%now, length = signed.payload.len(), "said");
    }

    fn show_event(&self, now: MissionTime, event: &Event) {
        let text = match event {
            Event::Round { primal, dual, gap, .. } => {
                let figures = [("primal", Some(*primal)), ("dual", Some(*dual)), ("gap", *gap)];
                for (name, value) in figures.into_iter().filter_map(|(name, value)| Some((name, value?))) {
                    let asset = self.about.asset.to_string();
                    let sample =
                        KpiSample { stamp: now.into(), asset, name: name.to_owned(), value, unit: String::new() };
                    publish(&self.kpi, &sample);
                }
                return;
            }
            Event::Opened { epoch, members } => {
                let members = members.iter().map(AssetId::as_str).collect::<Vec<_>>().join(", ");
                format!("opens plan {}.{} with {members}", epoch.plan, epoch.number)
            }
            Event::Certified { certificate, .. } => {
                format!("certified plan {}.{}", certificate.epoch.plan, certificate.epoch.number)
            }
            Event::Adopted(plan) => format!("adopted plan {}.{}", plan.epoch.plan, plan.epoch.number),
            Event::GivenUp { epoch, rounds } => {
                format!("gave plan {}.{} up after {rounds} rounds", epoch.plan, epoch.number)
            }
            other => {
                self.say(now, Severity::Warn, &format!("{other:?}"));
                return;
            }
        };
        tracing::info!(%now, "{text}");
        self.say(now, Severity::Info, &text);
    }

    fn say(&self, now: MissionTime, severity: Severity, text: &str) {
        if let Err(why) = self.node.log(now.into(), severity, text) {
            tracing::debug!(%why, "not said on /rosout");
        }
    }

    fn show_link(&self, grant: &Grant, contact: &Contact) {
        let channel = grant.channels.iter().find(|channel| contact.up && channel.peer == contact.peer);
        let status = LinkStatus {
            stamp: grant.now.into(),
            sender: self.about.asset.to_string(),
            receiver: contact.peer.to_string(),
            up: contact.up,
            delay_s: channel.map_or(f64::NAN, |channel| f64::from(channel.delay_ticks) * self.about.tick_s),
            ..LinkStatus::default()
        };
        publish(&self.links, &status);
    }

    fn show_status(&self, now: MissionTime, seat: &Seat) {
        let state = seat.asset().state();
        let (soc_kwh, buffer_gbit) = stores(&state);
        let current = state.current.as_ref();
        let covers = current.is_some_and(|plan| now < plan.window.end());
        let mode = match (seat.contacts().is_empty(), covers) {
            (_, false) => AssetStatus::SAFE,
            (true, true) => AssetStatus::ISLANDED,
            (false, true) => AssetStatus::NOMINAL,
        };
        let status = AssetStatus {
            stamp: now.into(),
            asset: self.about.asset.to_string(),
            domain: self.about.domain.to_owned(),
            mode,
            planner: seat.asset().holds_planner_role(now),
            peers: seat.contacts().iter().map(AssetId::to_string).collect(),
            plans: state.plans,
            epoch: current.map(|plan| (&plan.epoch).into()).unwrap_or_default(),
            window: current.map(|plan| (&plan.window).into()).unwrap_or_default(),
            soc_kwh,
            buffer_gbit,
            refused: self.refused,
        };
        publish(&self.status, &status);
    }
}

fn stores(state: &AssetState) -> (f64, f64) {
    match &state.telemetry {
        None => (f64::NAN, f64::NAN),
        Some(Telemetry::Habitat(habitat)) => (habitat.soc_kwh.value(), f64::NAN),
        Some(Telemetry::Rover(rover)) => (rover.soc_kwh.value(), rover.buffer_gbit.value()),
        Some(Telemetry::Satellite(satellite)) => (satellite.soc_kwh.value(), satellite.buffer_gbit.value()),
    }
}

/// The setpoints of one step, each with its name; a satellite's grants are named after who gets them.
fn setpoints(setpoint: &Setpoint) -> Vec<(String, f64)> {
    let named =
        |values: &[(&str, Real)]| values.iter().map(|(name, value)| ((*name).to_owned(), value.value())).collect();
    match setpoint {
        Setpoint::Habitat(habitat) => named(&[
            ("isru_kw", habitat.isru_kw),
            ("supply_kw", habitat.supply_kw),
            ("uplink_gbit_h", habitat.uplink_gbit_h),
        ]),
        Setpoint::Rover(rover) => named(&[
            ("charge_kw", rover.charge_kw),
            ("survey", rover.survey),
            ("drive_km_h", rover.drive_km_h),
            ("transmit_gbit_h", rover.transmit_gbit_h),
        ]),
        Setpoint::Satellite(satellite) => {
            let grants = satellite.relay_gbit_h.iter();
            let mut all: Vec<_> = grants.map(|(sink, value)| (format!("relay_{sink}_gbit_h"), value.value())).collect();
            all.push(("downlink_gbit_h".to_owned(), satellite.downlink_gbit_h.value()));
            all
        }
    }
}

/// A view that nobody can be shown is no reason to stop.
pub(super) fn publish<M: Message>(publisher: &Publisher<M>, message: &M) {
    if let Err(why) = publisher.publish(message) {
        tracing::debug!(topic = %publisher.topic(), %why, "not shown");
    }
}

/// The service that a member is stepped by, below its namespace.
pub(super) const STEP_SERVICE: &str = "step";
const NODE_NAME: &str = "mesh_asset";
