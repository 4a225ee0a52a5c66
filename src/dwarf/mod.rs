//! Fills the type graph from the binary's DWARF and finds its variables and locals. The only user of gimli.

pub mod build;
pub mod closures;
pub mod error;
pub mod index;
pub mod locals;
mod location;
pub mod sections;
