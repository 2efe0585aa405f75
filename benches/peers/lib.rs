//! The signers that are compared, once for wall time and once for allocations.

pub mod sign;
