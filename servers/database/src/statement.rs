//! The statements, and an order as they take it.

use postgres_types::Type;
use spec::Order;

/// A statement that every connection prepares when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statement {
    /// The row of an id (int4): a product's columns.
    Product,
    /// [`spec::PRODUCTS_LISTED`] rows from an id (int4) on: products' columns.
    Products,
    /// Writes an order of a customer (int8) and a sum (int8): its id, int8.
    Order,
    /// Writes the items of an order (int8): skus (text[]), quantities (int4[]), prices (int4[]). No rows.
    Items,
}

impl Statement {
    /// All, in the order in which they are prepared: the place of each is its number.
    pub const ALL: [Self; 4] = [Self::Product, Self::Products, Self::Order, Self::Items];

    /// What is prepared.
    pub fn sql(self) -> &'static str {
        match self {
            Self::Product => "SELECT id, name, price_cents FROM products WHERE id = $1",
            Self::Products => {
                "SELECT id, name, price_cents FROM products WHERE id >= $1 ORDER BY id LIMIT 20"
            }
            Self::Order => {
                "INSERT INTO orders (customer_id, total_cents) VALUES ($1, $2) RETURNING id"
            }
            Self::Items => {
                "INSERT INTO order_items (order_id, sku, quantity, unit_price_cents) \
                 SELECT $1::int8, item.* FROM unnest($2::text[], $3::int4[], $4::int4[]) AS item"
            }
        }
    }

    /// What it is prepared as.
    pub(crate) fn name(self) -> &'static str {
        ["product", "products", "order", "items"][self as usize]
    }

    /// The types of its parameters.
    pub(crate) fn types(self) -> &'static [Type] {
        match self {
            Self::Product | Self::Products => &[Type::INT4],
            Self::Order => &[Type::INT8, Type::INT8],
            Self::Items => &[
                Type::INT8,
                Type::TEXT_ARRAY,
                Type::INT4_ARRAY,
                Type::INT4_ARRAY,
            ],
        }
    }
}

/// An order as the statements take it; of its items, a list of each column's values.
#[derive(Debug)]
pub struct OrderColumns<'a> {
    /// Who orders.
    pub customer_id: i64,
    /// The sum of all items.
    pub total_cents: i64,
    /// What names each product.
    pub skus: Vec<&'a str>,
    /// How many of each.
    pub quantities: Vec<i32>,
    /// What one of each costs.
    pub unit_prices_cents: Vec<i32>,
}

impl<'a> From<&'a Order> for OrderColumns<'a> {
    fn from(order: &'a Order) -> Self {
        let int8 = |number: u64| i64::try_from(number).expect("an order's numbers are bounded");
        let int4 = |number: u32| i32::try_from(number).expect("an item's numbers are bounded");
        Self {
            customer_id: int8(order.customer_id()),
            total_cents: int8(order.total_cents()),
            skus: order.items().map(spec::Item::sku).collect(),
            quantities: order.items().map(|item| int4(item.quantity())).collect(),
            unit_prices_cents: order
                .items()
                .map(|item| int4(item.unit_price_cents()))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use spec::PRODUCTS_LISTED;

    use super::*;

    #[test]
    fn a_statement_stands_at_its_number_and_names_its_parameters() {
        for (number, statement) in Statement::ALL.into_iter().enumerate() {
            assert_eq!(statement as usize, number);
            for place in 1..=5 {
                let is_there = statement.sql().contains(&format!("${place}"));
                assert_eq!(is_there, place <= statement.types().len(), "{statement:?}");
            }
        }
        let limit = format!("LIMIT {PRODUCTS_LISTED}");
        assert!(Statement::Products.sql().ends_with(&limit));
    }
}
