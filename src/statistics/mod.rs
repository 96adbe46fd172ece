//! Formulas with their sources: intervals and tests. Pure.

pub mod sign_test;
pub mod wilson;
