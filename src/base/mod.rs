//! Words every room shares. This room reads nothing: addresses, byte order, faults, limits and sizes.

pub mod addr;
pub mod bytes;
pub mod dense;
pub mod digits;
pub mod fault;
pub mod home;
pub mod limits;
pub mod parts;
pub mod progress;
pub(crate) mod recent;
pub mod size;
