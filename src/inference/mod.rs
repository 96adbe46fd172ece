//! Models: directories, cards, tokenizers, encoders, TF-IDF, and the one thread that runs them.

pub mod classifier;
pub mod render;
