import assert from 'node:assert/strict';
import test from 'node:test';

import { ask } from './support/client.js';
import { startForAll } from './support/server.js';

const server = startForAll();

const post = (body) => ask(server.port, '/orders', { method: 'POST', body });

const item = (changes = {}) => ({ sku: 'A-1', quantity: 2, unit_price_cents: 1999, ...changes });
const order = (changes = {}) => ({ customer: { id: 42, email: 'ada@example.com' }, items: [item()], ...changes });
const customer = (changes) => order({ customer: { id: 42, email: 'ada@example.com', ...changes } });
const items = (...changes) => order({ items: changes.map((change) => item(change)) });

test('valid orders are summed', async () => {
  for (const [valid, id, count, cents] of [
    [order(), 42, 1, 3998],
    [items({}, { quantity: 1, unit_price_cents: 1 }), 42, 2, 3999],
    [customer({ id: 1 }), 1, 1, 3998],
    [customer({ id: Number.MAX_SAFE_INTEGER, email: 'name@example.com' }), Number.MAX_SAFE_INTEGER, 1, 3998],
    [items({ quantity: 1000, unit_price_cents: 1_000_000 }), 42, 1, 1_000_000_000],
    [items({ unit_price_cents: 0 }), 42, 1, 0],
    [items({ sku: 'x' }, { sku: 'x'.repeat(32) }), 42, 2, 7996],
    // Characters, not UTF-16's units.
    [items({ sku: '🙂'.repeat(32) }), 42, 1, 3998],
    [
      order({ items: Array(100).fill(item({ quantity: 1000, unit_price_cents: 1_000_000 })) }),
      42,
      100,
      100_000_000_000,
    ],
    [{ ...customer({ unknown: 1 }), more: [] }, 42, 1, 3998],
  ]) {
    const reply = await post(JSON.stringify(valid));
    assert.equal(reply.status, 200, reply.text);
    assert.equal(reply.headers['content-type'], 'application/json');
    assert.equal(reply.text, `{"customer_id":${id},"item_count":${count},"total_cents":${cents}}`);
  }
});

test('the path of what is wrong or missing is told', async () => {
  for (const [invalid, field] of [
    [{}, 'customer'],
    [{ customer: order().customer }, 'items'],
    [order({ customer: null }), 'customer'],
    [order({ customer: [] }), 'customer'],
    [order({ customer: { email: 'ada@example.com' } }), 'customer.id'],
    [order({ customer: { id: 1 } }), 'customer.email'],
    [customer({ id: 0 }), 'customer.id'],
    [customer({ id: -1 }), 'customer.id'],
    [customer({ id: '42' }), 'customer.id'],
    [customer({ id: 1.5 }), 'customer.id'],
    [customer({ id: true }), 'customer.id'],
    [customer({ id: Number.MAX_SAFE_INTEGER + 1 }), 'customer.id'],
    [customer({ email: 'not-an-email' }), 'customer.email'],
    [customer({ email: '' }), 'customer.email'],
    [customer({ email: 1 }), 'customer.email'],
    [order({ items: [] }), 'items'],
    [order({ items: {} }), 'items'],
    [order({ items: Array(101).fill(item()) }), 'items'],
    [order({ items: [1] }), 'items.0'],
    [order({ items: [item(), {}] }), 'items.1.sku'],
    [items({ sku: '' }), 'items.0.sku'],
    [items({ sku: 'x'.repeat(33) }), 'items.0.sku'],
    [items({ sku: '🙂'.repeat(33) }), 'items.0.sku'],
    [items({ sku: 1 }), 'items.0.sku'],
    [items({ quantity: 0 }), 'items.0.quantity'],
    [items({}, { quantity: 1001 }), 'items.1.quantity'],
    [items({ quantity: '2' }), 'items.0.quantity'],
    [items({ quantity: null }), 'items.0.quantity'],
    [items({ quantity: undefined }), 'items.0.quantity'],
    [items({ unit_price_cents: -1 }), 'items.0.unit_price_cents'],
    [items({ unit_price_cents: 1_000_001 }), 'items.0.unit_price_cents'],
    [items({ unit_price_cents: 0.5 }), 'items.0.unit_price_cents'],
    [items(...Array(99).fill({}), { quantity: 0 }), 'items.99.quantity'],
    [[], ''],
    ['order', ''],
    [null, ''],
    [1, ''],
  ]) {
    const reply = await post(JSON.stringify(invalid));
    assert.equal(reply.status, 422, JSON.stringify(invalid));
    assert.equal(reply.headers['content-type'], 'application/json');
    assert.equal(reply.text, JSON.stringify({ field }), JSON.stringify(invalid));
  }
});

test('members of the prototype are no members', async () => {
  const reply = await post('{"__proto__":{"customer":{"id":1,"email":"a@example.com"},"items":[]},"items":[]}');
  assert.equal(reply.status, 422);
});

test('what is no JSON is 400', async () => {
  const notUtf8 = Buffer.from(JSON.stringify(items({ sku: '~' })).replace('~', '\xff'), 'latin1');
  for (const body of [
    '',
    ' ',
    'order',
    '{',
    '{"customer":}',
    `${JSON.stringify(order())}x`,
    '\ufeff{}',
    '[1,]',
    '['.repeat(100_000),
    notUtf8,
  ]) {
    assert.equal((await post(body)).status, 400, String(body).slice(0, 100));
  }
});
