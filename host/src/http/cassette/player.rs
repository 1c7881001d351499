use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::error::CassetteError;
use super::format::{AnyHeader, Asked, End, FORMAT, Header, Line, Provenance};
use crate::json_lines::{LineFault, Lines};
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

const LONGEST_HEADER: u64 = 1 << 20;

impl Cassette {
    /// Reads all of it once, to be sure that all of it is there.
    pub fn open(path: &Path) -> Result<Self, CassetteError> {
        let failed = CassetteError::of(path);
        let mut lines = Lines::open(path).map_err(&failed)?;
        let foreign = || CassetteError::Foreign { path: path.to_owned() };
        let torn = || CassetteError::Torn { path: path.to_owned() };
        let first = lines.up_to(LONGEST_HEADER).map_err(&failed)?.ok_or_else(foreign)?;
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
        let Line::Header(header) = lines.parse().map_err(&failed)? else { return Err(foreign()) };
        let mut exchanges = 0;
        loop {
            let Some(line) = lines.next_line().map_err(&failed)? else { return Err(torn()) };
            if !line.ends_with(b"\n") {
                return Err(torn());
            }
            // Cheap, and sure: in front of an exchange there is an exchange's name.
            if line.starts_with(b"{\"exchange\":") {
                hasher.update(line);
                exchanges += 1;
                continue;
            }
            let Line::End(end) = lines.parse().map_err(&failed)? else {
                return Err(CassetteError::Changed { path: path.to_owned() });
            };
            let whole = end.exchanges == exchanges && end.blake3 == hasher.finalize().to_hex().as_str();
            if !whole || lines.next_line().map_err(&failed)?.is_some() {
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
        self.header.from.differences(now)
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
        let failed = CassetteError::of(&self.path);
        let mut lines = Lines::open(&self.path).map_err(&failed)?;
        lines.next_line().map_err(&failed)?;
        Ok(Exchanges { path: self.path.clone(), lines, left: self.end.exchanges })
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
    path: PathBuf,
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
        let failed = CassetteError::of(&self.path);
        if self.lines.next_line().map_err(&failed)?.is_none() {
            return Err(failed(LineFault::Torn));
        }
        let Line::Exchange(exchange) = self.lines.parse().map_err(&failed)? else {
            return Err(failed(LineFault::Changed));
        };
        let response = exchange.response.response().map_err(|reason| failed(self.lines.wrong(reason)))?;
        Ok(Some(Played { request: exchange.request, response }))
    }
}

impl CassetteError {
    /// What a line of the recording at `path` has to do with it.
    fn of(path: &Path) -> impl Fn(LineFault) -> CassetteError + '_ {
        move |fault| {
            let path = path.to_owned();
            match fault {
                LineFault::File { action, source } => CassetteError::File { path, action, source },
                LineFault::Torn => CassetteError::Torn { path },
                LineFault::Changed => CassetteError::Changed { path },
                LineFault::Line { number, reason } => CassetteError::Line { path, line: number, reason },
            }
        }
    }
}
