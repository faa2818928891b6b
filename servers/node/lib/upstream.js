// GET /upstream: calls to the backend over kept-alive connections, one after the other or all at once, by undici, the client
// that Node's own fetch is made of.

import { Pool } from 'undici';

import { Refusal } from './answer.js';
import { authority } from './authority.js';
import { integer, readQuery, required } from './parameters.js';

const MAX_CALLS = 100;
const MAX_CALL_MS = 60_000;

/** Most connections at once, idle ones included; further calls wait for one to come free. */
const MAX_CONNECTIONS = 4096;

/** Longer than any run: what undici closes by itself after 4 s would be opened again in the middle of one. */
const KEEP_ALIVE_MS = 10 * 60 * 1000;

/** How much longer than it was asked to take a call may last before it has failed. */
const CALL_EXTRA_MS = 10_000;

/** Longest reply that is read: more than any number needs. */
const MAX_REPLY_BYTES = 64;

/** How often a call is tried at most: see `mayTryAgain`. */
const MAX_ATTEMPTS = 2;

/** The calls that a query asks for. */
export function readCalls(query) {
  return checkedCalls(readQuery(query, ['calls', 'ms', 'mode']));
}

/** The calls that the parameters of a query ask for. */
export function checkedCalls(values) {
  const calls = integer('calls', required(values, 'calls'), 1, MAX_CALLS);
  const ms = integer('ms', required(values, 'ms'), 0, MAX_CALL_MS);
  const { mode = 'seq' } = values;
  if (mode !== 'seq' && mode !== 'par') {
    throw new Refusal(400, 'mode must be seq or par');
  }
  return { calls, ms, mode };
}

/** Makes calls to the backend at `address`, or refuses them where it is null. `open` is what makes them. */
export function createUpstream(
  address,
  { maxConnections = MAX_CONNECTIONS, extraMs = CALL_EXTRA_MS, open = openPool } = {},
) {
  const { get, close } = address === null ? { get: null, close() {} } : open(address, maxConnections);

  // The number that the backend replies with.
  async function call(number, ms, attempt = 1) {
    try {
      return await get(`/call/${number}?ms=${ms}`, ms + extraMs);
    } catch (error) {
      if (attempt < MAX_ATTEMPTS && mayTryAgain(error)) {
        return call(number, ms, attempt + 1);
      }
      throw new Refusal(502, `the upstream failed: ${error.code ?? error.message}`);
    }
  }

  return {
    close,

    /** What the reply to these calls is: their number, and the sum of the replies. `isGone` says that nobody waits for it any more. */
    async total({ calls, ms, mode }, isGone = () => false) {
      if (get === null) {
        throw new Refusal(503, 'this server was started without an upstream; start it with --upstream');
      }
      if (mode === 'par') {
        const replies = await Promise.all(Array.from({ length: calls }, (_, i) => call(i + 1, ms)));
        return { calls, sum: replies.reduce((sum, reply) => sum + reply, 0) };
      }
      let sum = 0;
      for (let number = 1; number <= calls && !isGone(); number++) {
        sum += await call(number, ms);
      }
      return { calls, sum };
    },
  };
}

function openPool(address, connections) {
  const origin = `http://${authority(address)}`;
  const pool = new Pool(origin, {
    connections,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
  });
  async function get(path, timeoutMs) {
    const { statusCode, body } = await pool.request({
      path,
      method: 'GET',
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
    if (statusCode !== 200) {
      await body.dump();
      throw new Error(`it answered with status ${statusCode} instead of 200`);
    }
    let text = '';
    for await (const chunk of body) {
      text += chunk.latin1Slice();
      if (text.length > MAX_REPLY_BYTES) {
        throw new Error(`its reply is longer than ${MAX_REPLY_BYTES} bytes`);
      }
    }
    return asNumber(text);
  }
  return { get, close: () => pool.destroy() };
}

/** The number that a reply is. */
export function asNumber(text) {
  // Twelve digits: a hundred of those can be summed without losing one.
  if (!/^\d{1,12}$/.test(text)) {
    throw new Error('its reply is not a number that can be summed');
  }
  return Number(text);
}

// A kept connection may have been closed by the backend a moment ago, which only shows when it is used. RFC 9112 section
// 9.3.1 allows to repeat a GET then.
function mayTryAgain({ code }) {
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE';
}
