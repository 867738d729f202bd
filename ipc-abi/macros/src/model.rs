//! An interface, as its author wrote it and checked.

use syn::parse::{Parse, ParseStream};
use syn::{Error, ItemTrait, LitInt, Result, Token, TraitItem};

use crate::method::Method;

/// The argument of the attribute: `version = 1`.
pub(crate) struct Version(u32);

impl Parse for Version {
    fn parse(input: ParseStream<'_>) -> Result<Version> {
        let message = "write `#[interface(version = 1)]`";
        let name: syn::Ident = input
            .parse()
            .map_err(|error| Error::new(error.span(), message))?;
        if name != "version" {
            return Err(Error::new(name.span(), message));
        }
        input.parse::<Token![=]>()?;
        let version = input.parse::<LitInt>()?.base10_parse()?;
        if input.is_empty() {
            Ok(Version(version))
        } else {
            Err(input.error(message))
        }
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
    pub(crate) fn read(version: Version, mut item: ItemTrait) -> Result<Interface> {
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
                Ok(method) => {
                    mistakes.add(check_number(&methods, &method));
                    methods.push(method);
                }
                Err(error) => mistakes.add(Err(error)),
            }
        }
        mistakes.into_result()?;
        methods.sort_by_key(|method| method.number);
        Ok(Interface {
            version: version.0,
            item,
            methods,
        })
    }

    /// The text that is hashed: the name and version, then each method.
    pub(crate) fn schema(&self) -> String {
        let mut schema = format!("{} {}\n", self.item.ident, self.version);
        for method in &self.methods {
            schema.push_str(&method.schema_line());
        }
        schema
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

fn check_number(earlier: &[Method], method: &Method) -> Result<()> {
    match earlier.iter().find(|other| other.number == method.number) {
        Some(other) => {
            let message = format!("number {} is taken by `{}`", method.number, other.name);
            Err(Error::new(method.number_span, message))
        }
        None => Ok(()),
    }
}

/// All mistakes found so far.
#[derive(Default)]
struct Mistakes(Option<Error>);

impl Mistakes {
    fn add(&mut self, result: Result<()>) {
        match (result, &mut self.0) {
            (Ok(()), _) => {}
            (Err(error), Some(first)) => first.combine(error),
            (Err(error), none) => *none = Some(error),
        }
    }

    fn into_result(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}
