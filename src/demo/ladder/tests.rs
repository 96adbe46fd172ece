//! The ladder with a model that is as good as it is told to be.
