//! A path becomes bytes with named parts: core files through goblin, binaries through object.

pub mod binary;
pub mod corefile;
pub mod error;
pub mod keyfile;
pub mod kind;
pub mod mmap;
pub mod scratch;
pub mod stream;
mod unpack;
