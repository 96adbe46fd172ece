//! Is it better than what we had, why does it fail, and what comes next? Test sets, scores, comparisons, failures,
//! diagnosis, reports. Pure: files are read and models are asked elsewhere.
//!
//! | question | file |
//! | --- | --- |
//! | which sets of tickets, and do they overlap? | `data` |
//! | which tickets, and what are they? | `test_set`, `facet`, `message` |
//! | who answered what? | `answer`, `linear` (TF-IDF, trained here) |
//! | how good is each alone? | `score`, `cost`, `value`, `mix` (the live mix) |
//! | is one better than another? | `compare` |
//! | do its probabilities mean what they say? | `trust` |
//! | where do people stand? | `humans` |
//! | where does it fail? | `failures`, `scan`, `words`, `surprises` |
//! | what comes next? | `composition`, `diagnosis` |
//! | which threshold? | `plan` |
//! | what was tried? | `ledger`, `lineage` |
//! | does it hold? | `requirement` |
//! | what is said of all this? | `report`, `document` |

pub mod answer;
pub mod compare;
pub mod composition;
pub mod cost;
pub mod data;
pub mod diagnosis;
pub mod document;
pub mod facet;
pub mod failures;
pub mod humans;
pub mod ledger;
pub mod lineage;
pub mod linear;
pub mod message;
pub mod mix;
pub mod plan;
pub mod report;
pub mod requirement;
pub mod scan;
pub mod score;
pub mod surprises;
pub mod test_set;
pub mod trust;
pub mod value;
pub mod words;

#[cfg(test)]
pub mod tests;
