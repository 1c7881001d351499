use crate::value::{Value, code};

/// Packs. What is written together is read together, in the same order.
#[derive(Debug, Default)]
pub struct Writer {
    pub texts: String,
    pub numbers: Vec<u32>,
}

impl Writer {
    pub fn number(&mut self, number: u32) {
        self.numbers.push(number);
    }

    /// A length, or a place in a list.
    pub fn count(&mut self, count: usize) {
        // Four billion bytes or items are more than a sandbox holds; a reader would find that they are not there.
        self.numbers.push(u32::try_from(count).unwrap_or(u32::MAX));
    }

    pub fn flag(&mut self, flag: bool) {
        self.numbers.push(flag.into());
    }

    pub fn text(&mut self, text: &str) {
        self.text_from(0, text);
    }

    pub fn optional(&mut self, text: Option<&str>) {
        match text {
            None => self.number(0),
            Some(text) => self.text_from(1, text),
        }
    }

    pub fn value(&mut self, value: Value<'_, &[String]>) {
        match value {
            Value::Text(text) => {
                self.number(code::TEXT);
                self.text(text);
            }
            Value::Boolean(value) => self.number(if value { code::TRUE } else { code::FALSE }),
            Value::Integer(value) => self.halves(code::INTEGER, value as u64),
            Value::Decimal(value) => self.halves(code::DECIMAL, value.to_bits()),
            Value::Texts(texts) => {
                self.number(code::TEXTS);
                self.count(texts.len());
                texts.iter().for_each(|text| self.text(text));
            }
            Value::Json(text) => {
                self.number(code::JSON);
                self.text(text);
            }
        }
    }

    /// A text that may be as it was given.
    pub fn new_text(&mut self, given: &str, text: &str) {
        match given == text {
            true => self.number(0),
            false => self.text_from(1, text),
        }
    }

    /// An optional text that may be as it was given.
    pub fn new_optional(&mut self, given: Option<&str>, text: Option<&str>) {
        match text {
            _ if given == text => self.number(0),
            None => self.number(1),
            Some(text) => self.text_from(2, text),
        }
    }

    /// A list that may have items of the one that was given. `item` writes one that is new.
    ///
    /// Looks for each item after the one that was found before it. That takes no more steps than some times the two
    /// lists' lengths: where it would, items that were given are written as new ones, which is right too.
    pub fn new_list<Given, Item>(
        &mut self,
        given: &[Given],
        items: &[Item],
        same: impl Fn(&Given, &Item) -> bool,
        write: impl Fn(&mut Self, &Item),
    ) {
        let mut looks = 4 * (given.len() + items.len());
        // The run that is not written yet, and where it ends.
        let (mut run, mut next) = (0, 0);
        for item in items {
            let rest = &given[next..];
            let seen = rest.len().min(looks.max(1));
            let found = rest[..seen].iter().position(|given| same(given, item));
            looks = looks.saturating_sub(found.map_or(seen, |skipped| skipped + 1));
            match found {
                Some(0) => run += 1,
                Some(skipped) => {
                    self.run(run, next);
                    next += skipped;
                    run = 1;
                }
                None => {
                    self.run(run, next);
                    run = 0;
                    self.number(1);
                    write(self, item);
                    continue;
                }
            }
            next += 1;
        }
        self.run(run, next);
        self.number(0);
    }

    /// That many given items before `end`.
    fn run(&mut self, count: usize, end: usize) {
        if count > 0 {
            self.count(count + 1);
            self.count(end - count);
        }
    }

    fn text_from(&mut self, shortest: usize, text: &str) {
        self.count(shortest + text.len());
        self.texts.push_str(text);
    }

    fn halves(&mut self, code: u32, bits: u64) {
        self.numbers.extend([code, bits as u32, (bits >> 32) as u32]);
    }
}
