// One process that serves: node:http with the contract's bounds, and the end of it.

import http from 'node:http';

import { Refusal, refuse } from './answer.js';
import { authority } from './authority.js';
import { announcesTooMuch, hasBody, readBody } from './body.js';
import { asksForWebSocket, createChat } from './chat.js';
import { CpuPool } from './cpu-pool.js';
import { LoopWork } from './held.js';
import { createRouter, isChat } from './routes.js';
import { startStats } from './stats.js';
import { stopGently } from './stop.js';

/** Connections that may wait to be accepted (listen(2)). */
const BACKLOG = 1024;

/** Longest head that is taken, as Node counts it: target, names and values. */
const MAX_HEAD_BYTES = 16 * 1024;

// Longer than any run. Node's own 5 seconds would close idle connections in the middle of one, and what opens them anew
// would be measured as if it were work. The bound on heads is the same, since Node counts a connection that has not sent
// anything yet as waiting for its first head. Both, and the one on whole requests, are still bounds: whoever sends half
// a request does not hold its connection for ever.
const IDLE_MS = 10 * 60 * 1000;

const NO_BODY = Buffer.alloc(0);

/** What node:http is asked for by every server here. */
export const SERVER_OPTIONS = {
  maxHeaderSize: MAX_HEAD_BYTES,
  keepAliveTimeout: IDLE_MS,
  headersTimeout: IDLE_MS,
  requestTimeout: IDLE_MS,
  noDelay: true,
};

/** Listens, and calls `onListening` with the port. The result is the set of the server's open connections. */
export function listen(server, { host, port }, onListening) {
  // For the end: Node tells of idle connections, but not of those whose answer still waits in a buffer.
  const sockets = new Set();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('error', (error) => {
    console.error(
      `cannot listen on ${authority({ host, port })}: ${error.message}; ` +
        'choose another --port, 0 for any free one, or an address of this machine as --host',
    );
    process.exit(1);
  });
  server.listen({ host, port, backlog: BACKLOG }, () => onListening(server.address().port));
  return sockets;
}

/**
 * Serves `options`, with the database that main() has opened. `relay` is as in createChat; `collectStats` gives the figures of all processes, and is null where this
 * is the only one. `onListening` is called with the port once connections are accepted.
 */
export function serve(options, { relay, collectStats, onListening }) {
  const cpuPool = new CpuPool(options.pool);
  const loopWork = new LoopWork();
  const figures = startStats(cpuPool, loopWork);
  const chat = createChat(relay);
  const route = createRouter({
    dataDir: options.dataDir,
    upstream: options.upstream,
    database: options.database,
    cpuPool,
    loopWork,
    collectStats: collectStats ?? (async () => [figures()]),
  });

  // The last answer that was begun on each connection, for an upgrade that is pipelined behind it.
  const lastAnswers = new WeakMap();

  function onRequest(request, response) {
    lastAnswers.set(request.socket, response);
    if (hasBody(request)) {
      readBody(request, response, (body) => route(request, response, body));
    } else {
      route(request, response, NO_BODY);
    }
  }

  const server = http.createServer(SERVER_OPTIONS, onRequest);

  // RFC 9110 section 10.1.1: a body that would be refused need not be asked for.
  server.on('checkContinue', (request, response) => {
    if (!announcesTooMuch(request)) {
      response.writeContinue();
    }
    onRequest(request, response);
  });

  server.on('upgrade', (request, socket, head) => {
    // Node has taken its own listener away. A broken connection needs no more than its end, which follows by itself.
    socket.on('error', () => {});
    afterAnswer(lastAnswers.get(socket), () => {
      if (socket.destroyed) {
        return;
      }
      if (isChat(request.url) && asksForWebSocket(request)) {
        chat.accept(request, socket, head);
      } else {
        answerWithoutUpgrade(request, socket, route);
      }
    });
  });

  const sockets = listen(server, options, onListening);

  return {
    chat,
    figures,
    /** Stops accepting, and calls `done` once the requests in flight have been answered, or at the end of the grace. */
    stop(done) {
      chat.close();
      stopGently(server, sockets, done);
    },
  };
}

// Answers leave in the order of their requests (RFC 9112 section 9.3.2), and Node announces an upgrade at once.
function afterAnswer(response, next) {
  if (response === undefined || response.closed) {
    next();
  } else {
    response.once('close', next);
  }
}

// RFC 9110 section 7.8: an upgrade that is not wanted may be ignored. Node has let go of the connection by then, and the
// response has to be tied to it by hand; it is the last one.
function answerWithoutUpgrade(request, socket, route) {
  const response = new http.ServerResponse(request);
  try {
    response.assignSocket(socket);
  } catch (error) {
    if (error.code !== 'ERR_HTTP_SOCKET_ASSIGNED') {
      throw error;
    }
    // A refusal of Node's own stands before it (no Host: 400; an unknown Expect: 417), which no listener is shown. It is in the
    // socket's buffer already, and nothing follows it.
    socket.destroySoon();
    return;
  }
  response.setHeader('Connection', 'close');
  response.on('finish', () => socket.destroySoon());
  if (hasBody(request)) {
    // It is not read any more.
    refuse(response, new Refusal(400, 'a request with a body cannot be upgraded'));
  } else {
    route(request, response, NO_BODY);
  }
}
