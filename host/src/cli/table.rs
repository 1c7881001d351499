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
    /// How wide the columns are, where that is not their content's business.
    widths: Vec<u16>,
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
        Self { inner, widths: Vec::new() }
    }

    /// What goes below another table: without a header.
    pub fn continued() -> Self {
        let mut inner = comfy_table::Table::new();
        inner.load_style(NOTHING);
        Self { inner, widths: Vec::new() }
    }

    /// Columns of these widths, as [`fitted`](Self::fitted) gave them for the first of several tables below each other.
    pub fn with_widths(mut self, widths: &[u16]) -> Self {
        self.widths = widths.to_owned();
        self
    }

    /// The widths of the columns: of the widest cells, or where these don't fit into `width`, of what is left when the
    /// widest give way. The first column names the row, and gives way only where it takes more than half.
    pub fn fitted(&self, width: Option<u16>) -> Vec<u16> {
        let mut widths = self.inner.column_max_content_widths();
        let Some(width) = width else { return widths };
        let gaps = GAP * u16::try_from(widths.len().saturating_sub(1)).unwrap_or(u16::MAX);
        let room = width.saturating_sub(gaps);
        if let Some(first) = widths.first_mut() {
            *first = (*first).min(width / 2);
        }
        while widths.iter().sum::<u16>() > room {
            let others = widths.iter_mut().skip(1).filter(|width| **width > 1);
            match others.max() {
                Some(widest) => *widest -= 1,
                None => break,
            }
        }
        widths
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
        let last = self.widths.len().saturating_sub(1);
        for (index, (column, fixed)) in self.inner.column_iter_mut().zip(&self.widths).enumerate() {
            let gap = if index == last { 0 } else { GAP };
            column.set_padding((0, gap));
            let fixed = Width::Fixed(fixed + gap);
            column.set_constraint(match width {
                Some(_) => ColumnConstraint::Absolute(fixed),
                // Nothing is cut, however wide it is.
                None => ColumnConstraint::LowerBoundary(fixed),
            });
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
        for width in [None, Some(200), Some(60)] {
            let first = people();
            let widths = first.fitted(width);
            let mut next = Table::continued();
            next.row(["b".into(), "c".into(), "7".into()]);
            let next = next.right(2).with_widths(&widths).render(width);
            let first = first.with_widths(&widths).render(width);
            let end = first.lines().next().unwrap().find("USERS").unwrap() + "USERS".len();
            assert_eq!(next.find('7'), Some(end - 1), "{first}\n{next}");
            if let Some(width) = width {
                let all = format!("{first}\n{next}");
                let widest = all.lines().map(unicode_width::UnicodeWidthStr::width).max().unwrap();
                assert!(widest <= usize::from(width), "{all}");
            }
        }
    }

    #[test]
    fn the_name_is_whole_where_it_takes_no_more_than_half() {
        let mut table = Table::new(["name", "email", "display name"]);
        let name = "a.rather.long.name@acme.example";
        table.row([name.into(), name.into(), "Ann".into()]);
        let widths = table.fitted(Some(70));
        assert_eq!(widths, [31, 23, 12]);
        let shown = table.with_widths(&widths).render(Some(70));
        assert!(shown.contains(&format!("\n{name}  a.rather.long.name@acm…  Ann")), "{shown}");
        assert_eq!(people().fitted(Some(20)), [10, 3, 3], "as far as it goes");
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
