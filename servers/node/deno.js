#!/usr/bin/env -S deno run --allow-all
// The work contract on Deno.serve.

import process from 'node:process';

import {
  GRACE_MS,
  HOST,
  answerError,
  answerNotFound,
  bodyOf,
  bytes,
  eventStream,
  json,
  queryOf,
  readOptionsOrExit,
  text,
  webLeaves,
} from './lib/web.js';

const options = readOptionsOrExit();
const leaves = await webLeaves(options);

async function handle(request) {
  const [, first, ...segments] = new URL(request.url).pathname.split('/');
  const name = first === 'db' ? `db/${segments.shift()}` : first;
  const [segment, ...rest] = segments;
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
        return Response.json(leaves.receipt(leaves.orderOfBytes(await bodyOf(request))));
      case 'GET auth':
        return Response.json(leaves.auth(request.headers.get('authorization')));
      case 'POST upload':
        return Response.json(leaves.upload(await bodyOf(request)));
      case 'POST db/orders':
        return Response.json(await leaves.storeOrder(leaves.orderOfBytes(await bodyOf(request))));
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
      case 'GET db/product':
        return Response.json(await leaves.product(segment));
      case 'GET db/products':
        return Response.json(await leaves.products(segment));
      case 'GET db/queries':
        return Response.json(await leaves.queries(segment));
      case 'GET db/cached':
        return json(await leaves.cached(segment));
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
