// A pool of threads for computation: what libuv's pool is for files. Like that one it starts all its threads when it is
// first used, takes jobs first come, first served, and gives each thread one at a time. Hashes go here as well: node:crypto
// hashes on libuv's pool only what lies in memory as a whole.

import { Worker } from 'node:worker_threads';

const THREAD = new URL('./cpu-thread.js', import.meta.url);

/** Most jobs that wait for a thread; one more is turned away. */
const MAX_WAITING = 65_536;

/** Too many jobs wait already. */
export class PoolFull extends Error {}

export class CpuPool {
  #size;
  #maxWaiting;
  #startThread;
  #started = false;
  #idle = [];
  #waiting = [];
  #mostWaiting = 0;

  constructor(size, { maxWaiting = MAX_WAITING, startThread = () => new Worker(THREAD) } = {}) {
    this.#size = size;
    this.#maxWaiting = maxWaiting;
    this.#startThread = startThread;
  }

  /** Computes `work` of work.js (its name) of that size on a thread, and calls `use` with the digits; throws PoolFull. */
  run(work, size, use) {
    if (!this.#started) {
      this.#start();
    }
    const thread = this.#idle.pop();
    if (thread !== undefined) {
      begin(thread, { work, size, use });
    } else if (this.#waiting.length < this.#maxWaiting) {
      this.#waiting.push({ work, size, use });
      this.#mostWaiting = Math.max(this.#mostWaiting, this.#waiting.length);
    } else {
      throw new PoolFull(`${this.#maxWaiting} computations wait already`);
    }
  }

  /** Jobs that wait for a thread: now, and the most so far. */
  get depth() {
    return { now: this.#waiting.length, max: this.#mostWaiting };
  }

  #start() {
    this.#started = true;
    for (let i = 0; i < this.#size; i++) {
      const thread = this.#startThread();
      thread.on('message', (digits) => this.#onDone(thread, digits));
      // A thread that fails is a fault of this program, and ends it.
      thread.on('error', (error) => {
        throw error;
      });
      this.#idle.push(thread);
    }
  }

  #onDone(thread, digits) {
    const { use } = thread.job;
    const next = this.#waiting.shift();
    if (next === undefined) {
      thread.job = null;
      this.#idle.push(thread);
    } else {
      begin(thread, next);
    }
    use(digits);
  }
}

function begin(thread, job) {
  thread.job = job;
  thread.postMessage({ work: job.work, size: job.size });
}
