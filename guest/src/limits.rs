//! Every limit of the component, with its unit. Bounds that callers see are stated in `wit/` too;
//! a test compares the two.

/// Jobs claimed by one `poll`, runs taken by one `settle`.
pub const POLL_JOBS_MAX: u32 = 500;
pub const SETTLE_RUNS_MAX: usize = 500;

/// Times a unit is decided again after it was refused as stale.
pub const DECISIONS_MAX: u32 = 8;

pub const TITLE_CHARS_MAX: usize = 200;
pub const DESCRIPTION_CHARS_MAX: usize = 8_192;
pub const PAYLOAD_CHARS_MAX: usize = 32_768;
pub const GUIDANCE_CHARS_MAX: usize = 8_192;
/// Titles, ids and keys that name a thing.
pub const NAME_CHARS_MAX: usize = 200;
pub const NOTE_CHARS_MAX: usize = 500;
pub const QUERY_CHARS_MAX: usize = 512;
pub const UTTERANCE_CHARS_MAX: usize = 8_192;

pub const KEYWORDS_MAX: usize = 20;
pub const DEPENDENCIES_MAX: usize = 100;
pub const DEPENDENTS_SHOWN_MAX: u32 = 100;
/// Changes of status shown with a job.
pub const HISTORY_SHOWN_MAX: u32 = 50;
/// Dependencies looked at when a change of them is checked for a cycle.
pub const CYCLE_EDGES_MAX: u32 = 20_000;
/// Jobs above a new dependency that are guarded while it is made: a unit holds so many guards.
pub const CYCLE_GUARDS_MAX: usize = 800;
/// Jobs of a circle that its error names.
pub const CYCLE_JOBS_NAMED_MAX: usize = 12;

pub const TIMEOUT_SECONDS_MAX: u32 = 86_400;
pub const TIMEOUT_SECONDS_DEFAULT: u32 = 3_600;
pub const DELAY_SECONDS_MAX: u32 = 31_622_400;

pub const RETRY_ATTEMPTS_MAX: u32 = 100;
pub const RETRY_ATTEMPTS_DEFAULT: u32 = 8;
pub const RETRY_SECONDS_MAX: u32 = 86_400;
pub const RETRY_INITIAL_SECONDS_DEFAULT: u32 = 60;
pub const RETRY_MAX_SECONDS_DEFAULT: u32 = 3_600;
pub const RETRY_FACTOR_DEFAULT: f64 = 2.0;
pub const RETRY_FACTOR_MAX: f64 = 10.0;

pub const SEMANTIC_LIMIT_DEFAULT: u32 = 10;
pub const LIST_LIMIT_DEFAULT: u32 = 20;
pub const LIST_LIMIT_MAX: u32 = 100;
pub const RUNS_SHOWN_DEFAULT: u32 = 5;
pub const RUNS_SHOWN_MAX: u32 = 50;
pub const NEXT_RUNS_SHOWN: usize = 5;

/// Titles with at least this share of their words in common (Jaccard) are similar.
pub const SIMILAR_TITLE_SHARE: f64 = 0.5;
/// Live jobs, newest first, whose titles are compared.
pub const SIMILAR_JOBS_MAX: u32 = 100;

/// How far a run beside the schedule may be moved on past slots that are taken, in milliseconds: as
/// many such runs fit into one instant.
pub const SLOT_SHIFT_MS_MAX: i64 = 1_000;

/// Lateness up to which a slot counts as on time, in milliseconds.
pub const ON_TIME_MS: i64 = 60_000;
pub const MISFIRE_RUNS_DEFAULT: u32 = 10;

/// Runs of a repeating job that fail in a row until a rule pauses it.
pub const FAILED_RUNS_PAUSE: u32 = 5;

pub const PREVIOUS_RUNS_MAX: u32 = 5;
pub const PREVIOUS_OUTPUT_BYTES_MAX: usize = 16_384;
pub const OUTPUT_BYTES_MAX: usize = 65_536;
pub const JOURNAL_ENTRIES_MAX: usize = 200;
pub const JOURNAL_ENTRY_CHARS_MAX: usize = 2_000;
pub const SUMMARY_CHARS_MAX: usize = 500;
pub const MESSAGE_CHARS_MAX: usize = 4_000;
pub const REPLIES_READ_MAX: u32 = 20;

/// Dependents told in one step, and steps in one poll of their prerequisite.
pub const DEPENDENTS_PAGE: u32 = 200;
pub const DEPENDENTS_PAGES_MAX: u32 = 60;

/// Jobs of a person that one sentence in the chat is weighed against.
pub const HEARD_JOBS_MAX: u32 = 100;
/// Jobs whose goals the pipeline is asked about for one sentence.
pub const CONSIDERED_JOBS_MAX: usize = 3;

/// Generations of jobs that runs create. Three are a task, its parts, and a follow-up of each; who
/// needs more has a loop.
pub const ORIGIN_DEPTH_MAX: u32 = 3;
/// Jobs that one run creates: enough for "research these 50 companies", one job each.
pub const RUN_CHILDREN_MAX: u32 = 50;
/// Live jobs that came of one person's job through runs, in all generations: two such tasks at
/// once. It bounds what a repeating job leaves behind whose every run creates a job, and it bounds
/// the list on the root's row, 3 KB.
pub const LIVE_DESCENDANTS_MAX: usize = 100;

/// Paused jobs looked at in one step of a cure, and resumed by one call.
pub const CURE_PAGE: u32 = 200;
pub const CURE_JOBS_MAX: u32 = 10_000;

pub const BUDGET_RUNS_MAX: u32 = 1_000_000_000;
pub const BUDGET_RUNS_PER_DAY_MAX: u32 = 100_000;

/// A sentence that asks for work, and jobs it may make.
pub const PLAN_TEXT_CHARS_MAX: usize = 2_000;
pub const PLAN_JOBS_MAX: usize = 20;
/// Longest title that is made from a sentence.
pub const PLAN_TITLE_CHARS_MAX: usize = 80;
/// Words of the longest phrase that is tried as a time.
pub const PLAN_TIME_WORDS_MAX: usize = 16;
/// How often a page is watched when nothing else is said.
pub const WATCH_SECONDS_DEFAULT: u32 = 3_600;
/// Runs towards a goal in words when no other end is said: three weeks of every hour.
pub const GOAL_ITERATIONS_DEFAULT: u32 = 500;
