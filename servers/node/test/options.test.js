import assert from 'node:assert/strict';
import test from 'node:test';

import { UsageError, readOptions } from '../lib/options.js';
import { run, start } from './support/server.js';

test('without flags the defaults are the contract’s', () => {
  assert.deepEqual(readOptions([], {}), {
    help: false,
    host: '127.0.0.1',
    port: 0,
    dataDir: '.',
    upstream: null,
    pool: 4,
    workers: 1,
    driver: 'pg',
    databaseUrl: null,
    databaseConnections: 10,
    redisUrl: null,
  });
});

test('workers share the connections to the database out, each with one at least', () => {
  for (const [size, workers, each] of [
    ['1', 1, 1],
    ['262143', 1, 262_143],
    ['10', 3, 3],
    ['2', 4, 1],
  ]) {
    const { databaseConnections } = readOptions(['--workers', String(workers)], {
      DATABASE_POOL_SIZE: size,
      UV_THREADPOOL_SIZE: '4',
    });
    assert.equal(databaseConnections, each);
  }
  for (const size of ['0', '262144', '', 'x']) {
    assert.throws(() => readOptions([], { DATABASE_POOL_SIZE: size }), /DATABASE_POOL_SIZE must be/, size);
  }
  assert.throws(() => readOptions(['--driver', 'mysql'], {}), /--driver must be pg or postgres; it is "mysql"/);
});

test('every flag is read, at its limits', () => {
  for (const [args, key, value] of [
    [['--port', '65535'], 'port', 65535],
    [['--host', '10.0.0.5'], 'host', '10.0.0.5'],
    [['--host', 'fd00::5'], 'host', 'fd00::5'],
    [['--data-dir', 'a b'], 'dataDir', 'a b'],
    [['--upstream', '127.0.0.1:1'], 'upstream', { host: '127.0.0.1', port: 1 }],
    [['--upstream', 'localhost:65535'], 'upstream', { host: 'localhost', port: 65535 }],
    [['--upstream=[::1]:80'], 'upstream', { host: '::1', port: 80 }],
    [['--workers', '1024', '--pool', '1'], 'workers', 1024],
    [['--workers', '2', '--pool', '1024'], 'pool', 1024],
    [['-h'], 'help', true],
  ]) {
    assert.deepEqual(readOptions(args, {})[key], value, args.join(' '));
  }
});

test('what is wrong is named', () => {
  for (const [args, reason] of [
    [['--nope'], /--nope/],
    [['positional'], /positional/],
    [['--port'], /--port/],
    [['--host', 'localhost'], /--host must be an IP address, as in --host 10\.0\.0\.5 .*; it is "localhost"/],
    [['--host', '[::1]'], /--host/],
    [['--host', '127.0.0.1:80'], /--host/],
    [['--host', ''], /--host/],
    [['--port', '65536'], /--port must be a whole number from 0 to 65535; it is "65536"/],
    [['--port', '080'], /--port/],
    [['--port', ''], /--port/],
    [['--pool', '0'], /--pool must be a whole number from 1 to 1024/],
    [['--pool', '1025'], /--pool/],
    [['--pool', '4.0'], /--pool/],
    [['--workers', '0'], /--workers/],
    [['--workers', '1025'], /--workers/],
    [['--workers', '1e2'], /--workers/],
    [['--data-dir', ''], /--data-dir/],
    [['--upstream', '9000'], /--upstream must be HOST:PORT/],
    [['--upstream', ':9000'], /--upstream must be HOST:PORT/],
    [['--upstream', '::1:9000'], /--upstream must be HOST:PORT/],
    [['--upstream', 'host:0'], /the port of --upstream/],
    [['--upstream', 'host:'], /the port of --upstream/],
  ]) {
    assert.throws(
      () => readOptions(args, {}),
      (error) => error instanceof UsageError && reason.test(error.message),
      args.join(' '),
    );
  }
});

test('libuv’s pool must have the size that was asked for', () => {
  for (const [args, env, isRight] of [
    [['--pool', '4'], {}, true],
    [['--pool', '4'], { UV_THREADPOOL_SIZE: '4' }, true],
    [['--pool', '8'], { UV_THREADPOOL_SIZE: '8' }, true],
    [['--pool', '8'], {}, false],
    [['--pool', '8'], { UV_THREADPOOL_SIZE: '4' }, false],
    [[], { UV_THREADPOOL_SIZE: '8' }, false],
    [[], { UV_THREADPOOL_SIZE: '' }, false],
    // The primary uses no pool, and sets its workers' itself.
    [['--pool', '8', '--workers', '2'], {}, true],
  ]) {
    const read = () => readOptions(args, env);
    if (isRight) {
      read();
    } else {
      assert.throws(read, /UV_THREADPOOL_SIZE=\d+ in the environment/, `${args} ${JSON.stringify(env)}`);
    }
  }
});

test('a wrong command line ends with 2, and nothing on stdout', async () => {
  const { code, stdout, stderr } = await run(['--pool', 'many']);
  assert.equal(code, 2);
  assert.equal(stdout, '');
  assert.match(stderr, /^server\.js: --pool must be .*"many"\nTry: node server\.js --help\n$/);
});

test('help is on stdout, with 0', async () => {
  const { code, stdout, stderr } = await run(['--help', '--pool', '9']);
  assert.equal(code, 0);
  assert.match(stdout, /^Usage: node server\.js/);
  assert.equal(stderr, '');
});

test('a port that is taken ends with 1, alone and as a cluster', async (t) => {
  const { port } = await start(t);
  for (const workers of ['1', '2']) {
    const { code, stdout, stderr } = await run(['--port', String(port), '--workers', workers]);
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: .*EADDRINUSE.*another --port`));
  }
});
