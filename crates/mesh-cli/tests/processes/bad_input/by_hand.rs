//! A member that somebody starts by hand: what its folder, its mission and its files may not be.

use super::refused::{foreign, spoiled_at};
use super::{ENDS_MAX, Place, asset, ended, said};
use crate::flight::Ended;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

#[test]
fn a_robot_with_a_bad_fleet_folder_is_refused_and_the_mission_waits_for_a_good_one() {
    let place = Place::new();
    let fleet = place.make_fleet();
    let (expired, early, foreign) = (spoiled_at(&place, &fleet, -48), spoiled_at(&place, &fleet, 48), foreign(&place));
    let flight = place.begin("robot", &["--external", "rover"]);
    let mission = place.mission("robot");
    let refused = |spoil: &dyn Fn(&Path), parts: &[&str]| {
        let folder = robots_folder(&place, "rover");
        spoil(&folder);
        said(place.node("rover", &folder, Some(&mission))).check_refused(parts);
    };
    let from = |other: PathBuf| move |folder: &Path| replace(&other.join(PEM), &folder.join(PEM));
    let mode = |file: &'static str| {
        move |folder: &Path| fs::set_permissions(folder.join(file), fs::Permissions::from_mode(0o640)).expect("changes")
    };
    let renewed = "`cosmosmesh run` renews certificates where the fleet's authority is";
    refused(
        &|folder| fs::remove_file(folder.join(PEM)).expect("removes"),
        &[PEM, "no such certificate", "issues what is missing"],
    );
    refused(&|folder| fs::remove_file(folder.join(KEY)).expect("removes"), &[KEY, "private key of the certificate"]);
    refused(
        &|folder| fs::remove_file(folder.join("ca/ca.pem")).expect("removes"),
        &["ca/ca.pem", "certificate authority"],
    );
    refused(&from(expired), &[PEM, "the certificate expired on", "UTC", renewed]);
    refused(&from(early), &[PEM, "the certificate is not valid before", "set the clock"]);
    refused(&from(foreign), &[PEM, "issued by another authority", renewed]);
    let other = place.fleet().join("tls/satellite.pem");
    let others = |folder: &Path| replace(&other, &folder.join(PEM));
    refused(&others, &[PEM, "the certificate of \"satellite\", not of rover", renewed]);
    refused(&|folder| fs::write(folder.join(PEM), "-----BEGIN").expect("writes"), &[PEM, "not a certificate in PEM"]);
    refused(&mode(KEY), &[KEY, "mode 640, expected 600", "chmod 600"]);
    refused(&mode("keys/rover.key"), &["keys/rover.key", "mode 640, expected 600", "chmod 600"]);
    refused(
        &|folder| rewrite(&folder.join("fleet.toml"), "name = \"lunar_base\"", "name = \"mars_base\""),
        &["mars_base", "lunar_base", "--fleet"],
    );
    // What was refused has left nothing; a good folder, without the authority's key, joins.
    let good = begin_node(&place, "rover", &robots_folder(&place, "rover"), &mission);
    let flown = flight.ended();
    flown.check_good();
    assert_eq!(flown.said("replay"), (Some(0), true), "see {}", flown.place());
    ended(good, ENDS_MAX).check(0, &[]);
    flown.check_no_orphans();
    place.close();
}

#[test]
fn a_member_without_a_mission_or_with_a_bad_one_is_refused() {
    let place = Place::new();
    place.make_fleet();
    said(place.node("rover", &place.fleet(), None)).check_refused(&["no such mission of this fleet", "--external"]);
    said(place.node("rover", &place.path().join("none"), None)).check_refused(&["no such fleet.toml", "--fleet"]);
    let flown = flown_and_copied(&place);
    let mission = flown.join("mission/mission.toml");
    let own = mission.parent().expect("a folder").join("rover.settings");
    let refused =
        |asset: &str, parts: &[&str]| said(place.node(asset, &place.fleet(), Some(&mission))).check_refused(parts);
    refused("lander", &["lander is not a member of this fleet", "name one of the assets in fleet.toml"]);
    let text = fs::read_to_string(&mission).expect("reads");
    let settings = fs::read(&own).expect("reads");

    fs::write(&mission, "\u{7}\u{0}[[[[").expect("writes");
    refused("rover", &["not a mission file"]);
    fs::write(&mission, text.replace("version = 1", "version = 7")).expect("writes");
    refused("rover", &["format version 7, this program knows 1"]);
    // In the middle of a word: cut between two tables it would be a mission of fewer.
    fs::write(&mission, &text[..text.rfind('"').expect("it has words")]).expect("writes");
    refused("rover", &["not a mission file"]);
    fs::write(&mission, vec![0xff; 4096]).expect("writes");
    refused("rover", &["not UTF-8"]);
    fs::write(&mission, text.replace(&flown.display().to_string(), "/nowhere/at/all")).expect("writes");
    refused("rover", &["/nowhere/at/all", "no such folder"]);
    fs::write(&mission, &text).expect("writes");

    fs::write(&own, &settings[..settings.len() - 1]).expect("writes");
    refused("rover", &["rover.settings", "not an asset's settings"]);
    fs::copy(own.with_file_name("habitat.settings"), &own).expect("copies");
    refused("rover", &["rover.settings", "they are of habitat"]);
    fs::write(&own, vec![0; 2 << 20]).expect("writes");
    refused("rover", &["rover.settings", "more than"]);
    fs::remove_file(&own).expect("removes");
    refused("rover", &["rover.settings"]);
    place.close();
}

#[test]
fn a_member_started_after_its_mission_is_refused_and_changes_nothing() {
    let place = Place::new();
    place.flown("over", &[]).check(0, &[]);
    let before = contents(&place.run("over"));
    said(place.node("rover", &place.fleet(), None)).check_refused(&["over", "begin a new one"]);
    assert_eq!(contents(&place.run("over")), before, "the files of a mission that is over were touched");
    place.replay("over").check(0, &[]);
    place.audit("over").check(0, &[]);
    place.close();
}

/// Logs and recordings, the parts of a run that are never written again.
fn contents(run: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = ["logs", "rec"].map(|folder| fs::read_dir(run.join(folder)).expect("lists"));
    let mut files: Vec<_> = files.into_iter().flatten().map(|file| file.expect("lists").path()).collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), fs::read(path).expect("reads"))).collect()
}

#[test]
fn a_member_whose_files_were_damaged_does_not_fork_its_history() {
    // The wrong byte is in the middle, where a kill leaves none.
    for (file, parts) in [("rec/rover.mcap", ["rover.mcap", "record"]), ("logs/rover.log", ["rover.log", "damaged"])] {
        let place = Place::with_hours(8);
        let flight = place.begin("damaged", &["--external", "rover"]);
        let first = begin_node(&place, "rover", &place.fleet(), &place.mission("damaged"));
        flight.until_it_has_logged("rover");
        crate::flight::signal("-KILL", u64::from(first.id()));
        drop(ended(first, ENDS_MAX));
        let path = place.run("damaged").join(file);
        let mut bytes = fs::read(&path).expect("reads");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        fs::write(&path, &bytes).expect("writes");
        let said = said(place.node("rover", &place.fleet(), Some(&place.mission("damaged"))));
        said.check_refused(&parts);
        assert_eq!(fs::read(&path).expect("reads"), bytes, "{file} was touched");
        // The others have gone on.
        let flown = flight.ended();
        assert!(matches!(flown.code, Some(0 | 1)), "{}", flown.stderr);
        assert!(flown.is_lost("rover") && !flown.is_lost("habitat"), "{}", flown.report["processes"]);
        is_told(&flown, file);
        flown.check_no_orphans();
        place.close();
    }
}

/// Whether the run says by itself that this file cannot be relied upon.
fn is_told(flown: &Ended, file: &str) {
    if file.starts_with("rec/") {
        assert_eq!(flown.report["replayable"], false, "{}", flown.stderr);
        assert_ne!(flown.said("replay").0, Some(0));
    } else {
        assert_eq!(flown.report["audit"]["verified"], false, "{}", flown.stderr);
        assert_ne!(flown.said("audit").0, Some(0));
    }
}

/// What a robot is given of the fleet folder.
fn robots_folder(place: &Place, member: &str) -> PathBuf {
    let folder = place.path().join(format!("robot {member}"));
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("removes");
    }
    super::copy(&place.fleet(), &folder);
    fs::remove_file(folder.join("ca/ca.key")).expect("removes");
    for other in super::MEMBERS.iter().filter(|other| **other != member) {
        for file in [format!("tls/{other}.pem"), format!("tls/{other}.key"), format!("keys/{other}.key")] {
            fs::remove_file(folder.join(file)).expect("removes");
        }
    }
    assert!(mesh_node::FleetFolder::open_for(&folder, &asset(member)).is_ok(), "it is good before it is spoiled");
    folder
}

fn begin_node(place: &Place, asset: &str, fleet: &Path, mission: &Path) -> Child {
    let mut command = place.node(asset, fleet, Some(mission));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts")
}

/// A mission that is over, in a folder that may be spoiled.
fn flown_and_copied(place: &Place) -> PathBuf {
    place.flown("flown", &[]).check(0, &[]);
    place.run("flown")
}

fn replace(from: &Path, to: &Path) {
    fs::copy(from, to).expect("copies");
}

fn rewrite(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).expect("reads");
    assert!(text.contains(from), "{text}");
    fs::write(file, text.replace(from, to)).expect("writes");
}

const PEM: &str = "tls/rover.pem";
const KEY: &str = "tls/rover.key";
