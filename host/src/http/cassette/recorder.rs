use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tempfile::TempPath;

use super::error::CassetteError;
use super::format::{End, Exchange, FORMAT, Header, Line, Provenance};
use super::scrub::Scrub;
use crate::json_lines::LineSink;
use crate::model::{Attribute, Request, Response};

/// Writes a run's exchanges to a file, which is there under its name when it is whole and not before.
pub struct Recorder {
    path: PathBuf,
    overwrite: bool,
    scrub: Scrub,
    from: Provenance,
    tape: Mutex<Option<Box<Tape>>>,
}

struct Tape {
    sink: LineSink,
    temporary: TempPath,
    hasher: blake3::Hasher,
    exchanges: u64,
}

impl Recorder {
    /// Makes a temporary file, readable by its owner only, beside the one that will be. A file that is there already
    /// is refused unless it is to be overwritten.
    pub fn create(
        path: &Path,
        overwrite: bool,
        scrub: Scrub,
        from: Provenance,
    ) -> Result<Self, CassetteError> {
        if !overwrite && path.exists() {
            return Err(CassetteError::Exists { path: path.to_owned() });
        }
        let failed = file(path, "created");
        let name = path.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut prefix = std::ffi::OsString::from(".");
        prefix.push(name);
        prefix.push(".");
        let temporary = tempfile::Builder::new().prefix(&prefix).suffix(".part").tempfile_in(folder);
        let (opened, temporary) = temporary.map_err(&failed)?.into_parts();
        let sink = LineSink::new(path, opened);
        let tape = Tape { sink, temporary, hasher: blake3::Hasher::new(), exchanges: 0 };
        Ok(Self { path: path.to_owned(), overwrite, scrub, from, tape: Mutex::new(Some(Box::new(tape))) })
    }

    /// The reading begins now, and the plugin is told this. From here on even a killed recording shows what it was.
    pub fn begin(&self, recorded: Timestamp, known: &[Attribute]) -> Result<(), CassetteError> {
        self.write(&Line::Header(Header {
            format: FORMAT,
            rollcall: env!("CARGO_PKG_VERSION").to_owned(),
            recorded,
            from: self.from.clone(),
            known: known.to_vec(),
        }))?;
        match &mut *self.tape() {
            Some(tape) => tape.sink.flush().map_err(file(&self.path, "written")),
            None => Ok(()),
        }
    }

    /// The next exchange that the run uses.
    pub fn exchange(&self, request: &Request, response: &Response) -> Result<(), CassetteError> {
        self.write(&Line::Exchange(Box::new(Exchange::new(request, response, &self.scrub))))
    }

    /// Gives the file its name. `failed`: why the reading did not become complete, if it did not.
    pub fn finish(&self, failed: Option<&str>) -> Result<(), CassetteError> {
        let Some(tape) = self.take() else { return Ok(()) };
        let mut tape = *tape;
        let end = Line::End(End {
            exchanges: tape.exchanges,
            failed: failed.map(|reason| self.scrub.text(reason)),
            blake3: tape.hasher.finalize().to_hex().to_string(),
        });
        // Everything is on the disk after that.
        let written = tape.write(&end).and_then(|()| tape.sink.finish()?.sync_all());
        written.map_err(file(&self.path, "written"))?;
        let named = if self.overwrite {
            tape.temporary.persist(&self.path)
        } else {
            tape.temporary.persist_noclobber(&self.path)
        };
        named.map_err(|failure| match failure.error.kind() {
            io::ErrorKind::AlreadyExists => CassetteError::Exists { path: self.path.clone() },
            _ => file(&self.path, "given its name")(failure.error),
        })
    }

    /// Removes what was written.
    pub fn discard(&self) {
        drop(self.take());
    }

    fn take(&self) -> Option<Box<Tape>> {
        self.tape().take()
    }

    /// Nothing when it has ended.
    fn tape(&self) -> MutexGuard<'_, Option<Box<Tape>>> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, line: &Line) -> Result<(), CassetteError> {
        match &mut *self.tape() {
            Some(tape) => tape.write(line).map_err(file(&self.path, "written")),
            None => Ok(()),
        }
    }
}

impl Tape {
    fn write(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line).map_err(io::Error::other)?;
        text.push(b'\n');
        self.hasher.update(&text);
        self.exchanges += u64::from(matches!(line, Line::Exchange(_)));
        self.sink.write_all(&text)
    }
}

fn file(path: &Path, action: &'static str) -> impl Fn(io::Error) -> CassetteError + use<> {
    let path = path.to_owned();
    move |source| CassetteError::File { path: path.clone(), action, source }
}
