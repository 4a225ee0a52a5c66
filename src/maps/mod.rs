//! Every map in one neutral shape: layouts bound once, headers and storage read into images.

mod classic;
pub(crate) mod equal;
mod extras;
pub(crate) mod glance;
mod headers;
mod heaptypes;
pub mod image;
pub(crate) mod keys;
pub mod layout;
pub mod reader;
mod refplan;
mod refs;
mod storage;
mod swiss;
pub mod syncmap;
mod synctrie;
pub mod value;
