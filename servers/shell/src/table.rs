//! Tables: columns as wide as their widest cell.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What stands between two columns.
const GAP: &str = "  ";

/// Where a cell stands in its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// At its left: words.
    Left,
    /// At its right: numbers.
    Right,
}

/// A table with a heading.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Makes a table without rows; each column has a heading.
    #[must_use]
    pub fn new(columns: &[(&str, Align)]) -> Table {
        let columns = columns
            .iter()
            .map(|(heading, align)| (heading.to_string(), *align));
        Table {
            columns: columns.collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; cells that are missing are empty, and there is no place for more than the columns.
    pub fn add_row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut row: Vec<String> = cells.into_iter().take(self.columns.len()).collect();
        row.resize(self.columns.len(), String::new());
        self.rows.push(row);
    }

    /// Draws the table, each line with its end; no line ends with a space.
    #[must_use]
    pub fn draw(&self) -> String {
        let heading: Vec<String> = self.columns.iter().map(|(text, _)| text.clone()).collect();
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|column| {
                let cells = core::iter::once(&heading).chain(&self.rows);
                cells
                    .filter_map(|row| row.get(column))
                    .map(|cell| width(cell))
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let mut text = String::new();
        for row in core::iter::once(&heading).chain(&self.rows) {
            self.draw_row(row, &widths, &mut text);
        }
        text
    }

    fn draw_row(&self, row: &[String], widths: &[usize], text: &mut String) {
        let mut line = String::new();
        for ((cell, (_, align)), room) in row.iter().zip(&self.columns).zip(widths) {
            if !line.is_empty() {
                line.push_str(GAP);
            }
            let padding = room.saturating_sub(width(cell));
            if *align == Align::Right {
                line.extend(core::iter::repeat_n(' ', padding));
            }
            line.push_str(cell);
            if *align == Align::Left {
                line.extend(core::iter::repeat_n(' ', padding));
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// Columns that a text takes on the screen.
fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&[("NAME", Align::Left), ("PAGES", Align::Right)]);
        table.add_row(["a".into(), "1".into()]);
        table.add_row(["größer".into(), "1234567".into()]);
        assert_eq!(
            table.draw(),
            "NAME      PAGES\na             1\ngrößer  1234567\n"
        );
    }

    #[test]
    fn missing_cells_are_empty_and_surplus_ones_are_dropped() {
        let mut table = Table::new(&[("A", Align::Left), ("B", Align::Left)]);
        table.add_row(["x".into()]);
        table.add_row(["y".into(), "z".into(), "lost".into()]);
        assert_eq!(table.draw(), "A  B\nx\ny  z\n");
    }

    #[test]
    fn an_empty_table_has_its_heading() {
        assert_eq!(Table::new(&[("A", Align::Left)]).draw(), "A\n");
        assert_eq!(Table::new(&[]).draw(), "\n");
    }
}
