//! What expressions mean, what is refused, and what is bounded.

mod bounds;
mod cel;
mod meaning;
mod mistakes;
mod person;
