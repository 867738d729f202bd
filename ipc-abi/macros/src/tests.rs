//! What the attribute refuses: one bad example for each rule, the exact message, and its place.

use crate::expand::expand;
use crate::model::{Arguments, Interface};

/// Reads a trait; gives the expansion, or each message with the source text that it points at.
fn read(source: &str) -> Result<String, Vec<(String, String)>> {
    read_with("version = 1", source)
}

/// The same, with these arguments of the attribute; a mistake in them points at their own text.
fn read_with(arguments: &str, source: &str) -> Result<String, Vec<(String, String)>> {
    let arguments: Arguments = syn::parse_str(arguments).expect("they are arguments");
    let item = syn::parse_str(source).expect("it is a trait");
    match Interface::read(arguments, item) {
        Ok(interface) => Ok(expand(&interface).to_string()),
        Err(error) => Err(error
            .into_iter()
            .map(|mistake| (mistake.to_string(), text_at(source, mistake.span())))
            .collect()),
    }
}

/// The messages alone: some point into the attribute.
fn messages(arguments: &str, source: &str) -> Vec<String> {
    let arguments: Arguments = syn::parse_str(arguments).expect("they are arguments");
    let item = syn::parse_str(source).expect("it is a trait");
    match Interface::read(arguments, item) {
        Ok(_) => Vec::new(),
        Err(error) => error
            .into_iter()
            .map(|mistake| mistake.to_string())
            .collect(),
    }
}

fn text_at(source: &str, span: proc_macro2::Span) -> String {
    let (start, end) = (span.start(), span.end());
    let line = source
        .lines()
        .nth(start.line - 1)
        .expect("the line is there");
    let end = if end.line == start.line {
        end.column
    } else {
        line.len()
    };
    line.chars()
        .skip(start.column)
        .take(end - start.column)
        .collect()
}

/// Checks that a trait with this one method gets this one message at this place.
fn refuses_method(method: &str, message: &str, place: &str) {
    refuses(&format!("trait Sample {{ {method} }}"), message, place);
}

fn refuses(source: &str, message: &str, place: &str) {
    let expected = vec![(message.to_string(), place.to_string())];
    assert_eq!(read(source), Err(expected), "{source}");
}

#[test]
fn number_is_needed_once_and_in_range() {
    refuses_method(
        "fn go(&mut self);",
        "this method has no number: write `#[method(…)]` before it",
        "go",
    );
    refuses_method(
        "#[method(1)] #[method(2)] fn go(&mut self);",
        "this method has a number already",
        "#[method(2)]",
    );
    let message = "method 0 is every interface's own: it returns the schema";
    refuses_method("#[method(0)] fn go(&mut self);", message, "0");
    let message = "a method number is from 1 to 65000";
    refuses_method("#[method(65001)] fn go(&mut self);", message, "65001");
    refuses_method("#[method(65536)] fn go(&mut self);", message, "65536");
    let message = "numbers 1 to 64999 are missing: give them to methods, or reserve those that some \
                   had once, as in `reserved(1)`";
    refuses_method("#[method(65000)] fn go(&mut self);", message, "65000");
}

#[test]
fn number_is_taken_once() {
    refuses(
        "trait Sample { #[method(1)] fn a(&mut self); #[method(2)] fn b(&mut self); \
         #[method(0x1)] fn c(&mut self); }",
        "number 1 is taken by `a`",
        "0x1",
    );
}

#[test]
fn no_number_is_left_out_unless_it_is_reserved() {
    let source = "trait Sample { #[method(1)] fn a(&mut self); #[method(3)] fn b(&mut self); }";
    let message =
        "number 2 is missing: give it to a method, or write `reserved(2)` if one had it once";
    refuses(source, message, "3");
    assert!(read_with("version = 2, reserved(2)", source).is_ok());
    assert!(read_with("version = 2, reserved(\"gone\", 2,)", source).is_ok());
    assert!(
        read_with("version = 2, reserved(2, 4, 5)", source).is_ok(),
        "behind the last"
    );
    let message =
        "number 4 is missing: give it to a method, or write `reserved(4)` if one had it once";
    assert_eq!(messages("version = 2, reserved(2, 5)", source), [message]);
}

#[test]
fn what_is_reserved_is_not_used() {
    let source = "trait Sample { #[method(1)] fn a(&mut self); #[method(2)] fn b(&mut self); }";
    let expected = |message: &str, place: &str| Err(vec![(message.into(), place.into())]);
    let message = "number 2 is reserved: a method that is gone had it";
    assert_eq!(
        read_with("version = 2, reserved(2)", source),
        expected(message, "2")
    );
    let message = "the name `b` is reserved: a method that is gone had it";
    assert_eq!(
        read_with("version = 2, reserved(\"b\")", source),
        expected(message, "b")
    );
}

#[test]
fn nothing_is_reserved_twice() {
    let source = "trait Sample { #[method(1)] fn a(&mut self); }";
    let found = messages("version = 2, reserved(2, 2)", source);
    assert_eq!(found, ["number 2 is reserved twice"]);
    let found = messages("version = 2, reserved(\"b\", \"c\", \"b\")", source);
    assert_eq!(found, ["the name `b` is reserved twice"]);
}

#[test]
fn one_way_method_returns_nothing() {
    let message = "a one-way method returns nothing: nobody waits for it";
    refuses_method(
        "#[method(1, one_way)] fn go(&mut self) -> u32;",
        message,
        "u32",
    );
    refuses_method(
        "#[method(1, one_way)] fn go(&mut self) -> ();",
        message,
        "()",
    );
    let message = "write `#[method(1)]` or `#[method(1, one_way)]`";
    refuses_method(
        "#[method(1, two_way)] fn go(&mut self);",
        message,
        "two_way",
    );
    refuses_method("#[method(1, one_way, 2)] fn go(&mut self);", message, ",");
    refuses_method("#[method(\"one\")] fn go(&mut self);", message, "\"one\"");
}

#[test]
fn every_mistake_is_told_at_once() {
    let mistakes = read("trait Sample { fn a(&mut self); #[method(0)] fn b(&mut self); }");
    assert_eq!(mistakes.map_err(|mistakes| mistakes.len()), Err(2));
}

#[test]
fn trait_has_one_format() {
    let message = "an interface cannot be generic: its messages have one format";
    refuses("trait Sample<T> {}", message, "T");
    let message = "an interface has no supertraits: they are no part of its messages";
    refuses("trait Sample: Clone {}", message, "Clone");
    refuses(
        "unsafe trait Sample {}",
        "an interface is a safe trait",
        "unsafe",
    );
    let message = "an interface has methods and nothing else";
    refuses(
        "trait Sample { const ONE: u32; }",
        message,
        "const ONE: u32;",
    );
    refuses("trait Sample { type One; }", message, "type One;");
}

#[test]
fn method_is_plain() {
    let refuses = |method: &str, message: &str, place: &str| {
        refuses_method(&format!("#[method(1)] {method}"), message, place);
    };
    let message = "a method of an interface cannot be generic: its messages have one format";
    refuses("fn go<T>(&mut self);", message, "T");
    refuses("fn go<'a>(&mut self, text: &'a str);", message, "'a");
    let message = "a method of an interface is not async: it has one reply";
    refuses("async fn go(&mut self);", message, "async");
    let message = "a method of an interface has no unsafety of its own";
    refuses("unsafe fn go(&mut self);", message, "unsafe");
    let message = "a method of an interface has no foreign calling convention";
    refuses("extern \"C\" fn go(&mut self);", message, "extern \"C\"");
    let message = "a method of an interface has no body: the server gives it";
    refuses("fn go(&mut self) {}", message, "{}");
    let message = "every client has `connect` already: choose another name";
    refuses("fn connect(&mut self);", message, "connect");
}

#[test]
fn method_has_one_caller() {
    refuses_method(
        "#[method(1)] fn go(&mut self, a: Caller, b: u8, c: server::Caller, d: Caller);",
        "a method has one caller, and has it already",
        "server::Caller",
    );
}

#[test]
fn receiver_is_mut_self() {
    let message = "a method of an interface takes `&mut self`";
    refuses_method("#[method(1)] fn go(&self);", message, "&self");
    refuses_method("#[method(1)] fn go(self);", message, "self");
    refuses_method("#[method(1)] fn go(number: u32);", message, "number: u32");
    refuses_method("#[method(1)] fn go();", message, "go");
}

#[test]
fn argument_can_be_sent() {
    let refuses = |argument: &str, message: &str, place: &str| {
        refuses_method(
            &format!("#[method(1)] fn go(&mut self, {argument});"),
            message,
            place,
        );
    };
    let message = "the width of `usize` differs between machines: say how wide the number is";
    refuses("count: usize", message, "usize");
    refuses("pair: (u8, usize)", message, "usize");
    let message = "the width of `isize` differs between machines: say how wide the number is";
    refuses("count: isize", message, "isize");
    let message = "a service cannot change what its client has: return it instead";
    refuses("text: &mut str", message, "&mut str");
    let message = "only `&str` and `&[u8]` are borrowed from a message";
    refuses("numbers: &[u32]", message, "&[u32]");
    refuses("pair: (u8, &Point)", message, "&Point");
    let message = "a value of this type cannot be sent";
    refuses("act: fn(u32)", message, "fn(u32)");
    refuses("place: *const u8", message, "*const u8");
    refuses("any: impl Clone", message, "impl Clone");
    let message = "an argument has a name, not a pattern";
    refuses("(a, b): (u8, u8)", message, "(a, b)");
}

#[test]
fn result_can_be_sent() {
    let refuses = |returned: &str, message: &str, place: &str| {
        refuses_method(
            &format!("#[method(1)] fn go(&mut self) -> {returned};"),
            message,
            place,
        );
    };
    let message = "a method returns what it owns: the reply outlives the call";
    refuses("&str", message, "&str");
    refuses("Result<&str, u32>", message, "&str");
    let message = "write `Result<T, E>` with both types: they are sent";
    refuses("Result<u32>", message, "Result<u32>");
    let message = "the width of `usize` differs between machines: say how wide the number is";
    refuses("Result<usize, u32>", message, "usize");
}

#[test]
fn promise_is_the_answer() {
    let refuses = |rest: &str, message: &str, place: &str| {
        refuses_method(
            &format!("#[method(1)] fn go(&mut self, {rest};"),
            message,
            place,
        );
    };
    let message = "a promise or a batch is the last argument, and there is one";
    refuses("a: Promise<u8>, b: u8)", message, "a: Promise<u8>");
    refuses("a: Promise<u8>, b: Promise<u8>)", message, "a: Promise<u8>");
    let message = "a method with a promise returns nothing: the promise is answered";
    refuses("a: Promise<u8>) -> u8", message, "u8");
    refuses("a: Promise)", "write `Promise<T>`", "Promise");
    let message = "write `Result<T, E>` with both types: they are sent";
    refuses("a: Promise<Result<u32>>)", message, "Result<u32>");
    let message = "the width of `usize` differs between machines: say how wide the number is";
    refuses("a: Promise<usize>)", message, "usize");
    let message = "a one-way method answers nothing: nobody waits for it";
    let method = "#[method(1, one_way)] fn go(&mut self, a: Promise<u8>);";
    refuses_method(method, message, "Promise<u8>");
}

#[test]
fn batch_is_the_list() {
    let refuses = |rest: &str, message: &str, place: &str| {
        refuses_method(
            &format!("#[method(1)] fn go(&mut self, {rest};"),
            message,
            place,
        );
    };
    let message = "a promise or a batch is the last argument, and there is one";
    refuses(
        "a: &mut Batch<'_, u8>, b: u8)",
        message,
        "a: &mut Batch<'_, u8>",
    );
    refuses(
        "a: Promise<u8>, b: &mut Batch<'_, u8>)",
        message,
        "a: Promise<u8>",
    );
    let message =
        "a method with a batch returns nothing or `Result<(), E>`: what it lists is in the batch";
    refuses("a: &mut Batch<'_, u8>) -> u8", message, "u8");
    refuses(
        "a: &mut Batch<'_, u8>) -> Result<u8, u8>",
        message,
        "Result<u8, u8>",
    );
    let message = "write `&mut Batch<'_, T>`";
    refuses("a: Batch<'_, u8>)", message, "Batch<'_, u8>");
    refuses("a: &Batch<'_, u8>)", message, "&Batch<'_, u8>");
    refuses("a: &mut Batch<'_>)", message, "&mut Batch<'_>");
    let message = "a method returns what it owns: the reply outlives the call";
    refuses("a: &mut Batch<'_, &str>)", message, "&str");
    let message = "the width of `usize` differs between machines: say how wide the number is";
    refuses("a: &mut Batch<'_, usize>)", message, "usize");
    let message = "a one-way method answers nothing: nobody waits for it";
    let method = "#[method(1, one_way)] fn go(&mut self, a: &mut Batch<'_, u8>);";
    refuses_method(method, message, "&mut Batch<'_, u8>");
}

#[test]
fn capabilities_have_their_places() {
    let refuses = |rest: &str, message: &str, place: &str| {
        refuses_method(
            &format!("#[method(1)] fn go(&mut self, {rest};"),
            message,
            place,
        );
    };
    let message = "a capability stands by itself, in a tuple, or in `Ok`: there is no place for it in another type";
    refuses("a: Option<Granted<Frame>>)", message, "Granted");
    refuses("a: Vec<Granted<Frame>, 2>)", message, "Granted");
    refuses("a: [Granted<Frame>; 2])", message, "Granted");
    refuses("a: &Granted<Frame>)", message, "Granted");
    refuses("a: (u8, Option<Granted<Frame>>))", message, "Granted");
    refuses_payload("struct A(Granted<Frame>);", message, "Granted");
    refuses(
        ") -> Result<Option<Granted<Frame>>, u8>",
        message,
        "Granted",
    );
    let message = "write `Granted<K>`: an interface's marker, or one of `object`";
    refuses("a: Granted)", message, "Granted");
    refuses("a: Granted<Frame, u8>)", message, "Granted<Frame, u8>");
    refuses(
        "a: Granted<Granted<Frame>>)",
        message,
        "Granted<Granted<Frame>>",
    );
    let message = "a message carries at most four capabilities";
    refuses(
        "a: (Granted<A>, Granted<B>, Granted<C>), b: (Granted<A>, u8, Granted<A>))",
        message,
        "(Granted<A>, u8, Granted<A>)",
    );
    let five = "(Granted<A>, Granted<A>, Granted<A>, Granted<A>, Granted<A>)";
    refuses(&format!(") -> {five}"), message, five);
    let message = "an error brings no capabilities";
    refuses(") -> Result<u8, Granted<A>>", message, "Granted<A>");
    let message = "a late answer brings no capabilities: return them";
    refuses("a: Promise<Granted<A>>)", message, "Granted<A>");
    let message = "a list brings no capabilities: return them";
    refuses("a: &mut Batch<'_, Granted<A>>)", message, "Granted<A>");
    let message =
        "a method with a batch takes no capabilities: its arguments are sent again and again";
    refuses(
        "a: Granted<A>, b: &mut Batch<'_, u8>)",
        message,
        "Granted<A>",
    );
}

#[test]
fn attribute_takes_a_version_and_what_is_reserved() {
    let message = |text| {
        syn::parse_str::<Arguments>(text)
            .map(drop)
            .map_err(|e| e.to_string())
    };
    assert_eq!(message("version = 7"), Ok(()));
    assert_eq!(message("version = 7, reserved(1, \"a\", 2)"), Ok(()));
    let expected = Err(
        "write `#[interface(version = 1)]` or `#[interface(version = 1, reserved(2, \"old_name\"))]`"
            .to_string(),
    );
    assert_eq!(message(""), expected);
    assert_eq!(message("revision = 1"), expected);
    assert_eq!(message("version = 1, more(1)"), expected);
    assert_eq!(message("version = 1, 2"), expected);
    assert_eq!(message("version = 1, reserved(2), reserved(3)"), expected);
    assert!(message("version = -1").is_err() && message("version = 4294967296").is_err());
    let expected = Err("a number or a name that a method had once is reserved".to_string());
    assert_eq!(message("version = 1, reserved(gone)"), expected);
    let expected = Err("method 0 is every interface's own: it returns the schema".to_string());
    assert_eq!(message("version = 1, reserved(0)"), expected);
    let expected = Err("a method number is from 1 to 65000".to_string());
    assert_eq!(message("version = 1, reserved(65001)"), expected);
}

/// Checks that this type gets this one message at this place.
fn refuses_payload(source: &str, message: &str, place: &str) {
    let item = syn::parse_str(source).expect("it is a type");
    let error = crate::payload::expand(&item).expect_err("it is no payload");
    let found = (error.to_string(), text_at(source, error.span()));
    assert_eq!(found, (message.to_string(), place.to_string()), "{source}");
}

#[test]
fn payload_has_one_format_that_everybody_sees() {
    let message = "a payload is not generic and owns what it has: its bytes have one format";
    refuses_payload("struct Sample<T>(T);", message, "T");
    refuses_payload("struct Sample<'a>(&'a str);", message, "'a");
    let message = "an attribute of serde changes the format, and nobody would see it";
    refuses_payload(
        "#[serde(transparent)] struct A(u8);",
        message,
        "#[serde(transparent)]",
    );
    refuses_payload(
        "struct A { #[serde(skip)] a: u8 }",
        message,
        "#[serde(skip)]",
    );
    refuses_payload("enum A { #[serde(skip)] B }", message, "#[serde(skip)]");
    refuses_payload("enum A { B(#[serde(skip)] u8) }", message, "#[serde(skip)]");
    let message = "the variants of a payload are numbered from 0 in their order";
    refuses_payload("enum A { B, C = 7 }", message, "7");
    let message = "a union is no payload: nothing says which of its fields is meant";
    refuses_payload("union A { a: u8, b: i8 }", message, "union");
    let message = "the width of `usize` differs between machines: say how wide the number is";
    refuses_payload("struct A { a: (u8, usize) }", message, "usize");
    let message = "a value of this type cannot be sent";
    refuses_payload("struct A(fn());", message, "fn()");
}

#[test]
fn documentation_is_text() {
    let source = "#[doc = \" One.\"] #[doc = \"\"] #[inline] #[doc = \"   Two.\"] struct A;";
    let item: syn::DeriveInput = syn::parse_str(source).expect("it is a type");
    assert_eq!(crate::docs::text_of(&item.attrs), "One.\n\n  Two.");
}
