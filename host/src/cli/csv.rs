//! Comma-separated values as RFC 4180 has them, but for two things that their readers are better off with.
//!
//! * A line ends in LF, not CR LF: spreadsheets take both, while `cut` and `awk` would take the CR for data.
//! * A text that a spreadsheet would take for a formula gets an apostrophe before it. Many providers let people choose
//!   their own names, and `=HYPERLINK(…)` as somebody's name must not run on the machine of whoever opens the list
//!   (OWASP, "CSV injection"). Numbers are left alone. What is needed byte for byte is had with `--json`.

use serde_json::Value;

use crate::directory::plain_text;

/// One line, with its end.
pub(super) fn line(cells: &[Value]) -> String {
    let mut line = String::new();
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            line.push(',');
        }
        let text = plain_text(cell);
        let guard = if is_formula(&text) { "'" } else { "" };
        if text.contains([',', '"', '\n', '\r']) || text.starts_with(' ') || text.ends_with(' ') {
            line.push_str(&format!("\"{guard}{}\"", text.replace('"', "\"\"")));
        } else {
            line.push_str(guard);
            line.push_str(&text);
        }
    }
    // A line without anything on it would be no row at all.
    if line.is_empty() {
        line.push_str("\"\"");
    }
    line.push('\n');
    line
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
        assert_eq!(line(&cells), "a,\"b,c\",\"say \"\"hi\"\"\",\"two\nlines\",\" x\",\n");
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
