//! Limits of storage, with their units and reasons.

use std::time::Duration;

/// Tasks that share one physical transaction at most: bounds how long the first one waits.
pub const GROUP_TASKS_MAX: usize = 512;
/// Work of one physical transaction, in the units of [`super::work`]: what one tenant alone may
/// have written before the next one is looked at, about 10 ms of it.
pub const GROUP_WORK_MAX: usize = 2_000;

/// Work that a tenant has done in one turn, where others wait: about 3 ms. Larger commits are cut
/// between their units.
pub const TURN_WORK: usize = 500;

/// A tenant whose work took this long in a transaction rests, while others are there.
pub const REST_AFTER: Duration = Duration::from_millis(4);
/// It rests for so many times as long: so it has a quarter of the writer's time at most.
pub const REST_TIMES: u32 = 3;
/// Others are there for a tenant while one of them had a turn this lately.
pub const CROWDED_FOR: Duration = Duration::from_millis(250);

/// Connections that are kept for reading.
pub const READERS_KEPT: usize = 4;

/// Page cache of the writing connection, in KiB. A store of a million jobs is read by index: more
/// cache buys little.
pub const WRITER_CACHE_KIB: i64 = 32_768;
/// Page cache of each reading connection, in KiB.
pub const READER_CACHE_KIB: i64 = 4_096;

/// Statements that a connection keeps compiled.
pub const STATEMENTS_KEPT: usize = 128;

/// How long a connection waits for a lock, in milliseconds. One host owns the file, so this is
/// only ever felt when another program reads it.
pub const BUSY_TIMEOUT_MS: u64 = 5_000;

/// How long opening waits for a host that is just ending: a program that a killed host was starting
/// keeps the lock until it runs.
pub const LOCK_WAIT: Duration = Duration::from_secs(2);
/// How often opening tries to get the lock meanwhile.
pub const LOCK_LOOK: Duration = Duration::from_millis(20);

/// Files up to this many bytes are checked whole at every start; larger ones by `doctor`, since a
/// start has to be quick.
pub const QUICK_CHECK_BYTES_MAX: u64 = 64 * 1024 * 1024;
