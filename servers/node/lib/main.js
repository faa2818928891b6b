// The start of a server: one process, or a cluster of them.

import cluster from 'node:cluster';

import { runAlone } from './alone.js';
import { runPrimary } from './cluster-primary.js';
import { runWorker } from './cluster-worker.js';
import { openDatabase } from './database.js';
import { readOptionsOrExit } from './options.js';

/** Runs `serve`, which is as that of serve.js, as the flags say. */
export async function main(serve) {
  const options = readOptionsOrExit();
  if (cluster.isPrimary && options.workers > 1) {
    runPrimary(options);
    return;
  }
  const run = cluster.isWorker ? runWorker : runAlone;
  run({ ...options, database: await openDatabase(options) }, serve);
}
