// The command line. Knows flags and the environment; what they are for is known elsewhere.

import { isIP } from 'node:net';
import { parseArgs } from 'node:util';

import { DRIVERS } from './database.js';

export const USAGE = `Usage: node server.js [options]

  --host ADDR           address to listen on; 0.0.0.0 is all that this machine has (127.0.0.1)
  --port P              port; 0 takes any free one (0)
  --data-dir DIR        directory of the files that /file/{kib} reads (.)
  --upstream HOST:PORT  backend that /upstream calls; without one it answers 503
  --pool N              threads of libuv's pool, and threads of the pool for /cpu and /hash?offload=1 (4)
  --workers N           processes; more than one make a cluster (1)
  --driver NAME         what asks PostgreSQL: pg or postgres (pg)
  --help                this text

Environment:
  DATABASE_URL          PostgreSQL, for /db; without it that answers 503
  DATABASE_POOL_SIZE    connections to it, of all processes together (10)
  REDIS_URL             Redis, for /db/cached`;

/** libuv's own default (UV_THREADPOOL_SIZE in its documentation), and the contract's. */
const DEFAULT_POOL = 4;
/** The contract's. */
const DEFAULT_DATABASE_CONNECTIONS = 10;
/** More than PostgreSQL could have. */
const MAX_DATABASE_CONNECTIONS = 262_143;
/** As many as libuv makes at most. */
const MAX_POOL = 1024;
/** More processes than this are a slip of the finger. */
const MAX_WORKERS = 1024;
const MAX_PORT = 65_535;

/** A command line that can't be obeyed. */
export class UsageError extends Error {}

/** Reads the flags of this process; ends it where they can't be obeyed, or only the help is asked for. */
export function readOptionsOrExit() {
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

/** Reads the flags; throws a UsageError where one is wrong, or where libuv's pool would have another size than asked for. */
export function readOptions(args, env) {
  const values = parse(args);
  const options = {
    help: values.help,
    host: values.host,
    port: number('--port', values.port, 0, MAX_PORT),
    dataDir: values['data-dir'],
    upstream: values.upstream === undefined ? null : address('--upstream', values.upstream),
    pool: number('--pool', values.pool, 1, MAX_POOL),
    workers: number('--workers', values.workers, 1, MAX_WORKERS),
    driver: values.driver,
    databaseUrl: env.DATABASE_URL ?? null,
    redisUrl: env.REDIS_URL ?? null,
  };
  if (isIP(options.host) === 0) {
    throw new UsageError(
      `--host must be an IP address, as in --host 10.0.0.5 or --host fd00::5; it is ${JSON.stringify(options.host)}`,
    );
  }
  if (!Object.hasOwn(DRIVERS, options.driver)) {
    throw new UsageError(`--driver must be ${Object.keys(DRIVERS).join(' or ')}; it is ${JSON.stringify(options.driver)}`);
  }
  const connections = env.DATABASE_POOL_SIZE ?? String(DEFAULT_DATABASE_CONNECTIONS);
  options.databaseConnections = Math.max(
    1,
    Math.floor(number('DATABASE_POOL_SIZE', connections, 1, MAX_DATABASE_CONNECTIONS) / options.workers),
  );
  if (options.dataDir === '') {
    throw new UsageError('--data-dir must name a directory');
  }
  // The primary of a cluster uses no pool, and starts its workers with the right environment.
  if (options.workers === 1 && !options.help) {
    checkPool(options.pool, env.UV_THREADPOOL_SIZE);
  }
  return options;
}

function parse(args) {
  try {
    const { values } = parseArgs({
      args,
      strict: true,
      allowPositionals: false,
      options: {
        host: { type: 'string', default: '127.0.0.1' },
        port: { type: 'string', default: '0' },
        'data-dir': { type: 'string', default: '.' },
        upstream: { type: 'string' },
        pool: { type: 'string', default: String(DEFAULT_POOL) },
        workers: { type: 'string', default: '1' },
        driver: { type: 'string', default: 'pg' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    return values;
  } catch (error) {
    throw new UsageError(error.message);
  }
}

// libuv reads the variable once, when its pool is first used, and loading these very modules uses it. Setting it here
// would be too late, and a second process would be measured along with the first; so whoever starts this one sets it.
function checkPool(pool, variable) {
  if ((variable ?? String(DEFAULT_POOL)) !== String(pool)) {
    const found = variable === undefined ? 'is not set' : `is ${JSON.stringify(variable)}`;
    throw new UsageError(
      `--pool ${pool} needs UV_THREADPOOL_SIZE=${pool} in the environment, where it ${found}: ` +
        'libuv sizes its pool before this program runs',
    );
  }
}

function number(flag, text, min, max) {
  const value = Number(text);
  if (!/^(0|[1-9]\d{0,9})$/.test(text) || value < min || value > max) {
    throw new UsageError(`${flag} must be a whole number from ${min} to ${max}; it is ${JSON.stringify(text)}`);
  }
  return value;
}

function address(flag, text) {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(.*)$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) {
    throw new UsageError(`${flag} must be HOST:PORT; it is ${JSON.stringify(text)}`);
  }
  return { host, port: number(`the port of ${flag}`, port, 1, MAX_PORT) };
}
