// GET /upstream: calls to the backend over kept-alive connections, one after the other or all at once.

import http from 'node:http';

import { JSON_TYPE, Refusal, answer, refuse } from './answer.js';
import { integer, readQuery, required } from './parameters.js';

const MAX_CALLS = 100;
const MAX_CALL_MS = 60_000;

/** Most connections at once, idle ones included; further calls wait for one to come free. */
const MAX_CONNECTIONS = 4096;

/** How much longer than it was asked to take a call may last before it has failed. */
const CALL_EXTRA_MS = 10_000;

/** Longest reply that is read: more than any number needs. */
const MAX_REPLY_BYTES = 64;

/** How often a call is tried at most: see `mayTryAgain`. */
const MAX_ATTEMPTS = 2;

/** The calls that a query asks for. */
export function readCalls(query) {
  const values = readQuery(query, ['calls', 'ms', 'mode']);
  const calls = integer('calls', required(values, 'calls'), 1, MAX_CALLS);
  const ms = integer('ms', required(values, 'ms'), 0, MAX_CALL_MS);
  const { mode = 'seq' } = values;
  if (mode !== 'seq' && mode !== 'par') {
    throw new Refusal(400, 'mode must be seq or par');
  }
  return { calls, ms, mode };
}

/** Makes calls to the backend at `address`, or refuses them where it is null. */
export function createUpstream(address, { maxConnections = MAX_CONNECTIONS, extraMs = CALL_EXTRA_MS } = {}) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: maxConnections, maxFreeSockets: maxConnections });
  const to = { ...address, agent, extraMs };

  // The sum of the replies to calls one after the other; a client that leaves ends them.
  async function callInTurn(response, calls, ms) {
    let sum = 0;
    for (let number = 1; number <= calls && !response.destroyed; number++) {
      sum += await call(to, number, ms);
    }
    return sum;
  }

  // The sum of the replies to calls that are all made at once.
  async function callAtOnce(calls, ms) {
    const replies = await Promise.all(Array.from({ length: calls }, (_, i) => call(to, i + 1, ms)));
    return replies.reduce((sum, reply) => sum + reply, 0);
  }

  return {
    /** Answers with the sum of the replies. */
    async send({ calls, ms, mode }, response) {
      if (address === null) {
        refuse(response, new Refusal(503, 'this server was started without an upstream; start it with --upstream'));
        return;
      }
      let sum;
      try {
        sum = await (mode === 'par' ? callAtOnce(calls, ms) : callInTurn(response, calls, ms));
      } catch (error) {
        refuse(response, new Refusal(502, `the upstream failed: ${error.code ?? error.message}`));
        return;
      }
      answer(response, 200, JSON_TYPE, `{"calls":${calls},"sum":${sum}}`);
    },
  };
}

/** One call: the number that the backend replies with. */
function call(to, number, ms, attempt = 1) {
  return new Promise((resolve, reject) => {
    const { agent, host, port, extraMs } = to;
    const path = `/call/${number}?ms=${ms}`;
    const request = http.get({ agent, host, port, path, timeout: ms + extraMs }, (reply) => {
      readNumber(reply).then(resolve, reject);
    });
    request.on('timeout', () => request.destroy(new Error('it was silent for too long')));
    request.on('error', (error) => {
      if (attempt < MAX_ATTEMPTS && mayTryAgain(request, error)) {
        call(to, number, ms, attempt + 1).then(resolve, reject);
      } else {
        reject(error);
      }
    });
  });
}

// A kept connection may have been closed by the backend a moment ago, which only shows when it is used. RFC 9112 section
// 9.3.1 allows to repeat a GET then, and Node's documentation of `request.reusedSocket` says how.
function mayTryAgain(request, error) {
  return request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

function readNumber(reply) {
  return new Promise((resolve, reject) => {
    if (reply.statusCode !== 200) {
      reply.destroy();
      reject(new Error(`it answered with status ${reply.statusCode} instead of 200`));
      return;
    }
    let text = '';
    reply.setEncoding('latin1');
    reply.on('data', (chunk) => {
      text += chunk;
      if (text.length > MAX_REPLY_BYTES) {
        reply.destroy(new Error(`its reply is longer than ${MAX_REPLY_BYTES} bytes`));
      }
    });
    // Twelve digits: a hundred of those can be summed without losing one.
    reply.on('end', () => {
      if (/^\d{1,12}$/.test(text)) {
        resolve(Number(text));
      } else {
        reject(new Error('its reply is not a number that can be summed'));
      }
    });
    reply.on('error', reject);
  });
}
