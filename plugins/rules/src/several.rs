use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

/// One text, or a list of them: `from = "email"` and `from = ["profile.mail", "email"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Several(pub Vec<String>);

impl<'de> Deserialize<'de> for Several {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;

        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Several;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E>(self, text: &str) -> Result<Several, E> {
                Ok(Several(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Several, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = list.next_element()? {
                    texts.push(text);
                }
                Ok(Several(texts))
            }
        }

        deserializer.deserialize_any(OneOrMore)
    }
}

impl Several {
    /// The path of one of them below the setting's: nothing more where it was written as one text.
    pub fn path(&self, setting: &str, index: usize) -> String {
        if self.0.len() == 1 { setting.to_owned() } else { format!("{setting}.{index}") }
    }
}
