//! Which names a Rust source has a meaning for already: a module or a type that is added must not take one.

use std::collections::BTreeSet;

/// The words in `source` that name a module, a crate or what is brought into scope: those behind `mod`, before `::`
/// and in `use`. Comments do not count.
pub(super) fn scope_of(source: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let mut is_used = false;
    let mut last = "";
    for token in tokens(source) {
        match token {
            "use" => is_used = true,
            ";" => is_used = false,
            "::" => {
                found.insert(last);
            }
            word if is_used || last == "mod" => {
                found.insert(word);
            }
            _ => {}
        }
        last = token;
    }
    found.retain(|word| is_word(word));
    found
}

/// All words in `source` but those of comments.
pub(super) fn words_of(source: &str) -> BTreeSet<&str> {
    tokens(source).filter(|token| is_word(token)).collect()
}

fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Words, `::`, and all other characters but white space.
fn tokens(source: &str) -> impl Iterator<Item = &str> {
    let code = source
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    code.flat_map(tokens_of_line)
}

fn tokens_of_line(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let (token, behind) = rest.split_at_checked(token_length(rest))?;
        rest = behind;
        (!token.is_empty()).then_some(token)
    })
}

fn token_length(text: &str) -> usize {
    let is_inner = |character: char| character.is_alphanumeric() || character == '_';
    if text.starts_with("::") {
        return 2;
    }
    match text.find(|character| !is_inner(character)) {
        Some(0) => text.chars().next().map_or(0, char::len_utf8),
        Some(end) => end,
        None => text.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_crates_and_imports_are_in_scope() {
        let source = "//! a::b\npub mod one;\nuse two::{three, four::Five as Six};\n\
                      fn run(seven: eight::Nine) -> u8 { let ten = ::eleven::x(); } // mod twelve;\n\
                      mod tests {\n    use super::*;\n}\n";
        let found: Vec<&str> = scope_of(source).into_iter().collect();
        let expected = [
            "Five", "Six", "as", "eight", "eleven", "four", "one", "super", "tests", "three", "two",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn words_are_told_from_signs() {
        let found: Vec<&str> = words_of("a_b.c(1, é)::D // e").into_iter().collect();
        assert_eq!(found, ["D", "a_b", "c", "é"]);
    }
}
