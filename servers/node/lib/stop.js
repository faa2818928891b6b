// The end of a server: nothing new is accepted, what is in flight is finished, the rest is closed.

import net from 'node:net';

/** Longest time that requests in flight are given. */
export const GRACE_MS = 10_000;

/** How often to look for connections that have become idle: Node does not tell. */
const LOOK_EVERY_MS = 20;

/** Closes `server`, whose connections are `sockets`, and calls `done` when all are closed, or after the grace. */
export function stopGently(server, sockets, done, { graceMs = GRACE_MS } = {}) {
  const look = setInterval(() => closeIdle(server, sockets), LOOK_EVERY_MS);
  const grace = setTimeout(finish, graceMs);
  function finish() {
    clearInterval(look);
    clearTimeout(grace);
    done();
  }
  // Whoever asks on a kept connection meanwhile is told that this was the last time.
  server.prependListener('request', (_, response) => response.setHeader('Connection', 'close'));
  // Not http.Server's own close(): that destroys connections whose answer is complete but not yet sent.
  net.Server.prototype.close.call(server, finish);
  closeIdle(server, sockets);
}

function closeIdle(server, sockets) {
  let isSending = false;
  for (const socket of sockets) {
    if (socket.bytesRead === 0) {
      // Nobody has asked for anything here yet; Node does not count that as idle.
      socket.destroy();
    } else {
      isSending ||= socket.writableLength > 0;
    }
  }
  // The others can wait: the end comes no sooner than the last answer has been sent.
  if (!isSending) {
    server.closeIdleConnections();
  }
}
