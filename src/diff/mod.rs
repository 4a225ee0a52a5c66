//! What happened between two dumps: maps are paired, and each pair is compared.

pub mod load;
pub mod side;
