//! Compressing bodies.

use std::cell::RefCell;

use flate2::{Compress, Compression, FlushCompress, Status};
use hyper::header::{self, HeaderMap};

/// Bodies below this many bytes aren't worth compressing.
pub(crate) const SMALLEST: usize = 256;

/// The largest window of gzip, 2^15 bytes.
const WINDOW_BITS: u8 = 15;

thread_local! {
    // A compressor's state is some 300 KB. Allocating it for each body costs time, and leaves the heap so
    // fragmented between log entries that it grows by gigabytes.
    static COMPRESSOR: RefCell<Compress> =
        RefCell::new(Compress::new_gzip(Compression::fast(), WINDOW_BITS));
}

/// Whether a client accepts gzip.
pub(crate) fn accepted(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
            name.trim().eq_ignore_ascii_case("gzip") && parameters.trim() != "q=0"
        })
}

/// The body in gzip.
pub(crate) fn compress(body: &[u8]) -> Vec<u8> {
    COMPRESSOR.with_borrow_mut(|compressor| {
        compressor.reset();
        let mut out = Vec::with_capacity(body.len() / 5 + 512);
        loop {
            let taken = compressor.total_in() as usize;
            match compressor.compress_vec(&body[taken..], &mut out, FlushCompress::Finish) {
                Ok(Status::StreamEnd) => return out,
                // The output is full.
                Ok(Status::Ok | Status::BufError) => out.reserve(body.len() / 5 + 512),
                Err(error) => unreachable!("a compressor without dictionary can't fail: {error}"),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn gzip_is_used_only_when_asked_for() {
        for (value, expected) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5, br", true),
            ("gzip;q=0", false),
            ("br", false),
            ("identity", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(accepted(&headers), expected, "{value}");
        }
    }

    #[test]
    fn a_compressor_is_used_again_and_again() {
        let mut state = 1u64;
        for length in [300, 5_000_000, 1000] {
            let noise: Vec<u8> = (0..length)
                .map(|_| {
                    state = crate::rng::mix(state);
                    state as u8
                })
                .collect();
            for body in [noise, vec![b'x'; length]] {
                let mut back = Vec::new();
                flate2::read::GzDecoder::new(&compress(&body)[..]).read_to_end(&mut back).unwrap();
                assert!(back == body);
            }
        }
    }
}
