// PostgreSQL by `pg`, whose statements with a name are prepared once for each connection.

import pg from 'pg';

const COLUMNS = 'id, name, price_cents';
const product = (id) => ({ name: 'product', text: `select ${COLUMNS} from products where id = $1`, values: [id] });
const products = (id, count) => ({
  name: 'products',
  text: `select ${COLUMNS} from products where id >= $1 order by id limit $2`,
  values: [id, count],
});
const order = (customerId, totalCents) => ({
  name: 'order',
  text: 'insert into orders (customer_id, total_cents) values ($1, $2) returning id',
  values: [customerId, totalCents],
});
const orderItems = (orderId, items) => ({
  name: 'order items',
  text:
    'insert into order_items (order_id, sku, quantity, unit_price_cents) ' +
    'select $1, * from unnest($2::text[], $3::integer[], $4::integer[])',
  values: [
    orderId,
    items.map(({ sku }) => sku),
    items.map(({ quantity }) => quantity),
    items.map(({ unit_price_cents }) => unit_price_cents),
  ],
});

/** Queries by a pool of so many connections, which stay once they are made. */
export function connect(connectionString, connections) {
  const pool = new pg.Pool({ connectionString, min: connections, max: connections });
  // Of an idle connection that broke; the pool makes another when it needs one.
  pool.on('error', () => {});

  async function onOneConnection(use) {
    const client = await pool.connect();
    try {
      return await use(client);
    } finally {
      client.release();
    }
  }

  return {
    product: async (id) => (await pool.query(product(id))).rows[0],
    products: async (id, count) => (await pool.query(products(id, count))).rows,
    productsOneByOne: (ids) =>
      onOneConnection(async (client) => {
        const rows = [];
        for (const id of ids) {
          rows.push((await client.query(product(id))).rows[0]);
        }
        return rows;
      }),
    insertOrder: ({ customer, items }, totalCents) =>
      onOneConnection(async (client) => {
        try {
          await client.query('begin');
          const { rows } = await client.query(order(customer.id, totalCents));
          await client.query(orderItems(rows[0].id, items));
          await client.query('commit');
        } catch (error) {
          await client.query('rollback').catch(() => {});
          throw error;
        }
      }),
  };
}
