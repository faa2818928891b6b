// Several processes on one port: each listens for itself (SO_REUSEPORT), and the kernel shares connections out among them, as
// Bun's and Deno's documentation have it. This one serves nothing itself: it starts the others and ends with them.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

import { GRACE_MS } from './stop.js';

/** Set in the environment of a process that was started by `runProcesses`. */
const MARK = 'BENCH_SHARES_PORT';

/** Whether this process is one of several on its port. */
export const sharesPort = () => process.env[MARK] === '1';

/** How much longer than a process' own grace this one waits for it. */
const PATIENCE_MS = 1000;

/**
 * Serves by `options.workers` processes until SIGTERM or SIGINT. Each is `command` (a program and its arguments) with a
 * port of its own choice or the others', and stops once its standard input ends: when it is to, or when this process is gone,
 * however it ended. One that ends before ends the server, with an error: none is replaced silently.
 */
export async function runProcesses({ workers, port, pool, databaseConnections }, [program, ...args]) {
  const running = new Set();
  let isStopping = false;

  // Gives what it prints first, which says that it listens, and where.
  function start(port) {
    const flags = ['--port', String(port), '--workers', '1'];
    const child = spawn(program, [...args, ...flags], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        ...process.env,
        [MARK]: '1',
        UV_THREADPOOL_SIZE: String(pool),
        DATABASE_POOL_SIZE: String(databaseConnections),
      },
    });
    running.add(child);
    if (isStopping) {
      child.stdin.end();
    }
    child.on('exit', (code, signal) => {
      running.delete(child);
      if (!isStopping || code !== 0) {
        const how = signal === null ? `exit code ${code}` : signal;
        console.error(`process ${child.pid} ended with ${how}, and the server with it`);
        killAll();
        process.exit(1);
      }
      if (running.size === 0) {
        process.exit(0);
      }
    });
    return new Promise((resolve) => createInterface({ input: child.stdout }).once('line', resolve));
  }

  function killAll() {
    for (const child of running) {
      child.kill('SIGKILL');
    }
  }

  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.once(signal, () => {
      isStopping = true;
      for (const child of running) {
        child.stdin.end();
      }
      setTimeout(() => {
        console.error('a process does not stop; it is killed');
        killAll();
      }, GRACE_MS + PATIENCE_MS).unref();
    });
  }

  // Where any port will do, the first one chooses.
  const first = await start(port);
  const chosen = first.slice(first.lastIndexOf(':') + 1);
  await Promise.all(Array.from({ length: workers - 1 }, () => start(chosen)));
  console.log(first);
}
