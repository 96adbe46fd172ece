//! What the outside may ask: metrics, health and status over HTTP on loopback. Reading only; nothing here changes anything.

pub mod accuracy;
pub mod board;
pub mod health;
pub mod http;
pub mod status;
