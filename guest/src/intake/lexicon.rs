//! Word lists. Everything that decides by vocabulary looks here.

/// Verbs that begin an instruction: after a comma or an "and" they may begin the next one.
pub(super) const VERBS: &[&str] = &[
    "add",
    "alert",
    "analyse",
    "analyze",
    "apologise",
    "archive",
    "arrange",
    "ask",
    "assign",
    "back",
    "backup",
    "book",
    "build",
    "buy",
    "call",
    "cancel",
    "chase",
    "check",
    "clean",
    "close",
    "collect",
    "compare",
    "compile",
    "confirm",
    "contact",
    "copy",
    "create",
    "delete",
    "deliver",
    "deploy",
    "do",
    "download",
    "draft",
    "email",
    "e-mail",
    "ensure",
    "escalate",
    "export",
    "fetch",
    "file",
    "fill",
    "find",
    "finish",
    "follow",
    "forward",
    "gather",
    "generate",
    "get",
    "give",
    "go",
    "grade",
    "help",
    "import",
    "inform",
    "install",
    "invite",
    "invoice",
    "keep",
    "let",
    "list",
    "log",
    "look",
    "mail",
    "make",
    "merge",
    "message",
    "monitor",
    "move",
    "notify",
    "nudge",
    "open",
    "order",
    "pay",
    "phone",
    "ping",
    "plan",
    "post",
    "practise",
    "practice",
    "prepare",
    "print",
    "proofread",
    "publish",
    "pull",
    "push",
    "put",
    "read",
    "rebuild",
    "refresh",
    "release",
    "remind",
    "remove",
    "renew",
    "reply",
    "report",
    "request",
    "research",
    "reset",
    "restart",
    "restore",
    "review",
    "revise",
    "roll",
    "rotate",
    "run",
    "save",
    "scan",
    "schedule",
    "search",
    "see",
    "sell",
    "send",
    "set",
    "share",
    "ship",
    "sign",
    "start",
    "stop",
    "study",
    "submit",
    "summarise",
    "summarize",
    "sync",
    "take",
    "tell",
    "test",
    "text",
    "thank",
    "track",
    "train",
    "translate",
    "try",
    "turn",
    "update",
    "upgrade",
    "upload",
    "verify",
    "wait",
    "wake",
    "warn",
    "watch",
    "water",
    "write",
];

/// What one does about something that was done before.
pub(super) const FOLLOW_UPS: &[&str] = &["follow", "chase", "nudge", "escalate"];

/// Words that may come after a time and show that it is over.
pub(super) const CONNECTIVES: &[&str] = &[
    "about",
    "to",
    "for",
    "that",
    "and",
    "but",
    "or",
    "then",
    "until",
    "till",
    "if",
    "when",
    "unless",
    "on",
    "every",
    "each",
    "in",
    "with",
    "from",
    "starting",
    "beginning",
    "so",
    "because",
    "using",
    "via",
    "by",
    "before",
    "after",
    "tomorrow",
    "today",
    "please",
    "which",
    "utc",
    "gmt",
    "at",
    "of",
    "as",
    "remind",
    "next",
    "whether",
    "what",
    "who",
    "how",
    "why",
    "where",
    "i",
    "you",
    "he",
    "she",
    "we",
    "they",
    "it",
    "me",
    "us",
    "him",
    "them",
    "-",
    "–",
    "—",
];

/// After these a time is part of a noun phrase, or is read by another rule.
pub(super) const NO_TIME_AFTER: &[&str] = &[
    "of",
    "about",
    "than",
    "since",
    "until",
    "till",
    "til",
    "by",
    "before",
    "after",
    "between",
    "from",
    "starting",
    "beginning",
    "for",
    "versus",
    "vs",
    "within",
    "or",
];

/// Words that make a noun phrase of what follows.
pub(super) const DETERMINERS: &[&str] = &[
    "the", "a", "an", "my", "our", "your", "his", "her", "their", "its", "this", "that", "these", "those",
    "last", "no", "any", "some", "all", "both",
];

/// Before "every" they make it a part of the task: "to every customer".
pub(super) const PREPOSITIONS: &[&str] = &[
    "to", "with", "in", "on", "at", "by", "and", "or", "like", "into", "across", "against", "per", "under",
    "within", "through",
];

/// Things that have a time of their own.
pub(super) const EVENTS: &[&str] = &[
    "meeting",
    "call",
    "standup",
    "stand-up",
    "appointment",
    "interview",
    "demo",
    "workshop",
    "party",
    "lunch",
    "dinner",
    "breakfast",
    "event",
    "conference",
    "flight",
    "train",
    "exam",
    "test",
    "class",
    "lecture",
    "seminar",
    "webinar",
    "session",
    "trip",
    "game",
    "match",
    "concert",
    "presentation",
    "launch",
    "review",
    "visit",
    "wedding",
    "deadline",
    "webcast",
    "sync",
    "retro",
    "offsite",
];

/// Verbs with which a daily, weekly or monthly thing is handed over each time.
pub(super) const DELIVERIES: &[&str] = &[
    "send", "give", "email", "e-mail", "mail", "post", "deliver", "text", "message", "get", "share", "tell",
];

pub(super) const PERIODS: &[&str] = &["hourly", "daily", "weekly", "monthly"];

pub(super) const WEEKDAYS: &[&str] = &[
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

const WEEKDAYS_SHORT: &[&str] = &[
    "mon", "tue", "tues", "wed", "thu", "thur", "thurs", "fri", "sat", "sun",
];

const MONTHS: &[&str] = &[
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "jan",
    "feb",
    "mar",
    "apr",
    "jun",
    "jul",
    "aug",
    "sep",
    "sept",
    "oct",
    "nov",
    "dec",
];

/// Names of times of the day, and of days that are told from today.
const PARTS: &[&str] = &[
    "morning",
    "noon",
    "midday",
    "afternoon",
    "evening",
    "night",
    "midnight",
    "tonight",
    "today",
    "tomorrow",
    "eod",
    "eow",
    "cob",
    "lunchtime",
    "dawn",
    "dusk",
    "overnight",
];

const UNITS: &[&str] = &[
    "second",
    "minute",
    "min",
    "hour",
    "day",
    "week",
    "weekend",
    "weekday",
    "fortnight",
    "month",
    "quarter",
    "year",
];

const NUMBERS: &[&str] = &[
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "couple", "few", "half", "several",
];

/// Words within times that name none themselves.
const JOINTS: &[&str] = &[
    "the",
    "of",
    "end",
    "next",
    "this",
    "at",
    "on",
    "in",
    "a",
    "an",
    "every",
    "other",
    "last",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "and",
    "start",
    "beginning",
    "business",
    "close",
    "working",
    "later",
    "am",
    "pm",
    "each",
    "middle",
];

/// "Good Friday", "Cyber Monday".
pub(super) const FEASTS: &[&str] = &[
    "good", "black", "cyber", "ash", "easter", "palm", "maundy", "whit", "giving", "super", "bloody",
];

/// A weekday, as a whole word or in several ("mondays").
pub(super) fn is_weekday(word: &str) -> bool {
    WEEKDAYS.contains(&word) || word.strip_suffix('s').is_some_and(|one| WEEKDAYS.contains(&one))
}

pub(super) fn is_unit(word: &str) -> bool {
    UNITS.contains(&word) || word.strip_suffix('s').is_some_and(|one| UNITS.contains(&one))
}

fn is_part(word: &str) -> bool {
    PARTS.contains(&word) || word.strip_suffix('s').is_some_and(|one| PARTS.contains(&one))
}

/// Whole digits.
pub(super) fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit())
}

/// "9am", "17:30": a time of day by its looks, whether or not there is one ("25:00").
pub(super) fn is_clock(word: &str) -> bool {
    let half = word.strip_suffix("am").or_else(|| word.strip_suffix("pm"));
    let digits = half.unwrap_or(word);
    let (hour, minute) = digits.split_once([':', '.']).unwrap_or((digits, ""));
    let marked = half.is_some() || digits.contains(':');
    marked
        && is_number(hour)
        && hour.len() <= 2
        && (minute.is_empty() && !digits.contains(':') || is_number(minute))
}

fn is_date(word: &str) -> bool {
    let parts: Vec<&str> = word.split('-').collect();
    parts.len() == 3 && parts[0].len() == 4 && parts.iter().all(|part| is_number(part))
}

pub(super) fn is_ordinal(word: &str) -> bool {
    ["st", "nd", "rd", "th"]
        .iter()
        .any(|end| word.strip_suffix(end).is_some_and(is_number))
}

/// Names a day, a month, a time of day or a stretch of time.
pub(super) fn is_anchor(word: &str) -> bool {
    is_weekday(word)
        || WEEKDAYS_SHORT.contains(&word)
        || MONTHS.contains(&word)
        || is_part(word)
        || is_unit(word)
        || is_clock(word)
        || is_date(word)
}

/// May stand inside a time.
pub(super) fn is_timely(word: &str) -> bool {
    is_anchor(word)
        || is_number(word)
        || is_ordinal(word)
        || NUMBERS.contains(&word)
        || JOINTS.contains(&word)
}

/// A time of the day or a calendar day that follows on from a time ("tomorrow *morning*").
pub(super) fn continues_a_time(word: &str) -> bool {
    is_part(word)
        || is_weekday(word)
        || is_clock(word)
        || is_unit(word)
        || ["am", "pm", "ish"].contains(&word)
}

/// "five", "5", "a", and what adds up.
pub(super) fn is_amount(word: &str) -> bool {
    is_number(word) || NUMBERS.contains(&word) || ["a", "an"].contains(&word)
}

/// Abbreviations of zones that more than one place uses.
pub(super) const ZONE_ABBREVIATIONS: &[&str] = &[
    "est", "edt", "pst", "pdt", "cst", "cdt", "mst", "mdt", "cet", "cest", "bst", "ist", "jst", "et", "pt",
    "aest", "eet", "wet",
];

/// Words of other languages that name times. A text with one of them is not read as English.
pub(super) const FOREIGN_TIMES: &[&str] = &[
    "jeden",
    "jede",
    "jedes",
    "täglich",
    "stündlich",
    "wöchentlich",
    "montag",
    "dienstag",
    "mittwoch",
    "donnerstag",
    "freitag",
    "samstag",
    "sonntag",
    "übermorgen",
    "uhr",
    "erinnere",
    "cada",
    "lunes",
    "martes",
    "miércoles",
    "jueves",
    "viernes",
    "mañana",
    "recuérdame",
    "chaque",
    "lundi",
    "mardi",
    "mercredi",
    "jeudi",
    "vendredi",
    "demain",
    "rappelle-moi",
    "ogni",
    "lunedì",
    "domani",
    "ricordami",
    "amanhã",
    "lembre-me",
    "maandag",
    "elke",
    "herinner",
];
