// A host of the jobs component: a SQLite file, an agent, the loop. It is spoken to in lines of JSON,
// see ../README.md. Usage: node host.mjs TRANSPILED_FOLDER STORE [INSTANT]
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { openStorage } from './storage.mjs';
import { camel, fromJson, toJson } from './values.mjs';
const PARALLEL_RUNS = 5;
const LOOK_MS = 10_000; // how often leases are renewed, and storage is looked at
const [folder, store, instant] = process.argv.slice(2);
// The machine's clock, or one that stands still until it is moved.
let present = Number(instant);
const now = () => (instant ? present : Date.now());
const until = async (at) => (instant ? (present = at) : sleep(at - Date.now()));
const storage = openStorage(store, now);

const usage = { 'tokens-in': 0, 'tokens-out': 0, 'cost-usd': 0, 'tool-calls': 0, seconds: 0 };
const outcome = (status, output, error) => ({ status, output, error, usage, journal: [] });
const failed = (kind, message) => outcome('failed', '', { class: kind, message });
/** Carries out a run: the output is the payload, unless that begins with a word that says how it ends. */
function agent({ payload, attempt, dependencies, 'unread-replies': replies }) {
  const [word, argument] = payload.split(' ');
  const heard = [...dependencies.map((it) => it.output), ...replies];
  if (word === 'echo') return outcome('ok', heard.join(' ') || 'nothing');
  if (word === 'fail') return failed(argument, payload);
  if (word === 'ask') return outcome('needs-input', payload);
  if (word === 'flaky' && attempt <= argument) return failed('transient', payload);
  if (word === 'hang' && attempt <= argument) return undefined; // it goes on, and on
  return outcome('ok', payload);
}
const live = new Map(); // what was submitted and is not settled, by run
let interrupt; // what a test wants to happen in the middle of a call, before it commits
const imports = {
  'meanwhile:jobs/storage': { ...storage.imports, commit: (units) => (interrupt?.(), storage.imports.commit(units)) },
  'meanwhile:jobs/timers': { arm() {} }, // the loop looks at storage before it sleeps
  'meanwhile:jobs/agent-pipeline': {
    submit: (requests) => requests.forEach((request) => {
      const known = live.get(request['run-id']);
      if (!(known?.token >= request.token)) live.set(request['run-id'], { ...request, outcome: agent(request) });
    }),
    cancel: (run) => { if (live.has(run)) live.get(run).outcome ??= outcome('cancelled', ''); },
    'can-judge': () => false,
  },
  'wasi:clocks/wall-clock': { now: () => ({ seconds: Math.floor(now() / 1000), nanoseconds: (now() % 1000) * 1e6 }) },
  'wasi:random/random': { 'get-random-u64': () => String(randomBytes(8).readBigUInt64LE()) },
};
/** A function of JSON as jco calls it. What is thrown is the error of its result. */
const spoken = (work) => (...given) => {
  try {
    return fromJson(work(...toJson(given)));
  } catch (error) {
    throw error instanceof Error ? { tag: 'unavailable', val: error.message } : error;
  }
};
for (const face of Object.values(imports)) for (const name of Object.keys(face)) face[camel(name)] = spoken(face[name]);
const { instantiate } = await import(`${folder}/jobs.js`);
const modules = {};
const core = (name) => (modules[name] ??= new WebAssembly.Module(readFileSync(`${folder}/${name}`)));
const idle = []; // making an instance takes jco 200 ms: it serves the next call, too, unless it trapped
function call([face, name], parameters) {
  const component = idle.pop() ?? instantiate(core, imports);
  try {
    const ok = component[face][camel(name)](...fromJson(parameters));
    idle.push(component);
    return { ok: toJson(ok) };
  } catch (error) {
    if (error instanceof Error) return { trap: String(error) };
    idle.push(component);
    return { err: toJson(error) };
  }
}
/** Settles what ended and polls, until nothing is due. */
function work() {
  for (const [id, run] of live) if (!storage.renew(run)) live.delete(id); // another host took it over
  for (;;) {
    for (const run of live.values()) if (run.deadline <= now()) run.outcome ??= failed('transient', 'timed out');
    const ended = [...live.values()].filter((run) => run.outcome);
    if (ended.length > 0) {
      if (!call(['runner', 'settle'], [ended]).ok) return;
      ended.forEach((run) => live.delete(run['run-id']));
    } else if (storage.nextDue() > now() || !call(['runner', 'poll'], [PARALLEL_RUNS - live.size]).ok?.claimed) {
      return void storage.deliver();
    }
  }
}
/** Works until then, going from one instant at which something is due to the next. */
async function advance(to) {
  for (; now() < to; work()) {
    const ahead = [storage.nextDue(), ...[...live.values()].flatMap((run) => [run.deadline, now() + LOOK_MS])];
    await until(Math.min(to, ...ahead.filter((at) => at > now())));
  }
}
async function answer(step) {
  const told = {};
  interrupt = step.meanwhile && (() => {
    interrupt = undefined;
    told.meanwhile = call(step.meanwhile.call, step.meanwhile.arguments);
  });
  if (step.call) return { ...call(step.call, step.arguments), ...told };
  if (step.advance_to) await advance(step.advance_to);
  return { ok: step.advance_to ? null : storage.inbox(), ...told };
}
let timer;
function loop() {
  work();
  clearTimeout(timer);
  if (!instant) timer = setTimeout(loop, Math.min(LOOK_MS, storage.nextDue() - now())).unref();
}
loop();
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line))));
  loop();
}
