//! Labelled tickets as sets: which are alike, how they are split, what a training set lacks beside live traffic, and what
//! may be trained on. Takes tickets and returns findings; files, formats and the model's text are others' work.

pub mod groups;
pub mod leakage;
pub mod mix;
pub mod near;
pub mod overlap;
pub mod plan;
pub mod share;
pub mod split;
pub mod strata;
pub mod text;
pub mod training;
pub mod uses;

#[cfg(test)]
mod tests;
