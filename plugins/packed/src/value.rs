/// A value of an attribute. What a [`Reader`](crate::Reader) gives has texts as slices; a
/// [`Writer`](crate::Writer) takes a list of texts as whoever writes has it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a, Texts = Vec<&'a str>> {
    Text(&'a str),
    Boolean(bool),
    Integer(i64),
    Decimal(f64),
    Texts(Texts),
    Json(&'a str),
}

/// What a value's first number says.
pub(crate) mod code {
    pub const TEXT: u32 = 0;
    pub const FALSE: u32 = 1;
    pub const TRUE: u32 = 2;
    pub const INTEGER: u32 = 3;
    pub const DECIMAL: u32 = 4;
    pub const TEXTS: u32 = 5;
    pub const JSON: u32 = 6;
}
