//! What is known of Go's runtime, read out of the dead process.

pub mod argslots;
pub mod claims;
pub(crate) mod firstmodule;
pub mod funcnames;
pub mod globals;
pub mod goroutines;
pub mod heap;
pub mod known;
pub mod liveslots;
pub mod machine;
pub mod modules;
pub(crate) mod mspan;
pub(crate) mod pageindex;
pub mod pclntab;
pub mod program;
pub(crate) mod ptrbits;
pub mod ptrmask;
pub(crate) mod rip;
pub mod sizeclass;
pub mod spans;
pub(crate) mod spantable;
pub mod specials;
pub(crate) mod typemask;
pub mod typemeta;
pub mod unwind;
pub mod version;
