//! The schema: migrations, forward only. `PRAGMA user_version` counts those applied.

use rusqlite::Connection;

use super::OpenError;

/// Each brings the file from the version before to its own.
const MIGRATIONS: &[&str] = &[
    FIRST,
    HISTORY,
    TENANTS,
    TEXT_BY_TENANT,
    QUEUED_BY_TENANT,
    LEAN,
    MOVING,
    IN_ORDER,
    TEXTS,
    TURNS,
    USAGE,
];

/// The present version.
pub(super) const LATEST: usize = MIGRATIONS.len();

/// * jobs: hot columns are what storage selects by; `spec` and `state` are the records of the
///   contract as JSON. `seq` is the order of creation.
/// * `available_at` is `due_at`, or the lease's end where that is later: what `claim-due` looks
///   for. Its index holds only jobs that will be due by themselves.
/// * runs: unique by (job, slot): the promise that a slot runs once stands here.
const FIRST: &str = "
CREATE TABLE jobs (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant          TEXT NOT NULL,
    id              TEXT NOT NULL,
    agent           TEXT NOT NULL,
    user            TEXT NOT NULL,
    created_by      TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    revision        INTEGER NOT NULL,
    status          TEXT NOT NULL,
    job_type        TEXT NOT NULL,
    title           TEXT NOT NULL,
    idempotency_key TEXT,
    due_at          INTEGER,
    lease_owner     TEXT,
    lease_token     INTEGER NOT NULL DEFAULT 0,
    lease_until     INTEGER,
    available_at    INTEGER,
    spec            TEXT NOT NULL,
    state           TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX jobs_by_id ON jobs (tenant, id);
CREATE UNIQUE INDEX jobs_by_key ON jobs (tenant, agent, user, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX jobs_by_owner ON jobs (tenant, agent, user, seq, status);
CREATE INDEX jobs_by_status ON jobs (tenant, status);
CREATE INDEX jobs_by_title ON jobs (tenant, agent, user, title);
CREATE INDEX jobs_available ON jobs (tenant, available_at) WHERE available_at IS NOT NULL;
CREATE INDEX jobs_leased ON jobs (lease_owner) WHERE lease_owner IS NOT NULL;

CREATE TABLE runs (
    tenant TEXT NOT NULL,
    id     TEXT NOT NULL,
    job    TEXT NOT NULL,
    slot   INTEGER NOT NULL,
    status TEXT NOT NULL,
    body   TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX runs_by_slot ON runs (tenant, job, slot);

CREATE TABLE edges (
    tenant        TEXT NOT NULL,
    dependent     TEXT NOT NULL,
    prerequisite  TEXT NOT NULL,
    condition     TEXT NOT NULL,
    delay_seconds INTEGER NOT NULL,
    status        TEXT NOT NULL,
    settled_at    INTEGER,
    PRIMARY KEY (tenant, dependent, prerequisite)
) STRICT, WITHOUT ROWID;
CREATE INDEX edges_by_prerequisite ON edges (tenant, prerequisite, dependent);

CREATE TABLE messages (
    position          INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant            TEXT NOT NULL,
    id                TEXT NOT NULL,
    once_key          TEXT NOT NULL,
    kind              TEXT NOT NULL,
    job               TEXT NOT NULL,
    run               TEXT,
    agent             TEXT NOT NULL,
    user              TEXT NOT NULL,
    conversation      TEXT,
    related_entity_id TEXT,
    narrative_id      TEXT,
    title             TEXT NOT NULL,
    text              TEXT NOT NULL,
    delivery          TEXT NOT NULL,
    created_at        INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX messages_by_id ON messages (tenant, id);
CREATE UNIQUE INDEX messages_once ON messages (tenant, once_key);
CREATE INDEX messages_by_job ON messages (tenant, job);
CREATE INDEX messages_by_user ON messages (tenant, user, position);
CREATE INDEX messages_queued ON messages (position) WHERE delivery = 'queued';

CREATE VIRTUAL TABLE job_text USING fts5 (
    title, description, payload, content='', contentless_delete=1, tokenize='porter unicode61'
);
";

/// * changes: the history of each job's status, read newest first; `position` is its order.
const HISTORY: &str = "
CREATE TABLE changes (
    position    INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant      TEXT NOT NULL,
    job         TEXT NOT NULL,
    at          INTEGER NOT NULL,
    from_status TEXT NOT NULL,
    to_status   TEXT NOT NULL,
    by          TEXT NOT NULL,
    code        TEXT,
    message     TEXT
) STRICT;
CREATE INDEX changes_by_job ON changes (tenant, job, position);
";

/// * stored: what each tenant's rows come to, kept by triggers, so that no write can forget it and
///   no limit needs a count. A row counts with its texts and a round number for the rest of it.
/// * tenants, tokens, components: who is served, who may call, and with which logic. Of a token
///   only the hash of its secret is there.
const TENANTS: &str = "
CREATE TABLE stored (
    tenant    TEXT PRIMARY KEY,
    live_jobs INTEGER NOT NULL,
    bytes     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO stored SELECT tenant, sum(live), sum(bytes) FROM (
    SELECT tenant, status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED', 'ARCHIVED') AS live,
           octet_length(spec) + octet_length(state) + 300 AS bytes FROM jobs
    UNION ALL SELECT tenant, 0, octet_length(body) + 100 FROM runs
    UNION ALL SELECT tenant, 0, octet_length(text) + octet_length(title) + 300 FROM messages
    UNION ALL SELECT tenant, 0, coalesce(octet_length(message), 0) + 100 FROM changes
    UNION ALL SELECT tenant, 0, 150 FROM edges
) GROUP BY tenant;

CREATE TRIGGER jobs_used AFTER INSERT ON jobs BEGIN
    INSERT INTO stored VALUES (NEW.tenant, NEW.status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED', 'ARCHIVED'),
        octet_length(NEW.spec) + octet_length(NEW.state) + 300)
    ON CONFLICT (tenant) DO UPDATE SET live_jobs = live_jobs + excluded.live_jobs, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER jobs_changed AFTER UPDATE OF status, spec, state ON jobs BEGIN
    UPDATE stored SET
        live_jobs = live_jobs + (NEW.status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED', 'ARCHIVED'))
            - (OLD.status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED', 'ARCHIVED')),
        bytes = bytes + octet_length(NEW.spec) + octet_length(NEW.state)
            - octet_length(OLD.spec) - octet_length(OLD.state)
    WHERE tenant = NEW.tenant;
END;
CREATE TRIGGER jobs_freed AFTER DELETE ON jobs BEGIN
    UPDATE stored SET live_jobs = live_jobs - (OLD.status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED', 'ARCHIVED')),
        bytes = bytes - octet_length(OLD.spec) - octet_length(OLD.state) - 300
    WHERE tenant = OLD.tenant;
END;

CREATE TRIGGER runs_used AFTER INSERT ON runs BEGIN
    INSERT INTO stored VALUES (NEW.tenant, 0, octet_length(NEW.body) + 100)
    ON CONFLICT (tenant) DO UPDATE SET bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER runs_changed AFTER UPDATE OF body ON runs BEGIN
    UPDATE stored SET bytes = bytes + octet_length(NEW.body) - octet_length(OLD.body) WHERE tenant = NEW.tenant;
END;
CREATE TRIGGER runs_freed AFTER DELETE ON runs BEGIN
    UPDATE stored SET bytes = bytes - octet_length(OLD.body) - 100 WHERE tenant = OLD.tenant;
END;

CREATE TRIGGER messages_used AFTER INSERT ON messages BEGIN
    INSERT INTO stored VALUES (NEW.tenant, 0, octet_length(NEW.text) + octet_length(NEW.title) + 300)
    ON CONFLICT (tenant) DO UPDATE SET bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER messages_freed AFTER DELETE ON messages BEGIN
    UPDATE stored SET bytes = bytes - octet_length(OLD.text) - octet_length(OLD.title) - 300 WHERE tenant = OLD.tenant;
END;

CREATE TRIGGER changes_used AFTER INSERT ON changes BEGIN
    INSERT INTO stored VALUES (NEW.tenant, 0, coalesce(octet_length(NEW.message), 0) + 100)
    ON CONFLICT (tenant) DO UPDATE SET bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER changes_freed AFTER DELETE ON changes BEGIN
    UPDATE stored SET bytes = bytes - coalesce(octet_length(OLD.message), 0) - 100 WHERE tenant = OLD.tenant;
END;

CREATE TRIGGER edges_used AFTER INSERT ON edges BEGIN
    INSERT INTO stored VALUES (NEW.tenant, 0, 150)
    ON CONFLICT (tenant) DO UPDATE SET bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER edges_freed AFTER DELETE ON edges BEGIN
    UPDATE stored SET bytes = bytes - 150 WHERE tenant = OLD.tenant;
END;

CREATE TABLE tenants (
    name       TEXT PRIMARY KEY,
    state      TEXT NOT NULL,
    limits     TEXT NOT NULL,
    component  TEXT,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE tokens (
    id         TEXT PRIMARY KEY,
    tenant     TEXT NOT NULL,
    hash       BLOB NOT NULL,
    agent      TEXT NOT NULL,
    user       TEXT NOT NULL,
    scopes     TEXT NOT NULL,
    timezone   TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_by_tenant ON tokens (tenant);
CREATE TABLE components (
    digest     TEXT PRIMARY KEY,
    bytes      BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
";

/// * job_text knows whose a text is, as one word ([`owner`]): a search intersects with it, and does
///   not read what other tenants wrote. It was the one index that all tenants shared.
const TEXT_BY_TENANT: &str = "
DROP TABLE job_text;
CREATE VIRTUAL TABLE job_text USING fts5 (
    title, description, payload, owner, content='', contentless_delete=1, tokenize='porter unicode61'
);
INSERT INTO job_text (rowid, title, description, payload, owner)
    SELECT seq, spec ->> '$.title', spec ->> '$.description', spec ->> '$.payload', 't' || lower(hex(tenant))
    FROM jobs WHERE json_valid(spec);
";

/// * messages_queued begins with the tenant: each tenant's messages are delivered apart from those of
///   others.
const QUEUED_BY_TENANT: &str = "
DROP INDEX messages_queued;
CREATE INDEX messages_queued ON messages (tenant, position) WHERE delivery = 'queued' AND kind <> 'reply';
";

/// * stored: kept by the commit itself, which knows what it writes: triggers took a quarter of its time. How many
///   jobs have each status, so that no figure needs a count; those that live are a sum of these.
/// * jobs_by_owner: lists of one person's jobs look into it once for each status and type, newest first, so that
///   none walks over jobs that it does not show.
/// * jobs.open_run: the run that is not settled yet, which a claim brings along.
const LEAN: &str = "
DROP TRIGGER jobs_used;
DROP TRIGGER jobs_changed;
DROP TRIGGER jobs_freed;
DROP TRIGGER runs_used;
DROP TRIGGER runs_changed;
DROP TRIGGER runs_freed;
DROP TRIGGER messages_used;
DROP TRIGGER messages_freed;
DROP TRIGGER changes_used;
DROP TRIGGER changes_freed;
DROP TRIGGER edges_used;
DROP TRIGGER edges_freed;
DROP TABLE stored;
CREATE TABLE stored (
    tenant      TEXT PRIMARY KEY,
    bytes       INTEGER NOT NULL,
    pending     INTEGER NOT NULL,
    active      INTEGER NOT NULL,
    in_progress INTEGER NOT NULL,
    completed   INTEGER NOT NULL,
    failed      INTEGER NOT NULL,
    blocked     INTEGER NOT NULL,
    cancelled   INTEGER NOT NULL,
    archived    INTEGER NOT NULL,
    paused      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO stored SELECT tenant, sum(bytes), sum(status = 'PENDING'), sum(status = 'ACTIVE'), sum(status = 'IN_PROGRESS'),
    sum(status = 'COMPLETED'), sum(status = 'FAILED'), sum(status = 'BLOCKED'), sum(status = 'CANCELLED'),
    sum(status = 'ARCHIVED'), sum(status = 'PAUSED')
FROM (
    SELECT tenant, status, octet_length(spec) + octet_length(state) + 300 AS bytes FROM jobs
    UNION ALL SELECT tenant, '', octet_length(body) + 100 FROM runs
    UNION ALL SELECT tenant, '', octet_length(text) + octet_length(title) + 300 FROM messages
    UNION ALL SELECT tenant, '', coalesce(octet_length(message), 0) + 100 FROM changes
    UNION ALL SELECT tenant, '', 150 FROM edges
) GROUP BY tenant;

DROP INDEX jobs_by_owner;
CREATE INDEX jobs_by_owner ON jobs (tenant, agent, user, status, job_type);

ALTER TABLE jobs ADD COLUMN open_run TEXT;
UPDATE jobs SET open_run = state ->> '$.open_run' WHERE status IN ('ACTIVE', 'IN_PROGRESS', 'PAUSED', 'BLOCKED')
    AND json_valid(state);
";

/// * half_imported: a row as long as an import is not finished: how many lines of it are here, and their digest.
const MOVING: &str = "
CREATE TABLE half_imported (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    lines  INTEGER NOT NULL,
    digest BLOB NOT NULL
) STRICT;
";

/// Messages of a tenant in their order (an index ends with the position), as retention goes through them.
const IN_ORDER: &str = "
CREATE INDEX messages_in_order ON messages (tenant);
";

/// * texts: what an index in memory is built from. A revision is given once, and by the writer alone: whoever reads
///   behind one misses nothing. `model` is empty until an embedder has seen the texts; without a vector it could
///   make none of them.
///   `hash` tells the texts from others (0: nobody knows).
/// * texts_by_tenant, texts_by_model end with the revision.
/// * job_text: words as they are, without stems: keywords are literal, and what is ranked is in memory.
const TEXTS: &str = "
CREATE TABLE texts (
    revision INTEGER PRIMARY KEY AUTOINCREMENT,
    seq      INTEGER NOT NULL UNIQUE,
    tenant   TEXT NOT NULL,
    hash     INTEGER NOT NULL DEFAULT 0,
    model    TEXT NOT NULL DEFAULT '',
    vector   BLOB
) STRICT;
INSERT INTO texts (seq, tenant) SELECT seq, tenant FROM jobs ORDER BY seq;
CREATE INDEX texts_by_tenant ON texts (tenant);
CREATE INDEX texts_by_model ON texts (model);

DROP TABLE job_text;
CREATE VIRTUAL TABLE job_text USING fts5 (
    title, description, payload, owner, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 0'
);
INSERT INTO job_text (rowid, title, description, payload, owner)
    SELECT seq, spec ->> '$.title', spec ->> '$.description', spec ->> '$.payload', 't' || lower(hex(tenant))
    FROM jobs WHERE json_valid(spec);
";

/// * turns: what was said in conversations, in the order of `position`, with which each index ends: the latest of a
///   conversation, those of a person that are too many, and what is old.
const TURNS: &str = "
CREATE TABLE turns (
    position     INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant       TEXT NOT NULL,
    agent        TEXT NOT NULL,
    user         TEXT NOT NULL,
    conversation TEXT NOT NULL,
    speaker      TEXT NOT NULL,
    text         TEXT NOT NULL,
    at           INTEGER NOT NULL
) STRICT;
CREATE INDEX turns_by_conversation ON turns (tenant, agent, user, conversation);
CREATE INDEX turns_by_person ON turns (tenant, agent, user);
CREATE INDEX turns_by_time ON turns (tenant, at);
";

/// * usage_by_day: what a tenant used on a day, and what is set aside for what is under way.
const USAGE: &str = "
CREATE TABLE usage_by_day (
    tenant                TEXT NOT NULL,
    day                   INTEGER NOT NULL,
    tokens                INTEGER NOT NULL,
    cost_micros           INTEGER NOT NULL,
    tool_calls            INTEGER NOT NULL,
    milliseconds          INTEGER NOT NULL,
    reserved_tokens       INTEGER NOT NULL,
    reserved_cost_micros  INTEGER NOT NULL,
    reserved_tool_calls   INTEGER NOT NULL,
    reserved_milliseconds INTEGER NOT NULL,
    PRIMARY KEY (tenant, day)
) STRICT, WITHOUT ROWID;
";

/// A tenant as a word of `job_text`: whatever is in its name, no part of it is a word of its own.
pub(super) fn owner(tenant: &str) -> String {
    format!("t{}", crate::hex::hex(tenant.as_bytes()))
}

/// Brings a file to the present version.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let found = version(connection)?;
    for (version, migration) in MIGRATIONS.iter().enumerate().skip(found) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", version + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

/// The version of a file, if it is none that only a later program knows; 0 where there is no
/// store in it.
pub(super) fn version(connection: &Connection) -> Result<usize, OpenError> {
    let found: usize = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > MIGRATIONS.len() {
        return Err(OpenError::Newer {
            found,
            known: MIGRATIONS.len(),
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rusqlite::Connection;

    use super::{MIGRATIONS, TEXT_BY_TENANT, migrate, owner};

    /// A file of every earlier version is brought up to date, and keeps its rows.
    #[test]
    fn files_of_every_version_are_migrated() {
        for version in 0..MIGRATIONS.len() {
            let mut connection = Connection::open_in_memory().unwrap();
            for migration in &MIGRATIONS[..version] {
                connection.execute_batch(migration).unwrap();
            }
            connection.pragma_update(None, "user_version", version).unwrap();
            if version > 0 {
                let job = "INSERT INTO jobs (tenant, id, agent, user, created_by, created_at, updated_at, revision, \
                           status, job_type, title, spec, state) VALUES ('t-1', 'a', '', '', '', 0, 0, 1, 'ACTIVE', \
                           'ONE_OFF', '', '{\"title\": \"pay\", \"description\": \"\", \"payload\": \"\"}', '{}')";
                connection.execute_batch(job).unwrap();
                // Before, no tenant stood beside the text: the migration reads the texts from the jobs.
                if MIGRATIONS[..version].contains(&TEXT_BY_TENANT) {
                    let text = "INSERT INTO job_text (rowid, title, description, payload, owner) \
                                VALUES (last_insert_rowid(), 'pay', '', '', ?1)";
                    connection.execute(text, [owner("t-1")]).unwrap();
                }
                let edge = "INSERT INTO edges VALUES ('t', 'a', 'b', 'success', 0, 'waiting', NULL)";
                connection.execute_batch(edge).unwrap();
            }
            migrate(&mut connection).unwrap();
            let count = |sql: &str| {
                connection
                    .query_row(sql, [], |row| row.get::<_, usize>(0))
                    .unwrap()
            };
            assert_eq!(count("PRAGMA user_version"), MIGRATIONS.len());
            assert_eq!(count("SELECT count(*) FROM edges"), usize::from(version > 0));
            assert_eq!(count("SELECT count(*) FROM changes"), 0);
            let search = format!(
                "SELECT count(*) FROM job_text WHERE job_text MATCH 'pay AND owner : {}'",
                owner("t-1")
            );
            assert_eq!(count(&search), usize::from(version > 0));
        }
    }
}
