#!/usr/bin/env -S deno run --allow-all
// The work contract on Deno.serve.

import process from 'node:process';

import { main } from './lib/web-main.js';
import {
  answerError,
  answerNotFound,
  bodyOf,
  bytes,
  eventStream,
  json,
  queryOf,
  text,
} from './lib/web.js';

// Not `deno serve --parallel`: asked to stop, that breaks off the requests in flight (denoland/deno#32862). For a port that is shared,
// Deno wants to be asked for what it calls unstable.
const COMMAND = ['run', '--allow-all', '--unstable-net', '--quiet', '--node-modules-dir=manual'];

await main([Deno.execPath(), ...COMMAND, process.argv[1]], (where, leaves) => {
  const server = Deno.serve({ ...where, onError: answerError, onListen() {} }, (request) => handle(request, leaves));
  return { port: server.addr.port, stop: () => server.shutdown() };
});

async function handle(request, leaves) {
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
