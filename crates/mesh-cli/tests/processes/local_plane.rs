//! A mission as the rest of a robot sees it: by ROS 2, on the local plane.

use crate::flight::{Flight, Folder, home};
use mesh_identity::{Expectation, Roster, verify};
use mesh_model::{AssetId, Envelope, Payload, SignedEnvelope};
use mesh_node::FleetFile;
use mesh_node::mesh_plane::free_ports;
use mesh_ros::interfaces::cosmosmesh_msgs::msg::{AssetStatus, DualVariables, PlanDelta, VehicleState};
use mesh_ros::interfaces::cosmosmesh_msgs::srv::{
    GetAuditEntries, GetAuditEntriesRequest, GetPlan, GetPlanRequest, GetPlanResponse,
};
use mesh_ros::interfaces::rosgraph_msgs::msg::Clock;
use mesh_ros::interfaces::sensor_msgs::msg::BatteryState;
use mesh_ros::rmw_zenoh::{Settings, ZenohBackend};
use mesh_ros::{Message, Node, Qos, Subscription};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[test]
fn the_rest_of_a_robot_sees_what_is_agreed_and_can_prove_it() {
    let folder = Folder::new();
    // Free a moment ago, and none that the system gives to somebody's outgoing connection meanwhile.
    let port = free_ports(1).expect("a port")[0].number();
    let flight = Flight::begin_with(&folder, "seen", Path::new(SCENARIO), &["--ros-port", &port.to_string()]);
    let settings = Settings { connect_timeout: START_MAX, ..Settings::local(port) };
    let backend = ZenohBackend::connect(&settings).expect("the router of the local plane");
    let node = Node::new(backend, "/robot", "onlooker").expect("a node");
    let clock = Heard::<Clock>::on(&node, "/clock", Qos::CLOCK);
    let status = Heard::<AssetStatus>::on(&node, "/rover/status", Qos::PLAN);
    let plan = Heard::<PlanDelta>::on(&node, "/rover/plan", Qos::PLAN);
    let dual = Heard::<DualVariables>::on(&node, "/habitat/dual_variables", Qos::DUAL);
    let battery = Heard::<BatteryState>::on(&node, "/satellite/battery_state", Qos::SENSOR);
    let state = Heard::<VehicleState>::on(&node, "/rover/vehicle_state", Qos::SENSOR);
    for name in
        ["/habitat/mesh_asset", "/planner/mesh_asset", "/rover/mesh_asset", "/satellite/mesh_asset", "/simulator"]
    {
        assert!(node.graph().wait_for_node(name, START_MAX), "no node {name} in {:?}", node.graph().nodes());
    }

    let get_plan = node.client::<GetPlan>("/rover/get_plan").expect("a client");
    let latest = GetPlanRequest { latest: true, ..GetPlanRequest::default() };
    let plan_held = wait_for(|| get_plan.call_and_wait(&latest, CALL_MAX).ok().filter(|answer| answer.found));
    check_proof(&FleetFile::read(&home(&folder).join("fleets/lunar_base")).expect("the fleet").roster(), &plan_held);
    let get_entries = node.client::<GetAuditEntries>("/satellite/get_audit_entries").expect("a client");
    let request = GetAuditEntriesRequest { author: "planner".to_owned(), first: 1, count_max: 3 };
    let entries =
        wait_for(|| get_entries.call_and_wait(&request, CALL_MAX).ok().filter(|answer| answer.entries.len() == 3));
    let sequences = entries.entries.into_iter().map(|entry| envelope(&signed(entry)).sequence);
    assert_eq!(sequences.collect::<Vec<_>>(), [1, 2, 3]);

    assert!((0..=24 * 3600).contains(&clock.first().clock.sec));
    assert_eq!(status.first().asset, "rover");
    assert!(!plan.first().agreements.is_empty());
    assert_eq!(dual.first().sender, "habitat");
    assert!((0.0..=1.0).contains(&battery.first().percentage));
    assert!(state.first().soc_kwh > 0.0);

    let ended = flight.ended();
    ended.check_good();
    ended.check_no_orphans();
    folder.close();
}

/// Whether the signed entries prove the plan without a word of the one who handed them over.
fn check_proof(roster: &Roster, plan: &GetPlanResponse) {
    let proof: Vec<SignedEnvelope> = plan.proof.iter().cloned().map(signed).collect();
    let first = envelope(&proof[0]);
    let expectation = Expectation { fleet: first.fleet, mission: first.mission, contract: first.contract };
    let verified: Vec<_> = proof.iter().map(|entry| verify(entry, roster, &expectation).expect("is genuine")).collect();
    let Payload::Certificate(certificate) = verified[0].payload() else { panic!("the first is the certificate") };
    assert_eq!(certificate.epoch.plan, plan.certificate.epoch.plan);
    let named: Vec<(AssetId, u64)> =
        certificate.deltas.iter().map(|(author, sequence, _)| (author.clone(), *sequence)).collect();
    let given: Vec<(AssetId, u64)> =
        verified[1..].iter().map(|delta| (delta.author().clone(), delta.sequence())).collect();
    assert_eq!(given, named);
    assert!(!named.is_empty());
}

fn signed(carried: mesh_ros::interfaces::cosmosmesh_msgs::msg::SignedEnvelope) -> SignedEnvelope {
    SignedEnvelope::try_from(carried).expect("a signed envelope")
}

fn envelope(signed: &SignedEnvelope) -> Envelope {
    signed.peek().expect("an envelope")
}

/// The messages of one topic.
struct Heard<M> {
    first: Arc<Mutex<Option<M>>>,
    _subscription: Subscription,
}

impl<M: Message + Clone + Send + 'static> Heard<M> {
    fn on(node: &Node, topic: &str, qos: Qos) -> Self {
        let first = Arc::<Mutex<Option<M>>>::default();
        let kept = first.clone();
        let keep = move |message| {
            kept.lock().expect("nobody panics").get_or_insert(message);
        };
        Self { first, _subscription: node.subscribe(topic, qos, keep).expect("subscribes") }
    }

    fn first(&self) -> M {
        wait_for(|| self.first.lock().expect("nobody panics").clone())
    }
}

fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + START_MAX;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{} does not come", std::any::type_name::<T>());
        std::thread::sleep(Duration::from_millis(5));
    }
}

const SCENARIO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/lunar_base.toml");
const START_MAX: Duration = Duration::from_secs(120);
const CALL_MAX: Duration = Duration::from_secs(2);
