//! Bytes from peers that lie, over every message: nothing panics, nothing is half read.

use crate::every::{Check, every_message};
use crate::facts;
use crate::generated::test_interfaces::msg::Everything;
use mesh_ros::Message;
use mesh_ros::cdr::DecodeError;
use proptest::prelude::*;
use proptest::sample::Index;

fn golden<T: Message>() -> Vec<u8> {
    facts::encoded().remove(T::TYPE.name).expect("a golden message")
}

#[test]
fn a_cut_message_is_refused_wherever_it_is_cut() {
    struct Cut;
    impl Check for Cut {
        fn check<T: Message>(&mut self) {
            let bytes = golden::<T>();
            for end in 0..bytes.len() {
                assert!(T::from_cdr(&bytes[..end]).is_err(), "{} cut at {end}", T::TYPE.name);
            }
        }
    }
    every_message(&mut Cut);
}

#[test]
fn what_follows_a_message_is_refused() {
    struct Lengthened;
    impl Check for Lengthened {
        fn check<T: Message>(&mut self) {
            let mut bytes = golden::<T>();
            bytes.push(1);
            assert_eq!(T::from_cdr(&bytes), Err(DecodeError::Trailing { left: 1 }), "{}", T::TYPE.name);
        }
    }
    every_message(&mut Lengthened);
}

#[test]
fn bounds_are_kept_by_the_reader() {
    let message = Everything { short_text: "fives".to_owned(), text: String::new(), ..Everything::default() };
    let bytes = message.to_cdr().expect("encodes");
    let at = bytes.windows(6).position(|window| window == b"fives\0").expect("the text");
    // Three bytes of padding follow the text; with them it is longer than its interface allows.
    let mut long = bytes.clone();
    long[at - 4] = 9;
    long[at..at + 9].copy_from_slice(b"eightish\0");
    assert_eq!(Everything::from_cdr(&long), Err(DecodeError::OutOfBound { offset: at, count: 8, bound: 5 }));
    // `few` holds 1 and 2; it claims four elements, which are there, since more fields follow.
    let at = bytes.windows(8).position(|window| window == [2, 0, 0, 0, 1, 0, 2, 0]).expect("the sequence");
    let mut many = bytes;
    many[at] = 4;
    assert_eq!(Everything::from_cdr(&many), Err(DecodeError::OutOfBound { offset: at + 4, count: 4, bound: 3 }));
}

/// What is accepted has one meaning: written again and read again it is the same.
fn check_accepted<T: Message>(bytes: &[u8]) {
    if let Ok(message) = T::from_cdr(bytes) {
        let written = message.to_cdr().expect("what was read can be written");
        let again = T::from_cdr(&written).expect("what was written can be read");
        assert_eq!(again.to_cdr(), Ok(written), "{}", T::TYPE.name);
    }
}

/// Some bytes of a valid message are others.
struct Changed(Vec<(Index, u8)>);

impl Check for Changed {
    fn check<T: Message>(&mut self) {
        let mut bytes = golden::<T>();
        for (at, value) in &self.0 {
            let at = at.index(bytes.len());
            bytes[at] = *value;
        }
        check_accepted::<T>(&bytes);
    }
}

/// A header, and bytes that mean nothing.
struct Garbage(Vec<u8>);

impl Check for Garbage {
    fn check<T: Message>(&mut self) {
        check_accepted::<T>(&self.0);
    }
}

proptest! {
    #[test]
    fn changed_bytes_do_no_harm(changes in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..6)) {
        every_message(&mut Changed(changes));
    }

    #[test]
    fn garbage_does_no_harm(garbage in proptest::collection::vec(any::<u8>(), 0..300), order in 0u8..2) {
        every_message(&mut Garbage([&[0, order, 0, 0][..], &garbage].concat()));
    }
}
