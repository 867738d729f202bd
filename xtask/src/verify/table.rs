//! The claims table of `verification/README.md`: written from the claims, and compared with them.

use super::claim::Claim;
use anyhow::{Context, Result};
use std::fmt::Write;

const BEGIN: &str = "<!-- claims: written by `./x verify --write-table` -->";
const END: &str = "<!-- end of the claims -->";

/// The table of all parts, each with its claims.
pub(crate) fn generate(parts: &[(&str, Vec<Claim>)]) -> String {
    let mut table = String::from(
        "| property | how it is checked | on what artefact | bound or assumption | count | command |\n\
         |---|---|---|---|---|---|\n",
    );
    for (part, claims) in parts {
        for claim in claims {
            let cells = [&claim.property, &claim.how, &claim.artefact, &claim.bound];
            for cell in cells {
                // Writing to a text does not fail.
                let _ = write!(table, "| {} ", cell.replace('|', "\\|"));
            }
            let command = match claim.bounded {
                0 => format!("`./x verify --all {part}`"),
                _ => format!("`./x verify {part}`"),
            };
            let _ = writeln!(table, "| {} | {command} |", count(claim));
        }
    }
    table
}

fn count(claim: &Claim) -> String {
    let all = group_digits(claim.all);
    match claim.bounded {
        0 => all,
        bounded if bounded == claim.all => all,
        bounded => format!("{}, and {all} with `--all`", group_digits(bounded)),
    }
}

/// A number with a comma after each group of three digits.
fn group_digits(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The page with `table` between the marks.
///
/// # Errors
/// If the page has no marks.
pub(crate) fn insert(page: &str, table: &str) -> Result<String> {
    let (before, rest) = page
        .split_once(BEGIN)
        .with_context(|| format!("the page has no {BEGIN}"))?;
    let (_, after) = rest
        .split_once(END)
        .with_context(|| format!("the page has no {END}"))?;
    Ok(format!("{before}{BEGIN}\n\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::super::claim::tests::example;
    use super::*;

    #[test]
    fn each_claim_is_a_row() {
        let parts = [(
            "p",
            vec![example("p/a", 0, 1234), example("p/b", 2, 1_000_000)],
        )];
        let table = generate(&parts);
        let rows: Vec<&str> = table.lines().skip(2).collect();
        let start = "| a property | a method | a thing | a bound |";
        assert_eq!(
            rows,
            [
                format!("{start} 1,234 | `./x verify --all p` |"),
                format!("{start} 2, and 1,000,000 with `--all` | `./x verify p` |"),
            ]
        );
    }

    #[test]
    fn bars_do_not_end_a_cell() {
        let mut claim = example("p/a", 1, 1);
        claim.how = "a | b".to_owned();
        assert!(generate(&[("p", vec![claim])]).contains("| a \\| b |"));
    }

    #[test]
    fn table_stands_between_the_marks() {
        let page = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let written = insert(&page, "new\n").expect("it has marks");
        assert_eq!(written, format!("a\n{BEGIN}\n\nnew\n\n{END}\nb\n"));
        assert_eq!(insert(&written, "new\n").expect("it has marks"), written);
        assert!(insert("a", "new").is_err());
    }
}
