//! Reading a flattened device tree, token by token. Runs on the host.
//!
//! Own code rather than the `dtoolkit` crate:
//! `docs/decisions/0007-the-kernel-reads-the-device-tree-itself.md`. The format is the Devicetree
//! Specification 0.4, chapter 5; this is all of it that a kernel needs. Every number in a tree is
//! checked before it is used.

const MAGIC: u32 = 0xD00D_FEED;
/// The oldest version that today's readers need to know, and the one they write.
const COMPATIBLE_VERSION: u32 = 16;

const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NOTHING: u32 = 4;
const END: u32 = 9;

// Offsets of the header's words.
const TOTAL_BYTES: usize = 4;
const STRUCTURE: usize = 8;
const STRINGS: usize = 12;
const LAST_COMPATIBLE: usize = 24;
const STRINGS_BYTES: usize = 32;
const STRUCTURE_BYTES: usize = 36;

/// A tree whose header was checked.
#[derive(Clone, Copy, Debug)]
pub struct Tree<'a> {
    structure: &'a [u8],
    strings: &'a [u8],
}

/// What a tree consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// A node begins.
    Begin {
        /// Its name with its address.
        name: &'a [u8],
    },
    /// A property of the node that began last and has not ended.
    Property {
        /// Its name.
        name: &'a [u8],
        /// Its value.
        value: &'a [u8],
    },
    /// A node ends.
    End,
}

/// The bytes are no device tree, or it breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadTree;

impl<'a> Tree<'a> {
    /// Checks the header of a tree.
    ///
    /// # Errors
    ///
    /// [`BadTree`].
    pub fn new(bytes: &'a [u8]) -> Result<Tree<'a>, BadTree> {
        let header = |offset| word_at(bytes, offset);
        if header(0)? != MAGIC || header(LAST_COMPATIBLE)? > COMPATIBLE_VERSION {
            return Err(BadTree);
        }
        let bytes = bytes.get(..header(TOTAL_BYTES)? as usize).ok_or(BadTree)?;
        let part = |start, length| part_of(bytes, header(start)?, header(length)?);
        Ok(Tree {
            structure: part(STRUCTURE, STRUCTURE_BYTES)?,
            strings: part(STRINGS, STRINGS_BYTES)?,
        })
    }

    /// The tokens from the first on.
    #[must_use]
    pub fn tokens(self) -> Tokens<'a> {
        Tokens { tree: self, at: 0 }
    }
}

/// The tokens of a tree.
pub struct Tokens<'a> {
    tree: Tree<'a>,
    at: usize,
}

impl<'a> Tokens<'a> {
    /// Reads the next token; `None` after the last.
    ///
    /// # Errors
    ///
    /// [`BadTree`].
    pub fn read(&mut self) -> Result<Option<Token<'a>>, BadTree> {
        loop {
            match self.take_word()? {
                BEGIN_NODE => {
                    let rest = self.tree.structure.get(self.at..).ok_or(BadTree)?;
                    let name = string_at(rest, 0)?;
                    // The name and the zero that ends it.
                    self.skip(name.len().wrapping_add(1));
                    return Ok(Some(Token::Begin { name }));
                }
                PROPERTY => {
                    let length = self.take_word()?;
                    let name = self.take_word()?;
                    let name = string_at(self.tree.strings, name as usize)?;
                    let start = u32::try_from(self.at).map_err(|_| BadTree)?;
                    let value = part_of(self.tree.structure, start, length)?;
                    self.skip(value.len());
                    return Ok(Some(Token::Property { name, value }));
                }
                END_NODE => return Ok(Some(Token::End)),
                NOTHING => {}
                END => return Ok(None),
                _ => return Err(BadTree),
            }
        }
    }

    fn take_word(&mut self) -> Result<u32, BadTree> {
        let word = word_at(self.tree.structure, self.at)?;
        self.skip(4);
        Ok(word)
    }

    /// Goes on behind `bytes` bytes, at the next multiple of four.
    fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes).saturating_add(3) & !3;
    }
}

fn word_at(bytes: &[u8], offset: usize) -> Result<u32, BadTree> {
    let word = bytes
        .get(offset..)
        .and_then(|rest| rest.first_chunk::<4>())
        .ok_or(BadTree)?;
    Ok(u32::from_be_bytes(*word))
}

fn part_of(bytes: &[u8], start: u32, length: u32) -> Result<&[u8], BadTree> {
    let start = start as usize;
    bytes
        .get(start..start.saturating_add(length as usize))
        .ok_or(BadTree)
}

/// The bytes from `offset` on up to a zero.
fn string_at(bytes: &[u8], offset: usize) -> Result<&[u8], BadTree> {
    let rest = bytes.get(offset..).ok_or(BadTree)?;
    let length = rest.iter().position(|byte| *byte == 0).ok_or(BadTree)?;
    rest.get(..length).ok_or(BadTree)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const VIRT: &[u8] = include_bytes!("../tests/virt-gicv2.dtb");

    fn count(bytes: &[u8]) -> Result<usize, BadTree> {
        let mut tokens = Tree::new(bytes)?.tokens();
        let mut count = 0;
        while tokens.read()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    #[test]
    fn nodes_and_properties_come_in_order() {
        let mut tokens = Tree::new(VIRT).unwrap().tokens();
        assert_eq!(tokens.read(), Ok(Some(Token::Begin { name: b"" })));
        let parent = Token::Property {
            name: b"interrupt-parent",
            value: &[0, 0, 0x80, 3],
        };
        assert_eq!(tokens.read(), Ok(Some(parent)));
    }

    #[test]
    fn what_begins_ends() {
        let mut tokens = Tree::new(VIRT).unwrap().tokens();
        let mut depth = 0;
        while let Some(token) = tokens.read().unwrap() {
            match token {
                Token::Begin { .. } => depth += 1,
                Token::End => depth -= 1,
                Token::Property { .. } => {}
            }
            assert!(depth >= 0);
        }
        assert_eq!(depth, 0);
    }

    #[test]
    fn a_tree_cut_short_is_bad_and_never_a_panic() {
        for length in 0..VIRT.len() {
            assert_eq!(count(&VIRT[..length]), Err(BadTree), "{length}");
        }
    }

    #[test]
    fn any_changed_word_is_read_to_an_end() {
        for at in (0..VIRT.len() - 4).step_by(4) {
            for word in [0, 1, 3, 9, 0x7FFF_FFFF, u32::MAX] {
                let mut tree: Vec<u8> = VIRT.to_vec();
                tree[at..at + 4].copy_from_slice(&word.to_be_bytes());
                // Either is right; what counts is that there is an answer.
                let _ = count(&tree);
            }
        }
    }
}
