// The primary of a cluster: starts the workers, shares connections out, and is where they meet. It serves nothing itself.

import cluster from 'node:cluster';

import { authority } from './authority.js';
import { GRACE_MS } from './stop.js';

// The primary accepts, and hands connections to the workers in turn: Node's default everywhere but on Windows, and what is
// deployed. With SCHED_NONE each worker would accept for itself, which saves the hand-over (once a connection, not once
// a request), but the kernel then favours some: Node's documentation tells of two of eight processes with 70 % of the
// connections, and a run over a few hundred kept connections would measure that.
cluster.schedulingPolicy = cluster.SCHED_RR;

/**
 * A worker that lets more than this wait of the chat's messages has stalled, and its members are disconnected, as any are
 * who don't read. Workers bound what they send, so that no other can come to this.
 */
const MAX_BACKLOG_BYTES = 64 * 1024 * 1024;

/** How much longer than a worker's own grace the primary waits for it. */
const PATIENCE_MS = 1000;

/** Serves until SIGTERM or SIGINT. A worker that ends before ends the server, with an error: none is replaced silently. */
export function runPrimary(options) {
  const workers = Array.from({ length: options.workers }, () =>
    cluster.fork({ UV_THREADPOOL_SIZE: String(options.pool) }),
  );
  const room = createRoom(workers);
  const stats = createCollections(workers);
  let isStopping = false;
  let listening = 0;
  let running = workers.length;

  cluster.on('listening', (_, { port }) => {
    listening += 1;
    if (listening === workers.length) {
      console.log(`listening on ${authority({ ...options, port })}`);
    }
  });

  cluster.on('message', (worker, message) => {
    switch (message.type) {
      case 'chat':
        room.pass(message);
        break;
      case 'stats-wanted':
        stats.begin(worker, message.question);
        break;
      case 'figures':
        stats.add(message);
        break;
    }
  });

  cluster.on('exit', (worker, code, signal) => {
    running -= 1;
    if (!isStopping || code !== 0) {
      const how = signal === null ? `exit code ${code}` : signal;
      console.error(`worker ${worker.id} (process ${worker.process.pid}) ended with ${how}, and the server with it`);
      killAll(workers);
      process.exit(1);
    }
    if (running === 0) {
      process.exit(0);
    }
  });

  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.once(signal, () => {
      isStopping = true;
      for (const worker of workers) {
        tell(worker, { type: 'stop' });
      }
      setTimeout(() => {
        console.error('a worker does not stop; it is killed');
        killAll(workers);
      }, GRACE_MS + PATIENCE_MS).unref();
    });
  }
}

// A worker that is gone is told of by its exit.
function tell(worker, message) {
  worker.send(message, () => {});
}

function killAll(workers) {
  for (const worker of workers) {
    worker.process.kill('SIGKILL');
  }
}

// Passes each message of the chat on to all workers, its sender's as well, in the order in which they came: the one order
// for everyone.
export function createRoom(workers, maxBacklogBytes = MAX_BACKLOG_BYTES) {
  const links = workers.map((worker) => ({ worker, waitingBytes: 0, isLost: false }));

  function send(link, message) {
    const bytes = message.text.length;
    link.waitingBytes += bytes;
    link.worker.send(message, () => {
      link.waitingBytes -= bytes;
      if (link.isLost && link.waitingBytes === 0) {
        link.isLost = false;
        tell(link.worker, { type: 'chat-lost' });
      }
    });
  }

  return {
    pass(message) {
      for (const link of links) {
        link.isLost ||= link.waitingBytes > maxBacklogBytes;
        if (!link.isLost) {
          send(link, message);
        }
      }
    },
  };
}

// Collects the figures of all workers for one of them.
function createCollections(workers) {
  const open = new Map();
  let begun = 0;
  return {
    begin(asker, question) {
      begun += 1;
      open.set(begun, { asker, question, figures: [] });
      for (const worker of workers) {
        tell(worker, { type: 'figures-wanted', collection: begun });
      }
    },
    add({ collection, figures }) {
      const { asker, question, figures: all } = open.get(collection);
      all.push(figures);
      if (all.length === workers.length) {
        open.delete(collection);
        tell(asker, { type: 'stats', question, figures: all });
      }
    },
  };
}
