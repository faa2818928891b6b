#!/usr/bin/env node
// The work contract on Fastify 5.

import { Readable } from 'node:stream';

import Fastify from 'fastify';

import { framework, notFound } from './lib/framework.js';
import { main } from './lib/main.js';
import { ORDER, fieldAtFault } from './lib/orders.js';

const integer = { type: 'integer' };
const string = { type: 'string' };
const answer = (schema) => ({ schema: { response: { 200: schema } } });
const object = (properties) => answer({ type: 'object', properties });
const PRODUCT = { type: 'object', properties: { id: integer, name: string, price_cents: integer } };
const PRODUCTS = { type: 'array', items: PRODUCT };

function createApp(leaves, bodyLimit) {
  const app = Fastify({ bodyLimit, ajv: { customOptions: { coerceTypes: false } } });
  const text = (reply) => reply.type('text/plain; charset=utf-8');

  app.get('/plaintext', async (_, reply) => text(reply).send('Hello, World!'));
  app.get('/json', object({ message: string }), async () => ({ message: 'Hello, World!' }));
  app.get('/sleep/:ms', async (request, reply) => {
    const slept = await leaves.sleep(request.params.ms);
    return text(reply).send(slept);
  });
  app.get('/upstream', object({ calls: integer, sum: integer }), async (request, reply) =>
    leaves.upstream(request.query, () => reply.raw.destroyed),
  );
  app.get('/file/:kib', async (request, reply) => {
    const bytes = await leaves.file(request.params.kib);
    return reply.type('application/octet-stream').send(bytes);
  });
  app.get('/cpu/:rounds', async (request, reply) => {
    const digits = await leaves.cpu(request.params.rounds, request.query);
    return text(reply).send(digits);
  });
  app.get('/hash/:kib', async (request, reply) => {
    const digits = await leaves.hash(request.params.kib, request.query);
    return text(reply).send(digits);
  });
  const receipt = object({ customer_id: integer, item_count: integer, total_cents: integer }).schema;
  const order = { schema: { body: ORDER, ...receipt } };
  app.post('/orders', order, async (request) => leaves.receipt(request.body));
  app.get('/events', async (request, reply) => {
    const events = leaves.events(request.query);
    reply.type('text/event-stream; charset=utf-8').header('Cache-Control', 'no-cache');
    return reply.send(Readable.from(events));
  });
  app.get('/auth', object({ sub: string }), async (request) => leaves.auth(request.headers.authorization));
  app.register(async (uploads) => {
    uploads.removeAllContentTypeParsers();
    uploads.addContentTypeParser('*', { parseAs: 'buffer' }, async (_, body) => body);
    uploads.post('/upload', object({ bytes: integer, sha256: string }), async (request) => {
      return leaves.upload(request.body ?? Buffer.alloc(0));
    });
  });
  app.get('/db/product/:id', answer(PRODUCT), async (request) => leaves.product(request.params.id));
  app.get('/db/products/:id', answer(PRODUCTS), async (request) => leaves.products(request.params.id));
  app.get('/db/queries/:id', answer(PRODUCTS), async (request) => leaves.queries(request.params.id));
  app.get('/db/cached/:id', async (request, reply) => {
    const json = await leaves.cached(request.params.id);
    return reply.type('application/json').send(json);
  });
  app.post('/db/orders', order, async (request) => leaves.storeOrder(request.body));
  app.get('/stats', async () => leaves.stats());

  app.setNotFoundHandler((request, reply) => {
    const { status, message, headers } = notFound(request.url.split('?', 1)[0]);
    return text(reply.code(status).headers(headers)).send(message);
  });
  app.setErrorHandler((error, _, reply) => {
    if (error.validation !== undefined) {
      return reply.code(422).send({ field: fieldAtFault(error.validation[0]) });
    }
    return text(reply.code(error.statusCode ?? error.status ?? 500).headers(error.headers ?? {})).send(error.message);
  });
  app.ready();
  return app.routing;
}

main(framework(createApp));
