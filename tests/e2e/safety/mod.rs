//! Limits, held changes and their approval, with the real binary.

mod limits;
mod planfile;
