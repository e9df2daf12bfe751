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

/// Pages of 4 KiB in the write-ahead log of a SQLite file from which on they are written into the file: 32 MiB.
/// What is written often is written into the file once, and fewer commits wait for it.
pub const CHECKPOINT_PAGES: i64 = 8_192;

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

/// Rows of a store that is exported which wait to be written: a few, as one may have megabytes.
pub const MOVED_ROWS_WAITING: usize = 16;

/// Connections of one host to Postgres. Each is a process there, whose own default is 100 for all; a
/// commit holds one for three round trips.
pub const POSTGRES_CONNECTIONS_MAX: usize = 12;

/// How long a call waits for a connection: for a free one, and for a new one.
pub const POSTGRES_CONNECT_WAIT: Duration = Duration::from_secs(5);

/// How long Postgres works on one statement.
pub const POSTGRES_STATEMENT_WAIT: Duration = Duration::from_secs(30);

/// How long Postgres waits for one lock.
pub const POSTGRES_LOCK_WAIT: Duration = Duration::from_secs(10);

/// How long Postgres lets a transaction be whose host says nothing (stopped, or cut off): its locks hold
/// up other hosts.
pub const POSTGRES_SILENCE_WAIT: Duration = Duration::from_secs(5);

/// After this long without an answer a connection counts as lost, in place of the minutes that TCP
/// would take. Longer than any statement may take.
pub const POSTGRES_ANSWER_WAIT: Duration = Duration::from_secs(35);

/// How often a transaction is tried that wrote nothing for certain.
pub const POSTGRES_TRIES_MAX: u32 = 8;

/// The first of the waits between such tries: doubling, 1.3 s in all. A Postgres that is restarted is
/// back by then; a longer outage is told.
pub const POSTGRES_RETRY_WAIT_FIRST: Duration = Duration::from_millis(10);

/// Hints of one tenant to other hosts are at least this far apart.
pub const POSTGRES_NUDGE_EVERY: Duration = Duration::from_millis(10);

/// So long a host has what it wrote to itself before others are told that it is due. It takes it at once unless it has no
/// room, and then says so.
pub const POSTGRES_OFFER_WAIT: Duration = Duration::from_millis(100);

/// Ids of changed rows in one hint: a payload of Postgres has less than 8,000 bytes.
pub const POSTGRES_CHANGES_TOLD: usize = 100;

/// How long the listener waits before it connects again.
pub const POSTGRES_LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// Hints that wait for the host; more are dropped, as polling finds what they tell.
pub const POSTGRES_NUDGES_KEPT: usize = 1_024;

/// A lease in Postgres lasts at most this long, whatever a host asks for.
pub const POSTGRES_LEASE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// So many jobs a search looks at one by one: in Postgres the newest, before it asks the index (about 3 ms), in SQLite
/// those that have its words, where they are no more.
pub const SEARCH_WALK_ROWS: u32 = 1_000;
