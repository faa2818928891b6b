#!/usr/bin/env node
// The work contract on plain node:http. `node server.js --help` says how it is started.

import cluster from 'node:cluster';

import { runAlone } from './lib/alone.js';
import { runPrimary } from './lib/cluster-primary.js';
import { runWorker } from './lib/cluster-worker.js';
import { USAGE, UsageError, readOptions } from './lib/options.js';

const options = readOptionsOrExit();
if (cluster.isWorker) {
  runWorker(options);
} else if (options.workers > 1) {
  runPrimary(options);
} else {
  runAlone(options);
}

function readOptionsOrExit() {
  try {
    const read = readOptions(process.argv.slice(2), process.env);
    if (read.help) {
      console.log(USAGE);
      process.exit(0);
    }
    return read;
  } catch (error) {
    if (!(error instanceof UsageError)) {
      throw error;
    }
    console.error(`server.js: ${error.message}\nTry: node server.js --help`);
    process.exit(2);
  }
}
