//! A small file that stands for a core: written from a survey, read back into the same plain results.

pub mod entries;
pub mod error;
pub mod image;
pub mod judge;
pub mod line;
pub mod load;
pub mod pen;
pub mod plain;
pub mod read;
pub mod rows;
pub mod show;
pub mod write;
