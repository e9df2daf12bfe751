//! Characters that nobody sees, made visible. A text from outside can say one thing to the person
//! who looks at it and another to the model that reads it: by directions that turn its letters
//! around, by letters that have no shape (tags spell whole sentences), by codes that a terminal
//! obeys.

use std::borrow::Cow;
use std::fmt::Write;

/// Without a shape of their own: `Default_Ignorable_Code_Point` of Unicode 16
/// (DerivedCoreProperties.txt), the separators of lines and paragraphs, and the marks around
/// annotations.
const SHAPELESS: [(char, char); 20] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{2029}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e00ff}'),
    ('\u{e0100}', '\u{e01ef}'),
    ('\u{e01f0}', '\u{e0fff}'),
];

/// Whether a character has no shape, or is obeyed rather than shown. Line breaks and tabs are shown.
const fn is_unseen(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control() && !matches!(c, '\n' | '\t');
    }
    if matches!(c, '\u{80}'..='\u{9f}') {
        return true;
    }
    let mut at = 0;
    while at < SHAPELESS.len() {
        if SHAPELESS[at].0 <= c && c <= SHAPELESS[at].1 {
            return true;
        }
        at += 1;
    }
    false
}

/// Chooses the shape of the character before it: scripts and pictograms need them. A row of them
/// chooses nothing and can spell anything.
const fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' | '\u{180b}'..='\u{180d}' | '\u{180f}')
}

/// Joins the characters around it, or keeps them apart.
const fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// Each character, and whether it is to be made visible.
pub fn marked(text: &str) -> impl Iterator<Item = (char, bool)> + '_ {
    // What stands before: something seen, something seen with its selector, or neither.
    #[derive(Clone, Copy, PartialEq)]
    enum Before {
        Seen,
        Selected,
        Unseen,
    }
    let mut before = Before::Unseen;
    let mut rest = text.chars().peekable();
    std::iter::from_fn(move || {
        let c = rest.next()?;
        let line_break = c == '\r' && rest.peek() == Some(&'\n');
        let (unseen, now) = match c {
            _ if line_break => (false, Before::Unseen),
            _ if is_selector(c) && before == Before::Seen => (false, Before::Selected),
            _ if is_joiner(c) && before != Before::Unseen => (false, Before::Unseen),
            _ if is_unseen(c) => (true, Before::Unseen),
            _ => (false, Before::Seen),
        };
        before = now;
        Some((c, unseen))
    })
}

/// The text with `\u{…}` in place of every character that is not seen.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if text
        .bytes()
        .all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t'))
    {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for (c, unseen) in marked(text) {
        if unseen {
            // Writing into a text cannot fail.
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_made_visible() {
        for (text, shown) in [
            // A terminal's command to clear the screen, one that rings, and C1.
            ("a\u{1b}[2Jb\u{7}\u{9b}", r"a\u{1b}[2Jb\u{7}\u{9b}"),
            // It looks like "fileexe.pdf".
            ("file\u{202e}fdp.exe", r"file\u{202e}fdp.exe"),
            ("\u{2066}x\u{2069}\u{200f}", r"\u{2066}x\u{2069}\u{200f}"),
            // Tags spell "Hi".
            ("ok\u{e0048}\u{e0069}", r"ok\u{e0048}\u{e0069}"),
            // So do rows of variation selectors.
            ("ok\u{fe01}\u{fe02}\u{e0101}", "ok\u{fe01}\\u{fe02}\\u{e0101}"),
            (
                "in\u{200b}vis\u{ad}ible\u{feff}",
                r"in\u{200b}vis\u{ad}ible\u{feff}",
            ),
            ("over\rwritten", r"over\u{d}written"),
            ("a\u{2028}b\0", r"a\u{2028}b\u{0}"),
        ] {
            assert_eq!(visible(text), shown, "{text:?}");
        }
    }

    #[test]
    fn what_people_write_stays_as_it_is() {
        for text in [
            "plain",
            "two\nlines\r\nand\ta tab",
            "Äpfel, 東京, עברית, العربية, हिन्दी",
            // A family, a heart in colour, a rainbow flag; a Persian word with a non-joiner.
            "👩‍👩‍👧 ❤️ 👩‍❤️‍👨 🏳️‍🌈 می‌خواهم",
            "",
        ] {
            assert_eq!(visible(text), text);
        }
    }
}
