//! Bytes as hexadecimal digits.

const DIGITS: [u8; 16] = *b"0123456789abcdef";

/// Two digits for each byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| DIGITS.get(usize::from(digit)))
        .map(|digit| char::from(*digit))
        .collect()
}

/// The bytes of pairs of digits, in either case. None: it is something else.
pub(crate) fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digit = |digit: &u8| char::from(*digit).to_digit(16);
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(high)? << 4 | digit(low)?).ok();
    pairs.iter().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::{bytes, hex};

    #[test]
    fn bytes_are_pairs_of_digits() {
        assert_eq!(hex(&[0, 15, 255]), "000fff");
        assert_eq!(bytes("000fFF"), Some(vec![0, 15, 255]));
        for wrong in ["0", "0g", "+1", "ä"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}
