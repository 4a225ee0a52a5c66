//! Where the maps are: from the roots through typed memory, and by a sweep for what no type leads to;
//! each with every way it was found.

mod blocks;
pub mod closure;
mod entries;
mod extent;
pub mod fold_path;
pub mod found;
pub(crate) mod guard;
mod guess;
mod headers;
mod holder;
mod known;
pub mod mapset;
mod mark;
mod marks;
pub mod nodes;
pub mod owner;
pub mod path;
pub mod plan;
pub mod search;
mod specials;
mod stacks;
mod sudogs;
mod sweep;
mod trace;
pub(crate) mod variable;
mod visited;
