//! What a new server adds to files that are there.

use anyhow::{Context, Result};

/// Before the line with this, lists get their new line.
const MARK: &str = "// `./x new-server` adds a line above this one.";

/// Adds a line like `mod name;` behind the other modules, or before everything that is used.
pub(super) fn add_module(source: &str, module: &str) -> String {
    let is_module = |line: &str| {
        let line = line.strip_prefix("pub ").unwrap_or(line);
        line.starts_with("mod ") && line.ends_with(';')
    };
    let lines: Vec<&str> = source.lines().collect();
    let last = lines
        .iter()
        .rposition(|line| is_module(line) && *line != "mod tests;");
    let first_use = lines.iter().position(|line| line.starts_with("use "));
    let (place, added) = match (last, first_use) {
        (Some(last), _) => (last + 1, vec![module]),
        (None, Some(first)) => (first, vec![module, ""]),
        (None, None) => (lines.len(), vec!["", module]),
    };
    insert(&lines, place, &added)
}

/// Adds a line above the mark, as far in as the mark.
pub(super) fn add_item(source: &str, item: &str) -> Result<String> {
    let lines: Vec<&str> = source.lines().collect();
    let place = lines.iter().position(|line| line.trim() == MARK);
    let place = place.with_context(|| format!("it lacks the line `{MARK}`: put it back"))?;
    let mark = lines.get(place).copied().unwrap_or_default();
    let indent = mark.len() - mark.trim_start().len();
    let line = format!("{:indent$}{item}", "");
    Ok(insert(&lines, place, &[&line]))
}

/// Adds a service to the `calls` of a process, as the first.
pub(super) fn add_call(system: &str, process: &str, service: &str) -> Result<String> {
    let start = format!("name = \"{process}\"\n");
    let start = system.find(&start);
    let start = start.with_context(|| format!("there is no process `{process}`"))?;
    let rest = system.get(start..).unwrap_or_default();
    let end = rest.find("[[process]]").unwrap_or(rest.len());
    let list = "\ncalls = [";
    let place = rest.get(..end).and_then(|own| own.find(list));
    let place = place.with_context(|| format!("process `{process}` calls nobody"))?;
    let (before, after) = system.split_at(start + place + list.len());
    let separator = if after.trim_start().starts_with(']') {
        ""
    } else {
        ", "
    };
    Ok(format!("{before}\"{service}\"{separator}{after}"))
}

fn insert(lines: &[&str], place: usize, added: &[&str]) -> String {
    let (before, after) = lines.split_at(place.min(lines.len()));
    let mut text = [before, added, after].concat().join("\n");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_comes_behind_the_others_or_first() {
        assert_eq!(
            add_module("mod a;\npub mod b;\n\nuse c;\n\nmod tests;\n", "mod d;"),
            "mod a;\npub mod b;\nmod d;\n\nuse c;\n\nmod tests;\n"
        );
        assert_eq!(
            add_module("//! Doc.\n\nuse c;\nuse d;\n", "mod a;"),
            "//! Doc.\n\nmod a;\n\nuse c;\nuse d;\n"
        );
        assert_eq!(add_module("//! Doc.\n", "mod a;"), "//! Doc.\n\nmod a;\n");
    }

    #[test]
    fn item_comes_above_the_mark() {
        let source = format!("[\n    a,\n    {MARK}\n]\n");
        let added = add_item(&source, "b,").expect("there is the mark");
        assert_eq!(added, format!("[\n    a,\n    b,\n    {MARK}\n]\n"));
        let error = add_item("[\n]\n", "b,").expect_err("there is none");
        assert_eq!(
            error.to_string(),
            "it lacks the line `// `./x new-server` adds a line above this one.`: put it back"
        );
    }

    #[test]
    fn call_comes_first() {
        let system = "[[process]]\nname = \"a\"\ncalls = [\"x\"]\n[[process]]\nname = \"b\"\n";
        assert_eq!(
            add_call(system, "a", "new").expect("it has calls"),
            "[[process]]\nname = \"a\"\ncalls = [\"new\", \"x\"]\n[[process]]\nname = \"b\"\n"
        );
        let empty = "name = \"a\"\ncalls = []\n";
        assert_eq!(
            add_call(empty, "a", "new").expect("it has calls"),
            "name = \"a\"\ncalls = [\"new\"]\n"
        );
        let refusal = |process| {
            let error = add_call(system, process, "new").expect_err("there is no place");
            error.to_string()
        };
        assert_eq!(refusal("b"), "process `b` calls nobody");
        assert_eq!(refusal("c"), "there is no process `c`");
    }
}
