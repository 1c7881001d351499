//! What is kept, and how it moves: history, pruning, backup, connectors as one file.

mod backup;
mod history;
mod prune;
mod rollback;
mod transfer;
