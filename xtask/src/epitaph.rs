//! The kernel's last words, with the function and the line of each address of its code.

use addr2line::Context;
use addr2line::gimli::{Dwarf, EndianSlice, LittleEndian};
use anyhow::Result;
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use rustc_demangle::demangle;
use std::fmt::Write;
use std::path::Path;

/// The digits of a number that may be an address of the kernel's.
const ADDRESS_DIGITS: usize = 16;

/// Appends what the addresses in the text name; the text alone if the symbols cannot be read.
pub(crate) fn decode(epitaph: &str, kernel_elf: &Path) -> String {
    let named = std::fs::read(kernel_elf)
        .map_err(anyhow::Error::from)
        .and_then(|elf| name_addresses(epitaph, &elf));
    match named {
        Ok(names) => format!("{epitaph}{names}"),
        Err(_) => epitaph.to_owned(),
    }
}

/// A line for each address in the text that is in a function.
fn name_addresses(text: &str, elf: &[u8]) -> Result<String> {
    let file = object::File::parse(elf)?;
    let dwarf = Dwarf::load(|id| {
        let section = file.section_by_name(id.name());
        let data = section.and_then(|section| section.data().ok());
        Ok::<_, addr2line::gimli::Error>(EndianSlice::new(data.unwrap_or_default(), LittleEndian))
    })?;
    let context = Context::from_dwarf(dwarf)?;
    let mut names = String::new();
    for address in find_addresses(text) {
        let Some(function) = find_function(&file, address) else {
            continue;
        };
        let place = context.find_location(address)?;
        let place = place.and_then(|it| Some(format!(" at {}:{}", it.file?, it.line?)));
        write!(
            names,
            "\n  {address:#x} is in {:#}{}",
            demangle(function),
            place.unwrap_or_default()
        )?;
    }
    Ok(names)
}

/// The name of the function that an address is in.
fn find_function<'a>(file: &object::File<'a>, address: u64) -> Option<&'a str> {
    let functions = file.symbols().filter(|it| it.kind() == SymbolKind::Text);
    let before = functions.filter(|it| it.address() <= address);
    let nearest = before.max_by_key(ObjectSymbol::address)?;
    let is_inside = nearest.size() == 0 || address - nearest.address() < nearest.size();
    nearest.name().ok().filter(|_| is_inside)
}

/// The numbers in a text that are written as 64-bit hexadecimal, each once, in order.
fn find_addresses(text: &str) -> Vec<u64> {
    let mut addresses = Vec::new();
    for word in text.split(|character: char| !character.is_ascii_alphanumeric()) {
        let digits = word.strip_prefix("0x").unwrap_or(word);
        if digits.len() != ADDRESS_DIGITS {
            continue;
        }
        if let Ok(address) = u64::from_str_radix(digits, 16) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_once_and_in_order() {
        let text = "kernel panic: x\n pc=0xffff000040201000 lr ffff000040200800 0xffff000040201000";
        assert_eq!(
            find_addresses(text),
            [0xFFFF_0000_4020_1000, 0xFFFF_0000_4020_0800]
        );
    }

    #[test]
    fn other_numbers_are_left_alone() {
        let found = find_addresses("x0=0x12 at core.rs:1234567890123456789 zz");
        assert!(found.is_empty());
    }

    #[test]
    fn without_symbols_the_text_stays() {
        let text = "kernel panic: 0xffff000040201000";
        assert_eq!(decode(text, Path::new("no-such-file")), text);
    }
}
