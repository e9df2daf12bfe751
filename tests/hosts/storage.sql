-- `storage` (wit/storage.wit) in SQLite: what the hosts in every language say to it, each statement
-- under its name. Bodies and parameters are values of the contract, as JSON in the WIT's spelling.
/* schema */
PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; -- what was answered survives the loss of power
CREATE TABLE IF NOT EXISTS jobs (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL, -- seq: the order of creation
  token INTEGER NOT NULL DEFAULT 0, lease_until INTEGER NOT NULL DEFAULT 0, -- of the latest claim
  id TEXT AS (body ->> 'id') UNIQUE, agent TEXT AS (body ->> 'agent'), user TEXT AS (body ->> 'user'),
  key TEXT AS (body ->> '$.spec.idempotency-key'), title TEXT AS (body ->> '$.spec.title'),
  type TEXT AS (body ->> '$.spec.job-type'), status TEXT AS (body ->> '$.state.status'),
  due_at INTEGER AS (body ->> '$.state.due-at'), UNIQUE (agent, user, key));
CREATE INDEX IF NOT EXISTS jobs_due ON jobs (due_at);
CREATE TABLE IF NOT EXISTS runs (
  body TEXT NOT NULL, id TEXT AS (body ->> 'id') UNIQUE, job TEXT AS (body ->> 'job'),
  slot INTEGER AS (body ->> 'slot'), status TEXT AS (body ->> 'status'), UNIQUE (job, slot)); -- a slot runs once
CREATE TABLE IF NOT EXISTS edges (
  body TEXT NOT NULL, dependent TEXT AS (body ->> 'dependent'), prerequisite TEXT AS (body ->> 'prerequisite'),
  status TEXT AS (body ->> 'status'), UNIQUE (dependent, prerequisite));
CREATE INDEX IF NOT EXISTS edges_of ON edges (prerequisite, dependent);
CREATE TABLE IF NOT EXISTS messages (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL, id TEXT AS (body ->> 'id') UNIQUE,
  once_key TEXT AS (body ->> 'once-key') UNIQUE, job TEXT AS (body ->> 'job'), user TEXT AS (body ->> 'user'),
  kind TEXT AS (body ->> 'kind'), delivery TEXT AS (body ->> 'delivery'));
CREATE TABLE IF NOT EXISTS changes (seq INTEGER PRIMARY KEY, body TEXT NOT NULL, job TEXT AS (body ->> 'job'));
CREATE INDEX IF NOT EXISTS changes_of ON changes (job);
CREATE VIRTUAL TABLE IF NOT EXISTS job_text USING fts5 (title, description, payload, tokenize = 'porter unicode61');
CREATE TRIGGER IF NOT EXISTS text_written AFTER INSERT ON jobs BEGIN
  INSERT INTO job_text (rowid, title, description, payload)
    VALUES (new.seq, new.title, new.body ->> '$.spec.description', new.body ->> '$.spec.payload');
END;
CREATE TRIGGER IF NOT EXISTS text_changed AFTER UPDATE ON jobs WHEN old.body -> 'spec' <> new.body -> 'spec' BEGIN
  UPDATE job_text SET title = new.title, description = new.body ->> '$.spec.description',
    payload = new.body ->> '$.spec.payload' WHERE rowid = new.seq;
END;
-- Guards hold where they find a row.
/* revision */ SELECT 1 FROM jobs WHERE id = :guard ->> 'job' AND body ->> 'revision' = :guard ->> 'revision'
/* claim */ SELECT 1 FROM jobs WHERE id = :guard ->> 'job' AND token = :guard ->> 'token'
-- Writes.
/* insert-job */ INSERT INTO jobs (body) VALUES (:write) ON CONFLICT (agent, user, key) DO NOTHING
/* key-holder */ SELECT id FROM jobs WHERE agent = :write ->> 'agent' AND user = :write ->> 'user'
  AND key = :write ->> '$.spec.idempotency-key'
/* update-job */ UPDATE jobs SET body = json_set(body, '$.revision', (body ->> 'revision') + 1,
  '$.updated-at', :write -> 'updated-at', '$.state', :write -> 'state',
  '$.spec', json(coalesce(:write -> 'spec', body -> 'spec'))) WHERE id = :write ->> 'id'
/* insert-run */ INSERT INTO runs (body) VALUES (:write) ON CONFLICT (job, slot) DO NOTHING
/* update-run */ UPDATE runs SET body = :write WHERE id = :write ->> 'id'
/* put-edge */ INSERT INTO edges (body) VALUES (:write)
  ON CONFLICT (dependent, prerequisite) DO UPDATE SET body = excluded.body
/* delete-edge */ DELETE FROM edges WHERE dependent = :write ->> 'dependent' AND prerequisite = :write ->> 'prerequisite'
/* insert-message */ INSERT INTO messages (body) VALUES (:write) ON CONFLICT (once_key) DO NOTHING
/* update-message */ UPDATE messages SET body = json_set(body, '$.delivery', :write ->> 'delivery')
  WHERE id = :write ->> 'id' AND delivery <> 'read'
/* insert-change */ INSERT INTO changes (body) VALUES (:write)
/* release */ UPDATE jobs SET lease_until = 0 WHERE id = :write ->> 'job' AND token = :write ->> 'token'
-- Leases, and when to look next.
/* claim-due */ UPDATE jobs SET token = token + 1, lease_until = :until
  WHERE seq IN (SELECT seq FROM jobs WHERE due_at <= :now AND lease_until <= :now ORDER BY due_at LIMIT :limit)
  RETURNING json_object('job', json(body), 'token', token, 'lease-until', lease_until,
    'open-run', json((SELECT runs.body FROM runs WHERE runs.id = jobs.body ->> '$.state.open-run'))) AS body
/* renew */ UPDATE jobs SET lease_until = :until WHERE id = :job AND token = :token
/* next-due */ SELECT min(max(due_at, lease_until)) AS due FROM jobs WHERE due_at IS NOT NULL
-- Reads. What a filter leaves out, or an empty list, does not narrow.
/* get-jobs */ SELECT (SELECT body FROM jobs WHERE id = value) AS body FROM json_each(:ids)
/* get-runs */ SELECT (SELECT body FROM runs WHERE id = value) AS body FROM json_each(:ids)
/* find-jobs */ WITH hits AS (SELECT rowid AS seq, -rank AS strength FROM job_text(coalesce(:match, '""'))),
found AS MATERIALIZED (SELECT seq, body, strength / (1 + strength) AS score FROM jobs LEFT JOIN hits USING (seq)
  WHERE (:match IS NULL OR strength IS NOT NULL)
    AND coalesce(agent = :filter ->> 'agent', 1) AND coalesce(user = :filter ->> 'user', 1)
    AND coalesce(title = :filter ->> 'title', 1)
    AND (:filter ->> 'idempotency-key' IS NULL OR key = :filter ->> 'idempotency-key')
    AND (:filter -> 'job-types' = '[]' OR type IN (SELECT value FROM json_each(:filter, '$.job-types')))
    AND (:filter -> 'statuses' = '[]' OR status IN (SELECT value FROM json_each(:filter, '$.statuses')))
    AND (status <> 'ARCHIVED' OR :filter ->> 'include-archived' OR :filter -> 'statuses' <> '[]')),
page AS (SELECT seq, body, iif(:ranked, score, 1.0) AS score FROM found
  WHERE coalesce(seq < CAST(:page ->> 'cursor' AS INTEGER), 1) ORDER BY score DESC, seq DESC LIMIT :page ->> 'limit')
SELECT json_object('total', (SELECT count(*) FROM found), 'jobs', json_group_array(json(body)),
  'hits', json_group_array(json_object('job', json(body), 'score', score)),
  'mode', 'lexical', 'next-cursor', iif(count(*) = :page ->> 'limit' AND NOT :ranked, CAST(min(seq) AS TEXT), NULL)) AS body FROM page
/* words */ SELECT CASE WHEN :query ->> 'mode' IN ('meaning', 'stems') THEN '{title description} : (' || replace(group_concat(phrase), ' ', '" OR "') || ')'
    ELSE group_concat(phrase, iif(:query ->> 'mode' = 'all-terms', ' AND ', ' OR ')) END AS words
  FROM (SELECT '"' || replace(replace(value, '"', ' '), char(0), ' ') || '"' AS phrase
    FROM json_each(:query, '$.terms'))
/* find-runs */ SELECT body FROM runs WHERE job = :filter ->> 'job' AND coalesce(slot < :filter ->> 'before', 1)
  AND (:filter -> 'statuses' = '[]' OR status IN (SELECT value FROM json_each(:filter, '$.statuses')))
  ORDER BY slot DESC LIMIT :filter ->> 'limit'
/* of-dependents */ SELECT body FROM edges WHERE dependent IN (SELECT value FROM json_each(:filter))
/* of-prerequisite */ SELECT body FROM edges
  WHERE prerequisite = :filter ->> 'prerequisite' AND coalesce(dependent > :filter ->> 'after', 1)
  AND (:filter -> 'statuses' = '[]' OR status IN (SELECT value FROM json_each(:filter, '$.statuses')))
  ORDER BY dependent LIMIT :filter ->> 'limit'
/* ancestors */ WITH RECURSIVE above (id) AS (SELECT value FROM json_each(:filter, '$.dependents')
  UNION SELECT prerequisite FROM edges JOIN above ON dependent = above.id)
  SELECT body FROM edges WHERE dependent IN above LIMIT :filter ->> 'limit'
/* find-messages */ SELECT body FROM messages WHERE coalesce(id = :filter ->> 'id', 1)
  AND coalesce(job = :filter ->> 'job', 1) AND coalesce(user = :filter ->> 'user', 1)
  AND (:filter -> 'kinds' = '[]' OR kind IN (SELECT value FROM json_each(:filter, '$.kinds')))
  AND (:filter -> 'deliveries' = '[]' OR delivery IN (SELECT value FROM json_each(:filter, '$.deliveries')))
  ORDER BY seq LIMIT :filter ->> 'limit'
/* find-changes */ SELECT body FROM changes WHERE job = :job ORDER BY seq DESC LIMIT :limit
-- The inbox: what is in the table is delivered. A reply goes to the job, not to a person.
/* deliver */ UPDATE messages SET body = json_set(body, '$.delivery', 'delivered')
  WHERE delivery = 'queued' AND kind <> 'reply'
/* inbox */ SELECT body FROM messages WHERE kind <> 'reply' ORDER BY seq
