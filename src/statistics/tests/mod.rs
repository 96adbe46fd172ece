//! Tests that need more than one file of the module.

pub(crate) mod cases;
mod crossing;
mod reference;
