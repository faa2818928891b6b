// The cache: Redis by `redis`, which the documentation of ioredis recommends for what is new, too.

import { createClient } from 'redis';

/** One connection, made when it is first needed, and again after it broke. */
export function connectRedis(url) {
  // Without a strategy of its own: a request must not wait for a Redis that may never come.
  const client = createClient({ url, socket: { reconnectStrategy: false } });
  // Each request that asks gets the error as well.
  client.on('error', () => {});
  let connecting = null;

  async function connected() {
    if (!client.isReady) {
      connecting ??= client.connect().finally(() => (connecting = null));
      await connecting;
    }
    return client;
  }

  return {
    get: async (key) => (await connected()).get(key),
    set: async (key, value, seconds) => (await connected()).set(key, value, { EX: seconds }),
  };
}
