//! A method of an interface, as its author wrote it and checked.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{
    Attribute, Error, FnArg, Ident, LitInt, Pat, PatType, Result, ReturnType, Signature, Token,
    TraitItemFn, Type,
};

use crate::capability::check_capabilities;
use crate::hygiene::local;
use crate::number::Number;
use crate::wire::{Wire, parameters_of, refuse_inside};

/// Names that every client has beside the trait's methods.
const CLIENT_NAMES: &[&str] = &["new", "connect", "transport"];

/// A method.
pub(crate) struct Method {
    /// Its number.
    pub(crate) number: Number,
    /// How it is answered.
    pub(crate) kind: Kind,
    /// Its name.
    pub(crate) name: Ident,
    /// Its documentation.
    pub(crate) docs: Vec<Attribute>,
    /// Its arguments.
    pub(crate) arguments: Vec<Argument>,
    /// What it returns.
    pub(crate) returns: Returns,
}

/// How a method is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By one reply.
    Call,
    /// Not at all.
    OneWay,
    /// By a reply that may come later: it takes a promise.
    Late,
    /// By a list: it takes a batch.
    Stream,
}

/// An argument.
pub(crate) struct Argument {
    /// Its name.
    pub(crate) name: Ident,
    /// Its type, as written.
    pub(crate) written: Type,
    /// Where it comes from.
    pub(crate) source: Source,
}

/// Where an argument comes from.
pub(crate) enum Source {
    /// The kernel: who calls.
    Caller,
    /// The message, as written.
    Value(Wire),
    /// The message; the server gets a reference to it.
    Reference(Box<Type>),
}

/// What a method returns.
pub(crate) struct Returns {
    /// The type, as written: behind `->`, or in `Promise`.
    pub(crate) written: Type,
    /// What it returns when all is well; of a list, an item.
    pub(crate) value: (Type, Wire),
    /// Its error, if it has one.
    pub(crate) error: Option<(Type, Wire)>,
}

impl Method {
    /// Reads a method and takes the `#[method]` attribute off it.
    pub(crate) fn read(item: &mut TraitItemFn) -> Result<Method> {
        let (number, kind) = take_attribute(item)?;
        check_shape(item)?;
        let mut inputs: Vec<&FnArg> = item.sig.inputs.iter().collect();
        let receiver = (!inputs.is_empty()).then(|| inputs.remove(0));
        check_receiver(receiver, &item.sig)?;
        let taken = take_answer(&mut inputs)?;
        let arguments: Result<Vec<Argument>> = inputs.into_iter().map(Argument::read).collect();
        let arguments = arguments?;
        check_callers(&arguments)?;
        let (kind, returns) = read_answer(kind, taken, &item.sig.output)?;
        check_capabilities(kind, &arguments, &returns)?;
        let docs = item
            .attrs
            .iter()
            .filter(|attribute| attribute.path().is_ident("doc"))
            .cloned();
        Ok(Method {
            number: Number::read(&number)?,
            kind,
            name: item.sig.ident.clone(),
            docs: docs.collect(),
            arguments,
            returns,
        })
    }

    /// How many capabilities its arguments have.
    pub(crate) fn takes(&self) -> usize {
        self.arguments.iter().map(Argument::capabilities).sum()
    }

    /// How many capabilities its result has.
    pub(crate) fn brings(&self) -> usize {
        self.returns.value.1.capabilities()
    }
}

/// A type as text, with as little white space as is readable.
pub(crate) fn compact(written: &Type) -> String {
    let text: String = written
        .to_token_stream()
        .to_string()
        .split_whitespace()
        .collect();
    text.replace(',', ", ").replace(';', "; ")
}

/// An argument by which a method answers.
enum Answer<'a> {
    Promise(&'a Type),
    Batch(&'a Type),
}

impl<'a> Answer<'a> {
    fn of(input: &'a FnArg) -> Option<Answer<'a>> {
        let FnArg::Typed(PatType { ty, .. }) = input else {
            return None;
        };
        let inner = match &**ty {
            Type::Reference(reference) => &*reference.elem,
            other => other,
        };
        if parameters_of(inner, "Promise").is_some() {
            Some(Answer::Promise(ty))
        } else if parameters_of(inner, "Batch").is_some() {
            Some(Answer::Batch(ty))
        } else {
            None
        }
    }

    /// What is promised.
    fn promised(written: &Type) -> Result<Returns> {
        match parameters_of(written, "Promise").as_deref() {
            Some([inner]) => Returns::read(inner),
            _ => Err(Error::new_spanned(written, "write `Promise<T>`")),
        }
    }

    /// What is listed.
    fn listed(written: &Type, output: &ReturnType) -> Result<Returns> {
        let wrong = || Error::new_spanned(written, "write `&mut Batch<'_, T>`");
        let Type::Reference(reference) = written else {
            return Err(wrong());
        };
        let parameters = parameters_of(&reference.elem, "Batch");
        let item = match (parameters.as_deref(), &reference.mutability) {
            (Some([item]), Some(_)) => owned(item)?,
            _ => return Err(wrong()),
        };
        let unit: Type = syn::parse_quote!(());
        let written = match output {
            ReturnType::Default => &unit,
            ReturnType::Type(_, written) => &**written,
        };
        let returns = Returns::read(written)?;
        if !matches!(&returns.value.0, Type::Tuple(tuple) if tuple.elems.is_empty()) {
            let message = "a method with a batch returns nothing or `Result<(), E>`: what it lists is in \
                           the batch";
            return Err(Error::new_spanned(written, message));
        }
        Ok(Returns {
            value: item,
            ..returns
        })
    }
}

/// Takes the promise or the batch out of the arguments, if there is one.
fn take_answer<'a>(inputs: &mut Vec<&'a FnArg>) -> Result<Option<Answer<'a>>> {
    let Some(index) = inputs.iter().position(|input| Answer::of(input).is_some()) else {
        return Ok(None);
    };
    if index + 1 != inputs.len() {
        let message = "a promise or a batch is the last argument, and there is one";
        return Err(Error::new_spanned(inputs[index], message));
    }
    Ok(inputs.pop().and_then(Answer::of))
}

/// Reads how a method is answered.
fn read_answer(
    kind: Kind,
    taken: Option<Answer<'_>>,
    output: &ReturnType,
) -> Result<(Kind, Returns)> {
    let unit: Type = syn::parse_quote!(());
    match (kind, taken, output) {
        (Kind::OneWay, Some(Answer::Promise(written) | Answer::Batch(written)), _) => {
            let message = "a one-way method answers nothing: nobody waits for it";
            Err(Error::new_spanned(written, message))
        }
        (Kind::OneWay, None, ReturnType::Type(_, written)) => {
            let message = "a one-way method returns nothing: nobody waits for it";
            Err(Error::new_spanned(written, message))
        }
        (_, Some(Answer::Promise(_)), ReturnType::Type(_, written)) => {
            let message = "a method with a promise returns nothing: the promise is answered";
            Err(Error::new_spanned(written, message))
        }
        (_, Some(Answer::Promise(promise)), ReturnType::Default) => {
            Ok((Kind::Late, Answer::promised(promise)?))
        }
        (_, Some(Answer::Batch(batch)), _) => Ok((Kind::Stream, Answer::listed(batch, output)?)),
        (_, None, ReturnType::Default) => Ok((kind, Returns::read(&unit)?)),
        (_, None, ReturnType::Type(_, written)) => Ok((kind, Returns::read(written)?)),
    }
}

/// What stands in `#[method(…)]`.
struct MethodArguments {
    number: LitInt,
    kind: Kind,
}

impl Parse for MethodArguments {
    fn parse(input: ParseStream<'_>) -> Result<MethodArguments> {
        let message = "write `#[method(1)]` or `#[method(1, one_way)]`";
        let number = input
            .parse::<LitInt>()
            .map_err(|error| Error::new(error.span(), message))?;
        if input.is_empty() {
            let kind = Kind::Call;
            return Ok(MethodArguments { number, kind });
        }
        input.parse::<Token![,]>()?;
        let word: Ident = input
            .parse()
            .map_err(|error| Error::new(error.span(), message))?;
        if word != "one_way" {
            return Err(Error::new(word.span(), message));
        }
        if !input.is_empty() {
            return Err(input.error(message));
        }
        let kind = Kind::OneWay;
        Ok(MethodArguments { number, kind })
    }
}

fn take_attribute(item: &mut TraitItemFn) -> Result<(LitInt, Kind)> {
    let Some(index) = item
        .attrs
        .iter()
        .position(|attribute| attribute.path().is_ident("method"))
    else {
        let message = "this method has no number: write `#[method(…)]` before it";
        return Err(Error::new(item.sig.ident.span(), message));
    };
    let attribute = item.attrs.remove(index);
    let MethodArguments { number, kind } = attribute.parse_args()?;
    match item
        .attrs
        .iter()
        .find(|attribute| attribute.path().is_ident("method"))
    {
        Some(second) => Err(Error::new_spanned(
            second,
            "this method has a number already",
        )),
        None => Ok((number, kind)),
    }
}

fn check_shape(item: &TraitItemFn) -> Result<()> {
    let signature = &item.sig;
    let refuse = |place: &dyn ToTokens, message: &str| Err(Error::new_spanned(place, message));
    if let Some(keyword) = &signature.asyncness {
        return refuse(
            keyword,
            "a method of an interface is not async: it has one reply",
        );
    }
    if let Some(keyword) = &signature.constness {
        return refuse(keyword, "a method of an interface cannot be const");
    }
    if let Some(abi) = &signature.abi {
        return refuse(
            abi,
            "a method of an interface has no foreign calling convention",
        );
    }
    if !matches!(signature.safety, syn::Safety::Default) {
        return refuse(
            &signature.safety,
            "a method of an interface has no unsafety of its own",
        );
    }
    if !signature.generics.params.is_empty() || signature.generics.where_clause.is_some() {
        let message = "a method of an interface cannot be generic: its messages have one format";
        return refuse(&signature.generics.params, message);
    }
    if let Some(body) = &item.default {
        return refuse(
            body,
            "a method of an interface has no body: the server gives it",
        );
    }
    if CLIENT_NAMES.iter().any(|name| signature.ident == name) {
        let message = format!(
            "every client has `{}` already: choose another name",
            signature.ident
        );
        return Err(Error::new(signature.ident.span(), message));
    }
    Ok(())
}

fn check_receiver(first: Option<&FnArg>, signature: &Signature) -> Result<()> {
    let message = "a method of an interface takes `&mut self`";
    match first {
        Some(FnArg::Receiver(receiver)) => {
            let written: String = receiver
                .to_token_stream()
                .to_string()
                .split_whitespace()
                .collect();
            if written == "&mutself" {
                Ok(())
            } else {
                Err(Error::new_spanned(receiver, message))
            }
        }
        Some(FnArg::Typed(other)) => Err(Error::new_spanned(other, message)),
        None => Err(Error::new(signature.ident.span(), message)),
    }
}

fn check_callers(arguments: &[Argument]) -> Result<()> {
    let mut callers = arguments.iter().filter(|argument| !argument.is_sent());
    match callers.nth(1) {
        Some(second) => {
            let message = "a method has one caller, and has it already";
            Err(Error::new_spanned(&second.written, message))
        }
        None => Ok(()),
    }
}

impl Argument {
    fn read(input: &FnArg) -> Result<Argument> {
        let FnArg::Typed(PatType { pat, ty, .. }) = input else {
            return Err(Error::new_spanned(
                input,
                "an argument has a name and a type",
            ));
        };
        let Pat::Ident(name) = &**pat else {
            return Err(Error::new_spanned(
                pat,
                "an argument has a name, not a pattern",
            ));
        };
        let source = Source::read(ty)?;
        Ok(Argument {
            name: name.ident.clone(),
            written: (**ty).clone(),
            source,
        })
    }

    /// Whether it is in the message.
    pub(crate) const fn is_sent(&self) -> bool {
        !matches!(self.source, Source::Caller)
    }

    /// How many capabilities it has.
    pub(crate) fn capabilities(&self) -> usize {
        match &self.source {
            Source::Value(wire) => wire.capabilities(),
            Source::Caller | Source::Reference(_) => 0,
        }
    }

    /// Its name in the dispatcher.
    pub(crate) fn decoded_name(&self) -> Ident {
        local("argument", &self.name)
    }

    /// The type that the dispatcher reads from the message, if it comes from there.
    pub(crate) fn decoded_type(&self) -> Option<TokenStream> {
        match &self.source {
            Source::Caller => None,
            Source::Value(wire) => Some(wire.encoded_type(&self.written)),
            Source::Reference(referent) => Some(Wire::Serialized.encoded_type(referent)),
        }
    }

    /// What the client writes into the message, if anything.
    pub(crate) fn encoded_value(&self) -> Option<TokenStream> {
        let name = &self.name;
        match &self.source {
            Source::Caller => None,
            Source::Value(wire) => Some(wire.wrap(&quote!(#name))),
            Source::Reference(_) => Some(Wire::Serialized.wrap(&quote!(#name))),
        }
    }

    /// What the client writes into each of several messages, if anything.
    pub(crate) fn encoded_again(&self) -> Option<TokenStream> {
        let name = &self.name;
        match &self.source {
            Source::Caller => None,
            Source::Value(wire) => Some(wire.wrap_referent(&quote!((&#name)))),
            Source::Reference(_) => Some(Wire::Serialized.wrap(&quote!(#name))),
        }
    }

    /// How what is written into the message is made up, if it is.
    pub(crate) fn expand_info(&self) -> Option<TokenStream> {
        let name = self.name.to_string();
        match &self.source {
            Source::Caller => None,
            Source::Value(wire) => Some(wire.expand_info(&name, &self.written)),
            Source::Reference(_) => Some(Wire::Serialized.expand_info(&name, &self.written)),
        }
    }

    /// What the dispatcher hands to the server; `caller` is who calls.
    pub(crate) fn handed_value(&self, caller: &TokenStream) -> TokenStream {
        let name = self.decoded_name();
        match &self.source {
            Source::Caller => caller.clone(),
            Source::Value(wire) => wire.unwrap(&quote!(#name)),
            Source::Reference(_) => quote!(&#name.0),
        }
    }
}

impl Source {
    fn read(written: &Type) -> Result<Source> {
        if parameters_of(written, "Caller").is_some() {
            return Ok(Source::Caller);
        }
        let Type::Reference(reference) = written else {
            return Ok(Source::Value(Wire::of(written)?));
        };
        if reference.mutability.is_some() {
            let message = "a service cannot change what its client has: return it instead";
            return Err(Error::new_spanned(written, message));
        }
        match &*reference.elem {
            Type::Path(path) if !path.path.is_ident("str") => {
                refuse_inside(path)?;
                Ok(Source::Reference(reference.elem.clone()))
            }
            _ => Ok(Source::Value(Wire::of(written)?)),
        }
    }
}

impl Returns {
    fn read(written: &Type) -> Result<Returns> {
        let parts = parameters_of(written, "Result");
        let (value, error) = match parts.as_deref() {
            Some([value, error]) => (owned(value)?, Some(owned(error)?)),
            Some(_) => {
                let message = "write `Result<T, E>` with both types: they are sent";
                return Err(Error::new_spanned(written, message));
            }
            None => (owned(written)?, None),
        };
        Ok(Returns {
            written: written.clone(),
            value,
            error,
        })
    }
}

fn owned(written: &Type) -> Result<(Type, Wire)> {
    if let Type::Reference(_) = written {
        let message = "a method returns what it owns: the reply outlives the call";
        return Err(Error::new_spanned(written, message));
    }
    Ok((written.clone(), Wire::of(written)?))
}
