//! A small file that stands for a core: written from a survey, read back into the same plain results.

pub mod image;
pub mod line;
