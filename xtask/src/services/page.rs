//! The page of one service.

use super::structure::{collect, draw as draw_type, name, plain};
use ipc_abi::interface::structure::Structure;
use ipc_abi::interface::{MethodInfo, MethodKind, ValueInfo};
use ipc_abi::service::Service;
use std::fmt::Write as _;

/// The page's text.
pub(super) fn draw(service: &Service) -> String {
    let Service {
        name,
        interface,
        docs,
        schema,
        methods,
    } = service;
    let mut text = String::new();
    let (version, hash) = (schema.version, schema.hash);
    let _ = writeln!(text, "# {interface}\n\n{}\n", plain(docs));
    let _ = writeln!(
        text,
        "Version {version}, schema `{hash:016x}`. Made from `ipc-abi/src/service/{name}.rs` by \
         `./x services`.\n"
    );
    text.push_str("| | method | its client gets |\n|---|---|---|\n");
    for method in *methods {
        draw_row(method, &mut text);
    }
    for method in *methods {
        draw_method(method, &mut text);
    }
    let mut types = Vec::new();
    for method in *methods {
        for value in values(method) {
            collect(&value.structure, &mut types);
        }
    }
    if !types.is_empty() {
        text.push_str("\n## Types\n");
    }
    for structure in &types {
        draw_type(structure, &mut text);
    }
    text
}

/// All that travels for a method.
fn values(method: &MethodInfo) -> impl Iterator<Item = &ValueInfo> {
    let results = [&method.result].into_iter().chain(&method.error);
    method.arguments.iter().chain(results)
}

fn draw_row(method: &MethodInfo, text: &mut String) {
    let arguments: Vec<String> = method
        .arguments
        .iter()
        .map(|argument| format!("{}: {}", argument.name, argument.written))
        .collect();
    let result = name(&method.result.structure);
    let result = match method.kind {
        MethodKind::Call => result,
        MethodKind::OneWay => String::from("no answer: one way"),
        MethodKind::Late => format!("{result}, which may come later"),
        MethodKind::Stream => format!("items, one after the other: {result}"),
    };
    let error = match &method.error {
        Some(error) => format!("; or {}", name(&error.structure)),
        None => String::new(),
    };
    let (number, name, arguments) = (method.number, method.name, arguments.join(", "));
    let _ = writeln!(
        text,
        "| {number} | `{name}({arguments})` | {result}{error} |"
    );
}

fn draw_method(method: &MethodInfo, text: &mut String) {
    let docs = plain(method.docs);
    let _ = writeln!(text, "\n## {} `{}`\n\n{docs}", method.number, method.name);
    let mut request = Layout::default();
    if method.kind == MethodKind::Stream {
        request.add("(position)", "`u64`, 0 at first", Some(8));
    }
    for argument in method.arguments {
        let kind = travels(argument);
        request.add(&format!("`{}`", argument.name), &kind, argument.size);
    }
    request.draw("request", text);
    let mut reply = Layout::default();
    match method.kind {
        MethodKind::OneWay => return,
        MethodKind::Call | MethodKind::Late => {
            let size = method.result.size;
            if size != Some(0) {
                reply.add("the result", &travels(&method.result), size);
            }
        }
        MethodKind::Stream => {
            reply.add("where to go on", "`u64`", Some(8));
            reply.add("whether that was all", "`bool`", Some(1));
            reply.add("how many items follow", "`u16`", Some(2));
            reply.add("the items", &travels(&method.result), None);
        }
    }
    reply.draw("reply with status 0", text);
    if let Some(error) = &method.error {
        let mut reply = Layout::default();
        reply.add("the error", &travels(error), error.size);
        reply.draw("reply with status 1", text);
    }
}

/// A type, and how it travels if that is not plain from it.
fn travels(value: &ValueInfo) -> String {
    let kind = name(&value.structure);
    match (value.structure, value.wire) {
        (Structure::Scalar(_), "plain") => format!("{kind} in postcard"),
        _ => kind,
    }
}

/// The layout of a message.
#[derive(Default)]
struct Layout {
    rows: String,
    /// Where the next value starts, as long as that is always the same.
    offset: Offset,
}

/// Where a value starts.
enum Offset {
    Fixed(usize),
    Behind,
}

impl Default for Offset {
    fn default() -> Offset {
        Offset::Fixed(0)
    }
}

impl Layout {
    fn add(&mut self, name: &str, kind: &str, size: Option<usize>) {
        let place = match self.offset {
            Offset::Fixed(offset) => offset.to_string(),
            Offset::Behind => String::from("behind it"),
        };
        let width = size.map_or_else(|| String::from("varies"), |size| size.to_string());
        let _ = writeln!(self.rows, "| {place} | {width} | {name} | {kind} |");
        self.offset = match (&self.offset, size) {
            (Offset::Fixed(offset), Some(size)) => Offset::Fixed(offset + size),
            (Offset::Fixed(_), None) | (Offset::Behind, _) => Offset::Behind,
        };
    }

    fn draw(&self, what: &str, text: &mut String) {
        if self.rows.is_empty() {
            let _ = writeln!(text, "\nThe {what} is empty.");
            return;
        }
        let _ = writeln!(
            text,
            "\n| byte | bytes | {what} | type |\n|---|---|---|---|"
        );
        text.push_str(&self.rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_told_while_they_are_always_the_same() {
        let mut layout = Layout::default();
        layout.add("a", "`u64`", Some(8));
        layout.add("b", "text", None);
        layout.add("c", "`u8`", Some(1));
        let rows =
            "| 0 | 8 | a | `u64` |\n| 8 | varies | b | text |\n| behind it | 1 | c | `u8` |\n";
        assert_eq!(layout.rows, rows);
    }

    #[test]
    fn every_method_and_type_is_on_its_page() {
        let console = ipc_abi::service::SERVICES
            .iter()
            .find(|it| it.name == "console");
        let text = draw(console.expect("there is a console"));
        for part in [
            "# Console\n",
            "| 1 | `write(text: &[u8])` | nothing; or [`ConsoleError`](#consoleerror) |",
            "| 2 | `read_line(prompt: &str)` | text of at most 240 bytes, which may come later; or ",
            "\n## 3 `statistics`\n",
            "\nThe request is empty.\n",
            "\n### Statistics\n",
            "| `bytes` | `u64` | Bytes that came without an error. |",
            "| 0 | `TextTooLong` | – | ",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}
