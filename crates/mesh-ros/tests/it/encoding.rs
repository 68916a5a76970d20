//! Every message against two other encoders: the bytes that an independent one wrote, and a reference that follows the
//! interface files with values drawn by chance.

use crate::every::{Check, every_message};
use crate::facts;
use crate::generated::test_interfaces::msg::Everything;
use crate::reference::Reference;
use mesh_ros::Message;
use mesh_ros::cdr::EncodeError;
use mesh_ros::interfaces::cosmosmesh_msgs::msg::{AssetStatus, Epoch};
use mesh_ros::interfaces::cosmosmesh_msgs::srv::GetPlanRequest;
use mesh_ros::interfaces::geometry_msgs::msg::Quaternion;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[test]
fn the_bytes_are_those_of_an_independent_encoder() {
    struct Compared(BTreeMap<&'static str, Vec<u8>>);
    impl Check for Compared {
        fn check<T: Message>(&mut self) {
            let name = T::TYPE.name;
            let bytes = self.0.remove(name).expect(name);
            let message = T::from_cdr(&bytes).expect(name);
            assert_eq!(message.to_cdr(), Ok(bytes), "{name}");
        }
    }
    let mut compared = Compared(facts::encoded());
    every_message(&mut compared);
    assert_eq!(compared.0.keys().collect::<Vec<_>>(), Vec::<&&str>::new());
}

#[test]
fn values_land_in_their_fields() {
    let bytes = facts::encoded().remove(Everything::TYPE.name).expect("a golden message");
    let message = Everything::from_cdr(&bytes).expect("decodes");
    assert_eq!((message.truth, message.octet, message.character), (true, 2, 3));
    assert_eq!((message.i8, message.i16, message.i32, message.i64), (-4, -5, -7, -9));
    assert_eq!((message.u16, message.u32, message.u64), (6, 8, 10));
    assert_eq!((message.f32, message.f64), (2.75, 3.0));
    assert_eq!((&*message.text, &*message.short_text), ("s13", "s14"));
    assert_eq!((message.octets, message.numbers), (vec![15, 16], vec![4.25, 4.5]));
    assert_eq!((message.truths, message.texts), (vec![true, false], vec!["s21".to_owned(), "s22".to_owned()]));
    assert_eq!((message.few, message.three), (vec![23, 24], [-25, -26, -27]));
    assert_eq!(message.two_texts, ["s28", "s29"]);
    assert_eq!(message.times.map(|time| (time.sec, time.nanosec)), [(-30, 31), (-32, 33)]);
    assert_eq!((message.nothings.len(), message.r#type), (2, 34));
}

#[test]
fn defaults_and_constants_are_those_of_the_files() {
    let message = Everything::default();
    assert_eq!((Everything::NUMBER, Everything::TEXT), (-7, "a # b = c"));
    assert_eq!((message.truth, message.i8, message.i64, message.u64), (true, -8, i64::MIN, u64::MAX));
    assert_eq!((message.f32, &*message.text), (1.5, "two  spaces # and no comment"));
    assert_eq!((message.few, message.three), (vec![1, 2], [1, -2, 3]));
    assert_eq!(Quaternion::default(), Quaternion { x: 0.0, y: 0.0, z: 0.0, w: 1.0 });
    assert_eq!((AssetStatus::default().mode, GetPlanRequest::default().latest), (AssetStatus::SAFE, true));
    assert_eq!(Epoch::default(), Epoch { plan: 0, number: 0, opener: String::new() });
}

#[test]
fn what_the_interface_bounds_is_bounded() {
    let out_of_bound = |count, bound| Err(EncodeError::OutOfBound { count, bound });
    let long_text = Everything { short_text: "sixsix".to_owned(), ..Everything::default() };
    assert_eq!(long_text.to_cdr(), out_of_bound(6, 5));
    let many = Everything { few: vec![0; 4], ..Everything::default() };
    assert_eq!(many.to_cdr(), out_of_bound(4, 3));
}

/// The reference writes the same values in both byte orders; both are read, and ours is written.
struct Compared<'a> {
    reference: &'a Reference,
    chance: Vec<u8>,
}

impl Check for Compared<'_> {
    fn check<T: Message>(&mut self) {
        let name = T::TYPE.name;
        let [little, big] = [false, true].map(|big| self.reference.encode(name, &self.chance, big));
        for bytes in [&little, &big] {
            let message = T::from_cdr(bytes).expect(name);
            assert_eq!(message.to_cdr().as_ref(), Ok(&little), "{name}");
        }
    }
}

#[test]
fn the_bytes_are_those_of_the_reference() {
    let reference = Reference::new();
    proptest!(|(chance in proptest::collection::vec(any::<u8>(), 0..3000))| {
        every_message(&mut Compared { reference: &reference, chance });
    });
}
