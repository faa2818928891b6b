#!/usr/bin/env bun
// The work contract on Bun.serve.

import { main } from './lib/web-main.js';
import {
  MAX_BODY_BYTES,
  answerError,
  answerNotFound,
  bodyOf,
  bytes,
  eventStream,
  json,
  queryOf,
  text,
} from './lib/web.js';

const get = (handle) => ({ GET: handle, HEAD: handle });

await main([process.execPath, process.argv[1]], (where, leaves) => {
  const server = Bun.serve({
    ...where,
    // Its longest, over four minutes; 10 s would close connections in the middle of a run.
    idleTimeout: 255,
    maxRequestBodySize: MAX_BODY_BYTES,
    routes: {
      '/plaintext': get(() => text('Hello, World!')),
      '/json': get(() => Response.json({ message: 'Hello, World!' })),
      '/sleep/:ms': get(async (request) => text(await leaves.sleep(request.params.ms))),
      '/upstream': get(async (request) =>
        Response.json(await leaves.upstream(queryOf(request), () => request.signal.aborted)),
      ),
      '/file/:kib': get(async (request) => bytes(await leaves.file(request.params.kib))),
      '/cpu/:rounds': get(async (request) => text(await leaves.cpu(request.params.rounds, queryOf(request)))),
      '/hash/:kib': get(async (request) => text(await leaves.hash(request.params.kib, queryOf(request)))),
      '/orders': {
        POST: async (request) => Response.json(leaves.receipt(leaves.orderOfBytes(await bodyOf(request)))),
      },
      '/events': get((request) => eventStream(leaves.events(queryOf(request)))),
      '/auth': get((request) => Response.json(leaves.auth(request.headers.get('authorization')))),
      '/upload': { POST: async (request) => Response.json(leaves.upload(await bodyOf(request))) },
      '/db/product/:id': get(async (request) => Response.json(await leaves.product(request.params.id))),
      '/db/products/:id': get(async (request) => Response.json(await leaves.products(request.params.id))),
      '/db/queries/:id': get(async (request) => Response.json(await leaves.queries(request.params.id))),
      '/db/cached/:id': get(async (request) => json(await leaves.cached(request.params.id))),
      '/db/orders': {
        POST: async (request) => Response.json(await leaves.storeOrder(leaves.orderOfBytes(await bodyOf(request)))),
      },
    },
    fetch: answerNotFound,
    error: answerError,
  });
  return { port: server.port, stop: () => server.stop() };
});
