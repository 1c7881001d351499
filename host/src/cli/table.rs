use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Row};

/// A list for people: a header in capitals, no lines, columns two spaces apart.
///
/// On a terminal it fits the width: the widest columns give way, and what is cut ends in `…`. Otherwise nothing
/// is cut, so that `grep` and `awk` see everything.
#[derive(Debug)]
pub struct Table {
    inner: comfy_table::Table,
}

impl Table {
    pub fn new<const N: usize>(header: [&str; N]) -> Self {
        let mut inner = comfy_table::Table::new();
        inner.load_style(NOTHING);
        let mut header = Row::from(header.map(str::to_uppercase));
        header.max_height(1);
        inner.set_header(header);
        Self { inner }
    }

    /// The column's numbers end under each other.
    pub fn right(mut self, column: usize) -> Self {
        if let Some(column) = self.inner.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        self
    }

    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        // A line break or an escape sequence in a provider's data is not for the terminal.
        let mut row = Row::from(cells.map(|cell| cell.replace(char::is_control, " ")));
        row.max_height(1);
        self.inner.add_row(row);
    }

    /// Without a final line break. `width`: that of the terminal, if it is one.
    pub fn render(mut self, width: Option<u16>) -> String {
        match width {
            Some(width) => {
                self.inner.set_content_arrangement(ContentArrangement::Dynamic).set_width(width.max(20));
            }
            None => {
                self.inner.set_content_arrangement(ContentArrangement::Disabled);
            }
        }
        for column in self.inner.column_iter_mut() {
            column.set_padding((0, 2));
        }
        self.inner.force_no_tty().trim_fmt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people() -> Table {
        let mut table = Table::new(["name", "endpoint", "users"]).right(2);
        table.row(["acme".into(), "acme-subsidiary-of-a-long-name.okta.com".into(), "12,345".into()]);
        table.row(["名前のとても長い会社の名前".into(), "two words".into(), "1".into()]);
        table.row(["evil\u{1b}[2J\nname".into(), String::new(), "0".into()]);
        table
    }

    #[test]
    fn whole_when_piped_and_cut_on_a_terminal() {
        let widths = [None, Some(120), Some(60), Some(40)];
        let all = widths.map(|width| format!("{width:?}\n{}\n", people().render(width))).join("\n");
        insta::assert_snapshot!(all);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 30..100 {
            for line in people().render(Some(width)).lines() {
                assert!(unicode_width::UnicodeWidthStr::width(line) <= usize::from(width), "{width}: {line}");
            }
        }
    }
}
