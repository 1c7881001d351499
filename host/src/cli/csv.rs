//! Comma-separated values as RFC 4180 has them, but for two things that their readers are better off with.
//!
//! * A line ends in LF, not CR LF: spreadsheets take both, while `cut` and `awk` would take the CR for data.
//! * A text that a spreadsheet would take for a formula gets an apostrophe before it. Many providers let people choose
//!   their own names, and `=HYPERLINK(…)` as somebody's name must not run on the machine of whoever opens the list
//!   (OWASP, "CSV injection"). Numbers are left alone. What is needed byte for byte is had with `--json`.

use csv::{Terminator, WriterBuilder};
use serde_json::Value;

use crate::directory::plain_text;

/// One line, with its end.
pub(super) fn line(cells: &[Value]) -> String {
    let buffer = 512; // A line at a time, and most are short.
    let mut builder = WriterBuilder::new();
    let mut writer =
        builder.terminator(Terminator::Any(b'\n')).buffer_capacity(buffer).from_writer(Vec::new());
    let guarded = cells.iter().map(|cell| {
        let text = plain_text(cell);
        if is_formula(&text) { format!("'{text}") } else { text.into_owned() }
    });
    writer.write_record(guarded).expect("a vector takes every line, and a line alone has no other's length");
    let line = writer.into_inner().expect("a vector takes every line");
    String::from_utf8(line).expect("it is made of texts")
}

/// Whether a spreadsheet would calculate with it. Of full-width signs the same is true.
fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']) && text.parse::<f64>().is_err()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_needs_quotes_gets_them() {
        let cells =
            [json!("a"), json!("b,c"), json!("say \"hi\""), json!("two\nlines"), json!(" x"), json!(null)];
        assert_eq!(line(&cells), "a,\"b,c\",\"say \"\"hi\"\"\",\"two\nlines\", x,\n");
        assert_eq!(
            line(&[json!(true), json!(1234567), json!(-5), json!(["a", "b"])]),
            "true,1234567,-5,a; b\n"
        );
        assert_eq!(line(&[json!(null)]), "\"\"\n");
    }

    #[test]
    fn no_text_is_a_formula() {
        for (text, shown) in [
            ("=1+1", "'=1+1\n"),
            ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"\n"),
            ("@SUM(A1)", "'@SUM(A1)\n"),
            ("+49 170 1234", "'+49 170 1234\n"),
            ("-cmd|'/C calc'!A0", "'-cmd|'/C calc'!A0\n"),
            ("\t=1", "'\t=1\n"),
            ("\r=1", "\"'\r=1\"\n"),
            ("-12.5", "-12.5\n"),
            ("+4917012345", "+4917012345\n"),
            ("a=b", "a=b\n"),
            ("'quoted'", "'quoted'\n"),
        ] {
            assert_eq!(line(&[json!(text)]), shown, "{text:?}");
        }
    }
}
