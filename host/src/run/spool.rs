//! What a collection has read so far, on disk.
//!
//! People are shaped only when all memberships are known, so pages have to wait somewhere; and a collection that
//! was killed continues where it stopped. The spool is a log of frames, each with its length and a checksum: a
//! torn last frame is as if it had never been written.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::confirm::Presence;
use crate::model::{Page, Request};

/// Changes with every change of the frames' shape: a spool of another format is not read.
const FORMAT: u32 = 2;

/// A frame larger than this is not one of ours: a page is at most some MiB.
const MAX_FRAME: u32 = 1 << 30;

/// Which reading a spool belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpoolKey {
    format: u32,
    /// Hash of plugin, settings, endpoint, credential identity, transforms and scope.
    reading: [u8; 32],
}

impl SpoolKey {
    pub fn new(reading: [u8; 32]) -> Self {
        Self { format: FORMAT, reading }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Frame {
    /// The first frame.
    Header {
        key: SpoolKey,
        /// Seconds since 1970 when the collection began.
        started_at: i64,
    },
    /// The plugin's first requests.
    Roots(Vec<Request>),
    /// One answered request of the chain that began at a root.
    Page { root: u32, attempt: u32, request: Request, page: Box<Page> },
    /// The chain begins again at its root; pages of earlier attempts don't count.
    Restart { root: u32, attempt: u32 },
    /// Every request that became known was answered.
    Complete,
    /// After that: the provider was asked for someone whom the list left out, by id.
    Confirmed { id: String, presence: Presence },
}

/// Appends frames.
pub struct SpoolWriter {
    file: BufWriter<File>,
    path: PathBuf,
    buffer: Vec<u8>,
}

impl SpoolWriter {
    /// A new spool, readable by its owner only, in place of any old one.
    pub fn create(path: &Path, key: &SpoolKey, started_at: i64) -> io::Result<Self> {
        let mut writer = Self::at(path, OpenOptions::new().write(true).create(true).truncate(true))?;
        writer.append(&Frame::Header { key: key.clone(), started_at })?;
        Ok(writer)
    }

    /// Goes on behind the last whole frame of a spool.
    pub fn go_on(path: &Path, whole: u64) -> io::Result<Self> {
        let writer = Self::at(path, OpenOptions::new().write(true))?;
        writer.file.get_ref().set_len(whole)?;
        io::Seek::seek(&mut writer.file.get_ref(), io::SeekFrom::Start(whole))?;
        Ok(writer)
    }

    fn at(path: &Path, options: &mut OpenOptions) -> io::Result<Self> {
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
        let file = options.open(path)?;
        Ok(Self { file: BufWriter::with_capacity(1 << 20, file), path: path.to_owned(), buffer: Vec::new() })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn append(&mut self, frame: &Frame) -> io::Result<()> {
        self.buffer.clear();
        self.buffer =
            postcard::to_extend(frame, std::mem::take(&mut self.buffer)).map_err(io::Error::other)?;
        let length = u32::try_from(self.buffer.len()).ok().filter(|length| *length <= MAX_FRAME);
        let length = length.ok_or_else(|| io::Error::other("a page is larger than 1 GiB"))?;
        self.file.write_all(&length.to_le_bytes())?;
        self.file.write_all(&checksum(&self.buffer))?;
        self.file.write_all(&self.buffer)
    }

    /// Hands what was appended to the operating system, so that it outlives this process.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn checksum(payload: &[u8]) -> [u8; 8] {
    let mut short = [0; 8];
    short.copy_from_slice(&blake3::hash(payload).as_bytes()[..8]);
    short
}

/// Reads frames from the beginning, up to the first that is torn or damaged.
pub struct SpoolReader {
    file: BufReader<File>,
    whole: u64,
    payload: Vec<u8>,
}

impl SpoolReader {
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: BufReader::with_capacity(1 << 20, File::open(path)?), whole: 0, payload: Vec::new() })
    }

    /// Goes to where a frame begins, in bytes.
    pub fn go_to(&mut self, start: u64) -> io::Result<()> {
        // Relative, so that what is buffered already is not read again.
        self.file.seek_relative(start as i64 - self.whole as i64)?;
        self.whole = start;
        Ok(())
    }

    /// Where the last whole frame ends, in bytes.
    pub fn whole(&self) -> u64 {
        self.whole
    }

    /// The next whole frame; nothing at the end, and nothing where the rest can't be trusted.
    pub fn next_frame(&mut self) -> io::Result<Option<Frame>> {
        let mut head = [0; 12];
        if !read_whole(&mut self.file, &mut head)? {
            return Ok(None);
        }
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
        if length > MAX_FRAME {
            return Ok(None);
        }
        self.payload.resize(length as usize, 0);
        if !read_whole(&mut self.file, &mut self.payload)? || checksum(&self.payload) != head[4..] {
            return Ok(None);
        }
        let Ok(frame) = postcard::from_bytes(&self.payload) else { return Ok(None) };
        self.whole += 12 + u64::from(length);
        Ok(Some(frame))
    }
}

/// False when the file ends first.
fn read_whole(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(path: &Path) -> (Vec<Frame>, u64) {
        let mut reader = SpoolReader::open(path).unwrap();
        let mut frames = Vec::new();
        while let Some(frame) = reader.next_frame().unwrap() {
            frames.push(frame);
        }
        (frames, reader.whole())
    }

    #[test]
    fn a_torn_last_frame_is_as_if_never_written_and_writing_goes_on_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        let key = SpoolKey::new([7; 32]);
        let mut writer = SpoolWriter::create(&path, &key, 5).unwrap();
        writer.append(&Frame::Restart { root: 0, attempt: 1 }).unwrap();
        writer.flush().unwrap();
        let whole = std::fs::metadata(&path).unwrap().len();
        writer.append(&Frame::Restart { root: 1, attempt: 1 }).unwrap();
        drop(writer);
        let all = std::fs::read(&path).unwrap();
        for cut in whole as usize + 1..all.len() {
            std::fs::write(&path, &all[..cut]).unwrap();
            let (read, end) = frames(&path);
            assert_eq!((read.len(), end), (2, whole), "cut at {cut}");
        }
        let mut writer = SpoolWriter::go_on(&path, whole).unwrap();
        writer.append(&Frame::Complete).unwrap();
        writer.flush().unwrap();
        let (read, _) = frames(&path);
        assert_eq!(
            read,
            vec![
                Frame::Header { key, started_at: 5 },
                Frame::Restart { root: 0, attempt: 1 },
                Frame::Complete
            ]
        );
    }

    #[test]
    fn a_flipped_byte_ends_the_reading_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        let mut writer = SpoolWriter::create(&path, &SpoolKey::new([0; 32]), 0).unwrap();
        writer.append(&Frame::Complete).unwrap();
        drop(writer);
        let mut all = std::fs::read(&path).unwrap();
        *all.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &all).unwrap();
        assert_eq!(frames(&path).0.len(), 1);
    }
}
