//! A table on the terminal: columns as wide as their widest cell.

use std::ops::Range;

/// A table of text.
pub struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    /// The columns that are aligned to the right.
    right: Range<usize>,
}

impl Table {
    /// A table whose columns in `right`, those of figures, are aligned to the right.
    pub fn new(headings: &[&'static str], right: Range<usize>) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new(), right }
    }

    /// Adds a row; cells beyond the last column are dropped, missing ones are empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut cells: Vec<String> = cells.into_iter().collect();
        cells.resize(self.headings.len(), String::new());
        self.rows.push(cells);
    }

    /// The table as text, two blanks between columns, no blanks at the end of a line.
    pub fn to_text(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].as_str());
            cells.chain([self.headings[column]]).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.headings.len()).map(width).collect();
        let headings = self.headings.iter().map(|heading| (*heading).to_owned()).collect();
        let mut text = String::new();
        for row in std::iter::once(&headings).chain(&self.rows) {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
                right if self.right.contains(&right) => format!("{cell:>width$}"),
                _ => format!("{cell:<width$}"),
            });
            text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["asset", "kWh", ""], 1..2);
        table.row(["rover".to_owned(), "1.5".to_owned(), "low".to_owned()]);
        table.row(["habitat–2".to_owned()]);
        assert_eq!(table.to_text(), "asset      kWh\nrover      1.5  low\nhabitat–2\n");
    }
}
