//! How people and verdicts are packed into two blocks: the layout of the contract's `packed-transform`.
//!
//! The host writes people and reads verdicts, a plugin the other way round, each with its own types. What they
//! have in common is here: a [`Writer`] and a [`Reader`] of numbers, texts and values. The whole layout is
//! described in `wit/0.1/packed.wit`.
//!
//! A reader believes nothing: what it is given may come from anybody. Texts are UTF-8 already (the boundary checks
//! a block as a whole), so that a text is a slice of it and costs no check of its own but for where it ends.
//!
//! ```
//! use rollcall_packed::{Reader, Value, Writer};
//!
//! let mut writer = Writer::default();
//! writer.text("profile.level");
//! writer.value(Value::Integer(5));
//! let mut reader = Reader::new(&writer.texts, &writer.numbers);
//! assert_eq!(reader.text(), Ok("profile.level"));
//! assert_eq!(reader.value(), Ok(Value::Integer(5)));
//! assert_eq!(reader.end(), Ok(()));
//! ```

mod malformed;
mod reader;
mod value;
mod writer;

pub use malformed::Malformed;
pub use reader::{Changed, Piece, Reader};
pub use value::Value;
pub use writer::Writer;
