//! `/db`: rows as they were seeded, orders that are written, and a read through the cache.

use http1::Method;
use spec::{MAX_LISTED_ID, MAX_PRODUCT_ID};

use crate::cases::orders::{accepted, order, order_with, refusal_of};
use crate::cases::{Asking, Case, Script, alone};
use crate::judge::Expected;
use crate::outcome::Group;
use crate::script::Step;

const ORDERS: &str = "/db/orders";

/// How what is no JSON is answered.
const NOT_JSON: u16 = 400;

/// Requests that wait for the database at once: more than a target has connections to it.
const AT_ONCE: usize = 40;

/// Routes of one number, and the largest that each takes.
const LARGEST: [(&str, u32); 4] = [
    ("/db/product", MAX_PRODUCT_ID),
    ("/db/products", MAX_LISTED_ID),
    ("/db/queries", MAX_PRODUCT_ID),
    ("/db/cached", MAX_PRODUCT_ID),
];

/// What is no number of a row.
const NO_ROWS: [&str; 4] = ["0", "-1", "x", "99999999999999999999"];

impl Asking<'_> {
    pub(super) fn database(&self) -> Vec<Case> {
        [self.rows(), self.no_rows(), self.written_orders()].concat()
    }

    fn rows(&self) -> Vec<Case> {
        let served = |method, target: &str| {
            [
                Step::Send(self.request(method, target)),
                Step::Reply(self.served(method, target)),
            ]
        };
        let targets = LARGEST
            .iter()
            .flat_map(|(route, largest)| [1, 7, 10, *largest].map(|id| format!("{route}/{id}")));
        let mut cases: Vec<Case> = targets
            .map(|target| {
                // Twice: what is missing in the cache is there then.
                let twice = [served(Method::Get, &target), served(Method::Get, &target)];
                alone(Group::Database, format!("GET {target}"), twice.concat())
            })
            .collect();
        for (route, _) in LARGEST {
            let target = format!("{route}/3");
            let steps = [served(Method::Head, &target), served(Method::Get, &target)].concat();
            cases.push(alone(Group::Database, format!("HEAD {target}"), steps));
        }
        let pipelined = (1..=16).map(|id| format!("/db/product/{id}"));
        let sent = pipelined.clone().flat_map(|target| self.get(&target));
        let replies = pipelined.map(|target| Step::Reply(self.served(Method::Get, &target)));
        let steps = std::iter::once(Step::Send(sent.collect())).chain(replies);
        cases.push(alone(
            Group::Database,
            "16 rows pipelined".to_owned(),
            steps.collect(),
        ));
        let at_once = served(Method::Get, "/db/queries/42").to_vec();
        cases.push(Case {
            group: Group::Database,
            name: format!("{AT_ONCE} connections at once"),
            script: Script::AtOnce(AT_ONCE, at_once),
        });
        cases
    }

    fn no_rows(&self) -> Vec<Case> {
        let statuses = self.strictly(&[400], &[400, 404, 422]);
        let beyond = LARGEST.map(|(route, largest)| format!("{route}/{}", largest + 1));
        let no_rows = LARGEST
            .iter()
            .flat_map(|(route, _)| NO_ROWS.map(|id| format!("{route}/{id}")));
        let refused = beyond.into_iter().chain(no_rows).map(|target| {
            let steps = vec![
                Step::Send(self.get(&target)),
                Step::Reply(Expected::statuses(Method::Get, statuses)),
                Step::Send(self.get("/db/product/7")),
                self.next_reply(self.served(Method::Get, "/db/product/7")),
            ];
            alone(Group::Database, format!("GET {target}"), steps)
        });
        let not_taken = LARGEST.iter().map(|(route, _)| {
            let target = format!("{route}/7");
            let steps = vec![
                Step::Send(self.request(Method::Delete, &target)),
                Step::Reply(Expected::not_allowed(Method::Delete, Method::Get)),
            ];
            alone(Group::Database, format!("DELETE {target}"), steps)
        });
        let read = vec![
            Step::Send(self.get(ORDERS)),
            Step::Reply(Expected::not_allowed(Method::Get, Method::Post)),
        ];
        let read = alone(Group::Database, format!("GET {ORDERS}"), read);
        refused.chain(not_taken).chain([read]).collect()
    }

    fn written_orders(&self) -> Vec<Case> {
        let sent = |body: &str| Step::Send(self.post(ORDERS, body.as_bytes()));
        let written = || {
            [
                sent(&order().to_string()),
                Step::Reply(accepted(42, 2, 4_003)),
            ]
        };
        let first = order()["items"][0].clone();
        let hundred = serde_json::Value::from(vec![first; spec::MAX_ITEMS]).to_string();
        let invalid = |field: &str, value: &str| {
            let refusal = Expected::json(Method::Post, 422, vec![refusal_of(field)]);
            let steps = [sent(&order_with(field, value)), Step::Reply(refusal)];
            let steps = [steps, written()].concat();
            alone(Group::Database, format!("an order, {field} wrong"), steps)
        };
        let no_json = [
            sent("{"),
            Step::Reply(Expected::statuses(Method::Post, &[NOT_JSON])),
        ];
        let case = |name: &str, steps: Vec<Step>| alone(Group::Database, name.to_owned(), steps);
        vec![
            case("an order, twice", [written(), written()].concat()),
            case(
                "an order of 100 items",
                vec![
                    sent(&order_with("items", &hundred)),
                    Step::Reply(accepted(42, spec::MAX_ITEMS, 399_800)),
                ],
            ),
            invalid("items.0.quantity", "0"),
            invalid("customer.email", "\"nobody\""),
            case("an order that is no JSON", [no_json, written()].concat()),
            Case {
                group: Group::Database,
                name: format!("orders, {AT_ONCE} connections at once"),
                script: Script::AtOnce(AT_ONCE, written().to_vec()),
            },
        ]
    }
}
