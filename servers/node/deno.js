#!/usr/bin/env -S deno run --allow-all
// The work contract on Deno.serve.

import process from 'node:process';

import {
  GRACE_MS,
  HOST,
  answerError,
  answerNotFound,
  bytes,
  eventStream,
  queryOf,
  readOptionsOrExit,
  takeBody,
  text,
  webLeaves,
} from './lib/web.js';

const options = readOptionsOrExit();
const leaves = webLeaves(options);

async function handle(request) {
  const [, name, segment, ...rest] = new URL(request.url).pathname.split('/');
  const route = rest.length === 0 ? `${request.method === 'HEAD' ? 'GET' : request.method} ${name}` : null;
  if (segment === undefined) {
    switch (route) {
      case 'GET plaintext':
        return text('Hello, World!');
      case 'GET json':
        return Response.json({ message: 'Hello, World!' });
      case 'GET upstream':
        return Response.json(await leaves.upstream(queryOf(request), () => request.signal.aborted));
      case 'GET events':
        return eventStream(leaves.events(queryOf(request)));
      case 'POST orders':
        return takeBody(request, leaves);
    }
  } else {
    switch (route) {
      case 'GET sleep':
        return text(await leaves.sleep(segment));
      case 'GET file':
        return bytes(await leaves.file(segment));
      case 'GET cpu':
        return text(await leaves.cpu(segment, queryOf(request)));
      case 'GET hash':
        return text(await leaves.hash(segment, queryOf(request)));
    }
  }
  return answerNotFound(request);
}

const server = Deno.serve(
  {
    hostname: HOST,
    port: options.port,
    onError: answerError,
    onListen: ({ port }) => console.log(`listening on ${HOST}:${port}`),
  },
  handle,
);

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, async () => {
    setTimeout(() => process.exit(0), GRACE_MS);
    await server.shutdown();
    process.exit(0);
  });
}
