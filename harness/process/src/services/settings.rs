//! How services are set, and what is in them: a function of what is asked for.

use std::collections::BTreeMap;
use std::path::Path;

use spec::MAX_PRODUCT_ID;

/// The variable in which a target finds how many connections it may open to the database.
pub(super) const POOL_SIZE: &str = "DATABASE_POOL_SIZE";

/// The name of the database, and of the user and the password that targets have there.
pub(super) const BENCH: &str = "bench";

/// The user who sets up a database that is started for a run.
pub(super) const SUPERUSER: &str = "postgres";

/// Connections of a started database beside those of targets: of `bench`, and of what a killed target left that the database has
/// not noticed yet.
const SPARE_CONNECTIONS: u32 = 40;

/// Connections that each target can open whatever it may: one for each of so many workers.
const CONNECTIONS_OF_WORKERS: u32 = 64;

/// What marks a table as made here, so that nobody's own is ever touched.
pub(super) const MARK: &str = "made by bench";

/// The tables, in the order in which they can be dropped.
pub(super) const TABLES: [&str; 3] = ["order_items", "orders", "products"];

/// What a started PostgreSQL is set to that is not its default, or that matters so much that it is said.
///
/// `targets`: how many are started at a time; `connections`: that each of them may open.
pub(super) fn postgres(targets: usize, connections: u32) -> BTreeMap<String, String> {
    let targets = u32::try_from(targets).unwrap_or(u32::MAX);
    let each = connections.max(CONNECTIONS_OF_WORKERS);
    let all = targets
        .saturating_mul(each)
        .saturating_add(SPARE_CONNECTIONS);
    let max_connections = all.to_string();
    [
        // A quarter of the memory of a small server: all tables fit.
        ("shared_buffers", "256MB"),
        ("max_connections", &max_connections),
        // A commit is written, and not waited for until it is on the disk: that wait is the disk's, and the same for every target.
        ("fsync", "off"),
        ("synchronous_commit", "on"),
        // Both would run in some samples and not in others. Tables are emptied before each sample.
        ("autovacuum", "off"),
        ("checkpoint_timeout", "1h"),
        // No query here is long enough for it.
        ("jit", "off"),
        // What a killed server leaves is then in its directory, and goes with it.
        ("dynamic_shared_memory_type", "mmap"),
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// The arguments of a PostgreSQL that is set like this.
pub(super) fn postgres_args(
    data: &Path,
    port: u16,
    settings: &BTreeMap<String, String>,
) -> Vec<String> {
    let mut args = vec!["-D".to_owned(), data.display().to_string()];
    args.extend(["-p".to_owned(), port.to_string()]);
    for (name, value) in settings {
        args.extend(["-c".to_owned(), format!("{name}={value}")]);
    }
    args
}

/// What a started Redis is set to that is not its default.
pub(super) fn redis() -> BTreeMap<String, String> {
    // Nothing is kept on the disk.
    [("save", ""), ("appendonly", "no"), ("bind", "127.0.0.1")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

/// The arguments of a Redis that is set like this.
pub(super) fn redis_args(
    dir: &Path,
    port: u16,
    settings: &BTreeMap<String, String>,
) -> Vec<String> {
    let mut args = vec!["--port".to_owned(), port.to_string()];
    args.extend(["--dir".to_owned(), dir.display().to_string()]);
    for (name, value) in settings {
        args.extend([format!("--{name}"), value.clone()]);
    }
    args
}

/// Makes and fills the tables.
pub(super) fn seed() -> String {
    let marks = TABLES.map(|table| format!("COMMENT ON TABLE {table} IS '{MARK}';\n"));
    format!(
        "CREATE TABLE products (id integer PRIMARY KEY, name text NOT NULL, price_cents integer NOT NULL);
        CREATE TABLE orders (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id bigint NOT NULL, total_cents bigint NOT NULL
        );
        CREATE TABLE order_items (
            order_id bigint NOT NULL REFERENCES orders, sku text NOT NULL, quantity integer NOT NULL,
            unit_price_cents integer NOT NULL
        );
        {}
        INSERT INTO products
            SELECT id, 'product ' || id, 100 + id * 37 % 9900 FROM generate_series(1, {MAX_PRODUCT_ID}) AS id;
        ANALYZE products;",
        marks.concat()
    )
}

/// Drops the tables.
pub(super) fn drop() -> String {
    format!("DROP TABLE IF EXISTS {}", TABLES.join(", "))
}

/// The tables of these names that are not marked as made here, where targets would find them.
pub(super) const FOREIGN_TABLES: &str = "SELECT relname::text FROM pg_class
    WHERE oid IN (to_regclass('order_items'), to_regclass('orders'), to_regclass('products'))
    AND obj_description(oid, 'pg_class') IS DISTINCT FROM 'made by bench'";

/// Whether the cache has a product before a target writes any: nine of ten, spread evenly, so that nine of ten reads of random ones
/// find what they look for from the first on, and as many in a short sample as in a long one.
pub(super) fn is_cached_at_first(id: u32) -> bool {
    !id.is_multiple_of(10)
}

/// Removes what targets have written.
pub(super) const RESET: &str = "TRUNCATE orders, order_items RESTART IDENTITY";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_can_open_what_it_may_and_each_worker_one() {
        let most = |targets, connections| postgres(targets, connections)["max_connections"].clone();
        assert_eq!(most(2, 10), "168");
        assert_eq!(most(1, 1_000), "1040");
    }

    #[test]
    fn arguments_say_where_and_how() {
        let settings = BTreeMap::from([("fsync".to_owned(), "off".to_owned())]);
        let args = postgres_args(Path::new("/d"), 4711, &settings).join(" ");
        assert_eq!(args, "-D /d -p 4711 -c fsync=off");
        let args = redis_args(Path::new("/d"), 4711, &redis()).join(" ");
        assert_eq!(
            args,
            "--port 4711 --dir /d --appendonly no --bind 127.0.0.1 --save "
        );
    }

    #[test]
    fn a_table_is_known_as_made_here_by_what_it_is_marked_with() {
        assert!(FOREIGN_TABLES.contains(&format!("'{MARK}'")));
        for table in TABLES {
            assert!(FOREIGN_TABLES.contains(&format!("'{table}'")), "{table}");
            assert!(seed().contains(&format!("COMMENT ON TABLE {table} IS '{MARK}'")));
        }
    }
}
