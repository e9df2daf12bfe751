//! The words of a sentence, and back to text.

/// One word as written and as it is compared.
#[derive(Clone, Debug)]
pub(super) struct Word {
    /// With the punctuation around it.
    pub(super) written: String,
    /// Without it.
    pub(super) core: String,
    /// `core` in lower case; `a.m.` is `am`.
    pub(super) lower: String,
    /// The punctuation that ends a phrase here.
    pub(super) stop: Option<char>,
    /// Quoted, a URL or an address: part of the task, never read.
    pub(super) opaque: bool,
    /// The first word of a line.
    pub(super) starts_line: bool,
}

const OPENING: [char; 8] = ['(', '[', '{', '"', '“', '‘', '«', '\''];
const CLOSING: [char; 15] = [
    ')', ']', '}', '"', '”', '’', '»', '\'', ',', ';', '.', ':', '!', '?', '…',
];
const STOPS: [char; 7] = [',', ';', '.', ':', '!', '?', '…'];
const QUOTES: [(char, char); 4] = [('"', '"'), ('“', '”'), ('«', '»'), ('`', '`')];

/// Abbreviations whose dot ends no sentence.
const ABBREVIATIONS: [&str; 16] = [
    "mr", "mrs", "ms", "dr", "st", "vs", "e.g", "i.e", "etc", "approx", "prof", "jr", "sr", "a.m", "p.m",
    "inc",
];

impl Word {
    fn new(written: &str, starts_line: bool) -> Self {
        let core = written
            .trim_start_matches(OPENING)
            .trim_end_matches(CLOSING)
            .to_owned();
        let plain = core.to_lowercase().replace('’', "'");
        let tail = written.trim_end_matches(|c: char| !STOPS.contains(&c) && CLOSING.contains(&c));
        let mut stop = tail.chars().last().filter(|c| STOPS.contains(c));
        if stop == Some('.') && ABBREVIATIONS.contains(&plain.as_str()) {
            stop = None;
        }
        let lower = match plain.as_str() {
            "a.m" => "am".to_owned(),
            "p.m" => "pm".to_owned(),
            "&" => "and".to_owned(),
            "" => written.to_owned(),
            _ => plain.replace("a.m", "am").replace("p.m", "pm"),
        };
        let opaque = is_url(&lower) || lower.contains('@') && lower.len() > 1;
        Self {
            written: written.to_owned(),
            core,
            lower: if opaque { plain } else { lower },
            stop,
            opaque,
            starts_line,
        }
    }

    pub(super) fn is(&self, words: &[&str]) -> bool {
        !self.opaque && words.contains(&self.lower.as_str())
    }

    /// A dash that stands alone.
    pub(super) fn is_dash(&self) -> bool {
        self.is(&["-", "–", "—", "--"])
    }

    pub(super) fn is_url(&self) -> bool {
        is_url(&self.lower)
    }
}

fn is_url(lower: &str) -> bool {
    lower.starts_with("http://") || lower.starts_with("https://") || is_domain(lower)
}

/// Ends of names that are surely hosts and no files.
const DOMAINS: [&str; 16] = [
    "com", "org", "net", "io", "dev", "eu", "de", "uk", "fr", "gov", "edu", "app", "ai", "co", "info", "ch",
];

/// `example.com/prices`, without a scheme.
fn is_domain(lower: &str) -> bool {
    let host = lower.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    let plain = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    host.rsplit_once('.')
        .is_some_and(|(rest, end)| DOMAINS.contains(&end) && rest.split('.').all(plain))
}

/// Splits a text into words.
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut all = Vec::new();
    for line in text.lines() {
        for (index, written) in line.split_whitespace().enumerate() {
            all.push(Word::new(written, index == 0));
        }
    }
    mark_quoted(&mut all);
    all
}

/// What stands between quotes is opaque. A quote that is never closed is a mere mark.
fn mark_quoted(words: &mut [Word]) {
    let mut at = 0;
    while at < words.len() {
        let open = QUOTES.iter().find(|(open, _)| {
            words[at]
                .written
                .trim_start_matches(['(', '['])
                .starts_with(*open)
        });
        let end = open.and_then(|(open, close)| {
            (at..words.len()).find(|index| {
                let inner = words[*index].written.trim_start_matches(['(', '[']);
                let inner = if *index == at {
                    inner.strip_prefix(*open).unwrap_or(inner)
                } else {
                    inner
                };
                inner.contains(*close)
            })
        });
        match end {
            Some(end) => {
                for word in &mut words[at..=end] {
                    word.opaque = true;
                }
                for word in &mut words[at..end] {
                    word.stop = None;
                }
                at = end + 1;
            }
            None => at += 1,
        }
    }
}

/// The words as text: one blank between them, nothing left over at the ends.
pub(super) fn text<'a>(words: impl IntoIterator<Item = &'a Word>) -> String {
    let joined: Vec<&str> = words.into_iter().map(|word| word.written.as_str()).collect();
    let joined = joined.join(" ");
    joined
        .trim_matches(|c: char| c.is_whitespace() || [',', ';', ':', '-', '–', '—'].contains(&c))
        .trim_end_matches(['.', '!', ',', ';', ':'])
        .trim_end()
        .to_owned()
}

/// The words in lower case, for reading.
pub(super) fn lower(words: &[Word]) -> String {
    let words: Vec<&str> = words.iter().map(|word| word.lower.as_str()).collect();
    words.join(" ")
}

/// With a capital at the start.
pub(super) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        // A name such as `https://…` keeps its case.
        Some(first) if !text.starts_with("http") => first.to_uppercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}

/// With a small letter at the start.
pub(super) fn uncapitalised(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// Whether `words` starts with `phrase`, and none of it is opaque.
pub(super) fn starts(words: &[Word], phrase: &str) -> bool {
    let mut length = 0;
    for (index, expected) in phrase.split(' ').enumerate() {
        match words.get(index) {
            Some(word) if word.is(&[expected]) => length += 1,
            _ => return false,
        }
    }
    length > 0
}

/// The first of `phrases` that `words` starts with: how many words it has.
pub(super) fn starts_any(words: &[Word], phrases: &[&str]) -> Option<usize> {
    phrases
        .iter()
        .find(|phrase| starts(words, phrase))
        .map(|phrase| phrase.split(' ').count())
}
