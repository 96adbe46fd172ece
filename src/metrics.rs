//! All metrics in one struct, with closed label sets.
