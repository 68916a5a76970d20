//! The messages and services, a module a package. Generated when the crate is built, by `build/`, from the interface
//! files: `cosmosmesh_msgs` from `msg/` at the top of the repository, the packages of ROS 2 itself from `interfaces/`.

include!(concat!(env!("OUT_DIR"), "/interfaces.rs"));
