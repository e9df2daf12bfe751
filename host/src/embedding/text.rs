//! What of a text becomes a vector.

/// A text's beginning without the white space around it: at most so many bytes, between characters.
pub(super) fn start(text: &str, bytes_max: usize) -> &str {
    let text = text.trim();
    text.get(..text.floor_char_boundary(bytes_max))
        .unwrap_or(text)
        .trim_end()
}

#[cfg(test)]
mod tests {
    use super::start;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(start("  bills  ", 100), "bills");
        assert_eq!(start("bills due", 6), "bills");
        assert_eq!(start("日本語", 4), "日");
        assert_eq!(start("  \n ", 4), "");
    }
}
