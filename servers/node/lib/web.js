// What servers have in common that answer a Request with a Response: Bun's and Deno's.

import { Refusal } from './answer.js';
import { authority } from './authority.js';
import { MAX_BODY_BYTES } from './body.js';
import { CpuPool } from './cpu-pool.js';
import { openDatabase } from './database.js';
import { createFiles } from './files.js';
import { LoopWork } from './held.js';
import { createLeaves } from './leaves.js';
import { notFound } from './not-found.js';
import { asNumber, createUpstream } from './upstream.js';

export { MAX_BODY_BYTES };

/** The leaves, with the platform's own fetch for the calls to the upstream. */
export async function webLeaves(options) {
  return createLeaves({
    files: createFiles(options.dataDir),
    database: await openDatabase(options),
    upstream: createUpstream(options.upstream, { open: openFetch }),
    cpuPool: new CpuPool(options.pool),
    loopWork: new LoopWork(),
  });
}

export const text = (body, status = 200, headers = {}) =>
  new Response(body, { status, headers: { 'Content-Type': 'text/plain; charset=utf-8', ...headers } });

export const bytes = (body) => new Response(body, { headers: { 'Content-Type': 'application/octet-stream' } });

/** The parameters of a request's query. */
export const queryOf = (request) => Object.fromEntries(new URL(request.url).searchParams);

/** What is JSON already. */
export const json = (text) => new Response(text, { headers: { 'Content-Type': 'application/json' } });

/** The bytes of a request's body. */
export async function bodyOf(request) {
  const read = await request.arrayBuffer().catch(() => {
    throw new Refusal(400, 'the body ended before its length');
  });
  const body = Buffer.from(read);
  if (body.length > MAX_BODY_BYTES) {
    throw new Refusal(413, 'bodies are taken up to 1 MiB');
  }
  return body;
}

/** A stream of events. */
export function eventStream(events) {
  const body = ReadableStream.from(events).pipeThrough(new TextEncoderStream());
  return new Response(body, {
    headers: { 'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-cache' },
  });
}

/** The answer to what no route takes. */
export function answerNotFound(request) {
  const { status, message, headers } = notFound(new URL(request.url).pathname);
  return text(message, status, headers);
}

/** The answer to what was thrown. */
export function answerError(error) {
  return error.body?.field === undefined
    ? text(error.message, error.status ?? 500, error.headers)
    : Response.json(error.body, { status: error.status });
}

function openFetch(address) {
  const origin = `http://${authority(address)}`;
  async function get(path, timeoutMs) {
    const response = await fetch(origin + path, { signal: AbortSignal.timeout(timeoutMs) });
    const reply = await response.text();
    if (response.status !== 200) {
      throw new Error(`it answered with status ${response.status} instead of 200`);
    }
    return asNumber(reply);
  }
  return { get, close() {} };
}
