use crate::malformed::Malformed;
use crate::value::{Value, code};

type Result<T> = std::result::Result<T, Malformed>;

/// Unpacks what a [`Writer`](crate::Writer) wrote, and refuses what none did.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    texts: &'a str,
    numbers: &'a [u32],
}

/// A text that may be as it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed<T> {
    AsGiven,
    To(T),
}

/// A part of a list that may have items of the one that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// A new item follows.
    New,
    /// That many given items, and from which on.
    Given { from: usize, count: usize },
}

impl<'a> Reader<'a> {
    pub fn new(texts: &'a str, numbers: &'a [u32]) -> Self {
        Self { texts, numbers }
    }

    /// Is all read?
    pub fn end(&self) -> Result<()> {
        if self.texts.is_empty() && self.numbers.is_empty() { Ok(()) } else { Err(Malformed::LeftOver) }
    }

    pub fn number(&mut self) -> Result<u32> {
        let (number, rest) = self.numbers.split_first().ok_or(Malformed::Ends)?;
        self.numbers = rest;
        Ok(*number)
    }

    /// How many items follow. Each takes a number at least, so more than there are numbers can't be right, and
    /// whoever makes room for them makes no more than was sent.
    pub fn count(&mut self) -> Result<usize> {
        let count = self.size()?;
        if count > self.numbers.len() { Err(Malformed::Ends) } else { Ok(count) }
    }

    pub fn flag(&mut self) -> Result<bool> {
        match self.number()? {
            0 => Ok(false),
            1 => Ok(true),
            found => Err(Malformed::Code { what: "yes or no", found }),
        }
    }

    pub fn text(&mut self) -> Result<&'a str> {
        let length = self.size()?;
        self.take(length)
    }

    pub fn optional(&mut self) -> Result<Option<&'a str>> {
        match self.size()? {
            0 => Ok(None),
            length => self.take(length - 1).map(Some),
        }
    }

    pub fn value(&mut self) -> Result<Value<'a>> {
        Ok(match self.number()? {
            code::TEXT => Value::Text(self.text()?),
            code::FALSE => Value::Boolean(false),
            code::TRUE => Value::Boolean(true),
            code::INTEGER => Value::Integer(self.halves()? as i64),
            code::DECIMAL => Value::Decimal(f64::from_bits(self.halves()?)),
            code::TEXTS => Value::Texts((0..self.count()?).map(|_| self.text()).collect::<Result<_>>()?),
            code::JSON => Value::Json(self.text()?),
            found => return Err(Malformed::Code { what: "kind of value", found }),
        })
    }

    pub fn new_text(&mut self) -> Result<Changed<&'a str>> {
        Ok(match self.size()? {
            0 => Changed::AsGiven,
            length => Changed::To(self.take(length - 1)?),
        })
    }

    pub fn new_optional(&mut self) -> Result<Changed<Option<&'a str>>> {
        Ok(match self.size()? {
            0 => Changed::AsGiven,
            1 => Changed::To(None),
            length => Changed::To(Some(self.take(length - 2)?)),
        })
    }

    /// The next part of a list that may have items of one that was given; nothing at its end.
    ///
    /// `next`: from which given item on pieces may take; the caller begins with 0. So a list has no more given
    /// items than there are, whatever was sent.
    pub fn piece(&mut self, given: usize, next: &mut usize) -> Result<Option<Piece>> {
        Ok(match self.size()? {
            0 => None,
            1 => Some(Piece::New),
            more => {
                let (count, from) = (more - 1, self.size()?);
                let end = from.checked_add(count).filter(|end| from >= *next && *end <= given);
                *next = end.ok_or(Malformed::Run)?;
                Some(Piece::Given { from, count })
            }
        })
    }

    fn size(&mut self) -> Result<usize> {
        self.number().map(|number| number as usize)
    }

    fn take(&mut self, length: usize) -> Result<&'a str> {
        let (text, rest) = self.texts.split_at_checked(length).ok_or(Malformed::Text)?;
        self.texts = rest;
        Ok(text)
    }

    fn halves(&mut self) -> Result<u64> {
        let (low, high) = (self.number()?, self.number()?);
        Ok(u64::from(low) | u64::from(high) << 32)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Writer;

    /// The list that pieces make of the given one.
    fn put_together(reader: &mut Reader<'_>, given: &[String]) -> Result<Vec<String>> {
        let (mut made, mut next) = (Vec::new(), 0);
        while let Some(piece) = reader.piece(given.len(), &mut next)? {
            match piece {
                Piece::New => made.push(reader.text()?.to_owned()),
                Piece::Given { from, count } => made.extend_from_slice(&given[from..from + count]),
            }
        }
        Ok(made)
    }

    fn packed(given: &[String], made: &[String]) -> Writer {
        let mut writer = Writer::default();
        writer.new_list(given, made, |a, b| a == b, |writer, item| writer.text(item));
        writer
    }

    fn owned(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_list_sends_what_is_new_and_names_the_rest() {
        let given = owned(&["a", "b", "c", "d"]);
        for (made, texts, numbers) in [
            (&["a", "b", "c", "d"][..], "", &[5, 0, 0][..]),
            (&[], "", &[0]),
            (&["a", "c", "d", "é"], "é", &[2, 0, 3, 2, 1, 2, 0]),
            (&["d", "a"], "a", &[2, 3, 1, 1, 0]),
            (&["x", "b", "b"], "xb", &[1, 1, 2, 1, 1, 1, 0]),
        ] {
            let writer = packed(&given, &owned(made));
            assert_eq!((writer.texts.as_str(), writer.numbers.as_slice()), (texts, numbers), "{made:?}");
        }
    }

    #[test]
    fn looking_for_what_is_not_there_takes_no_longer_than_the_lists_are() {
        let list = |prefix: &str| (0..3_000).map(|at| format!("{prefix}{at}")).collect::<Vec<_>>();
        let looks = std::cell::Cell::new(0);
        let mut writer = Writer::default();
        writer.new_list(
            &list("a"),
            &list("b"),
            |a, b| {
                looks.set(looks.get() + 1);
                a == b
            },
            |writer, item| writer.text(item),
        );
        assert!(looks.get() < 10 * 3_000, "{}", looks.get());
    }

    #[test]
    fn what_nobody_wrote_is_refused() {
        let read = |texts: &str, numbers: &[u32]| Reader::new(texts, numbers).value().unwrap_err();
        assert_eq!(read("", &[]), Malformed::Ends);
        assert_eq!(read("", &[7]), Malformed::Code { what: "kind of value", found: 7 });
        assert_eq!(read("ab", &[0, 3]), Malformed::Text);
        assert_eq!(read("é", &[0, 1]), Malformed::Text, "in the middle of a character");
        assert_eq!(read("", &[3, 1]), Malformed::Ends);
        assert_eq!(
            Reader::new("", &[2, 0]).count(),
            Err(Malformed::Ends),
            "no room is made for more than was sent"
        );
        assert_eq!(read("", &[5, 2, 0]), Malformed::Ends);
        assert_eq!(
            Reader::new("", &[2]).flag().unwrap_err(),
            Malformed::Code { what: "yes or no", found: 2 }
        );
        assert_eq!(Reader::new("a", &[]).end(), Err(Malformed::LeftOver));
        assert_eq!(Reader::new("", &[0]).end(), Err(Malformed::LeftOver));
        let given = owned(&["a", "b", "c"]);
        for numbers in [&[4, 1, 0][..], &[u32::MAX, 2, 0], &[2, 1, 2, 0, 0], &[2, 1, 2, 1, 0]] {
            let refused = put_together(&mut Reader::new("", numbers), &given);
            assert_eq!(refused, Err(Malformed::Run), "{numbers:?}");
        }
        assert_eq!(
            put_together(&mut Reader::new("", &[2, 1]), &given),
            Err(Malformed::Ends),
            "it has no end"
        );
    }

    fn texts() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("[a-cé]{0,2}", 0..12)
    }

    proptest! {
        #[test]
        fn any_list_comes_back(given in texts(), made in texts()) {
            let writer = packed(&given, &made);
            let mut reader = Reader::new(&writer.texts, &writer.numbers);
            prop_assert_eq!(put_together(&mut reader, &given), Ok(made));
            prop_assert_eq!(reader.end(), Ok(()));
        }

        #[test]
        fn values_and_texts_come_back(
            text in "\\PC{0,20}", list in texts(), bits: u64, integer: i64, flag: bool,
            given in prop::option::of("[ab]?"), made in prop::option::of("[ab]?"),
        ) {
            let decimal = f64::from_bits(bits);
            let values = [
                Value::Text(text.as_str()), Value::Boolean(flag), Value::Integer(integer), Value::Decimal(decimal),
                Value::Texts(list.as_slice()), Value::Json(&text),
            ];
            let mut writer = Writer::default();
            values.into_iter().for_each(|value| writer.value(value));
            writer.optional(given.as_deref());
            writer.new_optional(given.as_deref(), made.as_deref());
            writer.new_text(&text, made.as_deref().unwrap_or(&text));
            let mut reader = Reader::new(&writer.texts, &writer.numbers);
            prop_assert_eq!(reader.value(), Ok(Value::Text(&text)));
            prop_assert_eq!(reader.value(), Ok(Value::Boolean(flag)));
            prop_assert_eq!(reader.value(), Ok(Value::Integer(integer)));
            match reader.value() {
                Ok(Value::Decimal(read)) => prop_assert_eq!(read.to_bits(), bits),
                other => prop_assert!(false, "{:?}", other),
            }
            prop_assert_eq!(reader.value(), Ok(Value::Texts(list.iter().map(String::as_str).collect())));
            prop_assert_eq!(reader.value(), Ok(Value::Json(&text)));
            prop_assert_eq!(reader.optional(), Ok(given.as_deref()));
            let changed = if given == made { Changed::AsGiven } else { Changed::To(made.as_deref()) };
            prop_assert_eq!(reader.new_optional(), Ok(changed));
            let changed = match made.as_deref() {
                Some(made) if made != text => Changed::To(made),
                _ => Changed::AsGiven,
            };
            prop_assert_eq!(reader.new_text(), Ok(changed));
            prop_assert_eq!(reader.end(), Ok(()));
        }

        #[test]
        fn nothing_that_is_sent_makes_a_reader_panic(texts in "[a-cé]{0,9}", numbers in prop::collection::vec(0_u32..9, 0..30)) {
            let given = owned(&["a", "b", "c"]);
            let mut reader = Reader::new(&texts, &numbers);
            while reader.value().is_ok() && reader.new_optional().is_ok() {
                if put_together(&mut reader, &given).is_err() {
                    break;
                }
            }
        }
    }
}
