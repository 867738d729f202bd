//! Sizes as people write them: `"64 KiB"`, `"4 MiB"`.

use ipc_abi::boot::PAGE_BYTES;

/// Why a text is no size in whole pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeError {
    /// It is not a whole number, a space, and `KiB`, `MiB` or `GiB`.
    Form,
    /// It is zero or more than 2^63 bytes.
    Range,
    /// It is no multiple of a page.
    Pages,
}

impl std::fmt::Display for SizeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            SizeError::Form => "is no size: write a number, a space, and KiB, MiB or GiB",
            SizeError::Range => "is not a size between 4 KiB and 2^63 bytes",
            SizeError::Pages => "is no multiple of 4 KiB",
        })
    }
}

/// Reads a size; the result is in pages.
///
/// # Errors
///
/// See [`SizeError`].
pub fn parse_pages(text: &str) -> Result<u64, SizeError> {
    let (number, unit) = text.split_once(' ').ok_or(SizeError::Form)?;
    let shift = match unit {
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err(SizeError::Form),
    };
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(SizeError::Form);
    }
    let number: u64 = number.parse().map_err(|_| SizeError::Range)?;
    if number == 0 || number > (1 << 63) >> shift {
        return Err(SizeError::Range);
    }
    let bytes = number << shift;
    if bytes % PAGE_BYTES != 0 {
        return Err(SizeError::Pages);
    }
    Ok(bytes / PAGE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_pages() {
        assert_eq!(parse_pages("4 KiB"), Ok(1));
        assert_eq!(parse_pages("4 MiB"), Ok(1024));
        assert_eq!(parse_pages("1 GiB"), Ok(262_144));
    }

    #[test]
    fn other_texts_are_refused_exactly() {
        for text in [
            "", "4", "4KiB", "4 kib", "-4 KiB", " 4 KiB", "0x10 KiB", "4  KiB", "+4 KiB",
        ] {
            assert_eq!(parse_pages(text), Err(SizeError::Form), "{text:?}");
        }
        for text in ["0 KiB", "99999999999999999999 KiB", "8589934593 GiB"] {
            assert_eq!(parse_pages(text), Err(SizeError::Range), "{text:?}");
        }
        assert_eq!(parse_pages("5 KiB"), Err(SizeError::Pages));
    }
}
