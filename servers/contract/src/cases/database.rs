//! The routes below `/db`.

use std::num::NonZeroUsize;

use spec::{PRODUCTS_LISTED, Route, queried_ids};

use crate::client::{Client, Reply};
use crate::database::{Asked, Manner, Postgres, Redis};
use crate::running::{Running, Serve};

const ORDER: &str = r#"{"customer":{"id":42,"email":"ada@example.com"},"items":[{"sku":"A-1","quantity":2,"unit_price_cents":1999},{"sku":"B-2","quantity":1,"unit_price_cents":5}]}"#;

fn start(server: impl Serve, postgres: &Postgres, redis: &Redis) -> Running {
    Running::start(server, |settings| {
        settings.postgres = Some(postgres.access());
        settings.redis = Some(redis.access());
    })
}

fn check_expected(client: &mut Client, target: &str) {
    let reply = client.get(target);
    let route = Route::parse(target).unwrap();
    assert_eq!(reply.status, 200, "{target}: {}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(Some(reply.body.into()), route.expected_body(), "{target}");
}

fn ids(asked: &[Asked]) -> Vec<u32> {
    let id = |asked: &Asked| u32::from_be_bytes(asked.parameters[0][..].try_into().unwrap());
    asked.iter().map(id).collect()
}

pub fn rows_are_answered_as_json_by_the_statements_that_the_contract_says(server: impl Serve) {
    let (postgres, redis) = (Postgres::start(Manner::Serve), Redis::start());
    let running = start(server, &postgres, &redis);
    let mut client = running.connect();
    for (target, expected, sql) in [
        ("/db/product/7", vec![7], "WHERE id = $1"),
        ("/db/products/9981", vec![9981], "ORDER BY id LIMIT 20"),
        (
            "/db/queries/9999",
            queried_ids(9999).collect(),
            "WHERE id = $1",
        ),
    ] {
        check_expected(&mut client, target);
        let asked = postgres.take_asked();
        assert_eq!(ids(&asked), expected, "{target}");
        assert!(
            asked.iter().all(|asked| asked.sql.ends_with(sql)),
            "{asked:?}"
        );
        assert!(asked.iter().all(|asked| asked.connection == 1), "{asked:?}");
    }
    running.stop();
}

pub fn an_order_is_written_in_one_transaction(server: impl Serve) {
    let (postgres, redis) = (Postgres::start(Manner::Serve), Redis::start());
    let running = start(server, &postgres, &redis);
    let mut client = running.connect();
    let reply = client.post("/db/orders", ORDER);
    let expected = spec::order_answer(ORDER.as_bytes());
    assert_eq!(
        (reply.status, &reply.body),
        (200, &expected.body.into_owned())
    );
    let asked = postgres.take_asked();
    let begins = [
        "START TRANSACTION",
        "INSERT INTO orders (customer_id, total_cents)",
        "INSERT INTO order_items (order_id, sku, quantity, unit_price_cents)",
        "COMMIT",
    ];
    assert_eq!(asked.len(), begins.len(), "{asked:?}");
    for (asked, begin) in asked.iter().zip(begins) {
        assert!(asked.sql.starts_with(begin), "{asked:?}");
    }
    let int8 = |number: i64| number.to_be_bytes().to_vec();
    assert_eq!(asked[1].parameters, [int8(42), int8(4003)]);
    // The id that the order was given; then a list for each column.
    assert_eq!(asked[2].parameters[0], int8(77));
    assert!(asked[2].parameters[1].ends_with(b"\0\0\0\x03A-1\0\0\0\x03B-2"));

    for (body, status) in [("{}", 422), ("", 400)] {
        assert_eq!(client.post("/db/orders", body).status, status);
    }
    assert_eq!(postgres.take_asked(), []);
    running.stop();
}

pub fn the_cache_is_asked_first_and_given_what_it_lacks(server: impl Serve) {
    let (postgres, redis) = (Postgres::start(Manner::Serve), Redis::start());
    let running = start(server, &postgres, &redis);
    let mut client = running.connect();
    let json = r#"{"id":5,"name":"product 5","price_cents":285}"#;
    let set = format!("SET product:5 {json} EX 60");
    for (commands, statements) in [(vec!["GET product:5", &set], 1), (vec!["GET product:5"], 0)] {
        check_expected(&mut client, "/db/cached/5");
        assert_eq!(redis.take_asked(), commands);
        assert_eq!(postgres.take_asked().len(), statements);
    }
    // Commands of many clients share a connection; each has its own reply.
    let mut clients: Vec<_> = (0..8).map(|_| running.connect()).collect();
    for (id, client) in (6..).zip(&mut clients) {
        client.send_gets(&[&format!("/db/cached/{id}")]);
    }
    for (id, client) in (6..).zip(&mut clients) {
        let expected = Route::DbCached { id }.expected_body();
        assert_eq!(Some(client.reply().body.into()), expected);
    }
    running.stop();
}

pub fn connections_to_the_database_are_bounded_and_shared(server: impl Serve) {
    const BOUND: u32 = 2;
    let postgres = Postgres::start(Manner::Serve);
    let running = Running::start(server, |settings| {
        settings.postgres = Some(postgres.access());
        settings.postgres_connections = NonZeroUsize::new(BOUND as usize).unwrap();
    });
    let mut clients: Vec<_> = (0..16).map(|_| running.connect()).collect();
    for (id, client) in (1..).zip(&mut clients) {
        let target = Route::DbQueries { id }.target();
        client.send_gets(&[&target, &target]);
    }
    for (id, client) in (1..).zip(&mut clients) {
        for _ in 0..2 {
            let expected = Route::DbQueries { id }.expected_body();
            assert_eq!(Some(client.reply().body.into()), expected);
        }
    }
    let connections = postgres.connections();
    assert!((1..=BOUND).contains(&connections), "{connections}");
    assert_eq!(postgres.take_asked().len(), 32 * PRODUCTS_LISTED as usize);
    running.stop();
}

pub fn a_database_that_is_not_there_makes_its_routes_unavailable_and_nothing_else(
    server: impl Serve,
) {
    let nowhere = ([127, 0, 0, 1], 1).into();
    let postgres = [Manner::Refuse, Manner::Close].map(Postgres::start);
    let redis = Redis::start();
    for (at, reason) in [
        (None, "DATABASE_URL"),
        (Some(nowhere), "reached"),
        (Some(postgres[0].access().addr), "42P01"),
        (Some(postgres[1].access().addr), "closed the connection"),
    ] {
        let running = Running::start(server, |settings| {
            settings.postgres = at.map(|addr| spec::PostgresAccess {
                addr,
                ..postgres[0].access()
            });
            settings.redis = Some(redis.access());
        });
        let mut client = running.connect();
        let check = |reply: Reply| {
            assert_eq!(reply.status, 503, "{}", reply.text());
            assert!(reply.text().contains(reason), "{}", reply.text());
        };
        // Twice: a connection on which something failed is not used again.
        for target in [
            "/db/product/1",
            "/db/queries/1",
            "/db/cached/1",
            "/db/product/1",
        ] {
            check(client.get(target));
        }
        check(client.post("/db/orders", ORDER));
        assert_eq!(client.get("/plaintext").status, 200);
        running.stop();
    }
    let running = Running::start(server, |settings| {
        settings.postgres = Some(postgres[0].access());
    });
    let reply = running.connect().get("/db/cached/1");
    assert_eq!(reply.status, 503);
    assert!(reply.text().contains("REDIS_URL"), "{}", reply.text());
    running.stop();
}
