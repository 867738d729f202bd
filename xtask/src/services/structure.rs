//! How values are made up, in words.

use ipc_abi::interface::structure::{Field, Structure};
use std::fmt::Write as _;

/// The name of a type in a table.
pub(super) fn name(structure: &Structure) -> String {
    match structure {
        Structure::Scalar(name) => format!("`{name}`"),
        Structure::Text(None) => String::from("text"),
        Structure::Text(Some(limit)) => format!("text of at most {limit} bytes"),
        Structure::List(item, None) => format!("list of {}", name(item)),
        Structure::List(item, Some(limit)) => format!("list of {}, at most {limit}", name(item)),
        Structure::Array(item, count) => format!("{count} of {}", name(item)),
        Structure::Optional(inner) => format!("{} or nothing", name(inner)),
        Structure::Tuple([]) => String::from("nothing"),
        Structure::Tuple(elements) => {
            let names: Vec<String> = elements.iter().map(name).collect();
            format!("({})", names.join(", "))
        }
        Structure::Struct { name, .. } | Structure::Enum { name, .. } => {
            format!("[`{name}`](#{})", name.to_lowercase())
        }
        Structure::Capability {
            interface: Some(interface),
            ..
        } => format!("capability: a way in to a service that speaks `{interface}`"),
        Structure::Capability {
            kind,
            interface: None,
        } => format!("capability: `{kind}`"),
    }
}

/// Adds the types with names that `structure` is made of to `found`, in the order in which they come.
pub(super) fn collect(structure: &Structure, found: &mut Vec<Structure>) {
    match structure {
        Structure::Scalar(_) | Structure::Text(_) | Structure::Capability { .. } => {}
        Structure::List(inner, _) | Structure::Array(inner, _) | Structure::Optional(inner) => {
            collect(inner, found);
        }
        Structure::Tuple(elements) => elements.iter().for_each(|it| collect(it, found)),
        Structure::Struct { fields, .. } => {
            if !found.contains(structure) {
                found.push(*structure);
                fields.iter().for_each(|it| collect(&it.structure, found));
            }
        }
        Structure::Enum { variants, .. } => {
            if !found.contains(structure) {
                found.push(*structure);
                let fields = variants.iter().flat_map(|it| it.fields);
                fields.for_each(|it| collect(&it.structure, found));
            }
        }
    }
}

/// Writes the section of a type with a name.
pub(super) fn draw(structure: &Structure, text: &mut String) {
    match structure {
        Structure::Struct { name, docs, fields } => {
            let _ = writeln!(text, "\n### {name}\n\n{}\n", plain(docs));
            text.push_str("| field | type | |\n|---|---|---|\n");
            for field in *fields {
                let (kind, docs) = (self::name(&field.structure), line(field.docs));
                let _ = writeln!(text, "| `{}` | {kind} | {docs} |", field.name);
            }
        }
        Structure::Enum {
            name,
            docs,
            variants,
        } => {
            let _ = writeln!(text, "\n### {name}\n\n{}\n", plain(docs));
            text.push_str("| number | variant | with | |\n|---|---|---|---|\n");
            for (number, variant) in variants.iter().enumerate() {
                let (with, docs) = (list(variant.fields), line(variant.docs));
                let _ = writeln!(text, "| {number} | `{}` | {with} | {docs} |", variant.name);
            }
        }
        Structure::Scalar(_)
        | Structure::Text(_)
        | Structure::List(..)
        | Structure::Array(..)
        | Structure::Optional(_)
        | Structure::Tuple(_)
        | Structure::Capability { .. } => {}
    }
}

fn list(fields: &[Field]) -> String {
    let fields = fields.iter().map(|field| {
        let kind = name(&field.structure);
        if field.name.starts_with(|it: char| it.is_ascii_digit()) {
            kind
        } else {
            format!("`{}`: {kind}", field.name)
        }
    });
    let fields: Vec<String> = fields.collect();
    if fields.is_empty() {
        String::from("–")
    } else {
        fields.join(", ")
    }
}

/// Documentation as a cell of a table.
fn line(docs: &str) -> String {
    plain(docs).replace('\n', " ").replace('|', "\\|")
}

/// Documentation outside its module: links to items are their names, headings are words.
pub(super) fn plain(docs: &str) -> String {
    let docs = docs.replace("# Errors\n\n", "Errors: ");
    let mut text = String::new();
    let mut rest = docs.as_str();
    while let Some((before, after)) = rest.split_once("[`") {
        let Some((name, behind)) = after.split_once("`]") else {
            break;
        };
        let _ = write!(
            text,
            "{before}`{}`",
            name.rsplit("::").next().unwrap_or(name)
        );
        // The target of a link, if it is written out.
        rest = match behind.strip_prefix('(').and_then(|it| it.split_once(')')) {
            Some((_, behind)) => behind,
            None => behind,
        };
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_in_words() {
        let bytes = Structure::List(&Structure::Scalar("u8"), Some(4));
        assert_eq!(name(&bytes), "list of `u8`, at most 4");
        assert_eq!(
            name(&Structure::Optional(&Structure::Text(None))),
            "text or nothing"
        );
        assert_eq!(
            name(&Structure::Array(&Structure::Scalar("u16"), 3)),
            "3 of `u16`"
        );
        assert_eq!(name(&Structure::Tuple(&[])), "nothing");
        let pair = Structure::Tuple(&[Structure::Scalar("u8"), Structure::Text(Some(9))]);
        assert_eq!(name(&pair), "(`u8`, text of at most 9 bytes)");
        let capability = |kind, interface| name(&Structure::Capability { kind, interface });
        assert_eq!(capability("Frame", None), "capability: `Frame`");
        let way_in = "capability: a way in to a service that speaks `File`";
        assert_eq!(capability("Gate", Some("File")), way_in);
    }

    #[test]
    fn links_become_names_and_headings_words() {
        let docs = "Does [`super::A`] or [`B`](crate::b::B).\n\n# Errors\n\n`No`.";
        assert_eq!(plain(docs), "Does `A` or `B`.\n\nErrors: `No`.");
    }
}
