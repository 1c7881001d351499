//! Files of JSON objects, one a line, so that `jq` reads them: compressed with gzip where the name ends in `.gz`.
//!
//! Recordings and plans are kept like that, each with a first line that says what it is and a last one that has a hash
//! of all lines before it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::de::DeserializeOwned;

/// A line longer than this is none of ours: answers are limited to some MiB, and so is what a plan says of one group.
const LONGEST_LINE: u64 = 1 << 30;

/// Why a line could not be read.
#[derive(Debug)]
pub enum LineFault {
    /// The file could not be opened or read.
    File {
        action: &'static str,
        source: io::Error,
    },
    /// The file ends too early.
    Torn,
    /// It can't be what was written.
    Changed,
    Line {
        number: u64,
        reason: String,
    },
}

/// Where lines are written to.
pub enum LineSink {
    Plain(BufWriter<File>),
    Gzip(Box<GzEncoder<BufWriter<File>>>),
}

impl LineSink {
    /// Into the file; `path` is the name that it has or gets.
    pub fn new(path: &Path, file: File) -> Self {
        let writer = BufWriter::with_capacity(1 << 18, file);
        match path.extension() {
            Some(extension) if extension == "gz" => {
                LineSink::Gzip(Box::new(GzEncoder::new(writer, Compression::default())))
            }
            _ => LineSink::Plain(writer),
        }
    }

    /// Ends it; nothing is left in memory.
    pub fn finish(self) -> io::Result<File> {
        let writer = match self {
            LineSink::Plain(writer) => writer,
            LineSink::Gzip(encoder) => encoder.finish()?,
        };
        writer.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

impl Write for LineSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            LineSink::Plain(writer) => writer.write(bytes),
            LineSink::Gzip(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            LineSink::Plain(writer) => writer.flush(),
            LineSink::Gzip(writer) => writer.flush(),
        }
    }
}

/// Reads line by line.
pub struct Lines {
    reader: Box<dyn BufRead + Send>,
    line: Vec<u8>,
    /// Of the line that was read last, from 1.
    number: u64,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Lines {
    /// Compressed or not: the file itself says so, whatever its name.
    pub fn open(path: &Path) -> Result<Self, LineFault> {
        let failed = |action| move |source| LineFault::File { action, source };
        let opened = File::open(path).map_err(failed("opened"))?;
        let mut reader = BufReader::with_capacity(1 << 18, opened);
        let compressed = reader.fill_buf().map_err(failed("read"))?.starts_with(&[0x1f, 0x8b]);
        let reader: Box<dyn BufRead + Send> = match compressed {
            true => Box::new(BufReader::with_capacity(1 << 18, MultiGzDecoder::new(reader))),
            false => Box::new(reader),
        };
        Ok(Self { reader, line: Vec::new(), number: 0 })
    }

    /// With its line end, unless the file ends before it.
    pub fn next_line(&mut self) -> Result<Option<&[u8]>, LineFault> {
        if self.up_to(LONGEST_LINE)?.is_some_and(|line| line.len() as u64 == LONGEST_LINE) {
            return Err(self.wrong("it is too long".into()));
        }
        Ok(Some(self.line.as_slice()).filter(|line| !line.is_empty()))
    }

    /// The next line, or so much of it.
    pub fn up_to(&mut self, longest: u64) -> Result<Option<&[u8]>, LineFault> {
        self.line.clear();
        self.number += 1;
        match (&mut self.reader).take(longest).read_until(b'\n', &mut self.line) {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(&self.line)),
            // A compressed file that ends too early.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(LineFault::Torn),
            Err(error)
                if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) =>
            {
                Err(LineFault::Changed)
            }
            Err(source) => Err(LineFault::File { action: "read", source }),
        }
    }

    /// The line that was read last.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, LineFault> {
        serde_json::from_slice(&self.line).map_err(|error| self.wrong(error.to_string()))
    }

    pub fn wrong(&self, reason: String) -> LineFault {
        LineFault::Line { number: self.number, reason }
    }
}
