//! Renderings of finished results: text for people, JSON for programs. Nothing is computed here and
//! nothing is read: plain data in, bytes into an `impl Write` out.

pub mod batch_text;
pub mod blame_text;
pub mod check_text;
pub mod diff_rows_text;
pub mod diff_text;
pub mod escape;
pub mod goroutines_text;
pub mod info_text;
pub mod json;
pub mod junit;
pub mod list_text;
pub mod rules_text;
pub mod sarif;
pub mod show_text;
pub mod stack_text;
pub mod style;
pub(crate) mod table;
pub mod triage_text;
pub mod when;
