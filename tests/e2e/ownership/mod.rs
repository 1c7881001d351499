//! Whose entries are whose, where several connectors fill one directory.

mod conflicts;
