//! Rows in columns.

/// Characters of the widest cell.
const CELL_CHARS_MAX: usize = 48;

/// Lays rows out under their headings.
pub(super) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let clip = |cell: &str| -> String {
        let line = cell.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.chars().count() <= CELL_CHARS_MAX {
            return line;
        }
        line.chars().take(CELL_CHARS_MAX - 1).chain(['…']).collect()
    };
    let mut lines = vec![headings.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()];
    lines.extend(rows.iter().map(|row| row.iter().map(|cell| clip(cell)).collect()));
    let widths: Vec<usize> = (0..headings.len())
        .map(|at| {
            lines
                .iter()
                .filter_map(|line| line.get(at))
                .map(|it| it.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for line in lines {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["job_1".to_owned(), "a\nb".to_owned()]];
        assert_eq!(
            super::table(&["ID", "TITLE"], &rows),
            "ID     TITLE\njob_1  a b\n"
        );
    }
}
