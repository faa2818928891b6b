// Starts a server as a process of its own, as everybody does, and ends it with the test.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';

const SERVERS = fileURLToPath(new URL('../../', import.meta.url));

// A test that hangs is ended by SIGTERM, and must take its servers along.
const children = new Set();
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));
process.once('SIGTERM', () => process.exit(1));

/** Runs server.js to its end: exit code, signal and what it wrote. */
export async function run(flags, env = {}) {
  const { child, output } = launch('server.js', flags, env);
  const [code, signal] = await once(child, 'close');
  return { code, signal, ...output };
}

/**
 * Starts a server for the length of a test, and waits until it listens. `exited` is a promise of its exit code, or of the
 * signal that ended it. `file` is the server; `host` and `port` are where it says that it listens.
 */
export async function start(t, flags = [], env = {}, file = 'server.js') {
  const { child, output } = launch(file, flags, env);
  const exited = once(child, 'close').then(([code, signal]) => signal ?? code);
  t.after(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([
    once(lines, 'line').then(([line]) => line),
    exited.then((how) => `ended with ${how}: ${output.stderr}`),
  ]);
  const [, host, port] = /^listening on (\S+):(\d+)$/.exec(first) ?? [];
  if (port === undefined) {
    throw new Error(`the server did not start: ${first}`);
  }
  return { host, port: Number(port), child, output, exited };
}

/** Starts a server for all tests of a file; what `flags(t)` makes is there as long. Its `port` is known once tests run. */
export function startForAll(flags = () => []) {
  const server = {};
  const endings = [];
  const t = { after: (ending) => endings.push(ending) };
  before(async () => Object.assign(server, await start(t, flags(t))));
  after(() => endings.forEach((ending) => ending()));
  return server;
}

/** A directory with files as `bench` makes them, for the length of a test. */
export function dataDir(t, sizesKib) {
  const dir = mkdtempSync(join(tmpdir(), 'bench-node-'));
  t.after(() => rmSync(dir, { recursive: true }));
  for (const kib of sizesKib) {
    writeFileSync(join(dir, `${kib}.bin`), fileBytes(kib));
  }
  return dir;
}

/** What such a file holds. */
export function fileBytes(kib) {
  return Buffer.from(Uint8Array.from({ length: kib * 1024 }, (_, i) => i % 251));
}

function launch(file, flags, env) {
  const { UV_THREADPOOL_SIZE, DATABASE_URL, DATABASE_POOL_SIZE, REDIS_URL, ...inherited } = process.env;
  const child = spawn(process.execPath, [join(SERVERS, file), ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...inherited, ...env },
  });
  children.add(child);
  child.once('exit', () => children.delete(child));
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (output.stdout += chunk));
  child.stderr.on('data', (chunk) => (output.stderr += chunk));
  return { child, output };
}
