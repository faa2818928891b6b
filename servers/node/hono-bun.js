#!/usr/bin/env bun
// The work contract on Hono, on Bun.

import { honoApp } from './lib/hono-app.js';
import { GRACE_MS, HOST, MAX_BODY_BYTES, readOptionsOrExit, webLeaves } from './lib/web.js';

const options = readOptionsOrExit();
const { fetch } = honoApp(await webLeaves(options), MAX_BODY_BYTES);
const server = Bun.serve({ hostname: HOST, port: options.port, idleTimeout: 255, fetch });
console.log(`listening on ${HOST}:${server.port}`);

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, async () => {
    setTimeout(() => process.exit(0), GRACE_MS);
    await server.stop();
    process.exit(0);
  });
}
