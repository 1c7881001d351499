//! What becomes of names that others hold, with two organisations in memory over one directory.
