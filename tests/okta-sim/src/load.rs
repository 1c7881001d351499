//! Measuring the simulator alone, so that a benchmark of its client can say what share of the time is the
//! simulator's.
//!
//! The client here does as little as it can: it writes the same request again and again over kept
//! connections and throws the answers away. What it uses of the CPU itself is left out of the figures.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Connections, and so requests in flight.
pub const CONNECTIONS: usize = 8;

/// Answers are read in pieces of this size.
const PIECE: usize = 256 * 1024;

/// What one kind of page costs.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Measured {
    pub pages: u64,
    /// Of the bodies, as sent.
    pub bytes: u64,
    pub wall: Duration,
    /// What the process used without the measuring threads; `None` where the kernel doesn't tell.
    pub cpu: Option<Duration>,
}

impl Measured {
    /// Pages in a second.
    pub fn rate(&self) -> f64 {
        self.pages as f64 / self.wall.as_secs_f64().max(f64::EPSILON)
    }

    /// The simulator's CPU time for a page.
    pub fn cpu_per_page(&self) -> Option<Duration> {
        Some(self.cpu?.div_f64(self.pages.max(1) as f64))
    }
}

/// Reads one page over and over for `duration`, [`CONNECTIONS`] at a time, from a simulator in this process.
/// `target` is path and query.
///
/// # Errors
/// When a connection fails, or an answer isn't 200 with a length.
pub fn measure(
    address: SocketAddr,
    token: &str,
    target: &str,
    gzip: bool,
    duration: Duration,
) -> io::Result<Measured> {
    let coding = if gzip { "gzip" } else { "identity" };
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {address}\r\nAuthorization: SSWS {token}\r\nAccept-Encoding: {coding}\r\n\r\n"
    );
    let (start, cpu_before) = (Instant::now(), process_cpu());
    let readers: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let request = request.clone();
            thread::spawn(move || read(address, request.as_bytes(), start + duration))
        })
        .collect();
    let mut measured = Measured { pages: 0, bytes: 0, wall: Duration::ZERO, cpu: None };
    let mut own_cpu = Some(Duration::ZERO);
    // All of them end before an error of one is told.
    let ended: Vec<_> = readers.into_iter().map(thread::JoinHandle::join).collect();
    for done in ended {
        let done = done.map_err(|_| io::Error::other("a measuring thread panicked"))??;
        measured.pages += done.pages;
        measured.bytes += done.bytes;
        own_cpu = own_cpu.zip(done.cpu).map(|(sum, cpu)| sum + cpu);
    }
    measured.wall = start.elapsed();
    measured.cpu = process_cpu()
        .zip(cpu_before)
        .zip(own_cpu)
        .map(|((after, before), own)| (after - before).saturating_sub(own));
    Ok(measured)
}

/// What one connection read.
struct Done {
    pages: u64,
    bytes: u64,
    cpu: Option<Duration>,
}

fn read(address: SocketAddr, request: &[u8], until: Instant) -> io::Result<Done> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut piece = vec![0u8; PIECE];
    let mut done = Done { pages: 0, bytes: 0, cpu: None };
    while Instant::now() < until {
        stream.write_all(request)?;
        let length = skip_answer(&mut stream, &mut piece)?;
        done.pages += 1;
        done.bytes += length;
    }
    done.cpu = thread_cpu();
    Ok(done)
}

/// Reads an answer to its end; returns the length of its body.
fn skip_answer(stream: &mut impl Read, piece: &mut [u8]) -> io::Result<u64> {
    let mut filled = 0;
    let head = loop {
        let read = stream.read(&mut piece[filled..])?;
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended in an answer"));
        }
        filled += read;
        if let Some(at) = piece[..filled].windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let length = body_length(&String::from_utf8_lossy(&piece[..head]))?;
    let mut left = length.saturating_sub((filled - head) as u64);
    while left > 0 {
        let read = stream.read(piece)?;
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended in a body"));
        }
        left = left.saturating_sub(read as u64);
    }
    Ok(length)
}

fn body_length(head: &str) -> io::Result<u64> {
    let mut lines = head.lines();
    let status = lines.next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        return Err(io::Error::other(format!("the simulator answered `{status}`")));
    }
    lines
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .ok_or_else(|| io::Error::other("an answer has no length"))
}

/// CPU time of this process so far.
fn process_cpu() -> Option<Duration> {
    // A hundred ticks a second on every Linux there is; fields 14 and 15, counted behind the name's bracket.
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

/// CPU time of this thread so far.
fn thread_cpu() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(stat.split(' ').next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_to_their_end_and_no_further() {
        let answers =
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        // A piece at a time, so that the second answer isn't read with the first.
        let (first, second) = answers.split_at(43);
        for (answer, length) in [(first, 5), (second, 0)] {
            assert_eq!(skip_answer(&mut &answer[..], &mut [0; 64]).unwrap(), length);
        }
        let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello";
        assert_eq!(
            skip_answer(&mut &cut[..], &mut [0; 64]).unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
    }

    #[test]
    fn only_whole_answers_of_status_200_count() {
        assert_eq!(body_length("HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 17\r\n\r\n").unwrap(), 17);
        assert!(body_length("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 17\r\n\r\n").is_err());
        assert!(body_length("HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
