//! badmap proves or refutes the soundness of every map in a dead Go process.
//!
//! The rooms, in the order the data flows; a room uses itself and the rooms above it.
//! (The empty lines keep rustfmt from sorting them.)

/// Words every room shares: addresses, bytes, faults, limits.
pub mod base;

/// A path becomes bytes with named parts.
pub mod file;

/// The dead process as memory and threads.
pub mod process;

/// The type graph, without a word of DWARF.
pub mod types;

/// Fills the type graph from DWARF, finds variables.
pub mod dwarf;

/// What is known of Go's runtime.
pub mod runtime;

/// Go's key hashes, done again.
pub mod hash;

/// Every map as a neutral image.
pub mod maps;

/// Where the maps are, and who owns them.
pub mod find;

/// The rules.
pub mod check;

/// What broke a map.
pub mod cause;

/// How the process ended.
pub mod crash;

/// The whole way once: from paths to results.
pub mod survey;

/// Schema `badmap/1`: what JSON documents and snapshots have in common.
pub mod schema;

/// A small file that stands for a core.
pub mod snapshot;

/// What happened between two dumps.
pub mod diff;

/// Many cores: each in a process of its own, one line for each.
pub mod batch;

/// Results as text and JSON.
pub mod report;

/// The command line.
pub mod cli;
