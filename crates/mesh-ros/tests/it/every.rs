//! Every message there is. Types cannot stand in a list, so a check is a visitor.

use crate::generated::test_interfaces;
use mesh_ros::interfaces::{
    builtin_interfaces, cosmosmesh_msgs, geometry_msgs, nav_msgs, rcl_interfaces, rosgraph_msgs, sensor_msgs,
    service_msgs, std_msgs,
};
use mesh_ros::{Message, Service, interfaces};
use std::collections::BTreeSet;

/// Something to be done with a type of messages.
pub trait Check {
    /// Does it.
    fn check<T: Message>(&mut self);
}

/// Does it with every type.
pub fn every_message(check: &mut impl Check) {
    check.check::<builtin_interfaces::msg::Duration>();
    check.check::<builtin_interfaces::msg::Time>();
    check.check::<cosmosmesh_msgs::msg::AssetStatus>();
    check.check::<cosmosmesh_msgs::msg::Attestation>();
    check.check::<cosmosmesh_msgs::msg::AuditRecord>();
    check.check::<cosmosmesh_msgs::msg::Certificate>();
    check.check::<cosmosmesh_msgs::msg::CertifiedDelta>();
    check.check::<cosmosmesh_msgs::msg::CommandSchedule>();
    check.check::<cosmosmesh_msgs::msg::DualVariables>();
    check.check::<cosmosmesh_msgs::msg::Edge>();
    check.check::<cosmosmesh_msgs::msg::EdgeAgreement>();
    check.check::<cosmosmesh_msgs::msg::Epoch>();
    check.check::<cosmosmesh_msgs::msg::KpiSample>();
    check.check::<cosmosmesh_msgs::msg::LinkStatus>();
    check.check::<cosmosmesh_msgs::msg::Opening>();
    check.check::<cosmosmesh_msgs::msg::PlanDelta>();
    check.check::<cosmosmesh_msgs::msg::RoundReport>();
    check.check::<cosmosmesh_msgs::msg::SharedVariables>();
    check.check::<cosmosmesh_msgs::msg::SignedEnvelope>();
    check.check::<cosmosmesh_msgs::msg::VehicleState>();
    check.check::<cosmosmesh_msgs::msg::Window>();
    check.check::<cosmosmesh_msgs::srv::GetAuditEntriesRequest>();
    check.check::<cosmosmesh_msgs::srv::GetAuditEntriesResponse>();
    check.check::<cosmosmesh_msgs::srv::GetPlanRequest>();
    check.check::<cosmosmesh_msgs::srv::GetPlanResponse>();
    check.check::<cosmosmesh_msgs::srv::StepRequest>();
    check.check::<cosmosmesh_msgs::srv::StepResponse>();
    check.check::<geometry_msgs::msg::Point>();
    check.check::<geometry_msgs::msg::Pose>();
    check.check::<geometry_msgs::msg::PoseWithCovariance>();
    check.check::<geometry_msgs::msg::Quaternion>();
    check.check::<geometry_msgs::msg::Twist>();
    check.check::<geometry_msgs::msg::TwistWithCovariance>();
    check.check::<geometry_msgs::msg::Vector3>();
    check.check::<nav_msgs::msg::Odometry>();
    check.check::<rcl_interfaces::msg::Log>();
    check.check::<rosgraph_msgs::msg::Clock>();
    check.check::<sensor_msgs::msg::BatteryState>();
    check.check::<service_msgs::msg::ServiceEventInfo>();
    check.check::<std_msgs::msg::Header>();
    check.check::<test_interfaces::msg::Empty>();
    check.check::<test_interfaces::msg::Everything>();
}

#[test]
fn none_is_forgotten() {
    struct Listed(BTreeSet<&'static str>);
    impl Check for Listed {
        fn check<T: Message>(&mut self) {
            assert!(self.0.insert(T::TYPE.name), "{} is listed twice", T::TYPE.name);
        }
    }
    let mut listed = Listed(BTreeSet::new());
    every_message(&mut listed);
    use cosmosmesh_msgs::srv;
    let services = [srv::GetAuditEntries::TYPE, srv::GetPlan::TYPE, srv::Step::TYPE].map(|service| service.name);
    let types = interfaces::TYPES.iter().chain(crate::generated::TYPES).map(|found| found.name);
    assert_eq!(listed.0, types.filter(|name| !services.contains(name)).collect());
}
