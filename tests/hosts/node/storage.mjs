// The import `storage`: the statements of ../storage.sql, and a savepoint for each unit of work.
import { readFileSync } from 'node:fs';
import Database from 'better-sqlite3';

const LEASE_MS = 30_000;
// What it means that a write changed no row, where that is no success.
const REFUSED = { 'update-job': 'stale', 'update-run': 'stale', 'insert-run': 'duplicate-slot' };
export function openStorage(path, now) {
  const db = new Database(path);
  const named = readFileSync(new URL('../storage.sql', import.meta.url), 'utf8').split(/^\/\* (\S+) \*\//m);
  db.exec(named[2]); // the schema
  const sql = {};
  for (let at = 3; at < named.length; at += 2) sql[named[at]] = db.prepare(named[at + 1]);
  const json = (value) => (typeof value === 'object' && value !== null ? JSON.stringify(value) : value);
  const read = (name, given) => {
    const values = Object.fromEntries(Object.entries(given).map(([key, value]) => [key, json(value)]));
    return sql[name].all(values).map((row) => JSON.parse(row.body));
  };
  function find(filter, page, match = null, ranked = 0) {
    if (!/^\d*$/.test(page.cursor ?? '')) throw { tag: 'bad-cursor' };
    return read('find-jobs', { filter, page, match, ranked })[0];
  }
  function search(query) {
    const { words } = sql.words.get({ query: json(query) });
    return find(query.filter, query.page, words, Number(query['best-first']));
  }
  function claim(limit) {
    const claims = read('claim-due', { now: now(), until: now() + LEASE_MS, limit });
    return claims.sort((a, b) => a.job.state['due-at'] - b.job.state['due-at']);
  }
  function apply({ tag, val }) {
    const write = json(val);
    if (sql[tag].run({ write }).changes > 0) return;
    if (tag === 'insert-job') throw { tag: 'duplicate-key', val: sql['key-holder'].get({ write }).id };
    if (REFUSED[tag]) throw { tag: REFUSED[tag] };
  }
  /** All of a unit's writes, or none. */
  function unit({ guards, writes }) {
    try {
      if (!guards.every(({ tag, val }) => sql[tag].get({ guard: json(val) }))) throw { tag: 'stale' };
      db.transaction(() => writes.forEach(apply))();
      return { tag: 'ok' };
    } catch (error) {
      if (error instanceof Error && !error.code?.startsWith('SQLITE_CONSTRAINT')) throw error;
      return { tag: 'err', val: error instanceof Error ? { tag: 'forbidden', val: error.message } : error };
    }
  }
  const imports = {
    'get-jobs': (ids) => read('get-jobs', { ids }),
    'get-runs': (ids) => read('get-runs', { ids }),
    'find-jobs': (filter, page) => find(filter, page),
    'find-runs': (filter) => read('find-runs', { filter }),
    'find-edges': ({ tag, val }) => read(tag, { filter: val }),
    'find-messages': (filter) => read('find-messages', { filter }),
    'find-changes': (job, limit) => read('find-changes', { job, limit }),
    'search-jobs': search,
    'claim-due': claim,
    commit: (units) => db.transaction(() => units.map(unit)).immediate(),
  };
  /** Keeps a run's lease; false: it is lost. */
  const renew = ({ 'job-id': job, token }) => sql.renew.run({ job, token, until: now() + LEASE_MS }).changes > 0;
  const nextDue = () => sql['next-due'].get().due ?? Infinity;
  return { imports, renew, nextDue, deliver: () => sql.deliver.run(), inbox: () => read('inbox', {}) };
}
