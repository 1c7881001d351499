use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Row, Width};

/// Between two columns.
const GAP: u16 = 2;

/// A list for people: a header in capitals, no lines, columns two spaces apart.
///
/// On a terminal it fits the width: the widest columns give way, and what is cut ends in `…`. Otherwise nothing
/// is cut, so that `grep` and `awk` see everything.
#[derive(Debug)]
pub struct Table {
    inner: comfy_table::Table,
    /// How wide the columns are at least.
    least: Vec<u16>,
}

impl Table {
    pub fn new<const N: usize>(header: [&str; N]) -> Self {
        Self::of(header.map(str::to_owned).into())
    }

    pub fn of(header: Vec<String>) -> Self {
        let mut inner = comfy_table::Table::new();
        inner.load_style(NOTHING);
        let mut header = Row::from(header.iter().map(|head| head.to_uppercase()));
        header.max_height(1);
        inner.set_header(header);
        Self { inner, least: Vec::new() }
    }

    /// What goes below a table whose columns are of these [`widths`](Self::widths).
    pub fn continued(widths: &[u16]) -> Self {
        let mut inner = comfy_table::Table::new();
        inner.load_style(NOTHING);
        Self { inner, least: widths.to_owned() }
    }

    /// The first column names the row: it gives way only when it takes more than half of the width.
    pub fn keep_first(mut self, width: Option<u16>) -> Self {
        if let (Some(width), Some(first)) = (width, self.widths().first()) {
            let least = (*first).min(width / 2);
            match self.least.first_mut() {
                Some(known) => *known = least.max(*known).min(width / 2),
                None => self.least.push(least),
            }
        }
        self
    }

    /// Of the widest cell in each column.
    pub fn widths(&self) -> Vec<u16> {
        self.inner.column_max_content_widths()
    }

    /// The column's numbers end under each other.
    pub fn right(mut self, column: usize) -> Self {
        if let Some(column) = self.inner.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        self
    }

    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.push(cells.into());
    }

    pub fn push(&mut self, cells: Vec<String>) {
        // A line break or an escape sequence in a provider's data is not for the terminal.
        let mut row = Row::from(cells.iter().map(|cell| cell.replace(char::is_control, " ")));
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
            column.set_padding((0, GAP));
        }
        for (column, width) in self.inner.column_iter_mut().zip(self.least) {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width + GAP)));
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
    fn what_follows_is_below_the_columns_of_what_was_before() {
        let first = people();
        let mut next = Table::continued(&first.widths());
        next.row(["b".into(), "c".into(), "7".into()]);
        let next = next.right(2);
        let first = first.render(None);
        let next = next.render(None);
        let end = first.lines().next().unwrap().find("USERS").unwrap() + "USERS".len();
        assert_eq!(next.find('7'), Some(end - 1), "{first}\n{next}");
    }

    #[test]
    fn the_name_is_whole_where_it_takes_no_more_than_half() {
        let mut table = Table::new(["name", "email", "display name"]);
        table.row([
            "a.rather.long.name@acme.example".into(),
            "a.rather.long.name@acme.example".into(),
            "Ann".into(),
        ]);
        let shown = table.keep_first(Some(70)).render(Some(70));
        assert!(shown.contains("\na.rather.long.name@acme.example  a.rather.long.name@"), "{shown}");
        assert!(shown.lines().all(|line| line.chars().count() <= 70), "{shown}");
        let narrow = people().keep_first(Some(40)).render(Some(40));
        assert!(narrow.lines().all(|line| unicode_width::UnicodeWidthStr::width(line) <= 40), "{narrow}");
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
