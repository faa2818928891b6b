// PostgreSQL by `postgres`, which prepares by itself what it is asked.

import postgres from 'postgres';

/** Queries by a pool of so many connections, which stay once they are made. */
export function connect(url, connections) {
  const sql = postgres(url, { max: connections });
  const product = async (connection, id) => {
    const [row] = await connection`select id, name, price_cents from products where id = ${id}`;
    return row;
  };
  return {
    product: (id) => product(sql, id),
    products: (id, count) => sql`select id, name, price_cents from products where id >= ${id} order by id limit ${count}`,
    async productsOneByOne(ids) {
      const reserved = await sql.reserve();
      try {
        const rows = [];
        for (const id of ids) {
          rows.push(await product(reserved, id));
        }
        return rows;
      } finally {
        reserved.release();
      }
    },
    insertOrder: ({ customer, items }, totalCents) =>
      sql.begin(async (transaction) => {
        const [{ id }] = await transaction`
          insert into orders (customer_id, total_cents) values (${customer.id}, ${totalCents}) returning id`;
        const rows = items.map(({ sku, quantity, unit_price_cents }) => ({ order_id: id, sku, quantity, unit_price_cents }));
        await transaction`insert into order_items ${transaction(rows)}`;
      }),
  };
}
