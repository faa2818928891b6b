// Which routes there are: how the target of each is read, what methods it takes, and what it does.

import { Refusal, TEXT, answer, answerJson, answerJsonText, fixedAnswer, refuse } from './answer.js';
import { authorized } from './auth.js';
import { UPGRADE_HEADERS } from './chat.js';
import { PoolFull } from './cpu-pool.js';
import { databaseLeaves } from './database.js';
import { readStream, sendEvents } from './events.js';
import { createFiles } from './files.js';
import { Invalid, orderOfBytes, receipt } from './orders.js';
import { integer, readQuery } from './parameters.js';
import { renderStats } from './stats.js';
import { createUpstream, readCalls } from './upstream.js';
import { sha256, uploaded, xorshift } from './work.js';

const MAX_SLEEP_MS = 60_000;
const MAX_ROUNDS = 100_000_000;
const MAX_HASH_KIB = 65_536;

const GET_HEAD = ['GET', 'HEAD'];

/** RFC 9112 section 3.2.2: a target may name scheme and host as well. */
const ORIGIN = /^https?:\/\/[^/?]*/i;

/**
 * The function that answers requests, given their bodies. `collectStats` gives the figures of all processes that serve,
 * in a promise.
 */
export function createRouter({ dataDir, upstream: address, database, cpuPool, loopWork, collectStats }) {
  const files = createFiles(dataDir);
  const upstream = createUpstream(address);
  const db = databaseLeaves(database);

  const sendPlaintext = fixedAnswer(TEXT, 'Hello, World!');
  const sendJson = (response) => answerJson(response, 200, { message: 'Hello, World!' });

  // By the first segment of the path, or the first two of /db. `read(query, segment)` gives what
  // `send(parameters, response, request, body)` needs; a route has one segment more where it says so, and takes GET and HEAD
  // unless it says otherwise.
  const routes = new Map([
    ['plaintext', { read: readNothing, send: (_, response) => sendPlaintext(response) }],
    ['json', { read: readNothing, send: (_, response) => sendJson(response) }],
    ['sleep', { hasSegment: true, read: readSleep, send: sendSleep }],
    [
      'upstream',
      { read: readCalls, send: sendJsonOf((calls, _, response) => upstream.total(calls, () => response.destroyed)) },
    ],
    ['file', { hasSegment: true, read: (query, text) => files.find(readOnly(query, text)), send: files.send }],
    ['cpu', { hasSegment: true, read: readCpu, send: sendCpu }],
    ['hash', { hasSegment: true, read: readHash, send: sendHash }],
    ['orders', { methods: ['POST'], read: readNothing, send: sendOrder }],
    ['auth', { read: readNothing, send: sendAuth }],
    ['upload', { methods: ['POST'], read: readNothing, send: sendUploaded }],
    ['db/product', { hasSegment: true, read: readOnly, send: sendJsonOf(db.product) }],
    ['db/products', { hasSegment: true, read: readOnly, send: sendJsonOf(db.products) }],
    ['db/queries', { hasSegment: true, read: readOnly, send: sendJsonOf(db.queries) }],
    ['db/cached', { hasSegment: true, read: readOnly, send: sendLater(db.cached, answerJsonText) }],
    [
      'db/orders',
      { methods: ['POST'], read: readNothing, send: sendJsonOf(async (_, body) => db.storeOrder(orderOfBytes(body))) },
    ],
    ['events', { read: readStream, send: sendEvents }],
    // A request that gets here asks for no WebSocket; those that do are in chat.js.
    ['chat', { read: readNothing, send: refuseChat }],
    ['stats', { read: readNothing, send: sendStats }],
  ]);

  function sendCpu({ rounds, offload }, response) {
    if (offload) {
      sendFromPool('xorshift', rounds, response);
    } else {
      answer(response, 200, TEXT, loopWork.cpu(xorshift, rounds));
    }
  }

  function sendHash({ kib, offload }, response) {
    if (offload) {
      sendFromPool('sha256', kib, response);
    } else {
      answer(response, 200, TEXT, loopWork.hash(sha256, kib));
    }
  }

  function sendFromPool(work, size, response) {
    try {
      cpuPool.run(work, size, (digits) => answer(response, 200, TEXT, digits));
    } catch (error) {
      if (!(error instanceof PoolFull)) {
        throw error;
      }
      refuse(response, new Refusal(503, error.message));
    }
  }

  async function sendStats(_, response) {
    answerJson(response, 200, renderStats(await collectStats()));
  }

  return function route(request, response, body) {
    const { url, method } = request;
    // The floor's two targets come first and whole, since their cost is all that those routes measure.
    if (method === 'GET' && url === '/plaintext') {
      sendPlaintext(response);
      return;
    }
    if (method === 'GET' && url === '/json') {
      sendJson(response);
      return;
    }
    try {
      const { found, parameters } = resolve(routes, url);
      const methods = found.methods ?? GET_HEAD;
      if (!methods.includes(method)) {
        const allow = methods.join(', ');
        throw new Refusal(405, `this route takes ${allow}`, { Allow: allow });
      }
      found.send(parameters, response, request, body);
    } catch (error) {
      refuseOrThrow(response, error);
    }
  };
}

function refuseOrThrow(response, error) {
  if (error instanceof Invalid) {
    answerJson(response, error.status, error.body);
  } else if (error instanceof Refusal) {
    refuse(response, error);
  } else {
    throw error;
  }
}

// Answers with what `work(parameters, body, response)` promises, by `send(response, status, value)`.
function sendLater(work, send) {
  return async (parameters, response, _, body) => {
    try {
      send(response, 200, await work(parameters, body, response));
    } catch (error) {
      refuseOrThrow(response, error);
    }
  };
}

const sendJsonOf = (work) => sendLater(work, answerJson);

function sendOrder(_, response, __, body) {
  answerJson(response, 200, receipt(orderOfBytes(body)));
}

function sendAuth(_, response, { headers }) {
  answerJson(response, 200, authorized(headers.authorization));
}

function sendUploaded(_, response, __, body) {
  answerJson(response, 200, uploaded(body));
}

/** Whether a target is that of /chat, with nothing else. */
export function isChat(url) {
  return pathAndQuery(url) === '/chat';
}

function resolve(routes, url) {
  const target = pathAndQuery(url);
  const at = target.indexOf('?');
  const path = at === -1 ? target : target.slice(0, at);
  const query = at === -1 ? undefined : target.slice(at + 1);
  const [root, first, ...segments] = path.split('/', 5);
  const name = first === 'db' ? `db/${segments.shift()}` : first;
  const [segment, ...further] = segments;
  const found = routes.get(name);
  const isKnown = root === '' && found !== undefined && further.length === 0;
  if (!isKnown || (segment !== undefined) !== (found.hasSegment ?? false)) {
    throw new Refusal(404, 'there is no such route');
  }
  return { found, parameters: found.read(query, segment) };
}

function pathAndQuery(url) {
  if (url.startsWith('/')) {
    return url;
  }
  const rest = url.replace(ORIGIN, '');
  return rest === url || rest.startsWith('/') ? rest : `/${rest}`;
}

function readNothing(query) {
  readQuery(query, []);
}

function readOnly(query, text) {
  readQuery(query, []);
  return text;
}

function readSleep(query, text) {
  return readSleepMs(readOnly(query, text));
}

/** How long to sleep. */
export function readSleepMs(text) {
  return integer('ms', text, 0, MAX_SLEEP_MS);
}

function sendSleep(ms, response) {
  setTimeout(() => answer(response, 200, TEXT, `slept ${ms}`), ms);
}

function readCpu(query, text) {
  return { offload: readOffload(readQuery(query, ['offload'])), rounds: readRounds(text) };
}

/** How many rounds to compute. */
export function readRounds(text) {
  return integer('rounds', text, 0, MAX_ROUNDS);
}

function readHash(query, text) {
  return { offload: readOffload(readQuery(query, ['offload'])), kib: readHashKib(text) };
}

/** How much to hash. */
export function readHashKib(text) {
  return integer('kib', text, 0, MAX_HASH_KIB);
}

/** Whether a computation is to run on a thread of the pool, by the parameters of a query. */
export function readOffload({ offload }) {
  if (offload !== undefined && offload !== '1') {
    throw new Refusal(400, 'offload must be 1, or left out');
  }
  return offload === '1';
}

function refuseChat(_, response) {
  refuse(response, new Refusal(426, 'this route is a WebSocket: ask for an upgrade, version 13', UPGRADE_HEADERS));
}
