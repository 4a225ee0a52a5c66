//! What is known of Go's runtime, read out of the dead process.

pub mod claims;
pub mod goroutines;
pub mod heap;
pub mod modules;
pub mod program;
pub mod typemeta;
pub mod version;
