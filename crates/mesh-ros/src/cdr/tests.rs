//! The encoding by hand: padding, both byte orders, and everything that must be refused.

use super::*;

/// A header in little-endian order, then `values`.
fn little(values: &[u8]) -> Vec<u8> {
    [&[0, 1, 0, 0], values].concat()
}

fn refused<T: Cdr + std::fmt::Debug>(bytes: &[u8]) -> DecodeError {
    decode::<T>(bytes).expect_err("must be refused")
}

#[test]
fn values_are_padded_to_their_own_size_from_the_end_of_the_header() {
    let mut writer = Writer::new();
    let write = |writer: &mut Writer| -> Result<(), EncodeError> {
        true.write(writer)?;
        0x0102u16.write(writer)?;
        3u8.write(writer)?;
        1.0f64.write(writer)?;
        "é".to_owned().write(writer)?;
        vec![-1i16].write(writer)?;
        Vec::<u64>::new().write(writer)?;
        9u8.write(writer)
    };
    assert_eq!(write(&mut writer), Ok(()));
    let values = [
        &[1, 0, 2, 1, 3, 0, 0, 0][..],
        &[0, 0, 0, 0, 0, 0, 0xf0, 0x3f],
        &[3, 0, 0, 0, 0xc3, 0xa9, 0, 0],
        &[1, 0, 0, 0, 0xff, 0xff, 0, 0],
        // The elements of an empty sequence need no padding.
        &[0, 0, 0, 0, 9],
    ];
    assert_eq!(writer.finish(), Ok(little(&values.concat())));
}

#[test]
fn both_byte_orders_are_read() {
    assert_eq!(decode::<[u32; 2]>(&little(&[1, 0, 0, 0, 2, 0, 0, 0])), Ok([1, 2]));
    assert_eq!(decode::<[u32; 2]>(&[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2]), Ok([1, 2]));
    assert_eq!(decode::<String>(&[0, 0, 0, 0, 0, 0, 0, 2, b'a', 0]), Ok("a".to_owned()));
}

#[test]
fn only_plain_cdr_is_read() {
    for header in [&[][..], &[0, 1, 0], &[0, 2, 0, 0], &[0, 3, 0, 0], &[0, 7, 0, 0], &[1, 1, 0, 0]] {
        let bytes = [header, &[0; 8]].concat();
        assert!(matches!(refused::<u8>(header), DecodeError::Encapsulation { .. }), "{header:?}");
        if header.len() == 4 {
            assert_eq!(refused::<u8>(&bytes), DecodeError::Encapsulation { header: header.to_vec() });
        }
    }
    // What the options say is not for plain CDR.
    assert_eq!(decode::<u8>(&[0, 1, 9, 9, 5]), Ok(5));
}

#[test]
fn what_is_cut_off_is_missed_where_it_should_be() {
    let (offset, needed, left) = (4, 4, 3);
    assert_eq!(refused::<u32>(&little(&[1, 2, 3])), DecodeError::Truncated { offset, needed, left });
    let (offset, needed, left) = (8, 4, 2);
    assert_eq!(refused::<String>(&little(&[4, 0, 0, 0, b'a', 0])), DecodeError::Truncated { offset, needed, left });
}

#[test]
fn only_padding_may_follow() {
    assert_eq!(decode::<u8>(&little(&[5])), Ok(5));
    assert_eq!(decode::<u8>(&little(&[5, 0, 0, 0])), Ok(5));
    for (rest, left) in [(&[0][..], 1), (&[0, 0, 1], 3), (&[0, 0, 0, 0], 4), (&[0; 7], 7)] {
        assert_eq!(refused::<u8>(&little(&[&[5], rest].concat())), DecodeError::Trailing { left });
    }
    assert_eq!(refused::<u32>(&little(&[5, 0, 0, 0, 0, 0, 0, 0])), DecodeError::Trailing { left: 4 });
}

#[test]
fn a_count_is_held_against_what_is_left_before_anything_is_reserved() {
    let claim = |count: u32| little(&[&count.to_le_bytes()[..], &[0; 16]].concat());
    let (offset, left) = (8, 16);
    let count = u32::MAX as usize;
    assert_eq!(refused::<Vec<u8>>(&claim(u32::MAX)), DecodeError::CountTooLarge { offset, count, left });
    assert_eq!(refused::<Vec<f64>>(&claim(3)), DecodeError::CountTooLarge { offset, count: 3, left });
    assert_eq!(refused::<Vec<[u64; 2]>>(&claim(2)), DecodeError::CountTooLarge { offset, count: 2, left });
    assert_eq!(refused::<Vec<String>>(&claim(5)), DecodeError::CountTooLarge { offset, count: 5, left });
    assert_eq!(refused::<String>(&claim(u32::MAX)), DecodeError::Truncated { offset, needed: count, left });
    assert_eq!(decode::<Vec<String>>(&claim(4)), Ok(vec![String::new(); 4]));
}

#[test]
fn bounds_are_kept_on_both_sides() {
    let mut reader = Reader::new(&[0, 1, 0, 0, 2, 0, 0, 0, 7, 8]).expect("a header");
    let (offset, count, bound) = (8, 2, 1);
    assert_eq!(reader.sequence::<u8>(bound), Err(DecodeError::OutOfBound { offset, count, bound }));
    let mut reader = Reader::new(&[0, 1, 0, 0, 3, 0, 0, 0, b'a', b'b', 0]).expect("a header");
    assert_eq!(reader.text(bound), Err(DecodeError::OutOfBound { offset, count, bound }));
    assert_eq!(Writer::new().check_bound(2, 1), Err(EncodeError::OutOfBound { count, bound }));
    assert_eq!(Writer::new().check_bound(1, 1), Ok(()));
}

#[test]
fn texts_are_utf8_and_end_with_the_only_nul() {
    let text = |characters: &[u8]| little(&[&(characters.len() as u32).to_le_bytes()[..], characters].concat());
    assert_eq!(decode::<String>(&text(b"ab\0")), Ok("ab".to_owned()));
    assert_eq!(decode::<String>(&text(b"\0")), Ok(String::new()));
    assert_eq!(decode::<String>(&text(b"")), Ok(String::new()));
    let cases = [
        (&b"ab"[..], TextFault::Unterminated),
        (b"a\0b\0", TextFault::ContainsNul),
        (b"\xff\0", TextFault::NotUtf8),
        (b"\xc3\0", TextFault::NotUtf8),
    ];
    for (characters, fault) in cases {
        assert_eq!(refused::<String>(&text(characters)), DecodeError::Text { offset: 8, fault });
    }
    assert_eq!(encode(&"a\0b".to_owned()), Err(EncodeError::NulInText));
}

#[test]
fn a_truth_value_is_0_or_1() {
    assert_eq!(decode::<[bool; 2]>(&little(&[0, 1])), Ok([false, true]));
    assert_eq!(refused::<[bool; 2]>(&little(&[0, 2])), DecodeError::NotBool { offset: 5, value: 2 });
}

#[test]
fn the_longest_message_has_a_length() {
    let fits = vec![0u8; MESSAGE_LENGTH_MAX - 8];
    let bytes = encode(&fits).expect("fits");
    assert_eq!(decode::<Vec<u8>>(&bytes).as_ref(), Ok(&fits));
    let length = MESSAGE_LENGTH_MAX + 1;
    assert_eq!(encode(&vec![0u8; MESSAGE_LENGTH_MAX - 7]), Err(EncodeError::TooLong { length }));
    assert_eq!(refused::<Vec<u8>>(&vec![0; length]), DecodeError::TooLong { length });
}
