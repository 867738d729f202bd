//! The nodes of a device tree, as far as the kernel looks at them.

use super::BoardError;

/// The properties that matter, in the order of [`Property`].
const PROPERTIES: [&[u8]; 9] = [
    b"#address-cells",
    b"#size-cells",
    b"device_type",
    b"compatible",
    b"reg",
    b"interrupts",
    b"method",
    b"linux,initrd-start",
    b"linux,initrd-end",
];

/// A property that matters.
#[derive(Clone, Copy)]
pub(super) enum Property {
    AddressCells,
    SizeCells,
    Sort,
    Compatible,
    Registers,
    Interrupts,
    Method,
    PackageStart,
    PackageEnd,
}

/// The root or a child of it: the values of the properties that matter, empty if it has them not.
#[derive(Clone, Copy, Default)]
pub(super) struct Node<'a> {
    /// Its name with its address.
    pub(super) name: &'a [u8],
    values: [&'a [u8]; PROPERTIES.len()],
}

impl<'a> Node<'a> {
    /// The root, of which no property was seen yet.
    pub(super) fn root() -> Node<'a> {
        const ADDRESS: usize = Property::AddressCells as usize;
        const SIZE: usize = Property::SizeCells as usize;
        let mut root = Node::default();
        root.values[ADDRESS] = &[0, 0, 0, 2];
        root.values[SIZE] = &[0, 0, 0, 1];
        root
    }

    /// A node of which no property was seen yet.
    pub(super) fn new(name: &'a [u8]) -> Node<'a> {
        Node {
            name,
            ..Node::default()
        }
    }

    /// Keeps a property, if it matters.
    pub(super) fn note(&mut self, name: &[u8], value: &'a [u8]) {
        let known = self
            .values
            .iter_mut()
            .zip(PROPERTIES)
            .find(|(_, known)| *known == name);
        if let Some((place, _)) = known {
            *place = value;
        }
    }

    /// The value of a property.
    pub(super) fn value(&self, property: Property) -> &'a [u8] {
        self.values
            .get(property as usize)
            .copied()
            .unwrap_or_default()
    }
}

/// Interrupt `index` of a node as the GIC counts: shared ones from 32, a core's own from 16.
pub(super) fn interrupt_line(node: &Node<'_>, index: usize) -> Result<u64, BoardError> {
    const CELL: usize = 4;
    let interrupt = node
        .value(Property::Interrupts)
        .chunks_exact(3 * CELL)
        .nth(index);
    let mut cells = interrupt
        .ok_or(BoardError::Malformed)?
        .chunks_exact(CELL)
        .map(number);
    let sort = cells.next().ok_or(BoardError::Malformed)??;
    let number = cells.next().ok_or(BoardError::Malformed)??;
    match sort {
        0 if number < 988 => Ok(number.wrapping_add(32)),
        1 if number < 16 => Ok(number.wrapping_add(16)),
        _ => Err(BoardError::Malformed),
    }
}

/// A number of one or two cells.
pub(super) fn number(bytes: &[u8]) -> Result<u64, BoardError> {
    if bytes.len() != 4 && bytes.len() != 8 {
        return Err(BoardError::Malformed);
    }
    Ok(bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte)))
}
