//! Writing numbers without the formatting machinery, whose cost would be most of a user's.

/// Appends a number.
pub(crate) fn decimal(out: &mut Vec<u8>, value: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a number with zeros in front, to at least `width` digits.
pub(crate) fn padded(out: &mut Vec<u8>, value: u64, width: usize) {
    let mut shortest = 10u64;
    for _ in 1..width {
        if value < shortest {
            out.push(b'0');
        }
        shortest = shortest.saturating_mul(10);
    }
    decimal(out, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_formatting_machinery() {
        for value in [0, 1, 9, 10, 99, 100, 4_294_967_295, u64::MAX] {
            let mut out = Vec::new();
            decimal(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{value}"));
            for width in [1, 3, 7] {
                let mut out = Vec::new();
                padded(&mut out, value, width);
                assert_eq!(String::from_utf8(out).unwrap(), format!("{value:0width$}"), "{width}");
            }
        }
    }
}
