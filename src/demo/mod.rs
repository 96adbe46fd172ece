//! A simulated desk on librdkafka's built-in mock broker.

pub mod desk;
