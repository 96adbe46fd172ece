//! Client options with their why, the poll thread, transactions, faults, topics.
