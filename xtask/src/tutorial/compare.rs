//! Whether what was printed is what a page shows.
//!
//! Blanks at the ends of lines do not count. `...` alone on a line stands for any number of lines,
//! `...` inside a line for any text. Everything else must be the same.

/// What may differ.
const ANYTHING: &str = "...";

/// Whether lines are what is shown.
pub(super) fn fits(shown: &[&str], printed: &[&str]) -> bool {
    match (shown.split_first(), printed.split_first()) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some((&ANYTHING, rest)), _) => (0..=printed.len())
            .any(|skipped| fits(rest, printed.get(skipped..).unwrap_or_default())),
        (Some(_), None) => false,
        (Some((first, shown)), Some((line, printed))) => {
            line_fits(first.trim_end(), line.trim_end()) && fits(shown, printed)
        }
    }
}

fn line_fits(shown: &str, printed: &str) -> bool {
    let Some((start, rest)) = shown.split_once(ANYTHING) else {
        return shown == printed;
    };
    let Some(printed) = printed.strip_prefix(start) else {
        return false;
    };
    let mut ends = printed.char_indices().map(|(index, _)| index);
    let is_in = |index: usize| line_fits(rest, printed.get(index..).unwrap_or_default());
    ends.any(is_in) || line_fits(rest, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(shown: &str, printed: &str) -> bool {
        let lines = |text: &'static str| text.lines().collect::<Vec<_>>();
        fits(
            &lines(shown.to_owned().leak()),
            &lines(printed.to_owned().leak()),
        )
    }

    #[test]
    fn lines_are_the_same_but_for_blanks_at_their_ends() {
        assert!(fit("a\nb", "a  \nb"));
        for printed in ["a", "b", "a\nb\nc", " a\nb", "a\n\nb", ""] {
            assert!(!fit("a\nb", printed), "{printed:?}");
        }
    }

    #[test]
    fn dots_alone_are_any_lines() {
        for printed in ["a\nd", "a\nb\nd", "a\nd\nd"] {
            assert!(fit("a\n...\nd", printed), "{printed:?}");
        }
        assert!(!fit("a\n...\nd", "a\nb"));
        assert!(fit("...", ""));
        assert!(!fit("...\nb", "b\nc"));
    }

    #[test]
    fn dots_in_a_line_are_any_text() {
        for printed in ["at 0x1, in b", "at , in b", "at x, in b, in b"] {
            assert!(fit("at ..., in b", printed), "{printed:?}");
        }
        for printed in ["at 0x1, in c", "at", "to 0x1, in b", "at 0x1\n, in b"] {
            assert!(!fit("at ..., in b", printed), "{printed:?}");
        }
        assert!(fit("a...", "a"));
        assert!(fit("...a...", "bab"));
    }
}
