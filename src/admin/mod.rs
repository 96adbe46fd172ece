//! What the outside may ask: metrics and health over HTTP on loopback. Reading only; nothing here changes anything.

pub mod health;
pub mod http;
