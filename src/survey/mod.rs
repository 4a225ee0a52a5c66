//! The whole way once: from paths to results, as every command wants them.

pub mod binaries;
mod brief;
mod crash;
pub mod detail;
pub mod ending;
pub mod error;
pub mod exit;
pub mod fold;
mod gaps;
mod hands;
mod hang;
pub mod inputs;
pub mod inspect;
mod judge;
mod judge_all;
pub mod listing;
mod lookup;
mod marking;
mod owners;
mod proof;
pub mod redact;
pub mod request;
pub mod result;
pub mod row;
pub mod run;
#[cfg(test)]
pub(crate) mod samples;
pub mod session;
mod sharing;
pub mod show;
mod stacks;
mod target;
