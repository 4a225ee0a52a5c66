//! The whole way once: from paths to results, as every command wants them.

pub mod error;
pub mod exit;
pub mod inputs;
mod judge;
mod owners;
pub mod redact;
pub mod request;
pub mod result;
pub mod row;
pub mod run;
pub mod session;
pub mod show;
