#!/usr/bin/env node
// The work contract on Fastify 5.

import { Readable } from 'node:stream';

import Fastify from 'fastify';

import { framework, notFound } from './lib/framework.js';
import { main } from './lib/main.js';
import { ORDER, fieldAtFault } from './lib/orders.js';

const integer = { type: 'integer' };
const object = (properties) => ({ schema: { response: { 200: { type: 'object', properties } } } });

function createApp(leaves, bodyLimit) {
  const app = Fastify({ bodyLimit, ajv: { customOptions: { coerceTypes: false } } });
  const text = (reply) => reply.type('text/plain; charset=utf-8');

  app.get('/plaintext', async (_, reply) => text(reply).send('Hello, World!'));
  app.get('/json', object({ message: { type: 'string' } }), async () => ({ message: 'Hello, World!' }));
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
  app.post('/orders', { schema: { body: ORDER, ...receipt } }, async (request) => leaves.receipt(request.body));
  app.get('/events', async (request, reply) => {
    const events = leaves.events(request.query);
    reply.type('text/event-stream; charset=utf-8').header('Cache-Control', 'no-cache');
    return reply.send(Readable.from(events));
  });
  app.get('/stats', async () => leaves.stats());

  app.setNotFoundHandler((request, reply) => {
    const { status, message, headers } = notFound(request.url.split('?', 1)[0]);
    return text(reply.code(status).headers(headers)).send(message);
  });
  app.setErrorHandler((error, _, reply) => {
    if (error.validation !== undefined) {
      return reply.code(422).send({ field: fieldAtFault(error.validation[0]) });
    }
    return text(reply.code(error.statusCode ?? error.status ?? 500)).send(error.message);
  });
  app.ready();
  return app.routing;
}

main(framework(createApp));
