//! Okta object ids: 20 characters, a three-character kind (`00u` user, `00g` group, `0oa` app) and 17 of base 62.
//!
//! An id encodes its object's index, so an organisation of a million users needs no table of ids, and ids
//! sort in order of creation, so a cursor that names an id that is gone still has a place in the order.

use crate::rng::mix;

/// Characters of an id in ascending byte order, so that ids compare as their numbers do.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Characters of an id.
const LENGTH: usize = 20;
/// Base-62 digits that carry the number: 62^11 exceeds 2^64.
const DIGITS: usize = 11;
/// The tail all ids of one organisation share, like the `0h7`, `5d7` or `0g4` of real ones.
const ORG_SUFFIX: &str = "pQ3k5d";
/// Neighbouring ids differ in their last digits by a number that looks arbitrary.
const NOISE_BITS: u32 = 24;
/// Keeps the first characters of an id from being zeros.
const OFFSET: u64 = 0x1d3a_0000_0000_0000;

/// The kind of object an id belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdKind {
    User,
    Group,
    App,
}

impl IdKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::User => "00u",
            Self::Group => "00g",
            Self::App => "0oa",
        }
    }
}

/// An id without an allocation: a page writes a thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id([u8; LENGTH]);

impl Id {
    /// The id of the `index`th object of a kind.
    pub(crate) fn of(kind: IdKind, index: u32) -> Self {
        let mut id = [0u8; LENGTH];
        let (prefix, rest) = id.split_at_mut(LENGTH - DIGITS - ORG_SUFFIX.len());
        let (digits, suffix) = rest.split_at_mut(DIGITS);
        prefix.copy_from_slice(kind.prefix().as_bytes());
        suffix.copy_from_slice(ORG_SUFFIX.as_bytes());
        let mut number = number_of(kind, index);
        for digit in digits.iter_mut().rev() {
            *digit = ALPHABET[(number % 62) as usize];
            number /= 62;
        }
        Self(id)
    }
}

impl std::ops::Deref for Id {
    type Target = str;

    fn deref(&self) -> &str {
        str::from_utf8(&self.0).expect("ids are made of ASCII characters")
    }
}

/// The id of the `index`th object of a kind, as a text of its own.
pub(crate) fn encode(kind: IdKind, index: u32) -> String {
    str::to_owned(&Id::of(kind, index))
}

/// The index of the object with this id, if such an object could exist.
pub(crate) fn decode(kind: IdKind, id: &str) -> Option<u32> {
    let index = position(kind, id)?.checked_sub(1)?;
    (*Id::of(kind, index) == *id).then_some(index)
}

/// How many objects have an id less than or equal to this one: where a cursor stands. `None` when the text
/// isn't an id of this kind.
pub(crate) fn position(kind: IdKind, id: &str) -> Option<u32> {
    let digits = id.strip_prefix(kind.prefix())?.strip_suffix(ORG_SUFFIX)?;
    if digits.len() != DIGITS {
        return None;
    }
    let mut number: u64 = 0;
    for byte in digits.bytes() {
        let digit = ALPHABET.binary_search(&byte).ok()? as u64;
        number = number.checked_mul(62)?.checked_add(digit)?;
    }
    let slot = number.checked_sub(OFFSET)? >> NOISE_BITS;
    let slot = u32::try_from(slot).ok()?;
    // The slot's own id may still be above the given number.
    Some(if number_of(kind, slot) <= number { slot.checked_add(1)? } else { slot })
}

fn number_of(kind: IdKind, index: u32) -> u64 {
    let noise = mix(u64::from(index) ^ ((kind as u64 + 1) << 40)) & ((1 << NOISE_BITS) - 1);
    OFFSET + (u64::from(index) << NOISE_BITS) + noise
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_twenty_characters_and_come_back() {
        for index in [0, 1, 199, 200, 999_999, u32::MAX - 1] {
            let id = encode(IdKind::User, index);
            assert_eq!(id.len(), 20);
            assert!(id.starts_with("00u"));
            assert_eq!(decode(IdKind::User, &id), Some(index));
            assert_eq!(decode(IdKind::Group, &id), None);
        }
    }

    #[test]
    fn ids_sort_in_order_of_creation() {
        let ids: Vec<String> = (0..2000).map(|i| encode(IdKind::Group, i)).collect();
        assert!(ids.is_sorted());
    }

    #[test]
    fn other_text_is_no_id() {
        for text in ["", "00u", "me", "isaac.brock", "00u1ero7vZFVEIYLWPBN", "00uéééééééééé"] {
            assert_eq!(decode(IdKind::User, text), None, "{text}");
        }
    }
}
