// The official TypeScript clients against Meanwhile: list the tools, make every call of calls.json.
//
// Usage: client.mjs MODE TARGET: MODE is `sdk` (version 1 of the SDK, 2025-11-25), `legacy`
// (version 2, 2025-11-25) or `auto` (version 2, 2026-07-28); TARGET is the URL of /mcp, or a
// program and its arguments that serve over standard streams.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

// The packages lie under the build's folder, not beside this file.
const require = createRequire(pathToFileURL(`${process.env.MCP_CLIENTS_NODE}/package.json`));
const load = async (name) => import(pathToFileURL(require.resolve(name)));
const named = (modules, name) => modules.map((it) => it[name] ?? it.default?.[name]).find(Boolean);

const [mode, target, ...args] = process.argv.slice(2);
const calls = JSON.parse(readFileSync(new URL('calls.json', import.meta.url)));
const tools = ['job_create', 'job_retrieval_semantic', 'job_retrieval_by_id', 'job_retrieval_by_keywords',
  'job_update', 'job_pause', 'job_cancel'];

const modules = await Promise.all((mode === 'sdk'
  ? ['client/index.js', 'client/streamableHttp.js', 'client/stdio.js'].map((it) => `@modelcontextprotocol/sdk/${it}`)
  : ['@modelcontextprotocol/client', '@modelcontextprotocol/client/stdio']).map(load));
const [Client, Http, Stdio] = ['Client', 'StreamableHTTPClientTransport', 'StdioClientTransport']
  .map((name) => named(modules, name));
const transport = target.startsWith('http')
  ? new Http(new URL(target))
  : new Stdio({ command: target, args });
const options = mode === 'sdk' ? {} : { versionNegotiation: { mode } };
const client = new Client({ name: 'test', version: '1' }, options);
await client.connect(transport);
assert.equal(client.getServerVersion().name, 'meanwhile');
if (mode !== 'sdk') {
  assert.equal(client.getNegotiatedProtocolVersion(), mode === 'auto' ? '2026-07-28' : '2025-11-25');
}

const at = (value, path) => path.split('.').reduce((it, key) => it?.[key], value);
// Listing first: from then on the client checks results against each tool's outputSchema itself.
assert.deepEqual((await client.listTools()).tools.map((tool) => tool.name), tools);
let job = '';
for (const { tool, arguments: given, expect } of calls) {
  const sent = JSON.parse(JSON.stringify(given).replaceAll('$JOB', job));
  const result = await client.callTool({ name: tool, arguments: sent });
  const answer = result.structuredContent;
  const told = `${tool} ${JSON.stringify(sent)}: ${JSON.stringify(answer)}`;
  assert.deepEqual(JSON.parse(result.content[0].text), answer, told);
  assert.equal(Boolean(result.isError), 'error' in answer, told);
  for (const [path, value] of Object.entries(expect)) assert.deepEqual(at(answer, path), value, `${path}: ${told}`);
  job = at(answer, 'job.job_id') ?? job;
}
console.log(`${tools.length} tools by ${mode}`);
await client.close();
