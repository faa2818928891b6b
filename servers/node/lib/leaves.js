// What the routes do, whichever framework serves them: values in, values out. What can't be done is thrown as a Refusal.

import { Refusal } from './answer.js';
import { authorized } from './auth.js';
import { PoolFull } from './cpu-pool.js';
import { databaseLeaves } from './database.js';
import { batches, checkedStream } from './events.js';
import { readBytes } from './files.js';
import { orderOfBytes, receipt, validOrder } from './orders.js';
import { readHashKib, readOffload, readRounds, readSleepMs } from './routes.js';
import { checkedCalls } from './upstream.js';
import { sha256, uploaded, xorshift } from './work.js';

/** The leaves, on these services: files, an upstream, a database or none, a pool for computations, and what counts those on the loop. */
export function createLeaves({ files, upstream, database, cpuPool, loopWork }) {
  function inPool(work, size) {
    return new Promise((resolve, reject) => {
      try {
        cpuPool.run(work, size, resolve);
      } catch (error) {
        reject(error instanceof PoolFull ? new Refusal(503, error.message) : error);
      }
    });
  }

  return {
    async sleep(text) {
      const ms = readSleepMs(text);
      await new Promise((resolve) => setTimeout(resolve, ms));
      return `slept ${ms}`;
    },
    /** `query`: the parameters as the framework has parsed them, as in all that follow. */
    upstream: (query, isGone) => upstream.total(checkedCalls(query), isGone),
    file: (text) => readBytes(files.find(text)),
    cpu(text, query) {
      const rounds = readRounds(text);
      return readOffload(query) ? inPool('xorshift', rounds) : loopWork.cpu(xorshift, rounds);
    },
    hash(text, query) {
      const kib = readHashKib(text);
      return readOffload(query) ? inPool('sha256', kib) : loopWork.hash(sha256, kib);
    },
    /** A valid order: from the bytes of a body, or from what they were parsed to. */
    orderOfBytes,
    order: validOrder,
    receipt,
    ...databaseLeaves(database),
    /** `field`: the value of Authorization, if there is one. */
    auth: authorized,
    upload: uploaded,
    /** An asynchronous iterator over texts, each of one or more events. */
    events(query) {
      const { n, ms } = checkedStream(query);
      return batches(n, ms);
    },
  };
}
