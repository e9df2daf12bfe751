//! What a commit writes: one statement a table, its rows as one array a column. Those that change
//! rows have the tenant in each row of the arrays, not as one value: so the only way that the planner knows is to
//! look the rows up one by one, whatever it believes to be in the table.

pub(super) const INSERT_JOBS: &str = "INSERT INTO jobs (tenant, seq, id, agent, \"user\", created_by, created_at, updated_at, revision, \
     status, job_type, title, idempotency_key, open_run, spec, state) \
     SELECT $1, new.* FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], \
     $9::bigint[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[]) AS new";
pub(super) const INSERT_AGENDA: &str = "INSERT INTO agenda (tenant, seq, id, agent, \"user\", status, job_type, due_at, available_at) \
     SELECT $1, new.* FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], \
     $9::bigint[]) AS new";
pub(super) const UPDATE_JOBS: &str = "UPDATE jobs SET revision = new.revision, status = new.status, updated_at = new.updated_at, \
     open_run = new.open_run, state = new.state, \
     title = coalesce(new.title, jobs.title), job_type = coalesce(new.job_type, jobs.job_type), \
     idempotency_key = CASE WHEN new.spec IS NULL THEN jobs.idempotency_key ELSE new.key END, \
     spec = coalesce(new.spec, jobs.spec) \
     FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[], \
     $10::text[], $11::text[]) AS new (tenant, id, revision, status, updated_at, open_run, state, title, job_type, key, spec) \
     WHERE jobs.tenant = new.tenant AND jobs.id = new.id";
pub(super) const UPDATE_AGENDA: &str = "UPDATE agenda SET due_at = new.due_at, available_at = new.available_at, \
     lease_owner = CASE WHEN new.released THEN NULL ELSE agenda.lease_owner END, \
     lease_until = CASE WHEN new.released THEN NULL ELSE agenda.lease_until END, \
     status = coalesce(new.status, agenda.status), job_type = coalesce(new.job_type, agenda.job_type) \
     FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::boolean[], $6::text[], $7::text[]) \
     AS new (tenant, id, due_at, available_at, released, status, job_type) WHERE agenda.tenant = new.tenant AND agenda.id = new.id";
/// A change of a job's record is one of its texts only where these differ: the text index is not written for others.
/// Revisions are given under the lock of the tenant's row in `stored`: whoever reads behind one misses nothing.
pub(super) const PUT_TEXTS: &str = "WITH new AS MATERIALIZED (SELECT $1::text AS tenant, * \
         FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[]) \
         AS new (seq, agent, \"user\", title, words, hash)), \
     revised AS (INSERT INTO texts (tenant, seq, hash, revision) SELECT tenant, seq, hash, nextval('texts_revision') \
         FROM (SELECT tenant, seq, hash FROM new ORDER BY seq) AS ordered \
         ON CONFLICT (tenant, seq) DO UPDATE SET hash = excluded.hash, revision = excluded.revision, model = '', vector = NULL \
         WHERE texts.hash <> excluded.hash) \
     INSERT INTO job_text (tenant, seq, agent, \"user\", title, words) SELECT tenant, seq, agent, \"user\", title, words FROM new \
     ON CONFLICT (tenant, seq) DO UPDATE SET title = excluded.title, words = excluded.words \
     WHERE (job_text.title, job_text.words) IS DISTINCT FROM (excluded.title, excluded.words)";
pub(super) const PUT_WORDS: &str = "INSERT INTO job_words (seq, words) \
     SELECT seq, words::bigint[] FROM unnest($1::bigint[], $2::text[]) AS new (seq, words) \
     ON CONFLICT (seq) DO UPDATE SET words = excluded.words WHERE job_words.words IS DISTINCT FROM excluded.words";
pub(super) const INSERT_RUNS: &str = "INSERT INTO runs (tenant, id, job, slot, status, body) \
     SELECT $1, * FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[])";
pub(super) const UPDATE_RUNS: &str = "UPDATE runs SET status = new.status, body = new.body \
     FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS new (tenant, id, status, body) WHERE runs.tenant = new.tenant AND runs.id = new.id";
pub(super) const PUT_EDGES: &str = "INSERT INTO edges (tenant, dependent, prerequisite, condition, delay_seconds, status, settled_at) \
     SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::bigint[]) \
     ON CONFLICT (tenant, dependent, prerequisite) DO UPDATE SET condition = excluded.condition, \
     delay_seconds = excluded.delay_seconds, status = excluded.status, settled_at = excluded.settled_at";
pub(super) const DELETE_EDGES: &str = "DELETE FROM edges USING unnest($1::text[], $2::text[], $3::text[]) AS old (tenant, dependent, prerequisite) \
     WHERE edges.tenant = old.tenant AND edges.dependent = old.dependent AND edges.prerequisite = old.prerequisite";
pub(super) const INSERT_MESSAGES: &str = "INSERT INTO messages (tenant, id, once_key, kind, job, run, agent, \"user\", conversation, \
     related_entity_id, narrative_id, title, text, delivery, created_at) \
     SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], \
     $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::bigint[])";
pub(super) const UPDATE_MESSAGES: &str = "UPDATE messages SET delivery = new.delivery FROM unnest($1::text[], $2::text[], $3::text[]) AS new (tenant, id, delivery) \
     WHERE messages.tenant = new.tenant AND messages.id = new.id AND messages.delivery <> 'read'";
pub(super) const INSERT_CHANGES: &str = "INSERT INTO changes (tenant, job, at, from_status, to_status, by, code, message) \
     SELECT $1, * FROM unnest($2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])";
pub(super) const STORED: &str = "UPDATE stored SET bytes = $2, pending = $3, active = $4, in_progress = $5, completed = $6, \
     failed = $7, blocked = $8, cancelled = $9, archived = $10, paused = $11 WHERE tenant = $1";
