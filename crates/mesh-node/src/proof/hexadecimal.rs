//! Bytes as hexadecimal digits.

use std::fmt::Write;

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes that `text` spells; `what` names it in what is said if it spells none.
pub(super) fn bytes(what: &str, text: &str) -> Result<Vec<u8>, String> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(pair).collect::<Option<_>>().ok_or_else(|| format!("{what}: not hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_come_in_pairs() {
        assert_eq!(bytes("x", &hex(&[0, 7, 255])), Ok(vec![0, 7, 255]));
        for wrong in ["0", "0g", "é", "+1"] {
            assert!(bytes("x", wrong).is_err(), "{wrong:?} was taken");
        }
    }
}
