//! An interface, as its author wrote it and checked.

use std::collections::BTreeSet;

use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, ItemTrait, LitInt, LitStr, Result, Token, TraitItem};

use crate::method::Method;
use crate::number::{self, Number};

/// What the attribute looks like.
const SHAPE: &str =
    "write `#[interface(version = 1)]` or `#[interface(version = 1, reserved(2, \"old_name\"))]`";

/// The arguments of the attribute: `version = 1, reserved(2, "old_name")`.
pub(crate) struct Arguments {
    version: u32,
    reserved: Vec<Reserved>,
}

/// What a method had that is gone.
enum Reserved {
    Number(Number),
    Name(LitStr),
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Arguments> {
        read_word(input, "version")?;
        input.parse::<Token![=]>()?;
        let version = input.parse::<LitInt>()?.base10_parse()?;
        let mut reserved = Vec::new();
        if input.peek(Token![,]) && input.peek2(syn::Ident) {
            input.parse::<Token![,]>()?;
            read_word(input, "reserved")?;
            let list;
            syn::parenthesized!(list in input);
            let list = Punctuated::<Reserved, Token![,]>::parse_terminated(&list)?;
            reserved.extend(list);
        }
        if input.is_empty() {
            Ok(Arguments { version, reserved })
        } else {
            Err(input.error(SHAPE))
        }
    }
}

fn read_word(input: ParseStream<'_>, word: &str) -> Result<()> {
    let name: syn::Ident = input
        .parse()
        .map_err(|error| Error::new(error.span(), SHAPE))?;
    if name == word {
        Ok(())
    } else {
        Err(Error::new(name.span(), SHAPE))
    }
}

impl Parse for Reserved {
    fn parse(input: ParseStream<'_>) -> Result<Reserved> {
        if input.peek(LitStr) {
            return Ok(Reserved::Name(input.parse()?));
        }
        let number: LitInt = input.parse().map_err(|error| {
            let message = "a number or a name that a method had once is reserved";
            Error::new(error.span(), message)
        })?;
        Ok(Reserved::Number(Number::read(&number)?))
    }
}

/// An interface.
pub(crate) struct Interface {
    /// The version that its author gave it.
    pub(crate) version: u32,
    /// The trait, without the `#[method]` attributes.
    pub(crate) item: ItemTrait,
    /// Its methods, by number.
    pub(crate) methods: Vec<Method>,
}

impl Interface {
    /// Reads an interface; tells every mistake at once.
    pub(crate) fn read(arguments: Arguments, mut item: ItemTrait) -> Result<Interface> {
        let mut mistakes = Mistakes::default();
        mistakes.add(check_trait(&item));
        let mut methods: Vec<Method> = Vec::new();
        for member in &mut item.items {
            let TraitItem::Fn(function) = member else {
                let message = "an interface has methods and nothing else";
                mistakes.add(Err(Error::new_spanned(member, message)));
                continue;
            };
            match Method::read(function) {
                Ok(method) => methods.push(method),
                Err(error) => mistakes.add(Err(error)),
            }
        }
        let (numbers, names) = split(arguments.reserved);
        // A method that could not be read may have the number that seems to be missing.
        if mistakes.are_none() {
            number::check(&methods, &numbers, &mut mistakes);
        }
        check_names(&methods, &names, &mut mistakes);
        mistakes.into_result()?;
        methods.sort_by_key(|method| method.number.value);
        Ok(Interface {
            version: arguments.version,
            item,
            methods,
        })
    }
}

fn split(reserved: Vec<Reserved>) -> (Vec<Number>, Vec<LitStr>) {
    let (mut numbers, mut names) = (Vec::new(), Vec::new());
    for entry in reserved {
        match entry {
            Reserved::Number(number) => numbers.push(number),
            Reserved::Name(name) => names.push(name),
        }
    }
    (numbers, names)
}

fn check_names(methods: &[Method], reserved: &[LitStr], mistakes: &mut Mistakes) {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for name in reserved {
        if !seen.insert(name.value()) {
            let message = format!("the name `{}` is reserved twice", name.value());
            mistakes.add(Err(Error::new(name.span(), message)));
        }
    }
    for method in methods {
        if seen.contains(&method.name.to_string()) {
            let message = format!(
                "the name `{}` is reserved: a method that is gone had it",
                method.name
            );
            mistakes.add(Err(Error::new(method.name.span(), message)));
        }
    }
}

fn check_trait(item: &ItemTrait) -> Result<()> {
    if !item.generics.params.is_empty() || item.generics.where_clause.is_some() {
        let message = "an interface cannot be generic: its messages have one format";
        return Err(Error::new_spanned(&item.generics.params, message));
    }
    if !item.supertraits.is_empty() {
        let message = "an interface has no supertraits: they are no part of its messages";
        return Err(Error::new_spanned(&item.supertraits, message));
    }
    if let Some(keyword) = &item.unsafety {
        return Err(Error::new_spanned(keyword, "an interface is a safe trait"));
    }
    Ok(())
}

/// All mistakes found so far.
#[derive(Default)]
pub(crate) struct Mistakes(Option<Error>);

impl Mistakes {
    /// Takes note of a mistake, if `result` is one.
    pub(crate) fn add(&mut self, result: Result<()>) {
        match (result, &mut self.0) {
            (Ok(()), _) => {}
            (Err(error), Some(first)) => first.combine(error),
            (Err(error), none) => *none = Some(error),
        }
    }

    const fn are_none(&self) -> bool {
        self.0.is_none()
    }

    fn into_result(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}
