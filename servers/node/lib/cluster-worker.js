// One worker of a cluster: serves as one process alone does, but shares its chat and its figures with the others. What
// they tell each other goes through the primary, whose half is cluster-primary.js.

import cluster from 'node:cluster';

/** Most of this worker's messages that may be on their way to the primary and back. */
const MAX_UNDER_WAY_BYTES = 1024 * 1024;

/** Serves until the primary says stop, or is gone: node:cluster ends a worker whose primary has died, however it did. */
export function runWorker(options, serve) {
  const room = createRelay((text) => tell({ type: 'chat', from: cluster.worker.id, text }));
  const stats = createCollector();
  const { chat, figures, stop } = serve(options, {
    relay: room.relay,
    collectStats: stats.collect,
    // The primary hears of it from node:cluster.
    onListening: () => {},
  });

  process.on('message', (message) => {
    switch (message.type) {
      case 'chat': {
        const data = Buffer.from(message.text);
        chat.deliver(data);
        if (message.from === cluster.worker.id) {
          room.onBack(data.length);
        }
        break;
      }
      case 'chat-lost':
        chat.drop();
        break;
      case 'figures-wanted':
        tell({ type: 'figures', collection: message.collection, figures: figures() });
        break;
      case 'stats':
        stats.onCollected(message);
        break;
      case 'stop':
        stop(() => process.exit(0));
        break;
    }
  });

  // A terminal, or whoever started the server, may signal the whole group; but the primary alone decides.
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => {});
  }
}

// Messages of members go to the primary, who puts those of all workers in one order. While too many are on their way there
// and back, those who write are not read from: the channels between processes have no bound of their own.
export function createRelay(send, maxUnderWayBytes = MAX_UNDER_WAY_BYTES) {
  const paused = new Set();
  let underWay = 0;
  return {
    relay(data, member) {
      underWay += data.length;
      if (underWay > maxUnderWayBytes) {
        member.pause();
        paused.add(member);
      }
      send(data.toString());
    },

    /** A message of this worker's own has come back. */
    onBack(length) {
      underWay -= length;
      if (underWay <= maxUnderWayBytes) {
        for (const member of paused) {
          member.resume();
        }
        paused.clear();
      }
    },
  };
}

// Asks the primary for the figures of all workers.
function createCollector() {
  const waiting = new Map();
  let asked = 0;
  return {
    collect() {
      asked += 1;
      tell({ type: 'stats-wanted', question: asked });
      return new Promise((resolve) => waiting.set(asked, resolve));
    },
    onCollected({ question, figures }) {
      waiting.get(question)(figures);
      waiting.delete(question);
    },
  };
}

// A primary that is gone ends this process in a moment: there is nobody left to tell.
function tell(message) {
  process.send(message, () => {});
}
