//! Changes that wait to be applied, on disk: diffing a million people must not need a million entries in memory.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::directory::{Change, UserEntry};

/// What becomes of an entry as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    Create,
    Update,
    Delete,
}

/// One staged user change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StagedUser {
    pub action: Action,
    /// As it is after the run; a deletion's, as it was before.
    pub entry: UserEntry,
    /// None for a creation, and for a deletion without a reason: [`Change::create_user`] and
    /// [`Change::delete_user`] say it all.
    pub changes: Vec<Change>,
}

impl StagedUser {
    /// The changes, a creation's and a deletion's too.
    pub fn into_changes(self) -> (UserEntry, Vec<Change>) {
        let changes = match self.action {
            Action::Create => vec![Change::create_user(&self.entry)],
            Action::Delete if self.changes.is_empty() => vec![Change::delete_user(&self.entry)],
            Action::Update | Action::Delete => self.changes,
        };
        (self.entry, changes)
    }
}

/// Where a staged item lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Staged {
    offset: u64,
    length: u32,
}

/// A file of staged items that vanishes with the value. It has no name, so that nothing is left of it after a crash.
pub struct Staging {
    file: BufWriter<File>,
    end: u64,
}

impl Staging {
    pub fn create(folder: &Path) -> io::Result<Self> {
        Ok(Self { file: BufWriter::with_capacity(1 << 20, tempfile::tempfile_in(folder)?), end: 0 })
    }

    pub fn put(&mut self, item: &impl Serialize) -> io::Result<Staged> {
        let bytes = postcard::to_allocvec(item).map_err(io::Error::other)?;
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.file.write_all(&bytes)?;
        let staged = Staged { offset: self.end, length };
        self.end += u64::from(length);
        Ok(staged)
    }

    /// Reads an item back before writing has ended.
    pub fn get<T: for<'de> Deserialize<'de>>(&mut self, staged: Staged) -> io::Result<T> {
        self.file.seek(SeekFrom::Start(staged.offset))?;
        let mut bytes = vec![0; staged.length as usize];
        let read = self.file.get_mut().read_exact(&mut bytes);
        self.file.seek(SeekFrom::Start(self.end))?;
        read?;
        postcard::from_bytes(&bytes).map_err(io::Error::other)
    }

    /// Ends writing.
    pub fn finish(self) -> io::Result<StagingReader> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(StagingReader { file, at: u64::MAX, end: self.end })
    }
}

/// Reads staged items back, in any order; those that follow each other without a seek.
pub struct StagingReader {
    file: File,
    at: u64,
    end: u64,
}

impl StagingReader {
    /// Adds an item that takes another's place.
    pub fn put(&mut self, item: &impl Serialize) -> io::Result<Staged> {
        let bytes = postcard::to_allocvec(item).map_err(io::Error::other)?;
        let staged =
            Staged { offset: self.end, length: u32::try_from(bytes.len()).map_err(io::Error::other)? };
        self.file.seek(SeekFrom::Start(self.end))?;
        self.at = u64::MAX;
        self.file.write_all(&bytes)?;
        self.end += bytes.len() as u64;
        Ok(staged)
    }

    pub fn get<T: for<'de> Deserialize<'de>>(&mut self, staged: Staged) -> io::Result<T> {
        if self.at != staged.offset {
            self.file.seek(SeekFrom::Start(staged.offset))?;
        }
        let mut bytes = vec![0; staged.length as usize];
        self.file.read_exact(&mut bytes)?;
        self.at = staged.offset + u64::from(staged.length);
        postcard::from_bytes(&bytes).map_err(io::Error::other)
    }
}
