// A framework on Node.js: its application served by node:http, with this project's bounds and stop.

import http from 'node:http';

import { MAX_BODY_BYTES } from './body.js';
import { CpuPool } from './cpu-pool.js';
import { createFiles } from './files.js';
import { LoopWork } from './held.js';
import { createLeaves } from './leaves.js';
import { SERVER_OPTIONS, listen } from './serve.js';
import { renderStats, startStats } from './stats.js';
import { stopGently } from './stop.js';
import { createUpstream } from './upstream.js';

/**
 * What main() runs. `createApp(leaves)` gives a listener for node:http's requests; the leaves have the figures as well, as
 * `stats`, since here they are known.
 */
export function framework(createApp) {
  return (options, { collectStats, onListening }) => {
    const cpuPool = new CpuPool(options.pool);
    const loopWork = new LoopWork();
    const figures = startStats(cpuPool, loopWork);
    const collect = collectStats ?? (async () => [figures()]);
    const leaves = createLeaves({
      files: createFiles(options.dataDir),
      upstream: createUpstream(options.upstream),
      database: options.database,
      cpuPool,
      loopWork,
    });
    const app = createApp({ ...leaves, stats: async () => renderStats(await collect()) }, MAX_BODY_BYTES);
    const server = http.createServer(SERVER_OPTIONS, app);
    const sockets = listen(server, options, onListening);
    return { chat: { deliver() {}, drop() {} }, figures, stop: (done) => stopGently(server, sockets, done) };
  };
}

export { notFound } from './not-found.js';
