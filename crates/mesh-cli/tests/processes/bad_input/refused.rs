//! What `run` does not begin with, and what it puts right by itself.

use super::{GAP_S, MEMBERS, Place, asset};
use mesh_model::FleetId;
use mesh_node::FleetFolder;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

#[test]
fn a_port_that_is_in_use_is_named() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("listens");
    let port = taken.local_addr().expect("has an address").port();
    let said = place.flown("router", &["--ros-port", &port.to_string()]);
    said.check_refused(&[&port.to_string(), "leave --ros-port away for a free one"]);

    place.open_fleet();
    let file = place.fleet().join("fleet.toml");
    let text = fs::read_to_string(&file).expect("reads");
    fs::write(&file, text.replacen("tls/127.0.0.1:0", &format!("tls/127.0.0.1:{port}"), 1)).expect("writes");
    let flight = place.begin("member", &[]);
    let ended = flight.ended();
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    for part in ["the process habitat", &format!("cannot listen on tls/127.0.0.1:{port}"), "fleet.toml"] {
        assert!(super::words(&ended.stderr).contains(&super::words(part)), "{part:?} is missing in {}", ended.stderr);
    }
    ended.check_no_orphans();
    drop(taken);
    // Once the port is free, the same fleet flies.
    place.flown("free", &[]).check(0, &[]);
    place.close();
}

#[test]
fn a_run_renews_whatever_certificate_is_not_good_and_flies() {
    let place = Place::new();
    spoil_each(&place);
    place.flown("renewed", &[]).check(0, &[]);
    for member in MEMBERS {
        let identity = place.open_fleet().identity(&asset(member), SystemTime::now());
        identity.unwrap_or_else(|why| panic!("{member}: {why}"));
    }
    place.close();
}

/// A fleet in which the certificates are, by turn, expired, not yet valid, of a foreign authority, and missing.
fn spoil_each(place: &Place) {
    let fleet = place.make_fleet();
    let at = |shift: i64| spoiled_at(place, &fleet, shift);
    let (expired, early, foreign) = (at(-48), at(48), foreign(place));
    let certificate = |folder: &Path, member: &str| folder.join("tls").join(format!("{member}.pem"));
    for (member, from) in [("habitat", &expired), ("planner", &early), ("rover", &foreign)] {
        fs::copy(certificate(from, member), certificate(&place.fleet(), member)).expect("copies");
    }
    fs::remove_file(certificate(&place.fleet(), "satellite")).expect("removes");
}

/// A copy of the fleet folder whose certificates were issued so many hours from now.
pub fn spoiled_at(place: &Place, fleet: &FleetFolder, hours: i64) -> std::path::PathBuf {
    let copy = place.path().join(format!("fleet{hours}"));
    super::copy(fleet.path(), &copy);
    fs::remove_dir_all(copy.join("tls")).expect("removes");
    let name = &fleet.file().name;
    let shifted = FleetFolder::open_or_create(&copy, name, &MEMBERS.map(asset)).expect("opens");
    let shift = Duration::from_secs(hours.unsigned_abs() * 3600);
    let at = if hours < 0 { SystemTime::now() - shift } else { SystemTime::now() + shift };
    // The keys stay: a certificate alone is what a clock spoils.
    fs::create_dir(copy.join("tls")).expect("creates");
    fs::set_permissions(copy.join("tls"), fs::Permissions::from_mode(0o700)).expect("changes the mode");
    for member in MEMBERS {
        let key = format!("tls/{member}.key");
        super::copy(&fleet.path().join(&key), &copy.join(&key));
    }
    shifted.renew(at, GAP_S).expect("issues");
    copy
}

/// Another fleet of the same name, with keys and an authority of its own.
pub fn foreign(place: &Place) -> std::path::PathBuf {
    let path = place.path().join("foreign");
    let name = FleetId::new("lunar_base").expect("a good name");
    let folder = FleetFolder::open_or_create(&path, &name, &MEMBERS.map(asset)).expect("makes another fleet");
    folder.renew(SystemTime::now(), GAP_S).expect("issues");
    path
}

#[test]
fn a_certificate_that_nobody_here_can_renew_is_named() {
    let place = Place::new();
    place.make_fleet();
    fs::remove_file(place.fleet().join("ca/ca.key")).expect("removes");
    // Everything is good: the authority is not needed.
    place.flown("good", &[]).check(0, &[]);
    fs::remove_file(place.fleet().join("tls/rover.pem")).expect("removes");
    place.flown("missing", &[]).check_refused(&[
        "ca/ca.key",
        "private key of the certificate authority",
        "renew the certificates",
    ]);
    place.close();
}

#[test]
fn keys_that_others_may_read_are_refused_with_the_cure() {
    let place = Place::new();
    place.make_fleet();
    for key in ["keys/rover.key", "tls/rover.key", "ca/ca.key"] {
        let path = place.fleet().join(key);
        let set = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("changes the mode");
        set(0o644);
        let said = place.flown("wide", &[]);
        said.check_refused(&[key, "mode 644", "chmod 600"]);
        assert_eq!(fs::metadata(&path).expect("is there").permissions().mode() & 0o777, 0o644, "it was touched");
        set(0o600);
        let _ = fs::remove_dir_all(place.run("wide"));
    }
    place.flown("narrow", &[]).check(0, &[]);
    place.close();
}

#[test]
fn the_folder_of_another_fleet_is_refused() {
    let place = Place::new();
    let other = place.path().join("other");
    let name = FleetId::new("mars_base").expect("a good name");
    FleetFolder::open_or_create(&other, &name, &MEMBERS.map(asset)).expect("makes the fleet");
    let said = place.flown("run", &["--fleet", &other.display().to_string()]);
    said.check_refused(&["holds the fleet \"mars_base\"", "\"lunar_base\"", "--fleet"]);
    assert!(!place.run("run").exists(), "a run folder was begun for nothing");
    place.close();
}
