//! Formulas with their sources: intervals and tests. Pure.
