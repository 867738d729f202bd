//! The table that `./x bench` prints.

use super::figure::{Measured, Results};
use super::reference::{Figure, Other, Reference};
use std::fmt::Write;

const HEADINGS: [&str; 8] = [
    "figure",
    "unit",
    "Pecan",
    "bar",
    "seL4",
    "seL4 MCS",
    "Linux",
    "seL4/Pecan",
];

/// The table: ours, the bar, the others, and how many times ours seL4's is.
pub(crate) fn print(results: &Results, reference: &Reference) -> String {
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    for figure in reference.figures() {
        if let Some(measured) = results.find(&figure.name) {
            rows.push(row(measured, Some(figure), reference));
        }
    }
    for measured in results.all() {
        let is_listed = reference
            .figures()
            .iter()
            .any(|it| it.name == measured.name);
        if !is_listed {
            rows.push(row(measured, None, reference));
        }
    }
    let mut text = align(&rows);
    for line in reference.sources() {
        // Writing to a string cannot fail.
        let _written = writeln!(text, "{line}");
    }
    text
}

fn row(measured: &Measured, figure: Option<&Figure>, reference: &Reference) -> [String; 8] {
    let show = |value: Option<u64>| value.map_or_else(String::new, group_digits);
    let other = |other| figure.and_then(|figure| reference.value(figure, other));
    let ours = if measured.min == measured.max {
        group_digits(measured.median)
    } else {
        format!(
            "{} ({}-{})",
            group_digits(measured.median),
            group_digits(measured.min),
            group_digits(measured.max)
        )
    };
    [
        measured.name.clone(),
        measured.unit.clone(),
        ours,
        show(figure.and_then(|figure| figure.bar)),
        show(other(Other::Sel4)),
        show(other(Other::Sel4Mcs)),
        show(other(Other::Linux)),
        other(Other::Sel4).map_or_else(String::new, |sel4| ratio(sel4, measured.median)),
    ]
}

/// How many times `ours` another figure is, with one digit after the point.
fn ratio(other: u64, ours: u64) -> String {
    let tenths = other.saturating_mul(10).checked_div(ours);
    tenths.map_or_else(String::new, |tenths| {
        format!("{}.{}x", tenths / 10, tenths % 10)
    })
}

/// `12345` as `12,345`.
fn group_digits(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Rows with equally wide columns: names to the left, numbers to the right.
fn align(rows: &[[String; 8]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let width = width(column);
            if column < 2 {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped() {
        assert_eq!(group_digits(0), "0");
        assert_eq!(group_digits(999), "999");
        assert_eq!(group_digits(1000), "1,000");
        assert_eq!(group_digits(12_345_678), "12,345,678");
    }

    #[test]
    fn ratio_has_one_digit() {
        assert_eq!(ratio(409, 165), "2.4x");
        assert_eq!(ratio(409, 0), "");
    }

    #[test]
    fn table_shows_ours_beside_the_others() {
        let mut results = Results::default();
        for (name, value) in [("syscall/null", 25), ("new/figure", 7)] {
            let added = results.add(Measured::exact(name, "instructions", value));
            assert!(added.is_ok());
        }
        let reference = Reference::load().expect("the files are right");
        let text = print(&results, &reference);
        let words = |start: &str| -> Vec<String> {
            let line = text.lines().find(|line| line.starts_with(start));
            let line = line.expect("the line is there");
            line.split_whitespace().map(str::to_owned).collect()
        };
        assert_eq!(
            words("syscall/null"),
            [
                "syscall/null",
                "instructions",
                "25",
                "40",
                "91",
                "472",
                "3.6x"
            ]
        );
        assert_eq!(words("new/figure"), ["new/figure", "instructions", "7"]);
    }
}
