#!/usr/bin/env bun
// The work contract on Hono, on Bun.

import { honoApp } from './lib/hono-app.js';
import { main } from './lib/web-main.js';
import { MAX_BODY_BYTES } from './lib/web.js';

await main([process.execPath, process.argv[1]], (where, leaves) => {
  const { fetch } = honoApp(leaves, MAX_BODY_BYTES);
  const server = Bun.serve({ ...where, idleTimeout: 255, fetch });
  return { port: server.port, stop: () => server.stop() };
});
