//! The schema: migrations, forward only. The table `schema_version` counts those applied. Tables and
//! columns have the names that they have in SQLite (`../sqlite/schema.rs`).

/// Each brings a database from the version before to its own.
pub(super) const MIGRATIONS: &[&str] = &[FIRST, WALLS, COUNTS, HOSTS, MOVING, TEXTS, AGENDA, TURNS, USAGE];

/// * jobs: hot columns are what storage selects by; `spec` and `state` are the records of the
///   contract as JSON in a text (`jsonb` takes no NUL, and would be parsed at every write). `seq` is
///   the order of creation: taken from its sequence under the lock of the tenant's row in `stored`, so
///   that what a reader sees has no gap that is filled later. The same holds for `position`.
/// * available_at: as in SQLite, what `claim-due` looks for.
/// * runs: unique by (tenant, job, slot): the promise that a slot runs once stands here.
/// * job_text: what a job is found by and no run changes. Its own table, since a row of `jobs` is rewritten
///   with every run, in every index there. `words` are those of the job's texts in their order, parted
///   by single spaces: a phrase is a part of it.
/// * job_words: the words of a job, and the stems of those of title and description, as numbers (a hash
///   of tenant and word: other tenants' words are other numbers, and no search reads their rows).
/// * stored: what each tenant's rows come to, kept with every write under a lock of its row, which is
///   what makes the writers of a tenant take turns, and quotas hold between hosts.
/// * tenants, tokens, components: as in SQLite.
///
/// Texts that are compared by order are compared by their bytes (`COLLATE "C"`), as everywhere else.
const FIRST: &str = r#"
CREATE SEQUENCE jobs_seq;
CREATE TABLE jobs (
    seq             BIGINT NOT NULL,
    tenant          TEXT COLLATE "C" NOT NULL,
    id              TEXT COLLATE "C" NOT NULL,
    agent           TEXT NOT NULL,
    "user"          TEXT NOT NULL,
    created_by      TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    revision        BIGINT NOT NULL,
    status          TEXT NOT NULL,
    job_type        TEXT NOT NULL,
    title           TEXT NOT NULL,
    idempotency_key TEXT,
    due_at          BIGINT,
    lease_owner     TEXT,
    lease_token     BIGINT NOT NULL DEFAULT 0,
    lease_until     BIGINT,
    available_at    BIGINT,
    open_run        TEXT COLLATE "C",
    spec            TEXT NOT NULL,
    state           TEXT NOT NULL,
    -- Guards, reads by id, and the join of a search's hits.
    PRIMARY KEY (tenant, id)
);
-- Lists of all jobs of a tenant, newest first; the job of a text.
CREATE UNIQUE INDEX jobs_newest ON jobs (tenant, seq);
-- An idempotency key is one owner's.
CREATE UNIQUE INDEX jobs_by_key ON jobs (tenant, agent, "user", idempotency_key) WHERE idempotency_key IS NOT NULL;
-- Lists by status, newest first, and the counts of each.
CREATE INDEX jobs_by_status ON jobs (tenant, status, seq);
-- Claims and the next due instant: only jobs that will be due by themselves are in it.
CREATE INDEX jobs_available ON jobs (tenant, available_at, seq) WHERE available_at IS NOT NULL;
-- What a host that shuts down gives back.
CREATE INDEX jobs_leased ON jobs (lease_owner) WHERE lease_owner IS NOT NULL;

CREATE TABLE runs (
    tenant TEXT COLLATE "C" NOT NULL,
    id     TEXT COLLATE "C" NOT NULL,
    job    TEXT COLLATE "C" NOT NULL,
    slot   BIGINT NOT NULL,
    status TEXT NOT NULL,
    body   TEXT NOT NULL,
    -- Runs by id, and the open run of a claimed job.
    PRIMARY KEY (tenant, id)
);
-- A slot runs once; the runs of a job, newest slot first.
CREATE UNIQUE INDEX runs_by_slot ON runs (tenant, job, slot);

CREATE TABLE edges (
    tenant        TEXT COLLATE "C" NOT NULL,
    dependent     TEXT COLLATE "C" NOT NULL,
    prerequisite  TEXT COLLATE "C" NOT NULL,
    condition     TEXT NOT NULL,
    delay_seconds BIGINT NOT NULL,
    status        TEXT NOT NULL,
    settled_at    BIGINT,
    -- What a job waits for.
    PRIMARY KEY (tenant, dependent, prerequisite)
);
-- What waits for a job, in order of the dependent.
CREATE INDEX edges_by_prerequisite ON edges (tenant, prerequisite, dependent);

CREATE TABLE messages (
    -- The order of all messages.
    position          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant            TEXT COLLATE "C" NOT NULL,
    id                TEXT COLLATE "C" NOT NULL,
    once_key          TEXT COLLATE "C" NOT NULL,
    kind              TEXT NOT NULL,
    job               TEXT COLLATE "C" NOT NULL,
    run               TEXT,
    agent             TEXT NOT NULL,
    "user"            TEXT COLLATE "C" NOT NULL,
    conversation      TEXT,
    related_entity_id TEXT,
    narrative_id      TEXT,
    title             TEXT NOT NULL,
    text              TEXT NOT NULL,
    delivery          TEXT NOT NULL,
    created_at        BIGINT NOT NULL
);
-- A message by its id.
CREATE UNIQUE INDEX messages_by_id ON messages (tenant, id);
-- A message is sent once per key.
CREATE UNIQUE INDEX messages_once ON messages (tenant, once_key);
-- Replies that wait for a job's next run.
CREATE INDEX messages_by_job ON messages (tenant, job, position);
-- The inbox of everybody, and of one person.
CREATE INDEX messages_in_order ON messages (tenant, position);
CREATE INDEX messages_by_user ON messages (tenant, "user", position);
-- What has to be delivered, tenant by tenant.
CREATE INDEX messages_queued ON messages (tenant, position) WHERE delivery = 'queued' AND kind <> 'reply';

CREATE TABLE changes (
    -- The order of all changes; the number of a tenant's rows is bounded by purging in any order.
    position    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant      TEXT COLLATE "C" NOT NULL,
    job         TEXT COLLATE "C" NOT NULL,
    at          BIGINT NOT NULL,
    from_status TEXT NOT NULL,
    to_status   TEXT NOT NULL,
    by          TEXT NOT NULL,
    code        TEXT,
    message     TEXT
);
-- A job's history, newest first.
CREATE INDEX changes_by_job ON changes (tenant, job, position);

CREATE TABLE job_text (
    tenant TEXT COLLATE "C" NOT NULL,
    seq    BIGINT NOT NULL,
    agent  TEXT NOT NULL,
    "user" TEXT NOT NULL,
    title  TEXT NOT NULL,
    words  TEXT NOT NULL,
    -- The text of a job.
    PRIMARY KEY (tenant, seq)
);
-- Lists of one person's jobs, newest first.
CREATE INDEX job_text_by_owner ON job_text (tenant, agent, "user", seq);
-- A job by its title: prerequisites, and similar jobs.
CREATE INDEX job_text_by_title ON job_text (tenant, agent, "user", title);
CREATE TABLE job_words (
    -- The words of a job whose text changes or goes.
    seq         BIGINT PRIMARY KEY,
    words       BIGINT[] NOT NULL,
    stems       BIGINT[] NOT NULL,
    title_stems BIGINT[] NOT NULL
);
-- Jobs by words, and by stems.
CREATE INDEX job_words_in ON job_words USING gin (words, stems);

CREATE TABLE stored (
    -- One row a tenant.
    tenant    TEXT COLLATE "C" PRIMARY KEY,
    live_jobs BIGINT NOT NULL,
    bytes     BIGINT NOT NULL
);

CREATE TABLE tenants (
    name       TEXT COLLATE "C" PRIMARY KEY,
    state      TEXT NOT NULL,
    limits     TEXT NOT NULL,
    component  TEXT,
    created_at BIGINT NOT NULL
);
CREATE TABLE tokens (
    -- Every request with a token.
    id         TEXT COLLATE "C" PRIMARY KEY,
    tenant     TEXT COLLATE "C" NOT NULL,
    hash       BYTEA NOT NULL,
    agent      TEXT NOT NULL,
    "user"     TEXT NOT NULL,
    scopes     TEXT NOT NULL,
    timezone   TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);
-- The tokens of a tenant.
CREATE INDEX tokens_by_tenant ON tokens (tenant);
CREATE TABLE components (
    -- A component by what it is.
    digest     TEXT COLLATE "C" PRIMARY KEY,
    bytes      BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);
"#;

/// The second wall between tenants: whatever a statement asks for, it sees rows of the tenant that its
/// transaction names (`session.rs`), or none. Work of the host for all tenants says so. The owner of
/// the tables is bound by it too (`FORCE`); superusers and roles with BYPASSRLS are not, which `doctor`
/// tells. `job_words` has no wall: the operators of its index may not pass one (they are not
/// "leakproof"), and there are neither texts nor names in it. Its hits are joined with `jobs`.
const WALLS: &str = r"
DO $walls$
DECLARE
    name TEXT;
BEGIN
    FOREACH name IN ARRAY ARRAY['jobs', 'runs', 'edges', 'messages', 'changes', 'job_text', 'stored'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY of_one_tenant ON %I USING (tenant = (SELECT current_setting(''app.tenant'', true))
            OR (SELECT current_setting(''app.scope'', true)) = ''host'')', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['tenants', 'tokens', 'components'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY of_the_host ON %I USING ((SELECT current_setting(''app.scope'', true)) = ''host'')',
            name);
    END LOOP;
END
$walls$;
";

/// * stored: how many jobs have each status, so that no figure needs a count; those that live are a sum of these.
const COUNTS: &str = r#"
SELECT set_config('app.scope', 'host', true);
ALTER TABLE stored
    ADD pending BIGINT NOT NULL DEFAULT 0, ADD active BIGINT NOT NULL DEFAULT 0,
    ADD in_progress BIGINT NOT NULL DEFAULT 0, ADD completed BIGINT NOT NULL DEFAULT 0,
    ADD failed BIGINT NOT NULL DEFAULT 0, ADD blocked BIGINT NOT NULL DEFAULT 0,
    ADD cancelled BIGINT NOT NULL DEFAULT 0, ADD archived BIGINT NOT NULL DEFAULT 0,
    ADD paused BIGINT NOT NULL DEFAULT 0, DROP live_jobs, ALTER bytes SET DEFAULT 0;
UPDATE stored SET pending = counted.pending, active = counted.active, in_progress = counted.in_progress,
    completed = counted.completed, failed = counted.failed, blocked = counted.blocked,
    cancelled = counted.cancelled, archived = counted.archived, paused = counted.paused
FROM (SELECT tenant, count(*) FILTER (WHERE status = 'PENDING') AS pending,
        count(*) FILTER (WHERE status = 'ACTIVE') AS active,
        count(*) FILTER (WHERE status = 'IN_PROGRESS') AS in_progress,
        count(*) FILTER (WHERE status = 'COMPLETED') AS completed,
        count(*) FILTER (WHERE status = 'FAILED') AS failed,
        count(*) FILTER (WHERE status = 'BLOCKED') AS blocked,
        count(*) FILTER (WHERE status = 'CANCELLED') AS cancelled,
        count(*) FILTER (WHERE status = 'ARCHIVED') AS archived,
        count(*) FILTER (WHERE status = 'PAUSED') AS paused FROM jobs GROUP BY tenant) AS counted
WHERE stored.tenant = counted.tenant;

-- Lists of one person's jobs: a look into it for each status and type, newest first.
CREATE INDEX jobs_by_owner ON jobs (tenant, agent, "user", status, job_type, seq);
-- A search goes through all words that wait to be put where they belong (in kB).
ALTER INDEX job_words_in SET (gin_pending_list_limit = 256);
SELECT gin_clean_pending_list('job_words_in');
"#;

/// What hosts tell each other by rows.
/// * outboxes: which host sends a tenant's messages, and until when by the database's clock.
/// * registry: one row; its revision grows with every change of tenants.
const HOSTS: &str = r#"
CREATE TABLE outboxes (
    tenant     TEXT COLLATE "C" PRIMARY KEY,
    owner      TEXT COLLATE "C" NOT NULL,
    held_until BIGINT NOT NULL
);
ALTER TABLE outboxes ENABLE ROW LEVEL SECURITY;
ALTER TABLE outboxes FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON outboxes USING (tenant = (SELECT current_setting('app.tenant', true))
    OR (SELECT current_setting('app.scope', true)) = 'host');

CREATE TABLE registry (revision BIGINT NOT NULL);
INSERT INTO registry VALUES (0);
ALTER TABLE registry ENABLE ROW LEVEL SECURITY;
ALTER TABLE registry FORCE ROW LEVEL SECURITY;
CREATE POLICY of_the_host ON registry USING ((SELECT current_setting('app.scope', true)) = 'host');
"#;

/// * half_imported: as in SQLite, a row as long as an import is not finished.
const MOVING: &str = r"
CREATE TABLE half_imported (
    one    BIGINT PRIMARY KEY CHECK (one = 1),
    lines  BIGINT NOT NULL,
    digest BYTEA NOT NULL
);
ALTER TABLE half_imported ENABLE ROW LEVEL SECURITY;
ALTER TABLE half_imported FORCE ROW LEVEL SECURITY;
CREATE POLICY of_the_host ON half_imported USING ((SELECT current_setting('app.scope', true)) = 'host');
";

/// * texts: as in SQLite, what an index in memory is built from. Its revisions are given under the lock of the
///   tenant's row in `stored`.
/// * job_words: without stems: by these the index in memory searches.
const TEXTS: &str = r#"
SELECT set_config('app.scope', 'host', true);
CREATE SEQUENCE texts_revision;
CREATE TABLE texts (
    tenant   TEXT COLLATE "C" NOT NULL,
    seq      BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    hash     BIGINT NOT NULL DEFAULT 0,
    model    TEXT COLLATE "C" NOT NULL DEFAULT '',
    vector   BYTEA,
    -- The texts of a job that are others, or get a vector.
    PRIMARY KEY (tenant, seq)
);
INSERT INTO texts (tenant, seq, revision) SELECT tenant, seq, nextval('texts_revision') FROM jobs;
-- What is new of a tenant.
CREATE UNIQUE INDEX texts_by_revision ON texts (tenant, revision);
-- What a model has not seen.
CREATE INDEX texts_by_model ON texts (model, revision);
ALTER TABLE texts ENABLE ROW LEVEL SECURITY;
ALTER TABLE texts FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON texts USING (tenant = (SELECT current_setting('app.tenant', true))
    OR (SELECT current_setting('app.scope', true)) = 'host');

ALTER TABLE job_words DROP stems, DROP title_stems;
-- Jobs by words. A search goes through all words that wait to be put where they belong (in kB).
CREATE INDEX job_words_by_word ON job_words USING gin (words) WITH (gin_pending_list_limit = 256);
"#;

/// * agenda: what jobs are selected by, and what changes with every step of a run: whose a job is, its status,
///   when it is due, who has the lease. It is a narrow table of its own, so that a claim leaves the row of `jobs` with
///   its texts as it is.
/// * jobs, runs: what a run writes of them is in no index any more, and pages are filled by half: a changed row
///   finds room in its own page, and no index is written (`heap-only tuples`). Rows that are
///   there fill up as they change.
const AGENDA: &str = r#"
SELECT set_config('app.scope', 'host', true);
CREATE TABLE agenda (
    tenant       TEXT COLLATE "C" NOT NULL,
    id           TEXT COLLATE "C" NOT NULL,
    seq          BIGINT NOT NULL,
    agent        TEXT NOT NULL,
    "user"       TEXT NOT NULL,
    status       TEXT NOT NULL,
    job_type     TEXT NOT NULL,
    due_at       BIGINT,
    lease_owner  TEXT,
    lease_token  BIGINT NOT NULL DEFAULT 0,
    lease_until  BIGINT,
    available_at BIGINT
);
INSERT INTO agenda SELECT tenant, id, seq, agent, "user", status, job_type, due_at, lease_owner, lease_token, lease_until,
    available_at FROM jobs;
-- The lease of a job.
ALTER TABLE agenda ADD PRIMARY KEY (tenant, id);
-- Lists by status, newest first.
CREATE INDEX agenda_by_status ON agenda (tenant, status, seq);
-- Lists of one person's jobs: a look into it for each status and type, newest first.
CREATE INDEX agenda_by_owner ON agenda (tenant, agent, "user", status, job_type, seq);
-- Claims and the next due instant: only jobs that will be due by themselves are in it.
CREATE INDEX agenda_available ON agenda (tenant, available_at, seq) WHERE available_at IS NOT NULL;
-- What a host that shuts down gives back.
CREATE INDEX agenda_leased ON agenda (lease_owner) WHERE lease_owner IS NOT NULL;
ALTER TABLE agenda ENABLE ROW LEVEL SECURITY;
ALTER TABLE agenda FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON agenda USING (tenant = (SELECT current_setting('app.tenant', true))
    OR (SELECT current_setting('app.scope', true)) = 'host');

DROP INDEX jobs_by_status, jobs_by_owner, jobs_available, jobs_leased;
ALTER TABLE jobs DROP due_at, DROP lease_owner, DROP lease_token, DROP lease_until, DROP available_at;
ALTER TABLE jobs SET (fillfactor = 50);
ALTER TABLE runs SET (fillfactor = 50);
"#;

/// * turns: as in SQLite, what was said in conversations. No index has `position` alone: a planner that believes the
///   table to be small would walk all of it in its order.
const TURNS: &str = r#"
CREATE TABLE turns (
    position     BIGINT GENERATED ALWAYS AS IDENTITY,
    tenant       TEXT COLLATE "C" NOT NULL,
    agent        TEXT COLLATE "C" NOT NULL,
    "user"       TEXT COLLATE "C" NOT NULL,
    conversation TEXT COLLATE "C" NOT NULL,
    speaker      TEXT NOT NULL,
    text         TEXT NOT NULL,
    at           BIGINT NOT NULL,
    -- The latest of a conversation.
    PRIMARY KEY (tenant, agent, "user", conversation, position)
);
-- Those of a person that are too many.
CREATE INDEX turns_by_person ON turns (tenant, agent, "user", position);
-- What is old.
CREATE INDEX turns_by_time ON turns (tenant, at, position);
ALTER TABLE turns ENABLE ROW LEVEL SECURITY;
ALTER TABLE turns FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON turns USING (tenant = (SELECT current_setting('app.tenant', true))
    OR (SELECT current_setting('app.scope', true)) = 'host');
"#;

/// * usage_by_day: as in SQLite, what a tenant used on a day, and what is set aside. Its row changes in place: nothing of
///   it is in an index but its key.
const USAGE: &str = r#"
CREATE TABLE usage_by_day (
    tenant                TEXT COLLATE "C" NOT NULL,
    day                   BIGINT NOT NULL,
    tokens                BIGINT NOT NULL,
    cost_micros           BIGINT NOT NULL,
    tool_calls            BIGINT NOT NULL,
    milliseconds          BIGINT NOT NULL,
    reserved_tokens       BIGINT NOT NULL,
    reserved_cost_micros  BIGINT NOT NULL,
    reserved_tool_calls   BIGINT NOT NULL,
    reserved_milliseconds BIGINT NOT NULL,
    -- The day of a tenant.
    PRIMARY KEY (tenant, day)
) WITH (fillfactor = 50);
ALTER TABLE usage_by_day ENABLE ROW LEVEL SECURITY;
ALTER TABLE usage_by_day FORCE ROW LEVEL SECURITY;
CREATE POLICY of_one_tenant ON usage_by_day USING (tenant = (SELECT current_setting('app.tenant', true))
    OR (SELECT current_setting('app.scope', true)) = 'host');
"#;
