//! `/db`: rows of the database, an order that is written to it, a row by way of the cache.

use std::rc::Rc;

use database::{CacheCommand, OrderColumns, Statement, Transaction};
use spec::{Answer, DATABASE_LIMIT_MS, DatabaseError, DatabaseWork, Order, Product, queried_ids};

use crate::connection::Request;
use crate::event_loop::EventLoop;

pub(super) fn begin<L: EventLoop>(event_loop: &mut L, request: &Request<L>, work: DatabaseWork) {
    let silent = DatabaseError::Silent.into();
    request.limit(event_loop, DATABASE_LIMIT_MS, silent);
    match work {
        DatabaseWork::Product { id } => product(event_loop, request, id),
        DatabaseWork::Products { id } => products(event_loop, request, id),
        DatabaseWork::Queries { id } => queries(event_loop, request, id),
        DatabaseWork::Order(order) => insert(event_loop, request, order),
        DatabaseWork::Cached { id } => cached(event_loop, request, id),
    }
}

fn product<L: EventLoop>(event_loop: &mut L, request: &Request<L>, id: u32) {
    let later = request.clone();
    find_alone(event_loop, request, id, move |event_loop, product| {
        later.answer(event_loop, &Answer::product(&product));
    });
}

fn products<L: EventLoop>(event_loop: &mut L, request: &Request<L>, id: u32) {
    let later = request.clone();
    request.with_database(event_loop, move |event_loop| {
        let asking = later.clone();
        let listed = move |event_loop: &mut L, rows: database::Rows| match rows.products() {
            Ok(products) => {
                later.put_back(event_loop);
                later.answer(event_loop, &Answer::products(&products));
            }
            Err(error) => later.fail(event_loop, &error.into()),
        };
        asking.execute(event_loop, Statement::Products, &[&int4(id)], listed);
    });
}

fn queries<L: EventLoop>(event_loop: &mut L, request: &Request<L>, id: u32) {
    let later = request.clone();
    request.with_database(event_loop, move |event_loop| {
        find_next(event_loop, &later, id, Vec::new());
    });
}

/// Each query is begun by the callback of the one before.
fn find_next<L: EventLoop>(
    event_loop: &mut L,
    request: &Request<L>,
    first: u32,
    mut found: Vec<Product>,
) {
    let Some(id) = queried_ids(first).nth(found.len()) else {
        request.put_back(event_loop);
        return request.answer(event_loop, &Answer::products(&found));
    };
    let later = request.clone();
    find(event_loop, request, id, move |event_loop, product| {
        found.push(product);
        find_next(event_loop, &later, first, found);
    });
}

/// The row of this id, for a request that has a connection.
fn find<L: EventLoop>(
    event_loop: &mut L,
    request: &Request<L>,
    id: u32,
    on_found: impl FnOnce(&mut L, Product) + 'static,
) {
    let later = request.clone();
    let found = move |event_loop: &mut L, rows: database::Rows| match rows.product() {
        Ok(product) => on_found(event_loop, product),
        Err(error) => later.fail(event_loop, &error.into()),
    };
    request.execute(event_loop, Statement::Product, &[&int4(id)], found);
}

fn insert<L: EventLoop>(event_loop: &mut L, request: &Request<L>, order: Order) {
    let later = request.clone();
    request.with_database(event_loop, move |event_loop| {
        let asking = later.clone();
        asking.transact(event_loop, Transaction::Begin, move |event_loop| {
            insert_order(event_loop, &later, &Rc::new(order));
        });
    });
}

fn insert_order<L: EventLoop>(event_loop: &mut L, request: &Request<L>, order: &Rc<Order>) {
    let (later, written) = (request.clone(), Rc::clone(order));
    let columns = OrderColumns::from(&**order);
    let parameters: [&dyn database::ToSql; 2] = [&columns.customer_id, &columns.total_cents];
    let inserted = move |event_loop: &mut L, rows: database::Rows| match rows.order_id() {
        Ok(id) => insert_items(event_loop, &later, &written, id),
        Err(error) => later.fail(event_loop, &error.into()),
    };
    request.execute(event_loop, Statement::Order, &parameters, inserted);
}

fn insert_items<L: EventLoop>(
    event_loop: &mut L,
    request: &Request<L>,
    order: &Rc<Order>,
    id: i64,
) {
    let (later, written) = (request.clone(), Rc::clone(order));
    let columns = OrderColumns::from(&**order);
    let parameters: [&dyn database::ToSql; 4] = [
        &id,
        &columns.skus,
        &columns.quantities,
        &columns.unit_prices_cents,
    ];
    let inserted = move |event_loop: &mut L, _| {
        let asking = later.clone();
        asking.transact(event_loop, Transaction::Commit, move |event_loop| {
            later.put_back(event_loop);
            later.answer(event_loop, &Answer::order(&written));
        });
    };
    request.execute(event_loop, Statement::Items, &parameters, inserted);
}

fn cached<L: EventLoop>(event_loop: &mut L, request: &Request<L>, id: u32) {
    let later = request.clone();
    let get = CacheCommand::Get { id };
    request.ask_cache(event_loop, get, move |event_loop, has| match has {
        Some(body) => later.answer(event_loop, &Answer::cached(body)),
        None => find_and_store(event_loop, &later, id),
    });
}

fn find_and_store<L: EventLoop>(event_loop: &mut L, request: &Request<L>, id: u32) {
    let later = request.clone();
    find_alone(event_loop, request, id, move |event_loop, product| {
        let answer = Answer::product(&product);
        let (asking, body) = (later.clone(), answer.body.clone());
        let set = CacheCommand::Set { id, body: &body };
        asking.ask_cache(event_loop, set, move |event_loop, _| {
            later.answer(event_loop, &answer);
        });
    });
}

/// The row of this id, on a connection for it alone.
fn find_alone<L: EventLoop>(
    event_loop: &mut L,
    request: &Request<L>,
    id: u32,
    on_found: impl FnOnce(&mut L, Product) + 'static,
) {
    let later = request.clone();
    request.with_database(event_loop, move |event_loop| {
        find(
            event_loop,
            &later.clone(),
            id,
            move |event_loop, product| {
                later.put_back(event_loop);
                on_found(event_loop, product);
            },
        );
    });
}

fn int4(id: u32) -> i32 {
    i32::try_from(id).expect("ids are bounded")
}
