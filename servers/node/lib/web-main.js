// The start and the end of a server that answers a Request with a Response: one process, or several on one port.

import process from 'node:process';

import { authority } from './authority.js';
import { readOptionsOrExit } from './options.js';
import { runProcesses, sharesPort } from './processes.js';
import { GRACE_MS } from './stop.js';
import { webLeaves } from './web.js';

/**
 * Runs `serve` as the flags say. It is called with `{ hostname, port, reusePort }`, as the runtimes take them, and with the leaves,
 * and gives the port and a function that stops the server, in a promise that ends once the requests in flight are answered.
 * `command` starts this program on this runtime, without its flags.
 */
export async function main(command, serve) {
  const options = readOptionsOrExit();
  if (options.workers > 1) {
    await runProcesses(options, [...command, ...process.argv.slice(2)]);
    return;
  }
  const where = { hostname: options.host, port: options.port, reusePort: sharesPort() };
  const { port, stop } = serve(where, await webLeaves(options));
  async function end() {
    setTimeout(() => process.exit(0), GRACE_MS);
    await stop();
    process.exit(0);
  }
  if (sharesPort()) {
    process.stdin.once('end', end).resume();
  }
  for (const signal of ['SIGTERM', 'SIGINT']) {
    if (sharesPort()) {
      // A terminal, or who started the server, may signal the whole group; but the process that started this one decides.
      process.on(signal, () => {});
    } else {
      process.once(signal, end);
    }
  }
  console.log(`listening on ${authority({ ...options, port })}`);
}
