//! Choices made by the bytes of an input. Where it has ended every choice is the first one, so
//! whatever is generated comes to an end.

/// What is left of an input.
pub(crate) struct Bytes<'a> {
    rest: &'a [u8],
}

/// Characters that readers of text stumble over: other digits, spaces that are none, signs that
/// join or turn, and the ends of the ranges.
const ODD: [char; 16] = [
    '\0',
    '\n',
    '\u{7f}',
    '\u{a0}',
    '½',
    '٣',
    'ſ',
    'İ',
    '\u{301}',
    '\u{200d}',
    '\u{202e}',
    '\u{feff}',
    '\u{fffd}',
    '\u{1f600}',
    '\u{10ffff}',
    '"',
];

impl<'a> Bytes<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self { rest: input }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else {
            return 0;
        };
        self.rest = rest;
        *first
    }

    /// Below `count`, which is at least 1.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        let wide = if count > 256 {
            usize::from(self.byte()) << 8
        } else {
            0
        };
        (wide | usize::from(self.byte())) % count
    }

    pub(crate) fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }

    /// True for `of` of 16 bytes; never where the input has ended.
    pub(crate) fn chance(&mut self, of: u8) -> bool {
        !self.is_empty() && self.byte() % 16 < of
    }

    /// Any number: small ones, the ends of the ranges, and eight bytes as they are.
    pub(crate) fn number(&mut self) -> u64 {
        const ENDS: [u64; 10] = [
            0,
            1,
            i32::MAX as u64,
            1 << 31,
            u32::MAX as u64,
            1 << 32,
            1 << 53,
            i64::MAX as u64,
            1 << 63,
            u64::MAX,
        ];
        match self.byte() % 8 {
            0..=3 => u64::from(self.byte()),
            4 => u64::from(self.byte()) << 8 | u64::from(self.byte()),
            5 | 6 => *self.pick(&ENDS),
            _ => u64::from_le_bytes(std::array::from_fn(|_| self.byte())),
        }
    }

    /// A number with the ends of the range and what is no number among the choices.
    pub(crate) fn float(&mut self) -> f64 {
        const ENDS: [f64; 10] = [
            0.0,
            -0.0,
            0.1,
            1.5,
            -1.0,
            f64::MIN_POSITIVE,
            f64::MAX,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ];
        match self.byte() % 4 {
            0 => f64::from(self.byte()),
            1 | 2 => *self.pick(&ENDS),
            _ => f64::from_bits(u64::from_le_bytes(std::array::from_fn(|_| self.byte()))),
        }
    }

    /// One character, often an odd one.
    pub(crate) fn character(&mut self) -> char {
        match self.byte() % 4 {
            0 => *self.pick(&ODD),
            1 => char::from_u32(u32::from(self.byte()) << 8 | u32::from(self.byte())).unwrap_or('\u{fffd}'),
            _ => char::from(self.byte() & 0x7f),
        }
    }

    /// A few characters.
    pub(crate) fn text(&mut self) -> String {
        let length = self.below(12);
        (0..length).map(|_| self.character()).collect()
    }
}
