//! The table of links in the README is this one.

extern crate std;
use std::{format, string::String};

use crate::links::LINKS;

#[test]
fn readme_shows_every_link() {
    let readme = include_str!("../../README.md");
    let table: String = LINKS
        .iter()
        .map(|row| {
            format!(
                "| {} | {} | {} | {} | {} |\n",
                row.object,
                row.fields,
                row.target,
                row.class.name(),
                row.rule
            )
        })
        .collect();
    assert!(
        readme.contains(&table),
        "microkernel/README.md, section Links, should read:\n{table}"
    );
}
