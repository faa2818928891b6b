import assert from 'node:assert/strict';
import test from 'node:test';

import { Counts, merge, summarise } from '../lib/lag.js';

test('no sample, no figures', () => {
  assert.equal(summarise([]), null);
  assert.equal(summarise(merge([new Counts().counts, new Counts().counts])), null);
});

test('percentiles are those of all samples together, by nearest rank', () => {
  const one = new Counts();
  const other = new Counts();
  for (let us = 1; us <= 100; us++) {
    (us % 3 === 0 ? one : other).add(us / 1000);
  }
  assert.deepEqual(summarise(merge([one.counts, other.counts])), { p50: 50, p99: 99, max: 100 });
  other.add(7);
  assert.deepEqual(summarise(merge([one.counts, other.counts])), { p50: 51, p99: 100, max: 7000 });
});

test('early is no lag, and long lags keep three digits', () => {
  for (const [ms, us] of [
    [-0.4, 0],
    [0, 0],
    [0.0006, 1],
    [0.9994, 999],
    [1.2344, 1230],
    [99.96, 100_000],
    [12_345.6, 12_300_000],
  ]) {
    const lags = new Counts();
    lags.add(ms);
    assert.deepEqual(summarise(lags.counts), { p50: us, p99: us, max: us }, `${ms} ms`);
  }
});
