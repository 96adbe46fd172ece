//! Formulas with their sources: intervals, evidence that may be looked at at any time, calibration, agreement,
//! comparison, drift, forecasts. Pure: randomness is an argument.
//!
//! | question | file |
//! | --- | --- |
//! | where does a rate lie? | `wilson` for display, `clopper_pearson` as a guarantee, `anytime` when looked at again and again |
//! | has an action earned its stage? | `tally`, `e_process`, `level` |
//! | has it become worse? | `detector` |
//!
//! `binomial`, `gamma`, `normal` and `random` are what these stand on.

pub mod anytime;
pub mod binomial;
pub mod clopper_pearson;
pub mod detector;
pub mod e_process;
pub mod gamma;
pub mod level;
pub mod normal;
pub mod random;
pub mod sign_test;
pub mod tally;
pub mod wilson;

#[cfg(test)]
mod tests;
