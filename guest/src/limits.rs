//! Every limit of the component, with its unit. Bounds that callers see are stated in `wit/` too;
//! a test compares the two.

/// Jobs claimed by one `poll`.
pub const POLL_JOBS_MAX: u32 = 500;
/// Runs taken by one `settle`.
pub const SETTLE_RUNS_MAX: usize = 500;

/// Times a unit is decided again after it was refused as stale.
pub const DECISIONS_MAX: u32 = 8;

/// Characters of a job's title.
pub const TITLE_CHARS_MAX: usize = 200;
/// Characters of a job's description.
pub const DESCRIPTION_CHARS_MAX: usize = 8_192;
/// Characters of a job's instruction, with all guidance that was appended to it.
pub const PAYLOAD_CHARS_MAX: usize = 32_768;
/// Characters of the guidance that one `job-update` appends.
pub const GUIDANCE_CHARS_MAX: usize = 8_192;
/// Characters of a text that names a thing: a title, an id, a key, a keyword.
pub const NAME_CHARS_MAX: usize = 200;
/// Characters of a note on a pause or a cancellation; of what is quoted in a reason.
pub const NOTE_CHARS_MAX: usize = 500;
/// Characters of a query by meaning.
pub const QUERY_CHARS_MAX: usize = 512;
/// Characters of what a person says in the chat at once.
pub const UTTERANCE_CHARS_MAX: usize = 8_192;

/// Keywords of one search.
pub const KEYWORDS_MAX: usize = 20;
/// Jobs that one job waits for.
pub const DEPENDENCIES_MAX: usize = 100;
/// Dependents shown with a job.
pub const DEPENDENTS_SHOWN_MAX: u32 = 100;
/// Changes of status shown with a job.
pub const HISTORY_SHOWN_MAX: u32 = 50;
/// Dependencies looked at when a change of them is checked for a cycle.
pub const CYCLE_EDGES_MAX: u32 = 20_000;
/// Jobs above a new dependency that are guarded while it is made: a unit holds so many guards.
pub const CYCLE_GUARDS_MAX: usize = 800;
/// Jobs of a circle that its error names.
pub const CYCLE_JOBS_NAMED_MAX: usize = 12;

/// Seconds that one run may be given: a day.
pub const TIMEOUT_SECONDS_MAX: u32 = 86_400;
/// Seconds that one run has where its job names none.
pub const TIMEOUT_SECONDS_DEFAULT: u32 = 3_600;
/// Seconds from the end of a prerequisite: a leap year.
pub const DELAY_SECONDS_MAX: u32 = 31_622_400;

/// Attempts of one run that a retry policy may ask for.
pub const RETRY_ATTEMPTS_MAX: u32 = 100;
/// Attempts of one run where the policy names none.
pub const RETRY_ATTEMPTS_DEFAULT: u32 = 8;
/// Seconds between two attempts that a retry policy may ask for.
pub const RETRY_SECONDS_MAX: u32 = 86_400;
/// Seconds after the first failed attempt where the policy names none.
pub const RETRY_INITIAL_SECONDS_DEFAULT: u32 = 60;
/// The longest wait between two attempts, in seconds, where the policy names none.
pub const RETRY_MAX_SECONDS_DEFAULT: u32 = 3_600;
/// By what each wait is longer than the one before, where the policy does not say.
pub const RETRY_FACTOR_DEFAULT: f64 = 2.0;
/// The greatest such factor; the least is 1.
pub const RETRY_FACTOR_MAX: f64 = 10.0;

/// Days that a forecast looks ahead.
pub const FORECAST_DAYS: i64 = 30;
/// Slots of a cron schedule that a forecast counts one by one: of more, as many again are taken to follow.
pub const FORECAST_SLOTS: u32 = 300;

/// Jobs that a search by meaning answers where it names no limit.
pub const SEMANTIC_LIMIT_DEFAULT: u32 = 10;
/// From this score on a job fits well (`wit/tools.wit`, `fit`).
pub const FIT_STRONG: f64 = 0.7;
/// From this score on a job may be what is meant.
pub const FIT_POSSIBLE: f64 = 0.4;
/// Jobs of a page where the request names no limit.
pub const LIST_LIMIT_DEFAULT: u32 = 20;
/// Jobs of a page, at most.
pub const LIST_LIMIT_MAX: u32 = 100;
/// Runs shown with a job where the request does not say how many.
pub const RUNS_SHOWN_DEFAULT: u32 = 5;
/// Runs shown with a job, at most.
pub const RUNS_SHOWN_MAX: u32 = 50;
/// Fires to come that are said back.
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
/// Missed slots that `run_all` makes up for where the policy names no number.
pub const MISFIRE_RUNS_DEFAULT: u32 = 10;

/// Runs of a repeating job that fail in a row until a rule pauses it.
pub const FAILED_RUNS_PAUSE: u32 = 5;

/// Earlier runs that a run is told of.
pub const PREVIOUS_RUNS_MAX: u32 = 5;
/// Bytes of the output of each of them.
pub const PREVIOUS_OUTPUT_BYTES_MAX: usize = 16_384;
/// Bytes of a run's output that are kept.
pub const OUTPUT_BYTES_MAX: usize = 65_536;
/// Entries of a run's journal that are kept.
pub const JOURNAL_ENTRIES_MAX: usize = 200;
/// Characters of one of them.
pub const JOURNAL_ENTRY_CHARS_MAX: usize = 2_000;
/// Characters of the summary that a job keeps of its last run.
pub const SUMMARY_CHARS_MAX: usize = 500;
/// Characters of a message to a person.
pub const MESSAGE_CHARS_MAX: usize = 4_000;
/// Replies of a person that one run is handed; open questions that one sentence is weighed against.
pub const REPLIES_READ_MAX: u32 = 20;

/// Dependents told in one step.
pub const DEPENDENTS_PAGE: u32 = 200;
/// Such steps in one poll of their prerequisite; the next poll goes on.
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

/// Paused jobs looked at in one step of a cure.
pub const CURE_PAGE: u32 = 200;
/// Paused jobs resumed by one call of `cured`.
pub const CURE_JOBS_MAX: u32 = 10_000;

/// The largest budget of runs over a job's life.
pub const BUDGET_RUNS_MAX: u32 = 1_000_000_000;
/// The largest budget of runs in one day.
pub const BUDGET_RUNS_PER_DAY_MAX: u32 = 100_000;

/// The largest budget of tool calls, and of seconds.
pub const BUDGET_COUNT_MAX: u32 = 1_000_000_000;

/// Names in one list of a tool policy.
pub const TOOL_NAMES_MAX: usize = 100;
/// Characters of a tool's name: providers of models take no more.
pub const TOOL_NAME_CHARS_MAX: usize = 64;
/// Bytes of the arguments of a call that a person can be asked about.
pub const TOOL_ARGUMENTS_BYTES_MAX: usize = 16_384;
/// Seconds that a person has for the answer whether a tool may be called, where the policy names none: a day.
pub const ANSWER_SECONDS_DEFAULT: u32 = 86_400;
/// The least that a policy may name.
pub const ANSWER_SECONDS_MIN: u32 = 60;
/// The most that it may name: 366 days.
pub const ANSWER_SECONDS_MAX: u32 = 31_622_400;

/// Characters of a sentence that asks for work.
pub const PLAN_TEXT_CHARS_MAX: usize = 2_000;
/// Jobs that one such sentence may make.
pub const PLAN_JOBS_MAX: usize = 20;
/// Longest title that is made from a sentence.
pub const PLAN_TITLE_CHARS_MAX: usize = 80;
/// Words of the longest phrase that is tried as a time.
pub const PLAN_TIME_WORDS_MAX: usize = 16;
/// How often a page is watched when nothing else is said.
pub const WATCH_SECONDS_DEFAULT: u32 = 3_600;
/// Runs towards a goal in words when no other end is said: three weeks of every hour.
pub const GOAL_ITERATIONS_DEFAULT: u32 = 500;
