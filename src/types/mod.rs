//! Go's types as a graph, and typed windows on the process's memory.

pub mod graph;
pub mod view;
