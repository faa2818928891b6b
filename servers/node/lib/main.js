// The start of a server: one process, or a cluster of them.

import cluster from 'node:cluster';

import { runAlone } from './alone.js';
import { runPrimary } from './cluster-primary.js';
import { runWorker } from './cluster-worker.js';
import { readOptionsOrExit } from './options.js';

/** Runs `serve`, which is as that of serve.js, as the flags say. */
export function main(serve) {
  const options = readOptionsOrExit();
  if (cluster.isWorker) {
    runWorker(options, serve);
  } else if (options.workers > 1) {
    runPrimary(options);
  } else {
    runAlone(options, serve);
  }
}
