//! Formulas with their sources: intervals, evidence that may be looked at at any time, calibration, agreement,
//! comparison, drift, forecasts. Pure: randomness is an argument.
//!
//! | question | file |
//! | --- | --- |
//! | where does a rate lie? | `wilson` for display, `clopper_pearson` as a guarantee, `anytime` when looked at again and again |
//! | has an action earned its stage? | `tally`, `e_process`, `level` |
//! | has it become worse? | `detector` |
//! | what is missing, and for how long? | `forecast` |
//! | which confidence is enough? | `threshold` |
//! | do probabilities mean what they say? | `calibration`, `reliability`; the remedy, `temperature` |
//! | do people agree, and the model with them? | `confusion` (kappas), `krippendorff` |
//! | is one model better than another? | `sign_test`, `swap_test`, `sample_size`; intervals by `bootstrap` |
//! | has the traffic changed? | `drift`; one share beside another, `rate_ratio` |
//! | which slices stand out? | `fisher`, `false_discovery` |
//! | what would others have done? | `mann_whitney` |
//!
//! `binomial`, `gamma`, `normal`, `root` and `random` are what these stand on.

pub mod anytime;
pub mod binomial;
pub mod bootstrap;
pub mod calibration;
pub mod clopper_pearson;
pub mod confusion;
pub mod detector;
pub mod drift;
pub mod e_process;
pub mod false_discovery;
pub mod fisher;
pub mod forecast;
pub mod gamma;
pub mod krippendorff;
pub mod level;
pub mod mann_whitney;
pub mod normal;
pub mod random;
pub mod rate_ratio;
pub mod reliability;
mod root;
pub mod sample_size;
pub mod sign_test;
pub mod swap_test;
pub mod tally;
pub mod temperature;
pub mod threshold;
pub mod wilson;

#[cfg(test)]
pub(crate) mod tests;
