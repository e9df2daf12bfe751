//! Every limit of the host, with its unit and its reason. Nothing else in the host spells a
//! bound as a bare number.

use std::time::Duration;

/// Jobs handed out by one `claim-due` call: a page small enough to decide within a few
/// milliseconds, large enough that a group commit is well filled.
pub const CLAIM_JOBS_MAX: u32 = 256;

/// Finished runs handed to one `settle` call.
pub const SETTLE_RUNS_MAX: usize = 256;
/// `settle` calls of a tenant at once, where so many runs have ended that the first is full: one decides while
/// what the other decided is being written.
pub const SETTLE_CALLS_MAX: usize = 2;

/// Units of one `commit` call.
pub const COMMIT_UNITS_MAX: usize = 1_000;
/// Writes of one unit, and guards of one unit.
pub const UNIT_WRITES_MAX: usize = 1_000;

/// Work of one unit, as [`crate::storage::work`] measures it: a unit cannot be cut, so everybody
/// else's writes wait for it. The largest of ours gives a job a hundred new prerequisites for as many
/// old ones and a text of its full length, and guards what it read about circles: 2,300.
pub const UNIT_WORK_MAX: usize = 2_400;

/// Writes of all units of one `commit` call. Settling [`SETTLE_RUNS_MAX`] runs takes six writes and
/// two guards each.
pub const COMMIT_WRITES_MAX: usize = 4_000;
/// Guards of all units of one `commit` call.
pub const COMMIT_GUARDS_MAX: usize = 4_000;

// What a component may write into one row. Those in characters are the contract's own; the others
// only stop what no component of good faith writes.

/// Characters of an id.
pub const ID_CHARS_MAX: usize = 64;
/// Characters of a name or key that somebody else chose: an agent, a user, an idempotency key, an
/// entity.
pub const NAME_CHARS_MAX: usize = 1_000;
/// Characters of a job's title (`wit/types.wit`, `job-spec`).
pub const TITLE_CHARS_MAX: usize = 200;
/// Characters of a job's description.
pub const DESCRIPTION_CHARS_MAX: usize = 8_192;
/// Characters of a job's instruction.
pub const PAYLOAD_CHARS_MAX: usize = 32_768;

/// Characters of a message: what a person says is longer than what is told.
pub const MESSAGE_CHARS_MAX: usize = 8_192;

/// Bytes of all texts of a trigger.
pub const SPEC_TEXT_BYTES_MAX: usize = 16 << 10;
/// Bytes of all texts of a job's state.
pub const STATE_TEXT_BYTES_MAX: usize = 128 << 10;
/// Bytes of the reason of one change of status: its code and its message.
pub const CHANGE_TEXT_BYTES_MAX: usize = 64 << 10;
/// Bytes of a run's output, report, error, reason and journal together: a journal of its full
/// length in four-byte characters fits.
pub const RUN_TEXT_BYTES_MAX: usize = 2 << 20;
/// Entries of a journal as a component writes it: those of the run, and the component's own notes.
pub const JOURNAL_ROWS_MAX: usize = 400;

/// Characters that are kept of an error's message and of a report's summary.
pub const REPORT_CHARS_MAX: usize = 4_000;

/// How far ahead the deadline of an attempt may lie: the longest timeout is a day, and clocks of
/// hosts may disagree.
pub const RUN_TIME_MAX: Duration = Duration::from_secs(2 * 86_400);

/// Rows of one page that storage hands out.
pub const PAGE_ROWS_MAX: u32 = 1_000;

/// Bytes of stored rows at which a page of jobs ends before its limit.
pub const PAGE_BYTES_MAX: usize = 16 << 20;
/// Bytes of stored rows that one read brings at most: the jobs of a full `settle` at their longest
/// fit. More is refused as `limit-exceeded`.
pub const READ_BYTES_MAX: usize = 48 << 20;
/// Bytes of jobs with their open runs in one claim, which is read while nobody else can write: a
/// claim ends before the job that would exceed them.
pub const CLAIM_BYTES_MAX: usize = 2 << 20;

/// Edges that one question about all ancestors hands out.
pub const ANCESTOR_EDGES_MAX: u32 = 20_000;

/// Matches beyond this are not counted: a total is exact up to here.
pub const TOTAL_COUNT_MAX: u64 = 1_000;

/// Terms of one search.
pub const SEARCH_TERMS_MAX: usize = 32;
/// Characters of one term of a search (`wit/storage.wit`, `search-query`).
pub const SEARCH_TERM_CHARS_MAX: usize = 512;

/// Texts that an index in memory learns in one go: a few milliseconds of work, and at their longest what one read brings.
pub const SEARCH_PAGE_ROWS: u32 = 250;
/// Bytes of all indexes in memory together, about: a million jobs with vectors and texts of usual length. An index that
/// has more by itself is the only one.
pub const SEARCH_KEPT_BYTES: usize = 1 << 30;
/// Misspelt words of one question that are looked for as they were meant.
pub const SEARCH_REPAIRED_WORDS_MAX: usize = 16;
/// A question that the embedder does not answer in this time is looked for by its words ...
pub const SEARCH_EMBED_WAIT: Duration = Duration::from_secs(2);
/// ... and so are those of this time after it.
pub const SEARCH_EMBED_AGAIN: Duration = Duration::from_secs(10);
/// Ranked jobs that are looked at beyond those that are asked for: some do not pass the filter.
pub const SEARCH_SPARE_ROWS: usize = 64;
/// A filter that lets at most so many jobs pass is asked for all of them, which are ranked by themselves: 5 ms.
pub const SEARCH_SELECTIVE_ROWS: u32 = 20_000;
/// Ranked jobs of which those are shown first that say what was searched for by relevance.
pub const SEARCH_RELEVANT_ROWS: usize = 500;
/// So many searches of a tenant apart it is looked whether an index has much that is no more.
pub const SEARCHES_BETWEEN_COUNTS: u64 = 64;
/// Words that a beginning is completed to where no job has it as a word.
pub const SEARCH_COMPLETIONS_MAX: usize = 8;
/// Characters of a word that can be misspelt: shorter ones are too near to too many, longer ones are no words.
pub const SPELLED_CHARS_MIN: usize = 4;
/// See [`SPELLED_CHARS_MIN`].
pub const SPELLED_CHARS_MAX: usize = 40;

/// Texts that are given to the embedder in one go: about half a second of work.
pub const EMBED_BATCH_TEXTS: u32 = 32;
/// Texts wait for vectors until none were written for so long ...
pub const EMBED_QUIET: Duration = Duration::from_millis(500);
/// ... but no longer than this.
pub const EMBED_WAIT_MAX: Duration = Duration::from_secs(10);
/// How often it is looked for texts that another host left without vectors.
pub const EMBED_LOOK: Duration = Duration::from_secs(30);
/// After a failure it is tried again after this.
pub const EMBED_AGAIN: Duration = Duration::from_secs(30);

/// Length of a lease. A crashed host's runs are taken over when theirs lapse.
pub const LEASE: Duration = Duration::from_secs(30);

/// Live leases are renewed this often: two renewals may fail before one lapses.
pub const LEASE_RENEWAL: Duration = Duration::from_secs(10);
/// A renewal that storage did not answer is tried again after this.
pub const LEASE_RENEWAL_AGAIN: Duration = Duration::from_secs(1);

/// Runs of one tenant that may execute at the same time, unless an operator sets another number.
pub const PARALLEL_RUNS_DEFAULT: u32 = 5;
/// Runs of one tenant that may execute at the same time where an operator sets as many as can be
/// set.
pub const PARALLEL_RUNS_MAX: u32 = 1_000;

/// Bytes of a run's output that are kept.
pub const OUTPUT_BYTES_MAX: usize = 65_536;

/// Bytes that are read of an agent's answer: an outcome whose output has full length, escaped as JSON, with
/// report and journal.
pub const AGENT_ANSWER_BYTES_MAX: usize = 8 * OUTPUT_BYTES_MAX;
/// Real time within which an agent behind an address takes a connection.
pub const AGENT_HTTP_CONNECT_TIME: Duration = Duration::from_secs(10);
/// Real time for telling it that an attempt is of no more use: shorter than [`STOP_GRACE`], in which it is told.
pub const AGENT_HTTP_CANCEL_TIME: Duration = Duration::from_millis(1_500);
/// Real time within which it says to `meanwhile doctor` that it is there.
pub const AGENT_HTTP_CHECK_TIME: Duration = Duration::from_secs(10);
/// Bytes of a refusal of it that are read, and the real time for them.
pub const AGENT_HTTP_TOLD_BYTES: usize = 4 << 10;
/// See [`AGENT_HTTP_TOLD_BYTES`].
pub const AGENT_HTTP_TOLD_TIME: Duration = Duration::from_secs(2);
/// Characters of what it answers that an error has.
pub const AGENT_HTTP_TOLD_CHARS: usize = 300;
/// Attempts that have ended whose tokens are still known, to tell who sends an outcome late what came of it: 2 MB.
pub const RUN_TOKENS_ENDED_MAX: usize = 4_096;

/// Journal entries of a run that are kept.
pub const JOURNAL_ENTRIES_MAX: usize = 200;
/// Characters that are kept of one entry of a journal.
pub const JOURNAL_ENTRY_CHARS_MAX: usize = 2_000;

/// Turns that are kept of one person with one agent, in all their conversations; older ones are forgotten. What is kept of
/// somebody is at most 125 MiB, beside the room of a tenant's rows.
pub const TURNS_KEPT: u32 = 2_000;
/// Bytes of the text of one turn: what is longer is cut by whoever adds it.
pub const TURN_BYTES_MAX: usize = 64 << 10;

/// Rows that one transaction of an import has: enough that its commit costs little beside them.
pub const IMPORT_BATCH_ROWS: usize = 1_000;
/// Bytes of rows from which on a transaction of an import takes no more.
pub const IMPORT_BATCH_BYTES: usize = 8 << 20;
/// Bytes of one line of an export: a component of [`COMPONENT_BYTES_MAX`] takes two for each byte, a run's texts of
/// [`RUN_TEXT_BYTES_MAX`] at most seven (a control character, escaped twice).
pub const MOVED_LINE_BYTES_MAX: usize = 32 << 20;

// A tenant's own limits: the defaults, and what an operator may set.

/// Tenants of one host.
pub const TENANTS_MAX: usize = 10_000;
/// Tokens of one tenant.
pub const TOKENS_MAX: usize = 1_000;

/// Characters of the agent and the user that a token names.
pub const TOKEN_NAME_CHARS_MAX: usize = 200;

/// Characters of a tenant's name.
pub const TENANT_NAME_CHARS_MAX: usize = 63;

/// Jobs that have not ended. The default holds for one person's years of work and stops an agent
/// that creates jobs in a loop.
pub const TENANT_JOBS_DEFAULT: u64 = 100_000;
/// Jobs that have not ended, at most, whatever an operator sets.
pub const TENANT_JOBS_MAX: u64 = 100_000_000;

/// Bytes of a tenant's rows, indexes not counted, nor turns of conversations ([`TURNS_KEPT`] bounds them).
pub const TENANT_STORAGE_BYTES_DEFAULT: u64 = 4 << 30;
/// Bytes of a tenant's rows, at most, whatever an operator sets: 1 TiB.
pub const TENANT_STORAGE_BYTES_MAX: u64 = 1 << 40;

/// Bytes that one more run and what it tells may add when storage is full: output, journal, message, twice over.
pub const TENANT_RUN_RESERVE_BYTES: u64 = 1 << 20;

/// Lines that are logged about one tenant's component, at once and for long, and characters of what it
/// says in one: it must not fill the disk, nor hide what is said of others.
pub const TENANT_LOG_LINES_BURST: u32 = 30;
/// See [`TENANT_LOG_LINES_BURST`].
pub const TENANT_LOG_LINES_PER_MINUTE: u32 = 20;
/// See [`TENANT_LOG_LINES_BURST`].
pub const TENANT_LOG_TEXT_CHARS: usize = 500;

/// Requests a second of one tenant over HTTP and MCP, in the mean.
pub const TENANT_REQUESTS_PER_SECOND_DEFAULT: u32 = 500;
/// Requests a second of one tenant, at most, whatever an operator sets.
pub const TENANT_REQUESTS_PER_SECOND_MAX: u32 = 100_000;

/// Milliseconds that one call may compute: a full poll of the largest jobs takes a tenth of the default.
pub const TENANT_CPU_MS_DEFAULT: u32 = 2_000;
/// Least milliseconds of a call that an operator can set.
pub const TENANT_CPU_MS_MIN: u64 = 50;
/// Most milliseconds of a call that an operator can set: below [`CALL_WALL_CLOCK`], which counts
/// waiting as well.
pub const TENANT_CPU_MS_MAX: u64 = 20_000;

/// Least linear memory of one call, in bytes: the component starts with about 1 MiB.
pub const TENANT_MEMORY_BYTES_MIN: u64 = 4 << 20;

// What a component may come to before it is compiled. The worst that is within all of these compiles
// in 4.1 s on two cores (`make bench BENCH=compile`); before there were any, minutes did not suffice.

/// Bytes of a component. Ours has 2.0 MiB.
pub const COMPONENT_BYTES_MAX: usize = 8 << 20;
/// Bytes of a component's code. Ours has 1.0 MiB.
pub const COMPONENT_CODE_BYTES_MAX: u64 = 3 << 20;

/// Functions of a component in all. Ours has 2,200.
pub const COMPONENT_FUNCTIONS_MAX: u64 = 20_000;
/// Bytes of one function's code. Our largest has 22 KiB.
pub const COMPONENT_FUNCTION_BYTES_MAX: u64 = 64 << 10;
/// Locals of one function, beside its parameters. Ours have 162 at most.
pub const COMPONENT_FUNCTION_LOCALS_MAX: u64 = 500;
/// Loops inside of each other in one function. Ours are six deep.
pub const COMPONENT_LOOPS_DEEP_MAX: u64 = 24;

/// Branches of each function times its locals and some more, in all functions. Ours comes to 1.5
/// million.
pub const COMPONENT_MERGES_MAX: u64 = 4_000_000;
/// What is added to a function's locals before they are multiplied: a branch costs the compiler
/// something even where there are none.
pub const COMPONENT_MERGE_LEAST: u64 = 10;

/// Parameters of a function of the component's core modules.
pub const COMPONENT_PARAMS_MAX: usize = 100;
/// Results of a function of the component's core modules.
pub const COMPONENT_RESULTS_MAX: usize = 8;

/// Real time for which an upload waits for the compiler.
pub const COMPILE_TIME_MAX: Duration = Duration::from_secs(20);

// The sandbox around one call of the component.

/// Calls of the component that may be under way at once, in the whole process. The pool holds
/// exactly as many instances.
pub const PARALLEL_CALLS_MAX: u32 = 16;

/// A call that finds the pool full waits this long, then is told that the host is busy.
pub const POOL_WAIT: Duration = Duration::from_secs(5);

/// Calls of one tenant that may be under way at once: however many it makes, most of the pool is
/// left to the others.
pub const TENANT_PARALLEL_CALLS_MAX: usize = 6;

/// CPU time after which a call counts as a long one. Calls that are long, or of a tenant that is
/// ahead of its share, take turns of one tick where other tenants call as well.
pub const CALL_CPU_FREE: Duration = Duration::from_millis(8);
/// CPU time that a tenant saves up of its share at most, and owes at most. The share is the cores,
/// divided by the tenants that called lately; who has nothing left takes turns.
pub const TENANT_CPU_AHEAD: Duration = Duration::from_millis(100);
/// Length of the stretches of time in which it is counted which tenants call: those of the present
/// one and of the one before called lately.
pub const CALLERS_FOR: Duration = Duration::from_secs(1);

/// By how much the priority of work that takes turns is lowered: the system's `nice` (0 to 19). 10 is
/// about a tenth of the weight of everything else, not nothing: it may hold what others wait for.
pub const BACKGROUND_NICE: i32 = 10;

/// The longest rest of a place after a turn in it.
pub const TURN_REST_MAX: Duration = Duration::from_millis(20);
/// The longest wait for a turn: a call goes on without one then, so that nobody starves.
pub const TURN_WAIT_MAX: Duration = Duration::from_secs(1);

/// Linear memory of one instance, in bytes: a poll of `CLAIM_JOBS_MAX` of the largest jobs fits.
pub const GUEST_MEMORY_BYTES_MAX: usize = 64 << 20;

/// Bytes of linear memory that stay resident in a pool slot between calls: what a usual call
/// touches, so that it takes no page fault. Where the kernel cannot tell which pages were touched
/// all of these are written anew after each call: then fewer are cheaper.
pub const GUEST_KEEP_RESIDENT_BYTES: usize = 512 << 10;
/// The same where the kernel cannot tell which pages were touched.
pub const GUEST_KEEP_RESIDENT_UNSCANNED_BYTES: usize = 64 << 10;
/// Bytes of tables that stay resident in a pool slot between calls.
pub const GUEST_TABLE_KEEP_RESIDENT_BYTES: usize = 16 << 10;

/// Linear memories of one component: `wit-component` makes one.
pub const GUEST_MEMORIES_MAX: u32 = 1;
/// Tables of one component: `wit-component` makes two.
pub const GUEST_TABLES_MAX: u32 = 4;
/// Elements of one table of a component.
pub const GUEST_TABLE_ELEMENTS_MAX: usize = 20_000;
/// Core instances of one component: `wit-component` makes up to four.
pub const GUEST_CORE_INSTANCES_MAX: u32 = 8;

/// Bytes of native stack that the guest may use.
pub const GUEST_STACK_BYTES: usize = 512 << 10;
/// Bytes of the stack of one asynchronous call: imports run on what is above the share of the
/// guest.
pub const CALL_STACK_BYTES: usize = 2 << 20;

/// One tick of the CPU meter.
pub const EPOCH_TICK: Duration = Duration::from_millis(10);

/// Real time that one call may take, waiting included.
pub const CALL_WALL_CLOCK: Duration = Duration::from_secs(30);

/// Calls of imports by one call of an export: a full poll makes fewer than ten a job.
pub const HOST_CALLS_MAX: u32 = 10_000;

/// Bytes that the guest may hand to one import. wasmtime's own default lets a guest make the host
/// copy 128 MiB.
pub const HOST_CALL_BYTES_MAX: usize = 4 << 20;

/// Random bytes of one request.
pub const RANDOM_BYTES_MAX: u64 = 4_096;

// The loop.

/// Bytes of outputs handed to one `settle` call: what it commits stays far below
/// `HOST_CALL_BYTES_MAX`.
pub const SETTLE_BYTES_MAX: usize = 1 << 20;

/// Ended runs that may wait for being settled before polling pauses.
pub const SETTLE_BACKLOG_MAX: usize = 4 * SETTLE_RUNS_MAX;

/// The first wait between tries where storage or the component does not answer; each is twice the
/// one before.
pub const RETRY_WAIT_FIRST: Duration = Duration::from_millis(10);
/// The longest wait between tries where the component does not answer.
pub const RETRY_WAIT_MAX: Duration = Duration::from_secs(5);
/// The longest wait between tries where storage does not answer: a database that is back finds its hosts
/// back within 2 s, together with what storage itself tries.
pub const STORAGE_RETRY_WAIT_MAX: Duration = Duration::from_millis(500);

/// Where a job that is due cannot be claimed for as long as this, the log says so: another host that was
/// just faster is no news.
pub const UNCLAIMED_TOLD: Duration = Duration::from_secs(1);

/// Where other hosts may write the registry, it is looked at this often.
pub const REGISTRY_LOOK: Duration = Duration::from_millis(500);

/// The poll loop looks at storage at least this often, should every hint have been lost.
pub const IDLE_LOOK: Duration = Duration::from_secs(30);

/// Whether a tenant's storage is full is asked this often.
pub const STORAGE_FULL_LOOK: Duration = Duration::from_secs(1);
/// A tenant whose storage was found full is looked at again after this.
pub const STORAGE_FULL_WAIT: Duration = Duration::from_secs(5);

/// An agent that was told to stop may take this long (real time) before its future is dropped.
pub const STOP_GRACE: Duration = Duration::from_secs(2);

/// Real time for which a shutdown waits for running attempts, and for settling what ended.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// Real time for which moving a manual clock waits for running attempts, in all.
pub const ADVANCE_GRACE: Duration = Duration::from_secs(10);

/// Real time for which suspending or removing a tenant waits for its running attempts.
pub const SUSPEND_GRACE: Duration = Duration::from_secs(2);

/// Rows of a removed tenant that are deleted in one go.
pub const PURGE_ROWS: u32 = 250;

/// Who changes a job where a rule of the platform does.
pub const PLATFORM: &str = "meanwhile";
/// An ended job is archived when it has not changed for this long, unless the settings say otherwise.
pub const ARCHIVE_AFTER_DEFAULT: Duration = Duration::from_secs(30 * 86_400);
/// Runs, status changes, messages and turns of conversations are deleted when they are this old, likewise.
pub const HISTORY_AFTER_DEFAULT: Duration = Duration::from_secs(90 * 86_400);
/// So many of the newest runs and status changes of a job are kept, however old they are.
pub const HISTORY_KEPT: u32 = 100;
/// Real time from one round of retention to the next.
pub const RETENTION_EVERY: Duration = Duration::from_secs(600);
/// Jobs that retention looks at in one step.
pub const RETENTION_ROWS: u32 = 500;
/// What retention archives or deletes in one step at most: so many jobs, messages, turns, or runs and changes each.
pub const RETENTION_CHANGES: u32 = 25;
/// Real time between such steps, for others' writes, and so that the disk is theirs: what is old can wait. A hundred
/// thousand jobs are archived in three minutes.
pub const RETENTION_PAUSE: Duration = Duration::from_millis(25);

/// Messages of a tenant that are delivered at once.
pub const DELIVERY_BATCH: u32 = 256;
/// Tenants to whom messages are on their way at the same time.
pub const DELIVERIES_PARALLEL_MAX: usize = 16;
/// Real time that one delivery may take before it is tried again.
pub const DELIVERY_WAIT: Duration = Duration::from_secs(60);
/// So long a host has a tenant's outbox to itself, counted anew with each delivery: longer than one may
/// take. The messages of a host that dies are delivered by another one after this.
pub const OUTBOX_HELD: Duration = Duration::from_secs(70);
/// Where nothing is written, a host looks this often whether messages wait: those of a host that died before it delivered
/// them.
pub const OUTBOX_IDLE_LOOK: Duration = Duration::from_secs(5);
/// The longest wait between looks whether another host has left an outbox.
pub const OUTBOX_LOOK: Duration = Duration::from_secs(1);

// The edges.

/// Bytes of a request's body: a job with all its texts at their longest fits.
pub const HTTP_BODY_BYTES_MAX: usize = 1 << 20;

/// Connections open at once; more wait to be accepted. Half of the file descriptors that a process
/// usually gets.
pub const HTTP_CONNECTIONS_MAX: usize = 512;

/// Bytes of a request's head: the longest token and the headers of two proxies fit.
pub const HTTP_HEAD_BYTES_MAX: usize = 32 << 10;
/// Headers in a request's head.
pub const HTTP_HEADERS_MAX: usize = 64;

/// Real time within which a request's head has arrived, counted from the connection's begin or from
/// the answer before: so long an idle connection stays open.
pub const HTTP_HEAD_TIME: Duration = Duration::from_secs(30);

/// Real time within which a request's body has arrived, all of it.
pub const HTTP_BODY_TIME: Duration = Duration::from_secs(30);

/// Real time within which a request is answered once its body is there: a call that waits for its
/// place, and computes as long as it may, is told so by the call's own limit.
pub const HTTP_ANSWER_TIME: Duration = Duration::from_secs(45);

/// Real time for which a client may take nothing of an answer that waits for it.
pub const HTTP_WRITE_TIME: Duration = Duration::from_secs(30);

/// Real time for which requests under way hold up the host's end.
pub const HTTP_CLOSE_GRACE: Duration = Duration::from_secs(2);

/// Wrong tokens of one address: as many at once, and as many again each minute.
pub const WRONG_TOKENS_PER_MINUTE: u32 = 60;

/// Addresses whose wrong tokens are counted; beyond them all others are counted as one.
pub const WRONG_TOKEN_ADDRESSES_MAX: usize = 10_000;

/// For so long a browser asks no second time whether a page may call.
pub const CORS_PREFLIGHT_AGE: Duration = Duration::from_secs(600);

// Access tokens of an authorization server.

/// By how much its clock and ours may differ.
pub const OAUTH_LEEWAY: Duration = Duration::from_secs(30);

/// Real time that one of its documents may take.
pub const OAUTH_FETCH_TIME: Duration = Duration::from_secs(5);
/// Bytes of one document of an authorization server.
pub const OAUTH_DOCUMENT_BYTES_MAX: usize = 256 << 10;

/// Its signing keys that are kept: more than one while they are exchanged.
pub const OAUTH_KEYS_MAX: usize = 64;

/// Keys older than this are fetched again; one that it withdrew is taken no longer than that.
pub const OAUTH_KEYS_AGE: Duration = Duration::from_secs(600);

/// A token of an unknown key has them fetched again at most this often.
pub const OAUTH_KEYS_INTERVAL: Duration = Duration::from_secs(30);
/// Where the last try to fetch keys failed, a token of an unknown key has them fetched again at
/// most this often.
pub const OAUTH_KEYS_RETRY: Duration = Duration::from_secs(5);

// Simulations.

/// Length of a simulation in days: ten years with their leap days.
pub const SIMULATED_DAYS_MAX: u32 = 3_653;
/// Length of a simulation in days unless it is told another.
pub const SIMULATED_DAYS_DEFAULT: u32 = 365;

/// Jobs of one simulation.
pub const SIMULATED_JOBS_MAX: usize = 10_000;
/// Bytes of the file that a simulation's jobs are read from.
pub const SIMULATED_INPUT_BYTES_MAX: u64 = 64 << 20;

/// Attempts of one simulation: a run leaves about 3.5 KiB of rows, indexes included, in memory.
pub const SIMULATED_ATTEMPTS_MAX: u64 = 500_000;

/// Steps of a simulation without its clock moving: more is a loop that would never end.
pub const SIMULATED_STEPS_AT_ONCE_MAX: u32 = 1_000_000;

/// Calls of one kept instance: then its memory is given back.
pub const SIMULATED_CALLS_KEPT: u32 = 1_000;

/// Outages that a simulation is given or makes up.
pub const SIMULATED_OUTAGES_MAX: u32 = 1_000;
/// Least length in seconds of an outage that a simulation makes up.
pub const SIMULATED_OUTAGE_SECONDS_MIN: u64 = 600;
/// Greatest length in seconds of an outage that a simulation makes up: a day.
pub const SIMULATED_OUTAGE_SECONDS_MAX: u64 = 86_400;

/// Seconds that one simulated run may take.
pub const SIMULATED_RUN_SECONDS_MAX: u32 = 86_400;

/// Latest runs of a stored job whose mean usage its simulated runs have.
pub const SIMULATED_USAGE_RUNS: u32 = 20;

/// Noteworthy things that the simulation's table shows; its JSON has them all.
pub const NOTEWORTHY_SHOWN_MAX: usize = 50;

// Vectors of texts.

/// Dimensions of a vector: the widest models have half as many.
pub const EMBEDDING_DIMENSIONS_MAX: usize = 8_192;

/// Bytes of a text that are looked at. Eight thousand characters of any script fit.
pub const EMBEDDER_TEXT_BYTES_MAX: usize = 32 << 10;
/// Tokens of a text that a model in this process looks at: it was trained with as many.
pub const EMBEDDER_TEXT_TOKENS_MAX: usize = 256;
/// Tokens that a model in this process computes together, padding included: more is no faster, and from 43 on
/// candle shares the work with threads that spin while they wait.
pub const EMBEDDER_BATCH_TOKENS: usize = 40;
/// Texts that a model in this process takes for a question, for which somebody waits.
pub const EMBEDDER_QUESTION_TEXTS_MAX: usize = 4;
/// A model in this process that was not needed for this long gives its memory (100 MB) back.
pub const EMBEDDER_IDLE: Duration = Duration::from_secs(600);

/// Texts that a model behind an address is asked for at once.
pub const EMBEDDER_HTTP_TEXTS_MAX: usize = 64;
/// Real time within which it has answered.
pub const EMBEDDER_HTTP_TIME: Duration = Duration::from_secs(30);
/// Bytes of its answer: as many of the widest vectors as are asked for, in twenty characters a number, fit.
pub const EMBEDDER_HTTP_ANSWER_BYTES_MAX: usize = 16 << 20;
/// Bytes of a text that it is given. A token has a byte at least: the usual window of 8,192 tokens holds them.
pub const EMBEDDER_HTTP_TEXT_BYTES_MAX: usize = 8_000;
/// What is tried after it where that may have been too long: the usual text in a window of 512 tokens, and any.
pub const EMBEDDER_HTTP_TEXT_BYTES_LESS: [usize; 2] = [1_500, 500];
/// Characters of its refusal that an error has.
pub const EMBEDDER_HTTP_TOLD_CHARS: usize = 300;

/// Real time within which the place that the model is fetched from begins to answer, and goes on answering.
pub const MODEL_FETCH_SILENCE: Duration = Duration::from_secs(15);
/// Real time that fetching the model may take in all, by each way.
pub const MODEL_FETCH_TIME: Duration = Duration::from_secs(900);

/// Rows of a matrix that one thread compares in less time than starting more is worth: 3 ms.
pub const MATRIX_ROWS_ONE_THREAD: usize = 200_000;
/// Rows that a thread takes at a time.
pub const MATRIX_PART_ROWS: usize = 16_384;

// --- The agent that asks a model

/// Answers of the model in one run, at most: an agent that calls tools for ever is stopped.
pub const LLM_TURNS_MAX: usize = 50;
/// Calls of tools in one run, at most.
pub const LLM_TOOL_CALLS_MAX: u32 = 200;
/// Times that the same tool is called with the same arguments in one run, at most: beyond, it is told so.
pub const LLM_SAME_CALLS_MAX: usize = 3;
/// Tries of one question to the model within an attempt, the first included.
pub const LLM_TRIES_MAX: u32 = 4;
/// Milliseconds before the second try; twice as long before each one after it.
pub const LLM_TRY_AGAIN_MS: u64 = 500;
/// The longest wait between two tries within an attempt: who is to wait longer ends the attempt, which is
/// tried again by the job's own policy.
pub const LLM_WAIT_MAX: Duration = Duration::from_secs(20);
/// For how long a provider may send nothing: before the first byte, and between two.
pub const LLM_SILENCE_MAX: Duration = Duration::from_secs(120);
/// Time to connect to a provider.
pub const LLM_CONNECT_TIME: Duration = Duration::from_secs(10);
/// Tokens of one answer, unless the model writes less.
pub const LLM_ANSWER_TOKENS_MAX: u64 = 16_384;
/// Bytes of one answer, its calls of tools included: the rest is not read.
pub const LLM_ANSWER_BYTES_MAX: usize = 1 << 20;
/// Bytes of a conversation that is sent to the model: beyond, the oldest results of tools are left out of it.
pub const LLM_HISTORY_BYTES_MAX: usize = 400 << 10;
/// Results of tools that are never left out: the latest.
pub const LLM_RESULTS_KEPT: usize = 4;
/// Characters of a provider's own words in an error.
pub const LLM_ERROR_CHARS_MAX: usize = 300;
/// Bytes of the arguments of a call that a person can be asked about.
pub const TOOL_ARGUMENTS_BYTES_MAX: usize = 16 << 10;
/// Bytes of what a tool gives back to the model: the rest is cut.
pub const TOOL_OUTPUT_BYTES_MAX: usize = 32 << 10;
/// Time that one call of a tool may take.
pub const TOOL_TIME: Duration = Duration::from_secs(60);
/// Bytes of a page that is read, by the built-in agent or for a model; longer ones are refused.
pub const FETCH_BYTES_MAX: usize = 2 << 20;
/// Time that a tool server may take to start, and to list its tools.
pub const TOOL_SERVER_START: Duration = Duration::from_secs(30);
/// The most of anything that a tenant may use in a day, in its unit (tokens, millionths of a US dollar, calls,
/// milliseconds): no limit.
pub const TENANT_USE_MAX: i64 = 1_000_000_000_000_000;
/// The most that is booked on a day at once: more counts as so much.
pub const USE_PER_BOOKING_MAX: i64 = 1_000_000_000_000;
/// What is set aside of a tenant's day for a run or an answer at a time, where the day is limited: so much may be used
/// beyond what was known when its host died, and a run asks for more as it goes on. Tokens, millionths of a US dollar,
/// calls of tools, milliseconds.
pub const RESERVED_AT_ONCE: [i64; 4] = [50_000, 250_000, 20, 600_000];
/// Streams of events that may be open for one tenant.
pub const EVENT_STREAMS_MAX: usize = 50;
/// How long changes wait for more before they are told: a row that changes again meanwhile is told once.
pub const EVENTS_EVERY: Duration = Duration::from_millis(100);
/// Commits that a stream of events may be behind; beyond, it is told that it missed some. Events that wait for a slow
/// reader.
pub const EVENT_CHANGES_KEPT: usize = 1_024;
/// Rows that are told of at once; beyond, the stream is told that it missed some.
pub const EVENT_CHANGES_AT_ONCE: usize = 500;
/// How often a stream without news shows that it lives.
pub const EVENT_STREAM_ALIVE: Duration = Duration::from_secs(15);
/// How long others tell a host what they change of a tenant's rows, once it said that somebody watches them there.
pub const WATCHED_FOR: Duration = Duration::from_secs(60);
/// How often it says so.
pub const WATCHED_AGAIN: Duration = Duration::from_secs(20);
/// How long a stream may last: who watches on shows its token again.
pub const EVENT_STREAM_TIME: Duration = Duration::from_secs(3_600);
/// How long progress of runs waits for more before it is written.
pub const PROGRESS_EVERY: Duration = Duration::from_millis(500);
/// Runs whose progress is written in one commit.
pub const PROGRESS_RUNS: usize = 100;
/// Turns of a conversation that its agent is given again.
pub const CHAT_TURNS: u32 = 20;
/// Live jobs that an agent is told of when a person speaks to it.
pub const CHAT_JOBS: u32 = 20;
/// Characters of a conversation's name.
pub const CONVERSATION_CHARS_MAX: usize = 64;
