//! The services' pages in the book, which are made from their interfaces.

mod page;
mod structure;

use crate::workspace;
use anyhow::{Context, Result};
use ipc_abi::service::{SERVICES, Service};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the pages are, from the root.
const FOLDER: &str = "docs/book/services";
/// The page that lists the others.
const CONTENTS: &str = "README.md";

/// A page: the name of its file, and its text.
type Page = (String, String);

/// Writes the pages; removes those of services that are gone.
pub(crate) fn write() -> Result<()> {
    let folder = folder();
    fs::create_dir_all(&folder).context("cannot make the folder of the services' pages")?;
    let pages = pages();
    for name in names(&folder)? {
        if pages.iter().all(|(page, _)| *page != name) {
            fs::remove_file(folder.join(&name)).with_context(|| format!("cannot remove {name}"))?;
        }
    }
    for (name, text) in pages {
        fs::write(folder.join(&name), text).with_context(|| format!("cannot write {name}"))?;
    }
    Ok(())
}

/// Tells which pages are not what the interfaces say.
pub(crate) fn check() -> Option<String> {
    match find_wrong(&folder(), &pages()) {
        Err(error) => Some(format!("{error:#}")),
        Ok(wrong) if wrong.is_empty() => None,
        Ok(wrong) => Some(format!(
            "not what the interfaces say: {}: run `./x services`",
            wrong.join(", ")
        )),
    }
}

fn folder() -> PathBuf {
    workspace::root().join(FOLDER)
}

fn pages() -> Vec<Page> {
    let of_service = |service: &Service| (format!("{}.md", service.name), page::draw(service));
    let mut pages: Vec<Page> = SERVICES.iter().map(of_service).collect();
    pages.push((CONTENTS.to_owned(), draw_contents(SERVICES)));
    pages
}

fn draw_contents(services: &[Service]) -> String {
    let mut text = String::from(
        "# The services\n\nWhat each can be asked, and what travels then. `./x services` makes these \
         pages from the\ninterfaces (`ipc-abi/src/service`); `./x check` compares them.\n\n\
         A number that is an argument or a result by itself has fixed width, least significant byte\n\
         first. All else is postcard, where a number in a struct, an enum or a list is as short as it\n\
         can be, and a text or a list starts with its length.\n\n| service | interface | version |\n|---|---|---|\n",
    );
    for Service {
        name,
        interface,
        schema,
        ..
    } in services
    {
        let version = schema.version;
        let _ = writeln!(
            text,
            "| [`{name}`]({name}.md) | `{interface}` | {version} |"
        );
    }
    text
}

/// The names of the files in the folder.
fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).context("there are no pages of services")? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// The names of pages that are missing, differ, or are of no service.
fn find_wrong(folder: &Path, pages: &[Page]) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for (name, text) in pages {
        let found = fs::read_to_string(folder.join(name)).unwrap_or_default();
        if found != *text {
            wrong.push(name.clone());
        }
    }
    for name in names(folder)? {
        if pages.iter().all(|(page, _)| *page != name) {
            wrong.push(name);
        }
    }
    Ok(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_changed_and_forgotten_pages_are_told() {
        let folder = std::env::temp_dir().join(format!("pecan-services-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("there is a place for it");
        for (name, text) in [("same.md", "a"), ("changed.md", "b"), ("gone.md", "c")] {
            fs::write(folder.join(name), text).expect("it is written");
        }
        let page = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let pages = [
            page("same.md", "a"),
            page("changed.md", "x"),
            page("new.md", "d"),
        ];
        let wrong = find_wrong(&folder, &pages);
        fs::remove_dir_all(&folder).expect("it is ours");
        assert_eq!(
            wrong.expect("it is read"),
            ["changed.md", "new.md", "gone.md"]
        );
    }

    #[test]
    fn every_service_has_a_line_of_the_contents() {
        let text = draw_contents(SERVICES);
        assert!(
            text.contains("| [`console`](console.md) | `Console` | 2 |"),
            "{text}"
        );
    }
}
