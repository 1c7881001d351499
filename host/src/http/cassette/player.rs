use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use jiff::Timestamp;

use super::error::CassetteError;
use super::format::{AnyHeader, Asked, End, FORMAT, Header, Line, Provenance};
use super::recorder::file;
use crate::model::{Attribute, Request, Response};

/// A recording that is whole and as it was recorded.
#[derive(Debug)]
pub struct Cassette {
    path: PathBuf,
    header: Header,
    end: End,
}

/// One exchange of a recording.
#[derive(Debug)]
pub struct Played {
    pub request: Asked,
    pub response: Response,
}

/// A line longer than this is none of ours: answers are limited to some MiB, and what is told of a run to some lines.
const LONGEST_LINE: u64 = 1 << 30;
const LONGEST_HEADER: u64 = 1 << 20;

impl Cassette {
    /// Reads all of it once, to be sure that all of it is there.
    pub fn open(path: &Path) -> Result<Self, CassetteError> {
        let mut lines = Lines::open(path)?;
        let foreign = || CassetteError::Foreign { path: path.to_owned() };
        let torn = || CassetteError::Torn { path: path.to_owned() };
        let first = lines.up_to(LONGEST_HEADER)?.ok_or_else(foreign)?;
        if first.starts_with(b"{\"header\":") && !first.ends_with(b"\n") {
            return Err(torn());
        }
        let AnyHeader { header: any } = serde_json::from_slice(first).map_err(|_| foreign())?;
        if any.format != FORMAT {
            return Err(CassetteError::Newer {
                path: path.to_owned(),
                rollcall: any.rollcall,
                format: any.format,
                known: FORMAT,
            });
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(first);
        let Line::Header(header) = lines.parse()? else { return Err(foreign()) };
        let mut exchanges = 0;
        loop {
            let Some(line) = lines.next_line()? else { return Err(torn()) };
            if !line.ends_with(b"\n") {
                return Err(torn());
            }
            // Cheap, and sure: in front of an exchange there is an exchange's name.
            if line.starts_with(b"{\"exchange\":") {
                hasher.update(line);
                exchanges += 1;
                continue;
            }
            let Line::End(end) = lines.parse()? else {
                return Err(CassetteError::Changed { path: path.to_owned() });
            };
            let whole = end.exchanges == exchanges && end.blake3 == hasher.finalize().to_hex().as_str();
            if !whole || lines.next_line()?.is_some() {
                return Err(CassetteError::Changed { path: path.to_owned() });
            }
            return Ok(Self { path: path.to_owned(), header, end });
        }
    }

    /// Refuses a recording of another connector, another plugin or another endpoint.
    pub fn check(&self, wanted: &Provenance) -> Result<(), CassetteError> {
        let from = &self.header.from;
        for (what, recorded, wanted) in [
            ("connector", &from.connector, &wanted.connector),
            ("plugin", &from.plugin.name, &wanted.plugin.name),
            ("endpoint", &from.endpoint, &wanted.endpoint),
        ] {
            if recorded != wanted {
                return Err(CassetteError::Other {
                    path: self.path.clone(),
                    what,
                    recorded: recorded.clone(),
                    wanted: wanted.clone(),
                });
            }
        }
        Ok(())
    }

    /// What is not as it was when this was recorded, but may be: that is what recordings are for.
    pub fn differences(&self, now: &Provenance) -> Vec<String> {
        let from = &self.header.from;
        let mut differences = Vec::new();
        if from.plugin != now.plugin {
            let name = |plugin: &super::PluginUsed| {
                format!("{} {} ({})", plugin.name, plugin.version, plugin.sha256.get(..8).unwrap_or_default())
            };
            differences.push(format!("plugin ({} then, {} now)", name(&from.plugin), name(&now.plugin)));
        }
        if from.settings != now.settings {
            differences.push("value of the plugin's settings".to_owned());
        }
        if from.transforms != now.transforms {
            differences.push("set of transforms or of their settings".to_owned());
        }
        differences
    }

    /// When its reading began.
    pub fn recorded(&self) -> Timestamp {
        self.header.recorded
    }

    /// What the plugin was told.
    pub fn known(&self) -> &[Attribute] {
        &self.header.known
    }

    /// Tells this recording from any other.
    pub fn identity(&self) -> &str {
        &self.end.blake3
    }

    /// The exchanges, in the order in which the recorded run used them.
    pub fn exchanges(&self) -> Result<Exchanges, CassetteError> {
        let mut lines = Lines::open(&self.path)?;
        lines.next_line()?;
        Ok(Exchanges { lines, left: self.end.exchanges })
    }

    /// The plugin asks for what is not there.
    pub fn missing(&self, request: &Request, differs: Vec<String>) -> CassetteError {
        CassetteError::Missing {
            path: self.path.clone(),
            request: format!("{} {}", request.method.as_str(), crate::http::error::quoted(&request.path)),
            failed: self.end.failed.clone(),
            differs,
        }
    }
}

/// Reads a recording's exchanges one by one.
#[derive(Debug)]
pub struct Exchanges {
    lines: Lines,
    left: u64,
}

impl Exchanges {
    #[cfg(test)]
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// Blocks.
    pub fn next_exchange(&mut self) -> Result<Option<Played>, CassetteError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        if self.lines.next_line()?.is_none() {
            return Err(CassetteError::Torn { path: self.lines.path.clone() });
        }
        let Line::Exchange(exchange) = self.lines.parse()? else {
            return Err(CassetteError::Changed { path: self.lines.path.clone() });
        };
        let response = exchange.response.response().map_err(|reason| self.lines.wrong(reason))?;
        Ok(Some(Played { request: exchange.request, response }))
    }
}

struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    line: Vec<u8>,
    number: u64,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines")
            .field("path", &self.path)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl Lines {
    /// Compressed or not: the file itself says so, whatever its name.
    fn open(path: &Path) -> Result<Self, CassetteError> {
        let opened = File::open(path).map_err(file(path, "opened"))?;
        let mut reader = BufReader::with_capacity(1 << 18, opened);
        let compressed = reader.fill_buf().map_err(file(path, "read"))?.starts_with(&[0x1f, 0x8b]);
        let reader: Box<dyn BufRead + Send> = match compressed {
            true => Box::new(BufReader::with_capacity(1 << 18, MultiGzDecoder::new(reader))),
            false => Box::new(reader),
        };
        Ok(Self { path: path.to_owned(), reader, line: Vec::new(), number: 0 })
    }

    /// With its line end, unless the file ends before it.
    fn next_line(&mut self) -> Result<Option<&[u8]>, CassetteError> {
        if self.up_to(LONGEST_LINE)?.is_some_and(|line| line.len() as u64 == LONGEST_LINE) {
            return Err(self.wrong("it is too long".into()));
        }
        Ok(Some(self.line.as_slice()).filter(|line| !line.is_empty()))
    }

    fn up_to(&mut self, longest: u64) -> Result<Option<&[u8]>, CassetteError> {
        self.line.clear();
        self.number += 1;
        match (&mut self.reader).take(longest).read_until(b'\n', &mut self.line) {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(&self.line)),
            // A compressed file that ends too early.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(CassetteError::Torn { path: self.path.clone() })
            }
            Err(error)
                if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) =>
            {
                Err(CassetteError::Changed { path: self.path.clone() })
            }
            Err(error) => Err(file(&self.path, "read")(error)),
        }
    }

    fn parse(&self) -> Result<Line, CassetteError> {
        serde_json::from_slice(&self.line).map_err(|error| self.wrong(error.to_string()))
    }

    fn wrong(&self, reason: String) -> CassetteError {
        CassetteError::Line { path: self.path.clone(), line: self.number, reason }
    }
}
