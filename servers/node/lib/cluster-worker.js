// One worker of a cluster: serves as one process alone does, but shares its chat and its figures with the others. What
// they tell each other goes through the primary, whose half is cluster-primary.js.

import { serve } from './serve.js';

/** Serves until the primary says stop, or is gone: node:cluster ends a worker whose primary has died, however it did. */
export function runWorker(options) {
  const room = createRelay();
  const stats = createCollector();
  const { chat, figures, stop } = serve(options, {
    relay: room.relay,
    collectStats: stats.collect,
    // The primary hears of it from node:cluster.
    onListening: () => {},
  });

  process.on('message', (message) => {
    switch (message.type) {
      case 'chat':
        chat.deliver(Buffer.from(message.text));
        break;
      case 'chat-lost':
        chat.drop();
        break;
      case 'figures-wanted':
        process.send({ type: 'figures', collection: message.collection, figures: figures() });
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

// Messages of members go to the primary, who puts those of all workers in one order. While the channel is full, those who
// write are not read from.
function createRelay() {
  const paused = new Set();
  const onSent = () => {
    for (const member of paused) {
      member.resume();
    }
    paused.clear();
  };
  return {
    relay(data, member) {
      if (!process.send({ type: 'chat', text: data.toString() }, onSent)) {
        member.pause();
        paused.add(member);
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
      process.send({ type: 'stats-wanted', question: asked });
      return new Promise((resolve) => waiting.set(asked, resolve));
    },
    onCollected({ question, figures }) {
      waiting.get(question)(figures);
      waiting.delete(question);
    },
  };
}
