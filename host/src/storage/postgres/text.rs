//! Texts as Postgres can hold them. It has no NUL in a text; ours may (a program's output does). NUL is
//! written as two characters, and so is the one that introduces it: no two texts become one, and the
//! order of texts stays what it was. JSON escapes both by itself.

use std::borrow::Cow;

const ESCAPE: char = '\u{1}';

/// A text as it stands in a column.
pub(super) fn stored(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(ESCAPE, "\u{1}1").replace('\0', "\u{1}0"))
}

/// A text as it was before it was stored.
pub(super) fn original(text: &str) -> String {
    if !text.contains(ESCAPE) {
        return text.to_owned();
    }
    text.replace("\u{1}0", "\0").replace("\u{1}1", "\u{1}")
}

#[cfg(test)]
mod tests {
    use super::{original, stored};

    #[test]
    fn every_text_can_be_stored_comes_back_and_keeps_its_place() {
        let texts = [
            "", "\0", "\0\0", "\u{1}", "\u{1}0", "\u{1}1", "\u{2}", "0", "a", "a\0b", "a\u{1}0", "ä",
        ];
        for text in texts {
            assert!(!stored(text).contains('\0'));
            assert_eq!(original(&stored(text)), text);
            for other in texts {
                assert_eq!(
                    stored(text).cmp(&stored(other)),
                    text.cmp(other),
                    "{text:?} {other:?}"
                );
            }
        }
    }
}
