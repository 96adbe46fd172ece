//! Models: directories, cards, tokenizers, encoders, TF-IDF, and the one thread that runs them.
//!
//! [`model::load`] turns a directory into a [`classifier::Classifier`]; [`engine::Engine`] runs several of them on one
//! thread. Everything else here serves these two. Absent on purpose: Kafka, policy, and any file outside a directory.

pub mod batch;
pub mod bisect;
pub mod calibration;
pub mod card;
pub mod chat;
pub mod checkpoint;
pub mod classifier;
pub mod device;
pub mod encoder;
pub mod engine;
pub mod fault;
pub mod files;
pub mod header;
pub mod linear;
pub mod model;
pub mod packed;
pub mod padded;
pub mod probes;
pub mod registry;
pub mod render;
pub mod scorer;
pub mod settings;
pub mod tensors;
pub mod threads;
pub mod ticket_line;
pub mod tokens;
#[doc(hidden)]
pub mod zero;
