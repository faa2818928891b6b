// For how long computations held the loop, by the route that asked for them.

import { Counts } from './lag.js';

/** Counted since the server started. It costs two readings of the clock and a count, under a microsecond. */
export class LoopWork {
  #cpu = new Counts();
  #hash = new Counts();

  cpu(compute, size) {
    return run(this.#cpu, compute, size);
  }

  hash(compute, size) {
    return run(this.#hash, compute, size);
  }

  /** Of each route pairs of a time in µs and its count, as plain data. */
  get counts() {
    return { '/cpu': this.#cpu.counts, '/hash': this.#hash.counts };
  }
}

function run(counts, compute, size) {
  const began = performance.now();
  const result = compute(size);
  counts.add(performance.now() - began);
  return result;
}
