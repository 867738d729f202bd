//! Documentation, as text.

use syn::{Attribute, Expr, Lit, Meta};

/// The text of the documentation among these attributes, without the blank before each line.
pub(crate) fn text_of(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes.iter().filter_map(line_of).collect();
    lines.join("\n")
}

fn line_of(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    let Expr::Lit(literal) = &pair.value else {
        return None;
    };
    match (&literal.lit, pair.path.is_ident("doc")) {
        (Lit::Str(text), true) => {
            let text = text.value();
            Some(text.strip_prefix(' ').unwrap_or(&text).to_string())
        }
        _ => None,
    }
}
