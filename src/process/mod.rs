//! The dead process as memory, threads and identity: core bytes first, read-only file pages second.

pub mod cpu;
pub mod environ;
pub mod image;
pub mod memory;
pub mod notes;
pub mod threads;
