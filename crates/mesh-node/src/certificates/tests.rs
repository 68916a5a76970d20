use super::*;
use crate::fleet_folder::FleetFolder;
use mesh_model::FleetId;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::UNIX_EPOCH;

struct Room {
    _parent: tempfile::TempDir,
    path: PathBuf,
    fleet: FleetFolder,
}

fn id(name: &str) -> AssetId {
    AssetId::new(name).expect("a good name")
}

fn room() -> Room {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let path = parent.path().join("fleet");
    let fleet = FleetId::new("lunar_base").expect("a good name");
    let fleet = FleetFolder::open_or_create(&path, &fleet, &[id("habitat"), id("rover")]).expect("makes the fleet");
    Room { _parent: parent, path, fleet }
}

fn now() -> SystemTime {
    SystemTime::now()
}

const HOUR: Duration = Duration::from_secs(3600);

impl Room {
    fn renew(&self, now: SystemTime) -> Vec<AssetId> {
        self.fleet.renew(now, 0).expect("renews")
    }

    fn fault(&self, now: SystemTime) -> Fault {
        match self.fleet.identity(&id("rover"), now) {
            Err(NodeError::Unfit { fault, .. }) => fault,
            Err(other) => panic!("another error: {other}"),
            Ok(_) => panic!("no error"),
        }
    }

    fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path.join(name)).expect("is there").permissions().mode() & 0o777
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path.join(name)).expect("is there")
    }
}

#[test]
fn everybody_gets_a_certificate_once_and_a_new_one_before_it_ends() {
    let room = room();
    assert_eq!(room.fault(now()), Fault::Missing { what: "certificate" });
    assert_eq!(room.renew(now()), [id("habitat"), id("rover")]);
    assert_eq!(room.renew(now()), []);
    let identity = room.fleet.identity(&id("rover"), now()).expect("is good");
    let left = identity.expires.duration_since(now()).expect("is in the future");
    assert!(left > HOUR - Duration::from_secs(60) && left <= HOUR, "{left:?}");
    let key = room.bytes("tls/rover.key");
    assert_eq!(room.renew(now() + Duration::from_secs(45 * 60)), [id("habitat"), id("rover")]);
    assert_eq!(room.bytes("tls/rover.key"), key);
    for (name, mode) in [("ca", 0o700), ("ca/ca.key", 0o600), ("tls", 0o700), ("tls/rover.key", 0o600)] {
        assert_eq!(room.mode(name), mode, "{name}");
    }
}

#[test]
fn a_certificate_outlives_three_gaps_and_never_less_than_an_hour() {
    assert_eq!(lifetime(0), HOUR);
    assert_eq!(lifetime(1200), HOUR);
    assert_eq!(lifetime(7200), 6 * HOUR);
    assert_eq!(lifetime(u64::MAX), 365 * 24 * HOUR);
}

#[test]
fn a_fleet_that_is_out_of_contact_for_longer_gets_longer_certificates() {
    let room = room();
    room.renew(now());
    assert_eq!(room.fleet.renew(now(), 7200).expect("renews").len(), 2);
    assert_eq!(room.renew(now()), [], "a longer one is as good as a shorter one");
    let identity = room.fleet.identity(&id("rover"), now()).expect("is good");
    assert!(identity.expires > now() + 5 * HOUR);
}

#[test]
fn each_fault_of_a_certificate_is_told_apart_and_cured() {
    let room = room();
    let begun = now();
    room.renew(begun);
    let cured = |room: &Room| {
        assert_eq!(room.renew(now()), [id("rover")]);
        room.fleet.identity(&id("rover"), now()).expect("is good");
    };
    assert!(matches!(room.fault(begun + 2 * HOUR), Fault::Expired { what: "certificate", .. }));
    assert!(matches!(room.fault(begun - HOUR), Fault::NotYetValid { what: "certificate", .. }));
    assert!(matches!(room.fault(UNIX_EPOCH), Fault::NotYetValid { what: "certificate authority", .. }));
    assert_eq!(room.renew(begun - HOUR), [id("habitat"), id("rover")]);
    room.renew(begun);

    let pem = room.path.join("tls/rover.pem");
    fs::copy(room.path.join("tls/habitat.pem"), &pem).expect("copies");
    assert_eq!(room.fault(now()), Fault::OtherSubject { found: "habitat".to_owned(), expected: id("rover") });
    cured(&room);

    let stranger = self::room();
    stranger.renew(now());
    fs::copy(stranger.path.join("tls/rover.pem"), &pem).expect("copies");
    assert!(matches!(room.fault(now()), Fault::ForeignIssuer { .. }));
    cured(&room);

    fs::copy(room.path.join("tls/habitat.key"), room.path.join("tls/rover.key")).expect("copies");
    assert_eq!(room.fault(now()), Fault::OtherKeyThanCertified);
    cured(&room);

    fs::remove_file(room.path.join("tls/rover.key")).expect("removes");
    assert_eq!(room.fault(now()), Fault::Missing { what: "private key of the certificate" });
    cured(&room);

    fs::write(&pem, "not a certificate").expect("writes");
    assert!(matches!(room.fault(now()), Fault::Malformed { .. }));
    cured(&room);
}

#[test]
fn a_private_key_that_others_can_read_is_told_and_not_mended() {
    let room = room();
    room.renew(now());
    for name in ["tls/rover.key", "ca/ca.key"] {
        let key = room.path.join(name);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("changes the mode");
        let told = room.fleet.renew(now() + HOUR, 0).expect_err("the key is open");
        let wide = Fault::WidePermissions { mode: 0o644, expected: 0o600 };
        assert!(matches!(told, NodeError::Unfit { fault, path } if fault == wide && path == key), "{name}");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("changes the mode");
    }
}

#[test]
fn a_fleet_of_the_first_version_gets_certificates_and_keeps_its_keys() {
    let room = room();
    fs::remove_dir_all(room.path.join("ca")).expect("removes");
    let toml = String::from_utf8(room.bytes("fleet.toml")).expect("is text").replace("tls/127.0.0.1:0", "in-process");
    fs::write(room.path.join("fleet.toml"), &toml).expect("writes");
    let members = [id("habitat"), id("rover")];
    let fleet = FleetFolder::open_or_create(&room.path, &room.fleet.file().name, &members).expect("opens");
    let before = (room.bytes("keys/rover.key"), room.bytes("fleet.toml"));
    assert_eq!(fleet.renew(now(), 0).expect("renews"), members);
    assert_eq!(before, (room.bytes("keys/rover.key"), room.bytes("fleet.toml")));
    FleetFolder::open_for(&room.path, &id("rover")).expect("opens");
}

#[test]
fn programs_that_make_and_renew_one_fleet_at_once_agree() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let path = parent.path().join("fleet");
    let name = FleetId::new("lunar_base").expect("a good name");
    let members = [id("habitat"), id("rover")];
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let fleet = FleetFolder::open_or_create(&path, &name, &members).expect("makes the fleet");
                fleet.renew(now(), 0).expect("renews");
                for member in &members {
                    FleetFolder::open_for(&path, member).expect("opens");
                }
            });
        }
    });
}

#[test]
fn a_changed_endpoint_or_a_new_reader_gets_a_certificate() {
    let room = room();
    room.renew(now());
    let toml = String::from_utf8(room.bytes("fleet.toml")).expect("is text");
    let changed = toml.replacen("tls/127.0.0.1:0", "tls/habitat.example:7000", 1);
    assert_ne!(changed, toml);
    let changed = changed.replacen("name = ", "readers = [\"ground\"]\nname = ", 1);
    fs::write(room.path.join("fleet.toml"), changed).expect("writes");
    let file = FleetFile::read(&room.path).expect("reads");
    assert_eq!(renew(&room.path, &file, 0, now()).expect("renews"), [id("habitat"), id("ground")]);
    assert_eq!(renew(&room.path, &file, 0, now()).expect("renews"), []);
}

#[test]
fn a_robot_opens_its_folder_without_the_keys_of_others() {
    let room = room();
    room.renew(now());
    for other in ["ca/ca.key", "keys/habitat.key", "tls/habitat.key", "tls/habitat.pem"] {
        fs::remove_file(room.path.join(other)).expect("removes");
    }
    let folder = FleetFolder::open_for(&room.path, &id("rover")).expect("opens");
    assert!(folder.key(&id("rover")).is_some() && folder.key(&id("habitat")).is_none());
    let fault = |asset: &str| match FleetFolder::open_for(&room.path, &id(asset)) {
        Err(NodeError::Unfit { fault, .. }) => fault,
        _ => panic!("another outcome"),
    };
    assert_eq!(fault("habitat"), Fault::Missing { what: "private key" });
    assert_eq!(fault("tug"), Fault::NotAMember { asset: id("tug") });
    let told = folder.renew(now() + HOUR, 0).expect_err("cannot issue");
    assert!(matches!(told, NodeError::Unfit { fault: Fault::Missing { what }, .. } if what.contains("authority")));
}

#[test]
fn the_authority_of_another_fleet_is_refused() {
    let room = room();
    let parent = tempfile::tempdir().expect("a temporary folder");
    let mars = FleetId::new("mars").expect("a good name");
    FleetFolder::open_or_create(parent.path(), &mars, &[id("rover")]).expect("makes the fleet");
    fs::copy(parent.path().join("ca/ca.pem"), room.path.join("ca/ca.pem")).expect("copies");
    let other = Fault::OtherFleet { found: "mars".to_owned(), expected: "lunar_base".to_owned() };
    assert_eq!(room.fault(now()), other);
    assert!(matches!(room.fleet.renew(now(), 0), Err(NodeError::Unfit { fault, .. }) if fault == other));
}

#[test]
fn errors_name_dates_that_people_can_read() {
    let since = OffsetDateTime::from(UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    let told = Fault::Expired { what: "certificate", since }.to_string();
    assert_eq!(told, "the certificate expired on 2023-11-14 22:13:20 UTC");
}
