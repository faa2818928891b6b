//! The products that the database has.
//!
//! Knows a product as JSON and which rows a route asks for. Must never know how a database is asked.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

/// Products that the database has, with ids from 1.
pub const MAX_PRODUCT_ID: u32 = 10_000;
/// How many rows `/db/products` and `/db/queries` answer with.
pub const PRODUCTS_LISTED: u32 = 20;
/// How far the ids of two rows of `/db/queries` are apart: a prime, so that they lie on pages of their own.
const QUERIED_STEP: u32 = 487;

/// A row of the table `products`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Product {
    /// Its key.
    pub id: i32,
    /// What it is called.
    pub name: String,
    /// What it costs, in cents.
    pub price_cents: i32,
}

impl Product {
    /// The row of this id (1 to [`MAX_PRODUCT_ID`]) as a run seeds it.
    pub fn seeded(id: u32) -> Self {
        let signed = |number: u32| i32::try_from(number).expect("ids are bounded");
        Self {
            id: signed(id),
            name: format!("product {id}"),
            price_cents: signed(100 + id * 37 % 9_900),
        }
    }
}

/// The ids of the rows that `/db/queries/{id}` answers with, in order.
pub fn queried_ids(id: u32) -> impl Iterator<Item = u32> {
    (0..PRODUCTS_LISTED).map(move |i| (id - 1 + i * QUERIED_STEP) % MAX_PRODUCT_ID + 1)
}

/// What the cache knows a product by.
pub fn cache_key(id: u32) -> String {
    format!("product:{id}")
}

pub(crate) fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("numbers and names can be written as JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_that_are_asked_for_exist() {
        for id in 1..=MAX_PRODUCT_ID {
            let ids: Vec<u32> = queried_ids(id).collect();
            assert_eq!((ids[0], ids.len()), (id, PRODUCTS_LISTED as usize));
            assert!(ids.iter().all(|id| (1..=MAX_PRODUCT_ID).contains(id)));
        }
        let ids: Vec<u32> = queried_ids(9_999).take(3).collect();
        assert_eq!(ids, [9_999, 486, 973]);
    }
}
