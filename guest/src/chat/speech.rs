//! What kind of a sentence it is that a person said, by its words alone. Made to be right when it
//! speaks: what is not plain is said to be nothing.

use std::collections::BTreeSet;

/// A text, sentence by sentence.
pub struct Speech {
    sentences: Vec<Sentence>,
}

struct Sentence {
    words: Vec<String>,
    question: bool,
}

/// First words of a question, also of one without its mark.
const ASKING: [&str; 24] = [
    "is", "are", "was", "were", "has", "have", "had", "did", "does", "do", "what", "when", "where", "who",
    "why", "how", "which", "can", "could", "should", "would", "will", "shall", "may",
];

/// Words that make a statement a doubt, a plan, a condition or its opposite.
const UNCERTAIN: [&str; 47] = [
    "not",
    "never",
    "no",
    "none",
    "nobody",
    "nothing",
    "without",
    "unless",
    "cannot",
    "if",
    "when",
    "whenever",
    "once",
    "until",
    "till",
    "unsure",
    "whether",
    "will",
    "would",
    "should",
    "could",
    "might",
    "may",
    "maybe",
    "perhaps",
    "possibly",
    "probably",
    "likely",
    "hopefully",
    "almost",
    "nearly",
    "soon",
    "tomorrow",
    "later",
    "gonna",
    "think",
    "guess",
    "suppose",
    "hope",
    "believe",
    "expect",
    "wonder",
    "doubt",
    "still",
    "shall",
    "wish",
    "partly",
];

/// Ways to say that the work may end. They are read before doubts: some hold a "no".
const STOPPING: [&[&str]; 43] = [
    &["you", "can", "stop"],
    &["you", "may", "stop"],
    &["you", "could", "stop"],
    &["we", "can", "stop"],
    &["can", "be", "stopped"],
    &["please", "stop"],
    &["stop", "now"],
    &["stop", "it"],
    &["so", "stop"],
    &["stop", "watching"],
    &["stop", "reminding"],
    &["stop", "checking"],
    &["stop", "monitoring"],
    &["stop", "following"],
    &["stop", "chasing"],
    &["stop", "asking"],
    &["stop", "looking"],
    &["stop", "tracking"],
    &["stop", "waiting"],
    &["no", "need", "to"],
    &["no", "need", "for"],
    &["no", "more", "need"],
    &["no", "longer", "need"],
    &["no", "longer", "needed"],
    &["no", "longer", "necessary"],
    &["do", "not", "need", "to"],
    &["need", "not"],
    &["never", "mind"],
    &["nevermind"],
    &["forget", "about"],
    &["forget", "it"],
    &["call", "it", "off"],
    &["that", "is", "all"],
    &["all", "done"],
    &["we", "are", "done"],
    &["i", "am", "done"],
    &["it", "is", "done"],
    &["that", "is", "done"],
    &["this", "is", "done"],
    &["is", "settled"],
    &["case", "closed"],
    &["is", "resolved"],
    &["taken", "care", "of"],
];

/// Ways to say that blocked work shall go on.
const GOING_ON: [&[&str]; 12] = [
    &["go", "ahead"],
    &["go", "on", "with"],
    &["carry", "on"],
    &["proceed"],
    &["continue"],
    &["resume"],
    &["unblock"],
    &["release"],
    &["run", "it", "anyway"],
    &["do", "it", "anyway"],
    &["start", "it", "anyway"],
    &["anyway"],
];

/// Beginnings of an answer that needs no word of its question.
const ANSWERING: [&str; 21] = [
    "yes", "yep", "yeah", "sure", "ok", "okay", "no", "nope", "neither", "both", "either", "all", "none",
    "option", "use", "take", "choose", "pick", "approved", "agreed", "correct",
];

/// Words that approve what was asked.
const AGREEING: [&str; 15] = [
    "yes", "yep", "yeah", "sure", "ok", "okay", "approve", "approved", "agree", "agreed", "allow", "allowed",
    "granted", "proceed", "ahead",
];

/// Words that may stand beside them without changing what they say.
const BESIDE: [&str; 32] = [
    "please", "thanks", "thank", "you", "it", "that", "this", "is", "are", "was", "all", "right", "of",
    "course", "go", "do", "so", "and", "then", "i", "we", "the", "call", "make", "use", "run", "may", "fine",
    "good", "great", "with", "now",
];

/// First words of a denial.
const DENYING: [&str; 15] = [
    "no",
    "nope",
    "nah",
    "never",
    "stop",
    "deny",
    "denied",
    "reject",
    "rejected",
    "refuse",
    "refused",
    "forbidden",
    "cancel",
    "disagree",
    "not",
];

/// Words that choose one of several, at the front or behind "the".
const CHOOSING: [&str; 9] = [
    "first", "second", "third", "fourth", "fifth", "last", "former", "latter", "other",
];

/// What may stand behind such a word: "the first thing I need" chooses nothing.
const CHOSEN: [&str; 4] = ["one", "ones", "option", "please"];

/// Words that stand at the front for courtesy.
const INTERJECTIONS: [&str; 14] = [
    "yes", "no", "ok", "okay", "hi", "hello", "hey", "thanks", "thank", "great", "good", "well", "so", "oh",
];

/// Words that tell nothing about what a sentence is about.
const FILLERS: [&str; 86] = [
    "a",
    "an",
    "the",
    "this",
    "that",
    "these",
    "those",
    "it",
    "its",
    "i",
    "me",
    "my",
    "we",
    "us",
    "our",
    "you",
    "your",
    "he",
    "she",
    "him",
    "her",
    "his",
    "they",
    "them",
    "their",
    "is",
    "are",
    "was",
    "were",
    "be",
    "been",
    "being",
    "am",
    "has",
    "have",
    "had",
    "do",
    "does",
    "did",
    "to",
    "of",
    "in",
    "on",
    "at",
    "by",
    "for",
    "from",
    "with",
    "and",
    "or",
    "but",
    "as",
    "so",
    "just",
    "already",
    "now",
    "finally",
    "today",
    "yesterday",
    "please",
    "thanks",
    "thank",
    "ok",
    "okay",
    "yes",
    "hi",
    "hello",
    "hey",
    "there",
    "here",
    "all",
    "any",
    "can",
    "may",
    "stop",
    "about",
    "more",
    "up",
    "out",
    "got",
    "get",
    "job",
    "task",
    "until",
    "when",
    "if",
];

impl Speech {
    /// Takes a text apart: into sentences, with their mark, and words in lower case.
    pub fn new(text: &str) -> Self {
        let mut sentences = Vec::new();
        let mut words = Vec::new();
        let mut close = |words: &mut Vec<String>, mark: Option<char>| {
            if !words.is_empty() {
                let words = std::mem::take(words);
                let first = words.iter().find(|word| !INTERJECTIONS.contains(&word.as_str()));
                let asks = first.is_some_and(|word| ASKING.contains(&word.as_str()));
                let question = mark == Some('?') || asks;
                sentences.push(Sentence { words, question });
            }
        };
        let mut rest = text.chars().peekable();
        let mut word = String::new();
        while let Some(c) = rest.next() {
            let joins = matches!(c, '\'' | '’' | '.' | ':' | '-')
                && rest.peek().is_some_and(|next| next.is_alphanumeric());
            if c.is_alphanumeric() {
                word.extend(c.to_lowercase());
                continue;
            }
            if joins && !word.is_empty() && c != '-' {
                word.push(if c == '’' { '\'' } else { c });
                continue;
            }
            push_word(&mut words, &mut word);
            if matches!(c, '.' | '!' | '?' | ';' | '\n') {
                close(&mut words, Some(c));
            }
        }
        push_word(&mut words, &mut word);
        close(&mut words, None);
        Self { sentences }
    }

    /// Whether all of it asks.
    pub fn only_asks(&self) -> bool {
        self.sentences.iter().all(|sentence| sentence.question)
    }

    /// What is said to be so: the stems of its plain statements, and whether they say to stop.
    pub fn stated(&self) -> Stated {
        let mut stated = Stated::default();
        for sentence in self.sentences.iter().filter(|sentence| !sentence.question) {
            let (rest, stops) = sentence.without(&STOPPING);
            let stops = stops || rest.first().is_some_and(|word| *word == "stop");
            let mut words = rest.iter().skip_while(|word| INTERJECTIONS.contains(word));
            if words.clone().any(|word| UNCERTAIN.contains(word)) {
                continue;
            }
            stated.stops |= stops;
            stated
                .stems
                .extend(words.by_ref().filter_map(|word| meaningful(word)));
        }
        stated
    }

    /// What shall go on, where the text says to go on: its stems.
    pub fn goes_on(&self) -> Option<BTreeSet<String>> {
        let mut stems = BTreeSet::new();
        let mut said = false;
        for sentence in self.sentences.iter().filter(|sentence| !sentence.question) {
            let (rest, goes_on) = sentence.without(&GOING_ON);
            let denied = |word: &&str| matches!(*word, "not" | "never" | "if" | "when" | "until" | "unless");
            if rest.iter().any(denied) {
                continue;
            }
            said |= goes_on;
            stems.extend(rest.into_iter().filter_map(meaningful));
        }
        said.then_some(stems)
    }

    /// Whether it begins as an answer does.
    pub fn answers(&self) -> bool {
        let words = self.sentences.first().map_or(&[][..], |sentence| &sentence.words);
        // "The second one", "the latter".
        let chosen = words.strip_prefix(&["the".to_owned()]).unwrap_or(words);
        let chooses = chosen
            .first()
            .is_some_and(|word| CHOOSING.contains(&word.as_str()))
            && chosen.get(1).is_none_or(|word| CHOSEN.contains(&word.as_str()));
        let answers = words
            .first()
            .is_some_and(|word| ANSWERING.contains(&word.as_str()));
        !self.only_asks() && (answers || chooses)
    }

    /// Whether it approves a call of a tool: true for a plain yes, where every word is one of agreement, of courtesy or
    /// of the tool's name; false for what begins as a no; nothing for anything else, such as a yes with a condition.
    pub fn agrees(&self, tool: &str) -> Option<bool> {
        let words = || self.sentences.iter().flat_map(|sentence| &sentence.words);
        let is = |list: &[&str], word: &str| list.contains(&word);
        let mut first = words().map(String::as_str).skip_while(|word| *word == "please");
        let denies = match first.next() {
            Some("do") => first.next() == Some("not"),
            Some(word) => is(&DENYING, word),
            None => false,
        };
        if denies {
            return Some(false);
        }
        let of_tool = stems(&tool.replace('_', " "));
        let plain = |word: &String| {
            is(&AGREEING, word)
                || is(&BESIDE, word)
                || meaningful(word).is_some_and(|stem| of_tool.contains(&stem))
        };
        let asks = self.sentences.iter().any(|sentence| sentence.question);
        (!asks && words().any(|word| is(&AGREEING, word)) && words().all(plain)).then_some(true)
    }

    /// The stems of all of it.
    pub fn stems(&self) -> BTreeSet<String> {
        let words = self.sentences.iter().flat_map(|sentence| &sentence.words);
        words.filter_map(|word| meaningful(word)).collect()
    }
}

/// See [`Speech::stated`].
#[derive(Debug, Default, PartialEq)]
pub struct Stated {
    /// The words with a meaning in what was stated, reduced to their stems.
    pub stems: BTreeSet<String>,
    /// Whether it says that something may end ("you can stop").
    pub stops: bool,
}

impl Sentence {
    /// Its words without the phrases, and whether one was there.
    fn without(&self, phrases: &[&[&str]]) -> (Vec<&str>, bool) {
        let mut kept = Vec::with_capacity(self.words.len());
        let mut found = false;
        let mut at = 0;
        while let Some(word) = self.words.get(at) {
            let here = &self.words[at..];
            let begins = |phrase: &&&[&str]| {
                here.len() >= phrase.len() && phrase.iter().zip(here).all(|(a, b)| *a == b)
            };
            let denied = kept.last().is_some_and(|word| matches!(*word, "not" | "never"));
            match phrases.iter().find(begins).filter(|_| !denied) {
                Some(phrase) => {
                    found = true;
                    at += phrase.len();
                }
                None => {
                    kept.push(word.as_str());
                    at += 1;
                }
            }
        }
        (kept, found)
    }
}

/// Adds a word, with its contraction written out.
fn push_word(words: &mut Vec<String>, word: &mut String) {
    if word.is_empty() {
        return;
    }
    let whole = std::mem::take(word);
    let (stem, second) = match whole.as_str() {
        "won't" => ("will", Some("not")),
        "can't" => ("cannot", None),
        "i'm" => ("i", Some("am")),
        _ => match whole.split_once('\'') {
            Some((stem, "t")) if stem.ends_with('n') => (&stem[..stem.len() - 1], Some("not")),
            Some((stem, "s")) if matches!(stem, "it" | "that" | "there" | "he" | "she" | "what" | "who") => {
                (stem, Some("is"))
            }
            Some((stem, "s")) => (stem, None),
            Some((stem, "re")) => (stem, Some("are")),
            Some((stem, "ve")) => (stem, Some("have")),
            Some((stem, "ll")) => (stem, Some("will")),
            Some((stem, "d")) => (stem, Some("would")),
            _ => (whole.as_str(), None),
        },
    };
    words.push(stem.to_owned());
    words.extend(second.map(str::to_owned));
}

fn meaningful(word: &str) -> Option<String> {
    (!FILLERS.contains(&word)).then(|| stem(word))
}

/// The stems of a text: what it is about.
pub fn stems(text: &str) -> BTreeSet<String> {
    Speech::new(text).stems()
}

/// Past forms that no ending tells.
const IRREGULAR: [(&str, &str); 38] = [
    ("paid", "pay"),
    ("sent", "send"),
    ("bought", "buy"),
    ("sold", "sell"),
    ("came", "come"),
    ("went", "go"),
    ("gone", "go"),
    ("made", "make"),
    ("found", "find"),
    ("held", "hold"),
    ("kept", "keep"),
    ("left", "leave"),
    ("lost", "lose"),
    ("met", "meet"),
    ("said", "say"),
    ("told", "tell"),
    ("wrote", "write"),
    ("written", "write"),
    ("gave", "give"),
    ("given", "give"),
    ("took", "take"),
    ("taken", "take"),
    ("saw", "see"),
    ("seen", "see"),
    ("won", "win"),
    ("built", "build"),
    ("chose", "choose"),
    ("chosen", "choose"),
    ("began", "begin"),
    ("broke", "break"),
    ("broken", "break"),
    ("fell", "fall"),
    ("knew", "know"),
    ("ran", "run"),
    ("brought", "bring"),
    ("caught", "catch"),
    ("spoke", "speak"),
    ("done", "do"),
];

/// A word without its common endings: equal for forms of one word, no more.
pub fn stem(word: &str) -> String {
    const SHORTEST: usize = 3;
    if let Some((_, base)) = IRREGULAR.iter().find(|(form, _)| *form == word) {
        return (*base).to_owned();
    }
    if !word.is_ascii() || word.bytes().any(|byte| byte.is_ascii_digit()) {
        return word.to_owned();
    }
    let cut = |ending: &str| word.strip_suffix(ending).filter(|rest| rest.len() >= SHORTEST);
    let mut stem = if let Some(rest) = cut("ies").or_else(|| cut("ied")) {
        format!("{rest}y")
    } else if let Some(rest) = cut("ments")
        .or_else(|| cut("ment"))
        .or_else(|| cut("ations"))
        .or_else(|| cut("ation"))
    {
        rest.to_owned()
    } else if let Some(rest) = cut("ing").or_else(|| cut("ed")) {
        rest.to_owned()
    } else if word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
        word.to_owned()
    } else if let Some(rest) = cut("es")
        .filter(|rest| rest.ends_with(['s', 'x', 'z']) || rest.ends_with("ch") || rest.ends_with("sh"))
    {
        rest.to_owned()
    } else {
        word.strip_suffix('s')
            .filter(|rest| rest.len() >= SHORTEST)
            .unwrap_or(word)
            .to_owned()
    };
    // shipped, stopping: the doubled letter goes; closed, closing, close: so does the last e.
    let bytes = stem.as_bytes();
    if let [.., a, b] = bytes
        && a == b
        && !matches!(b, b's' | b'l' | b'e' | b'o')
        && stem.len() < word.len()
    {
        stem.pop();
    }
    if stem.len() > SHORTEST && stem.ends_with('e') {
        stem.pop();
    }
    stem
}
