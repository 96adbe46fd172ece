//! What is shared with the tests.
#![allow(dead_code, reason = "no binary uses all of it")]

#[path = "../../tests/it/kafka/broker.rs"]
pub(crate) mod broker;
#[path = "../../tests/it/kafka/checker.rs"]
pub(crate) mod checker;
#[path = "../../tests/support/proxy.rs"]
pub(crate) mod proxy;
#[path = "../../tests/it/kafka/tickets.rs"]
pub(crate) mod tickets;
