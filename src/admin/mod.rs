//! What the outside may ask: metrics, health and status over HTTP on loopback, reading only; and a halt of this instance
//! through a Unix socket.

pub mod accuracy;
pub mod board;
pub mod gates;
pub mod health;
pub mod http;
pub mod rollout;
pub mod socket;
pub mod status;
