// Stands for a server on Bun or Deno, which Node.js can't run: says where it listens, and stops when its standard input ends. Without
// the mark of runProcesses() it starts several of its kind.

import process from 'node:process';

import { authority } from '../../lib/authority.js';
import { readOptionsOrExit } from '../../lib/options.js';
import { runProcesses, sharesPort } from '../../lib/processes.js';

const options = readOptionsOrExit();
if (sharesPort()) {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => {});
  }
  process.stdin.once('end', () => process.exit(0)).resume();
  console.log(`listening on ${authority({ ...options, port: options.port === 0 ? 4321 : options.port })}`);
} else {
  await runProcesses(options, [process.execPath, process.argv[1], ...process.argv.slice(2)]);
}
