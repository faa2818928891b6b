#!/usr/bin/env node
// The work contract on Express 5.

import { Readable } from 'node:stream';

import express from 'express';

import { framework, notFound } from './lib/framework.js';
import { main } from './lib/main.js';

function createApp(leaves, maxBodyBytes) {
  const app = express();
  app.enable('case sensitive routing');
  const json = express.json({ limit: maxBodyBytes, strict: false, type: () => true });

  app.get('/plaintext', (_, res) => res.type('text/plain').send('Hello, World!'));
  app.get('/json', (_, res) => res.json({ message: 'Hello, World!' }));
  app.get('/sleep/:ms', async (req, res) => res.type('text/plain').send(await leaves.sleep(req.params.ms)));
  app.get('/upstream', async (req, res) => res.json(await leaves.upstream(req.query, () => res.destroyed)));
  app.get('/file/:kib', async (req, res) => res.type('application/octet-stream').send(await leaves.file(req.params.kib)));
  app.get('/cpu/:rounds', async (req, res) => {
    res.type('text/plain').send(await leaves.cpu(req.params.rounds, req.query));
  });
  app.get('/hash/:kib', async (req, res) => {
    res.type('text/plain').send(await leaves.hash(req.params.kib, req.query));
  });
  app.post('/orders', json, (req, res) => res.json(leaves.receipt(leaves.order(req.body))));
  app.get('/events', (req, res) => {
    const events = leaves.events(req.query);
    res.type('text/event-stream').set('Cache-Control', 'no-cache');
    if (req.method === 'HEAD') {
      res.end();
    } else {
      Readable.from(events).pipe(res);
      res.on('close', () => events.return());
    }
  });
  app.get('/auth', (req, res) => res.json(leaves.auth(req.get('Authorization'))));
  app.post('/upload', express.raw({ limit: maxBodyBytes, type: () => true }), (req, res) => {
    // Express parses no body to none.
    res.json(leaves.upload(req.body ?? Buffer.alloc(0)));
  });
  app.get('/db/product/:id', async (req, res) => res.json(await leaves.product(req.params.id)));
  app.get('/db/products/:id', async (req, res) => res.json(await leaves.products(req.params.id)));
  app.get('/db/queries/:id', async (req, res) => res.json(await leaves.queries(req.params.id)));
  app.get('/db/cached/:id', async (req, res) => res.type('json').send(await leaves.cached(req.params.id)));
  app.post('/db/orders', json, async (req, res) => res.json(await leaves.storeOrder(leaves.order(req.body))));
  app.get('/stats', async (_, res) => res.json(await leaves.stats()));

  app.use((req, res) => {
    const { status, message, headers } = notFound(req.path);
    res.status(status).set(headers).type('text/plain').send(message);
  });
  app.use((error, _, res, next) => {
    if (res.headersSent) {
      next(error);
    } else {
      res
        .status(error.status ?? 500)
        .set(error.headers ?? {})
        .send(error.body?.field === undefined ? error.message : error.body);
    }
  });
  return app;
}

main(framework(createApp));
