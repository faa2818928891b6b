import assert from 'node:assert/strict';
import test, { before, describe } from 'node:test';

import pg from 'pg';

import { ask } from './support/client.js';
import { database, ownDatabase } from './support/database.js';
import { start } from './support/server.js';

const JSON_TYPE = /^application\/json(; charset=utf-8)?$/;

/** Every server on Node.js, and the driver that it asks PostgreSQL by. */
const SERVERS = [
  ['server.js', 'pg'],
  ['express.js', 'pg'],
  ['fastify.js', 'pg'],
  ['fastify.js', 'postgres'],
  ['hono.js', 'pg'],
];

const row = (id) => ({ id, name: `product ${id}`, price_cents: 100 + ((id * 37) % 9900) });
const range = (from, count, step = 1) => Array.from({ length: count }, (_, i) => from + i * step);
const order = (items) => ({ customer: { id: 42, email: 'ada@example.com' }, items });
const postOrder = (port, body) => ask(port, '/db/orders', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
const item = { sku: 'A-1', quantity: 2, unit_price_cents: 1999 };

let env;
before(async (t) => {
  env = await database(t);
});

const startServer = (t, file, driver, more = {}) => start(t, ['--driver', driver], { ...env, ...more }, file);

// Each test starts a server of its own, and mostly waits for it.
describe('the routes of /db', { concurrency: 4 }, () => {
  for (const [file, driver] of SERVERS) {
    test(`${file} by ${driver}: rows are read by their keys`, async (t) => {
      const { port } = await startServer(t, file, driver);
      for (const id of [1, 7, 10_000]) {
        for (const path of ['product', 'cached', 'cached']) {
          const reply = await ask(port, `/db/${path}/${id}`);
          assert.equal(reply.status, 200, reply.text);
          assert.match(reply.headers['content-type'], JSON_TYPE);
          assert.equal(reply.text, JSON.stringify(row(id)));
        }
      }
      for (const id of [1, 9981]) {
        assert.equal((await ask(port, `/db/products/${id}`)).text, JSON.stringify(range(id, 20).map(row)));
      }
      for (const id of [1, 10_000]) {
        const ids = range(id - 1, 20, 487).map((zeroBased) => (zeroBased % 10_000) + 1);
        assert.equal((await ask(port, `/db/queries/${id}`)).text, JSON.stringify(ids.map(row)));
      }
    });

    test(`${file} by ${driver}: many at once share the pool`, async (t) => {
      const { port } = await startServer(t, file, driver, { DATABASE_POOL_SIZE: '2' });
      const replies = await Promise.all(range(1, 50).map((id) => ask(port, `/db/queries/${id}`)));
      assert.deepEqual(replies.map(({ status }) => status), Array(50).fill(200));
      assert.deepEqual(replies.map(({ text }) => JSON.parse(text)[0]), range(1, 50).map(row));
    });

    test(`${file} by ${driver}: what is out of bounds is 400, and another method 405`, async (t) => {
      const { port } = await startServer(t, file, driver);
      for (const path of ['product/0', 'product/10001', 'products/9982', 'queries/x', 'queries/10001', 'cached/01', 'cached/-1']) {
        assert.equal((await ask(port, `/db/${path}`)).status, 400, path);
      }
      for (const [method, path, allow] of [
        ['POST', 'product/1', 'GET, HEAD'],
        ['DELETE', 'cached/1', 'GET, HEAD'],
        ['GET', 'orders', 'POST'],
      ]) {
        const reply = await ask(port, `/db/${path}`, { method });
        assert.deepEqual([reply.status, reply.headers.allow], [405, allow], path);
      }
      for (const path of ['/db', '/db/', '/db/nope/1', '/db/product', '/db/product/1/2']) {
        assert.equal((await ask(port, path)).status, 404, path);
      }
    });

    test(`${file} by ${driver}: without a database the routes are 503`, async (t) => {
      const { port } = await start(t, [], {}, file);
      for (const path of ['product', 'products', 'queries', 'cached']) {
        assert.equal((await ask(port, `/db/${path}/1`)).status, 503, path);
        assert.equal((await ask(port, `/db/${path}/0`)).status, 400, path);
      }
    });
  }

  // What one of them has written, the next finds: one after the other.
  describe('orders', { concurrency: 1 }, () => {
    for (const [file, driver] of SERVERS) {
      test(`${file} by ${driver}: an order is written whole, or refused`, async (t) => {
        const { port } = await startServer(t, file, driver);
        const client = new pg.Client({ connectionString: env.DATABASE_URL });
        await client.connect();
        t.after(() => client.end());
        const { rows: before } = await client.query('select coalesce(max(id), 0) as id from orders');
        const post = (body) => postOrder(port, body);
        const items = [item, { sku: 'B-2 ß', quantity: 1, unit_price_cents: 5 }];
        const reply = await post(JSON.stringify(order(items)));
        assert.equal(reply.status, 200, reply.text);
        assert.equal(reply.text, '{"customer_id":42,"item_count":2,"total_cents":4003}');
        const most = await post(JSON.stringify(order(Array(100).fill({ sku: 'x', quantity: 1000, unit_price_cents: 1_000_000 }))));
        assert.equal(most.text, '{"customer_id":42,"item_count":100,"total_cents":100000000000}');
        const invalid = await post(JSON.stringify(order([{ ...item, quantity: 0 }])));
        assert.deepEqual([invalid.status, invalid.text], [422, '{"field":"items.0.quantity"}']);
        assert.equal((await post('{')).status, 400);

        const { rows: orders } = await client.query('select * from orders where id > $1 order by id', [before[0].id]);
        assert.deepEqual(
          orders.map(({ customer_id, total_cents }) => [customer_id, total_cents]),
          [
            ['42', '4003'],
            ['42', '100000000000'],
          ],
        );
        const { rows: written } = await client.query(
          'select sku, quantity, unit_price_cents from order_items where order_id = $1 order by unit_price_cents desc',
          [orders[0].id],
        );
        assert.deepEqual(written, items);
      });
    }
  });

  test('a database that is not there costs the request alone', async (t) => {
    const own = await ownDatabase(t);
    const servers = await Promise.all(SERVERS.map(([file, driver]) => start(t, ['--driver', driver], own.env, file)));
    const paths = ['/db/product/1', '/db/products/1', '/db/queries/1', '/db/cached/1'];
    const expectOfEach = async (status) => {
      for (const [index, { port }] of servers.entries()) {
        const replies = await Promise.all(paths.map((path) => ask(port, path)));
        replies.push(await postOrder(port, JSON.stringify(order([item]))));
        assert.deepEqual(replies.map((reply) => reply.status), Array(5).fill(status), SERVERS[index].join(' by '));
      }
    };
    await expectOfEach(200);
    await own.stop();
    // The first may find connections that are closed, the second finds nobody who accepts any.
    for (let i = 0; i < 2; i++) {
      await expectOfEach(503);
    }
    for (const { port } of servers) {
      assert.equal((await ask(port, '/plaintext')).status, 200);
    }
  });
});

// Beside none of them: it counts everyone's connections.
test('workers share the connections out', async (t) => {
  const { port } = await start(t, ['--workers', '2'], { ...env, DATABASE_POOL_SIZE: '5' });
  const client = new pg.Client({ connectionString: env.DATABASE_URL });
  await client.connect();
  t.after(() => client.end());
  const others = "select count(*)::integer as n from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()";
  await Promise.all(range(1, 100).map((id) => ask(port, `/db/queries/${id}`)));
  const { rows } = await client.query(others);
  assert.equal(rows[0].n, 4);
});
