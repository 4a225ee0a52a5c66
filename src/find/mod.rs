//! Where the maps are: from the roots through typed memory, each with the way it was found.

pub mod closure;
pub mod found;
pub mod path;
pub mod plan;
pub mod trace;
mod visited;
