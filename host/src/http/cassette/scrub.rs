use std::borrow::Cow;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// Takes a credential out of what is recorded, should a provider echo it: as it is, as JSON and URLs write it, and in
/// base64.
/// Clones know the same secrets, those that come later too: a service app is given its tokens while a run reads.
#[derive(Clone)]
pub struct Scrub {
    needles: Arc<RwLock<Vec<Needle>>>,
}

type Needle = Zeroizing<Vec<u8>>;

/// Stands where a credential was.
const REMOVED: &str = "[credential removed]";

/// A shorter secret can't be told from the text around it.
pub(super) const SHORTEST: usize = 8;

impl Scrub {
    /// `None` when one of them is too short.
    pub(in crate::http) fn new<'s>(secrets: impl IntoIterator<Item = &'s str>) -> Option<Self> {
        let scrub = Self::nothing();
        for secret in secrets {
            if secret.len() < SHORTEST {
                return None;
            }
            scrub.add(secret);
        }
        Some(scrub)
    }

    /// One more secret.
    pub(in crate::http) fn add(&self, secret: &str) {
        let mut needles = self.needles.write().unwrap_or_else(PoisonError::into_inner);
        let quoted = Zeroizing::new(serde_json::Value::from(secret).to_string());
        let query: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let query = Zeroizing::new(query);
        needles.push(Zeroizing::new(secret.as_bytes().to_vec()));
        needles.push(Zeroizing::new(quoted.trim_matches('"').as_bytes().to_vec()));
        needles.push(Zeroizing::new(query.replace('+', "%20").into_bytes()));
        needles.push(Zeroizing::new(query.as_bytes().to_vec()));
        needles.push(Zeroizing::new(STANDARD.encode(secret).trim_end_matches('=').as_bytes().to_vec()));
        needles.push(Zeroizing::new(URL_SAFE_NO_PAD.encode(secret).into_bytes()));
        // What holds another goes first, or a part of it would be left.
        needles.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        needles.dedup();
    }

    /// Changes nothing, until a secret is added.
    pub(in crate::http) fn nothing() -> Self {
        Self { needles: Arc::default() }
    }

    pub(in crate::http) fn text(&self, text: &str) -> String {
        match self.bytes(text.as_bytes()) {
            Cow::Borrowed(_) => text.to_owned(),
            Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    pub(super) fn bytes<'b>(&self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        let mut clean = Cow::Borrowed(bytes);
        for needle in self.needles.read().unwrap_or_else(PoisonError::into_inner).iter() {
            let mut from = 0;
            while let Some(at) = find(&clean[from..], needle) {
                let at = from + at;
                clean.to_mut().splice(at..at + needle.len(), REMOVED.bytes());
                from = at + REMOVED.len();
            }
        }
        clean
    }
}

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_found_in_every_way_to_write_it() {
        let secret = "pa\"ss wörd/+?";
        let scrub = Scrub::new([secret]).unwrap();
        for written in [
            secret,
            "pa\\\"ss wörd/+?",
            "pa%22ss+w%C3%B6rd%2F%2B%3F",
            "pa%22ss%20w%C3%B6rd%2F%2B%3F",
            &STANDARD.encode(secret),
            &URL_SAFE_NO_PAD.encode(secret),
        ] {
            let clean = scrub.text(&format!("before {written} between {written} after"));
            let clean = clean.replace("]=", "]");
            assert_eq!(clean, format!("before {REMOVED} between {REMOVED} after"), "{written}");
        }
        assert!(matches!(scrub.bytes(b"nothing of it"), Cow::Borrowed(_)));
        let binary = scrub.bytes(b"\xff\x00pa\"ss w\xc3\xb6rd/+?\xfe").into_owned();
        assert_eq!(binary, [b"\xff\x00".as_slice(), REMOVED.as_bytes(), b"\xfe"].concat());
    }

    #[test]
    fn the_longer_goes_first_and_too_short_is_refused() {
        let scrub = Scrub::new(["hunter2hunter2", "Basic hunter2hunter2"]).unwrap();
        assert_eq!(scrub.text("x Basic hunter2hunter2 y"), format!("x {REMOVED} y"));
        assert!(Scrub::new(["long enough", "short"]).is_none());
    }
}
