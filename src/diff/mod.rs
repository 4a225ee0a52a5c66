//! What happened between two dumps: maps are paired, and each pair is compared.

pub mod change;
pub mod compare;
pub mod dump;
pub mod entries;
pub mod load;
pub mod pair;
pub mod result;
pub mod row;
mod same;
#[cfg(test)]
pub(crate) mod samples;
pub mod side;
pub mod sums;
