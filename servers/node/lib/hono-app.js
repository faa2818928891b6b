// The work contract as a Hono application, for whatever runs one.

import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';

import { notFound } from './not-found.js';

/** The application. `stats` is left out of the leaves where the runtime reports none. */
export function honoApp(leaves, maxBodyBytes) {
  const app = new Hono();
  app.use(bodyLimit({ maxSize: maxBodyBytes }));

  app.get('/plaintext', (c) => c.text('Hello, World!'));
  app.get('/json', (c) => c.json({ message: 'Hello, World!' }));
  app.get('/sleep/:ms', async (c) => c.text(await leaves.sleep(c.req.param('ms'))));
  app.get('/upstream', async (c) => c.json(await leaves.upstream(c.req.query(), () => c.req.raw.signal.aborted)));
  app.get('/file/:kib', async (c) => {
    return c.body(await leaves.file(c.req.param('kib')), 200, { 'Content-Type': 'application/octet-stream' });
  });
  app.get('/cpu/:rounds', async (c) => c.text(await leaves.cpu(c.req.param('rounds'), c.req.query())));
  app.get('/hash/:kib', async (c) => c.text(await leaves.hash(c.req.param('kib'), c.req.query())));
  const bodyOf = async (c) => Buffer.from(await c.req.arrayBuffer());
  app.post('/orders', async (c) => c.json(leaves.receipt(leaves.orderOfBytes(await bodyOf(c)))));
  app.get('/events', (c) => {
    const events = leaves.events(c.req.query());
    const body = ReadableStream.from(events).pipeThrough(new TextEncoderStream());
    return c.body(body, 200, { 'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-cache' });
  });
  app.get('/auth', (c) => c.json(leaves.auth(c.req.header('Authorization'))));
  app.post('/upload', async (c) => c.json(leaves.upload(await bodyOf(c))));
  app.get('/db/product/:id', async (c) => c.json(await leaves.product(c.req.param('id'))));
  app.get('/db/products/:id', async (c) => c.json(await leaves.products(c.req.param('id'))));
  app.get('/db/queries/:id', async (c) => c.json(await leaves.queries(c.req.param('id'))));
  app.get('/db/cached/:id', async (c) => {
    return c.body(await leaves.cached(c.req.param('id')), 200, { 'Content-Type': 'application/json' });
  });
  app.post('/db/orders', async (c) => c.json(await leaves.storeOrder(leaves.orderOfBytes(await bodyOf(c)))));
  if (leaves.stats !== undefined) {
    app.get('/stats', async (c) => c.json(await leaves.stats()));
  }

  app.notFound((c) => {
    const { status, message, headers } = notFound(c.req.path);
    return c.text(message, status, headers);
  });
  app.onError((error, c) => {
    if (error instanceof HTTPException) {
      return error.getResponse();
    }
    return error.body?.field === undefined
      ? c.text(error.message, error.status ?? 500, error.headers)
      : c.json(error.body, 422);
  });
  return app;
}
