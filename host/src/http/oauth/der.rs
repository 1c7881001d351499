//! As much of DER (X.690) as it takes to see what kind of private key something is.

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT: u8 = 0x06;

/// The content of the first element, which has to have this tag, and what follows it.
fn take(tag: u8, input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(first) {
        short @ 0..=0x7f => (short, rest),
        // A key needs no more than two bytes for any length.
        long @ (0x81 | 0x82) => {
            let (bytes, rest) = rest.split_at_checked(long - 0x80)?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length)).flatten()
}

/// What a PKCS#8 document (RFC 5958) holds: the algorithm's object identifier, that of its curve, and the key.
pub(super) struct Pkcs8<'d> {
    pub(super) algorithm: &'d [u8],
    pub(super) curve: Option<&'d [u8]>,
    pub(super) key: &'d [u8],
}

impl<'d> Pkcs8<'d> {
    pub(super) fn read(der: &'d [u8]) -> Option<Self> {
        let (document, _) = take(SEQUENCE, der)?;
        let (_version, rest) = take(INTEGER, document)?;
        let (identifier, rest) = take(SEQUENCE, rest)?;
        let (algorithm, parameters) = take(OBJECT, identifier)?;
        let (key, _) = take(OCTET_STRING, rest)?;
        Some(Self { algorithm, curve: take(OBJECT, parameters).map(|(curve, _)| curve), key })
    }
}

/// What an elliptic curve's private key (SEC 1, RFC 5915) holds.
pub(super) struct Sec1<'d> {
    pub(super) secret: &'d [u8],
    pub(super) curve: Option<&'d [u8]>,
    /// The uncompressed point.
    pub(super) public: Option<&'d [u8]>,
}

impl<'d> Sec1<'d> {
    pub(super) fn read(der: &'d [u8]) -> Option<Self> {
        let (document, _) = take(SEQUENCE, der)?;
        let (_version, rest) = take(INTEGER, document)?;
        let (secret, rest) = take(OCTET_STRING, rest)?;
        let (parameters, rest) = take(0xa0, rest).unwrap_or((&[], rest));
        let public = take(0xa1, rest).and_then(|(public, _)| take(BIT_STRING, public));
        Some(Self {
            secret,
            curve: take(OBJECT, parameters).map(|(curve, _)| curve),
            // The first byte says how many bits of the last one don't count: none.
            public: public.and_then(|(bits, _)| bits.strip_prefix(&[0])),
        })
    }
}

/// How many bits the modulus of an RSA key (PKCS#1, RFC 8017) has.
pub(super) fn rsa_bits(der: &[u8]) -> Option<usize> {
    let (document, _) = take(SEQUENCE, der)?;
    let (_version, rest) = take(INTEGER, document)?;
    let (modulus, _) = take(INTEGER, rest)?;
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let first = modulus.get(zeros)?;
    Some((modulus.len() - zeros) * 8 - first.leading_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_short_or_of_another_kind_is_nothing() {
        assert_eq!(take(INTEGER, &[2, 1, 7, 9]), Some((&[7][..], &[9][..])));
        assert_eq!(take(INTEGER, &[2, 0x81, 1, 7]), Some((&[7][..], &[][..])));
        for wrong in
            [&[][..], &[2], &[4, 1, 7], &[2, 2, 7], &[2, 0x82, 1], &[2, 0x84, 0, 0, 0, 1, 7], &[2, 0x80, 7]]
        {
            assert_eq!(take(INTEGER, wrong), None, "{wrong:?}");
        }
    }
}
