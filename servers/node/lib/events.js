// GET /events: server-sent events, each when it is due.

import { integer, readQuery, required } from './parameters.js';

const MAX_EVENTS = 10_000;
const MAX_INTERVAL_MS = 60_000;

/** Events that share a write where no time lies between them: about 50 KB. */
const EVENTS_PER_WRITE = 4096;

const HEADERS = ['Content-Type', 'text/event-stream; charset=utf-8', 'Cache-Control', 'no-cache'];

/** The stream that a query asks for. */
export function readStream(query) {
  return checkedStream(readQuery(query, ['n', 'ms']));
}

/** The stream that the parameters of a query ask for. */
export function checkedStream(values) {
  return {
    n: integer('n', required(values, 'n'), 1, MAX_EVENTS),
    ms: integer('ms', required(values, 'ms'), 0, MAX_INTERVAL_MS),
  };
}

/** The texts of the events, each when it is due; those between which no time lies share one. */
export async function* batches(n, ms) {
  const perText = ms === 0 ? EVENTS_PER_WRITE : 1;
  for (let sent = 0; sent < n; ) {
    if (sent > 0) {
      await new Promise((resolve) => (ms === 0 ? setImmediate(resolve) : setTimeout(resolve, ms)));
    }
    let events = '';
    for (const last = Math.min(sent + perText, n); sent < last; ) {
      sent += 1;
      events += `data: ${sent}\n\n`;
    }
    yield events;
  }
}

/** Sends the events. A client that does not read makes them wait, one that leaves ends them. */
export function sendEvents({ n, ms }, response, request) {
  response.writeHead(200, HEADERS);
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  const perWrite = ms === 0 ? EVENTS_PER_WRITE : 1;
  const [wait, stopWaiting] = ms === 0 ? [setImmediate, clearImmediate] : [setTimeout, clearTimeout];
  let sent = 0;
  let waiting;

  function send() {
    let events = '';
    for (const last = Math.min(sent + perWrite, n); sent < last; ) {
      sent += 1;
      events += `data: ${sent}\n\n`;
    }
    if (sent === n) {
      response.end(events, 'latin1');
    } else {
      response.write(events, 'latin1');
      waiting = wait(onDue, ms);
    }
  }

  function onDue() {
    if (response.writableNeedDrain) {
      response.once('drain', send);
    } else {
      send();
    }
  }

  response.on('close', () => stopWaiting(waiting));
  send();
}
