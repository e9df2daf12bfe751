//! What a comment of the contract says: text for people, tags for programs.

use serde_json::Value;

/// Inclusive bounds.
pub(super) type Bounds<T> = Option<(T, T)>;

/// A comment, taken apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Docs {
    /// The comment without its tag lines, on one line, names as JSON spells them.
    pub(super) text: String,
    /// `@length`: characters of a string.
    pub(super) length: Bounds<u64>,
    /// `@items`: entries of a list.
    pub(super) items: Bounds<u64>,
    /// `@range`: least and greatest number.
    pub(super) range: Bounds<i64>,
    /// `@default`: what is taken when the field is left out.
    pub(super) default: Option<Value>,
    /// `@alias`: another name under which the field is read.
    pub(super) alias: Option<String>,
}

impl Docs {
    pub(super) fn read(docs: &wit_parser::Docs) -> Self {
        let mut read = Self::default();
        let mut text = Vec::new();
        for line in docs
            .contents
            .as_deref()
            .unwrap_or_default()
            .lines()
            .map(str::trim)
        {
            if line.starts_with('@') {
                line.split('@').for_each(|tag| read.tag(tag.trim()));
            } else if !line.is_empty() {
                text.push(line);
            }
        }
        read.text = json_names(&text.join(" "));
        read
    }

    fn tag(&mut self, tag: &str) {
        let Some((name, value)) = tag.split_once(' ') else {
            return;
        };
        let value = value.trim();
        match name {
            "length" => self.length = bounds(value),
            "items" => self.items = bounds(value),
            "range" => self.range = bounds(value),
            "alias" => self.alias = Some(value.to_owned()),
            "default" => {
                self.default = Some(serde_json::from_str(value).unwrap_or_else(|_| Value::from(value)));
            }
            _ => {}
        }
    }

    /// The tags that hold for a list's entries rather than for the list.
    pub(super) fn of_entries(&self) -> Self {
        Self {
            length: self.length,
            range: self.range,
            ..Self::default()
        }
    }
}

fn bounds<T: std::str::FromStr>(text: &str) -> Bounds<T> {
    let (least, greatest) = text.split_once("..")?;
    Some((least.parse().ok()?, greatest.parse().ok()?))
}

/// Names in backticks, such as `run-at`, as the reader of the JSON knows them: `run_at`.
fn json_names(text: &str) -> String {
    let quoted = |(number, piece): (usize, &str)| {
        let name = piece.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !piece.starts_with('-');
        if number % 2 == 1 && name {
            piece.replace('-', "_")
        } else {
            piece.to_owned()
        }
    };
    text.split('`')
        .enumerate()
        .map(quoted)
        .collect::<Vec<_>>()
        .join("`")
}
