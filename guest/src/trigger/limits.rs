//! Bounds of triggers. Units are in the names.

/// The shortest interval. Below it a job is a loop, and the host polls slower anyway.
pub const INTERVAL_SECONDS_MIN: u32 = 10;
/// The longest interval: 366 days.
pub const INTERVAL_SECONDS_MAX: u32 = 31_622_400;
/// The largest shift of a fire: a day.
pub const JITTER_SECONDS_MAX: u32 = 86_400;
/// Iterations of an ONGOING job.
pub const ITERATIONS_MAX: u32 = 1_000_000;
/// `misfire.max_runs`.
pub const MISFIRE_RUNS_MAX: u32 = 1_000;
/// `misfire.max_late_seconds`: 366 days.
pub const MISFIRE_LATE_SECONDS_MAX: u32 = 31_622_400;
/// Characters of an end condition.
pub const END_CONDITION_CHARS_MAX: usize = 2_048;
/// Characters of words, cron expressions, times and zone names.
pub const TEXT_CHARS_MAX: usize = 256;
/// How far in the past `run_at` may lie: what it takes to say and send it.
pub const PAST_TOLERANCE_MS: i64 = 60_000;
/// Cron slots are counted one by one, so counting stops here. Intervals are counted exactly.
pub const COUNT_MAX: u32 = 10_000;
/// Local times that one search for a slot may look at and reject (skipped gaps, repeated hours).
pub const REJECTED_SLOTS_MAX: u32 = 100_000;
/// How far ahead changes of the clocks are looked for, in weeks: five years.
pub const CLOCK_CHANGE_WEEKS_MAX: u32 = 261;
/// The last year that a schedule may name.
pub const YEAR_LAST: i32 = 2_100;
/// Fires of one preview.
pub const PREVIEW_FIRES_MAX: u32 = 1_000;
/// Time of day of "tomorrow", "every Monday" and whatever else names a day and no time.
pub const DEFAULT_HOUR: u32 = 9;
/// "in the afternoon" without a time.
pub const AFTERNOON_HOUR: u32 = 15;
/// "in the evening" without a time.
pub const EVENING_HOUR: u32 = 18;
/// "at night", "tonight" without a time.
pub const NIGHT_HOUR: u32 = 21;
/// "at the end of the day" (of the week, of the month).
pub const CLOSING_HOUR: u32 = 17;
/// Times of day that one line of words may name.
pub const CLOCKS_MAX: usize = 8;
/// `every.count`: days, weeks or months from one period that counts to the next.
pub const CADENCE_MAX: u32 = 366;
