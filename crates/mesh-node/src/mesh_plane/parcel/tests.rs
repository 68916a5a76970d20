use super::*;
use mesh_model::{Epoch, FleetId, Hash, MissionId, Payload, Stream};
use std::collections::BTreeMap;

fn id(name: &str) -> AssetId {
    AssetId::new(name).expect("a good name")
}

fn fleet(name: &str) -> FleetId {
    FleetId::new(name).expect("a good name")
}

fn message(fleet_name: &str) -> Vec<u8> {
    let payload = Payload::Heartbeat(BTreeMap::new());
    let envelope = Envelope {
        context: mesh_model::envelope::CONTEXT,
        fleet: fleet(fleet_name),
        mission: MissionId([1; 16]),
        epoch: Epoch { plan: 0, number: 0, opener: id("habitat") },
        author: id("habitat"),
        key: "did:key:z".to_owned(),
        stream: Stream::Live,
        sequence: 0,
        previous: None,
        contract: Hash::ZERO,
        expires: MissionTime::MAX,
        kind: payload.kind(),
        payload: payload.hash(),
    };
    SignedEnvelope { unsigned: envelope.encode(), payload: payload.encode(), signature: [0; 64] }.encode()
}

fn parcel(fleet_name: &str, kind: Kind) -> Parcel {
    let (at, sent) = (MissionTime::from_s(9), MissionTime::from_s(8));
    Parcel { from: id("habitat"), to: id("rover"), kind, frame: 7, at, sent, bytes: message(fleet_name) }
}

fn received(me: &str, kind: Kind, payload: &[u8], attachment: &[u8]) -> Result<Parcel, Dropped> {
    let address = Address { fleet: fleet("lunar_base"), me: id(me) };
    from_wire(&address, &id("habitat"), kind, payload, attachment)
}

#[test]
fn a_parcel_arrives_as_it_was_sent_and_only_where_it_is_addressed_to() {
    let parcel = parcel("lunar_base", Kind::Dual);
    let (payload, attachment) = parcel.to_wire().expect("is a message");
    assert_eq!(received("rover", Kind::Dual, &payload, &attachment), Ok(parcel));
    assert_eq!(received("relay", Kind::Dual, &payload, &attachment), Err(Dropped::ForAnother));
    assert_eq!(received("rover", Kind::Plan, &payload, &attachment), Err(Dropped::Mistyped));
}

#[test]
fn what_says_another_kind_or_is_no_message_does_not_leave() {
    let other = SendError::OtherKind { said: Kind::Plan, held: Kind::Dual };
    assert_eq!(parcel("lunar_base", Kind::Plan).to_wire(), Err(other));
    let garbage = Parcel { bytes: vec![7; 100], ..parcel("lunar_base", Kind::Dual) };
    assert!(matches!(garbage.to_wire(), Err(SendError::NotAMessage(_))));
}

#[test]
fn a_message_of_another_fleet_is_dropped() {
    let (payload, attachment) = parcel("mars", Kind::Dual).to_wire().expect("is a message");
    assert_eq!(received("rover", Kind::Dual, &payload, &attachment), Err(Dropped::OtherFleet));
}

#[test]
fn no_cut_and_no_flipped_bit_of_the_framing_passes_or_panics() {
    let (payload, attachment) = parcel("lunar_base", Kind::Dual).to_wire().expect("is a message");
    for length in 0..payload.len() {
        let cut = received("rover", Kind::Dual, &payload[..length], &attachment);
        assert_eq!(cut, Err(Dropped::Undecodable), "payload cut to {length}");
    }
    for length in 0..attachment.len() {
        let cut = received("rover", Kind::Dual, &payload, &attachment[..length]);
        assert!(matches!(cut, Err(Dropped::Undecodable | Dropped::ForAnother)), "attachment cut to {length}");
    }
    for bit in 0..8 * payload.len() {
        let mut flipped = payload.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        // Signature and content are for the receiver to judge; here it is enough that nothing panics.
        let _ = received("rover", Kind::Dual, &flipped, &attachment);
    }
    for bit in 0..8 * attachment.len() {
        let mut flipped = attachment.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(parcel) = received("rover", Kind::Dual, &payload, &flipped) {
            assert_ne!((parcel.frame, parcel.at, parcel.sent), (7, MissionTime::from_s(9), MissionTime::from_s(8)));
        }
    }
    let oversized = vec![0; WIRE_LENGTH_MAX];
    assert_eq!(received("rover", Kind::Dual, &oversized, &attachment), Err(Dropped::Oversized));
}

#[test]
fn each_kind_is_known_by_its_name() {
    assert_eq!(Kind::ALL.map(|kind| Kind::named(kind.as_str())), Kind::ALL.map(Some));
    assert_eq!(Kind::named("here"), None);
    assert_eq!(Kind::named("*"), None);
}
