//! Every limit of the host, with its unit and its reason. Nothing else in the host spells a
//! bound as a bare number.

use std::time::Duration;

/// Jobs handed out by one `claim-due` call: a page small enough to decide within a few
/// milliseconds, large enough that a group commit is well filled.
pub const CLAIM_JOBS_MAX: u32 = 256;

/// Finished runs handed to one `settle` call.
pub const SETTLE_RUNS_MAX: usize = 256;

/// Units of one `commit` call, and writes of one unit.
pub const COMMIT_UNITS_MAX: usize = 1_000;
pub const UNIT_WRITES_MAX: usize = 1_000;

/// Rows of one page that storage hands out.
pub const PAGE_ROWS_MAX: u32 = 1_000;

/// Matches beyond this are not counted: a total is exact up to here.
pub const TOTAL_COUNT_MAX: u64 = 10_000;

/// Terms of one search, and characters of one term.
pub const SEARCH_TERMS_MAX: usize = 32;
pub const SEARCH_TERM_CHARS_MAX: usize = 512;

/// Length of a lease. A crashed host's runs are taken over when theirs lapse.
pub const LEASE: Duration = Duration::from_secs(30);

/// Live leases are renewed this often: two renewals may fail before one lapses.
pub const LEASE_RENEWAL: Duration = Duration::from_secs(10);

/// Runs of one tenant that may execute at the same time.
pub const PARALLEL_RUNS_DEFAULT: u32 = 5;

/// Bytes of a run's output that are kept.
pub const OUTPUT_BYTES_MAX: usize = 65_536;

/// Journal entries of a run that are kept, and characters of one.
pub const JOURNAL_ENTRIES_MAX: usize = 200;
pub const JOURNAL_ENTRY_CHARS_MAX: usize = 2_000;
