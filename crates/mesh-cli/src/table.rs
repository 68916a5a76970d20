//! A table on the terminal: columns as wide as their widest cell.

/// A table of text.
pub struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    /// Columns from this one on are aligned to the right.
    right_from: usize,
}

impl Table {
    /// A table of figures: the first column is aligned to the left, all others to the right.
    pub fn of_figures(headings: &[&'static str]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new(), right_from: 1 }
    }

    /// A table of texts, all aligned to the left.
    pub fn of_texts(headings: &[&'static str]) -> Self {
        Self { right_from: headings.len(), ..Self::of_figures(headings) }
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
                left if left < self.right_from => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
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
        let mut table = Table::of_figures(&["asset", "kWh"]);
        table.row(["rover".to_owned(), "1.5".to_owned()]);
        table.row(["habitat–2".to_owned()]);
        assert_eq!(table.to_text(), "asset      kWh\nrover      1.5\nhabitat–2\n");
    }
}
