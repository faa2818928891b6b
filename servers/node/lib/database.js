// What the routes of /db do, whatever driver asks PostgreSQL; and the cache in Redis before it.

import { Refusal } from './answer.js';
import { receipt } from './orders.js';
import { integer } from './parameters.js';

/** Rows of `products`. */
const PRODUCTS = 10_000;

/** Rows of /db/products, and queries of /db/queries. */
const ROWS = 20;

/** From one id of /db/queries to the next. */
const STRIDE = 487;

/** How long an answer stays in the cache. */
const CACHED_S = 60;

/** The drivers, by the name of their package. */
export const DRIVERS = {
  pg: () => import('./database-pg.js'),
  postgres: () => import('./database-postgres.js'),
};

/**
 * The database and the cache, or null where a server was started without one. Drivers are loaded here, so that no
 * server has them in its memory that needs none. Connections are made when they are first needed.
 */
export async function openDatabase({ driver, databaseUrl, databaseConnections, redisUrl }) {
  if (databaseUrl === null) {
    return null;
  }
  const { connect } = await DRIVERS[driver]();
  const { connectRedis } = redisUrl === null ? { connectRedis: null } : await import('./redis.js');
  return { ...connect(databaseUrl, databaseConnections), cache: connectRedis?.(redisUrl) };
}

/** The leaves of /db, on what openDatabase gives. Ids are texts, as they stand in a path. */
export function databaseLeaves(database) {
  return {
    product: (text) => from(database?.product, readId(text, PRODUCTS)),
    products: (text) => from(database?.products, readId(text, PRODUCTS + 1 - ROWS), ROWS),
    queries(text) {
      const id = readId(text, PRODUCTS);
      const ids = Array.from({ length: ROWS }, (_, i) => ((id - 1 + i * STRIDE) % PRODUCTS) + 1);
      return from(database?.productsOneByOne, ids);
    },
    /** Writes a valid order; its receipt. */
    async storeOrder(order) {
      const answer = receipt(order);
      await from(database?.insertOrder, order, answer.total_cents);
      return answer;
    },
    /** A product, as JSON. */
    async cached(text) {
      const id = readId(text, PRODUCTS);
      const key = `product:${id}`;
      const hit = await from(database?.cache?.get, key);
      if (hit !== null) {
        return hit;
      }
      const json = JSON.stringify(await from(database.product, id));
      await from(database.cache.set, key, json, CACHED_S);
      return json;
    },
  };
}

const readId = (text, max) => integer('id', text, 1, max);

// A database that is not there, or no longer, costs the request and not the server.
async function from(query, ...values) {
  if (query === undefined) {
    throw new Refusal(503, 'this server was started without DATABASE_URL, or without REDIS_URL');
  }
  try {
    return await query(...values);
  } catch (error) {
    throw new Refusal(503, `the database failed: ${error.message || error.code}`);
  }
}
