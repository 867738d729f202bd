//! Words: a line cut at its spaces, with quotes and backslashes.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Why a line cannot be cut into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordError {
    /// This quote has no partner. Close it, or put a backslash before it.
    OpenQuote(char),
    /// The line ends with a backslash. Double it, or remove it.
    LastBackslash,
}

impl fmt::Display for WordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WordError::OpenQuote(quote) => write!(f, "the quote {quote} is not closed"),
            WordError::LastBackslash => f.write_str("the backslash at the end escapes nothing"),
        }
    }
}

/// Cuts `line` into words. Spaces between `'…'` or `"…"` and after `\` belong to the word; a
/// backslash is itself between `'…'`.
///
/// # Errors
///
/// `OpenQuote`, `LastBackslash`.
pub fn split_words(line: &str) -> Result<Vec<String>, WordError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('\\', None | Some('"')) => {
                let escaped = characters.next().ok_or(WordError::LastBackslash)?;
                word.get_or_insert_default().push(escaped);
            }
            ('\'' | '"', None) => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (_, Some(open)) if character == open => quote = None,
            (_, None) if character.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    if let Some(open) = quote {
        return Err(WordError::OpenQuote(open));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn spaces_separate() {
        assert_eq!(
            split_words("  echo  a\tb ").expect("words"),
            ["echo", "a", "b"]
        );
        assert!(split_words("   ").expect("words").is_empty());
        assert!(split_words("").expect("words").is_empty());
    }

    #[test]
    fn quotes_and_backslashes_keep_spaces() {
        assert_eq!(
            split_words(r#"a "b c" 'd e'f"#).expect("words"),
            ["a", "b c", "d ef"]
        );
        assert_eq!(
            split_words(r"a\ b \\ \'").expect("words"),
            ["a b", r"\", "'"]
        );
        assert_eq!(
            split_words(r#"'\' "\"" "it's""#).expect("words"),
            [r"\", "\"", "it's"]
        );
        assert_eq!(split_words("'' \"\"").expect("words"), ["", ""]);
    }

    #[test]
    fn what_is_not_closed_is_refused() {
        assert_eq!(split_words("a 'b"), Err(WordError::OpenQuote('\'')));
        assert_eq!(split_words("a \"b'"), Err(WordError::OpenQuote('"')));
        assert_eq!(split_words("a \"b\\"), Err(WordError::LastBackslash));
        assert_eq!(split_words("\\"), Err(WordError::LastBackslash));
    }

    #[test]
    fn errors_read_as_sentences() {
        assert_eq!(
            WordError::OpenQuote('"').to_string(),
            "the quote \" is not closed"
        );
        let last = WordError::LastBackslash.to_string();
        assert_eq!(last, "the backslash at the end escapes nothing");
    }
}
