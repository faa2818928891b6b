import assert from 'node:assert/strict';
import test from 'node:test';

import { createRoom } from '../lib/cluster-primary.js';
import { createRelay } from '../lib/cluster-worker.js';

/** A worker whose channel takes what it is sent when the test says so. */
function fakeWorker() {
  const worker = {
    sent: [],
    onSent: [],
    send(message, onSent) {
      worker.sent.push(message.text ?? message.type);
      worker.onSent.push(onSent);
    },
    drain() {
      worker.onSent.splice(0).forEach((onSent) => onSent(null));
    },
  };
  return worker;
}

test('every message goes to every worker', () => {
  const workers = [fakeWorker(), fakeWorker()];
  const room = createRoom(workers);
  for (const text of ['a', 'b', 'c']) {
    room.pass({ type: 'chat', text });
  }
  assert.deepEqual(
    workers.map(({ sent }) => sent),
    [
      ['a', 'b', 'c'],
      ['a', 'b', 'c'],
    ],
  );
});

test('a worker that has stalled is told that it lost its place, and takes part again once it has caught up', () => {
  const stalled = fakeWorker();
  const other = fakeWorker();
  const room = createRoom([stalled, other], 10);
  for (const text of ['12345', '67890', 'x', 'lost', 'lost']) {
    room.pass({ type: 'chat', text });
    other.drain();
  }
  assert.deepEqual(stalled.sent, ['12345', '67890', 'x']);
  stalled.drain();
  assert.deepEqual(stalled.sent.splice(0), ['12345', '67890', 'x', 'chat-lost']);
  room.pass({ type: 'chat', text: 'again' });
  assert.deepEqual(stalled.sent, ['again']);
  assert.deepEqual(other.sent, ['12345', '67890', 'x', 'lost', 'lost', 'again']);
});

test('while too much of a worker’s is under way, those who write are not read from', () => {
  const sent = [];
  const { relay, onBack } = createRelay((text) => sent.push(text), 10);
  const member = () => ({
    isPaused: false,
    pause() {
      this.isPaused = true;
    },
    resume() {
      this.isPaused = false;
    },
  });
  const [one, other, third] = [member(), member(), member()];
  relay(Buffer.from('1234567890'), one);
  assert.equal(one.isPaused, false);
  // Five characters, ten bytes.
  relay(Buffer.from('äöüßé'), other);
  relay(Buffer.from('x'), third);
  assert.deepEqual(
    [one, other, third].map(({ isPaused }) => isPaused),
    [false, true, true],
  );
  assert.deepEqual(sent, ['1234567890', 'äöüßé', 'x']);
  onBack(10);
  assert.deepEqual(
    [other, third].map(({ isPaused }) => isPaused),
    [true, true],
  );
  onBack(10);
  assert.deepEqual(
    [other, third].map(({ isPaused }) => isPaused),
    [false, false],
  );
});
