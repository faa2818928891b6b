// PostgreSQL and Redis with the rows of /db: those that the environment names, or some of the tests' own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../../../../scripts/database', import.meta.url));

/** The environment of a server that has them, until the end of the test. */
export async function database(t) {
  const { DATABASE_URL, REDIS_URL } = process.env;
  return DATABASE_URL !== undefined && REDIS_URL !== undefined ? { DATABASE_URL, REDIS_URL } : (await ownDatabase(t)).env;
}

/** The same, never the environment's, with `stop`, which ends both. */
export async function ownDatabase(t) {
  // It ends when its input does, however this process ends.
  const child = spawn(SCRIPT, { stdio: ['pipe', 'pipe', 'pipe'] });
  const exited = once(child, 'close');
  const stop = () => {
    child.stdin.end();
    return exited;
  };
  t.after(stop);
  const said = text(child.stderr);
  const env = {};
  for await (const line of createInterface({ input: child.stdout })) {
    const at = line.indexOf('=');
    env[line.slice(0, at)] = line.slice(at + 1);
    if (env.DATABASE_URL !== undefined && env.REDIS_URL !== undefined) {
      return { env, stop };
    }
  }
  throw new Error(`scripts/database did not start: ${await said}`);
}
