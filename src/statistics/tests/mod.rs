//! Tests that need more than one file of the module.

mod crossing;
mod reference;
