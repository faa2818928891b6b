//! What the routes do, as data: the same steps and bytes for every Rust server
