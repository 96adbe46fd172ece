//! Files in, findings out: what models are trained on and judged by. Pure.

pub mod data;
