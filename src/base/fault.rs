//! A read of the dead process that failed.
//! In: an address and a size. Out: a small value that says where, how much and why.

use crate::base::addr::Addr;
use std::fmt;

/// Bytes of the process that cannot be had. Never an error of badmap: it becomes a gap of one map,
/// and a gap makes a verdict *unknown*.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// First address that was asked for.
    pub addr: Addr,
    /// Bytes that were asked for.
    pub size: u64,
    /// Why they cannot be had.
    pub why: Why,
}

/// Why bytes cannot be had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The address is nil.
    Nil,
    /// No mapping of the process holds the address.
    Unmapped,
    /// The process had the memory, but the dump leaves it out (`p_filesz < p_memsz`).
    NotDumped,
    /// The core file should hold the bytes but ends before them.
    Truncated,
    /// A read-only page of a file that badmap was not given (a shared library, or the binary itself).
    OtherFile,
    /// A length or count from the process is beyond what badmap is willing to read.
    TooLarge,
    /// The address and size run over the end of the address space.
    Overflow,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::Nil => "nil pointer",
            Why::Unmapped => "not mapped in the process",
            Why::NotDumped => "not dumped into the core file",
            Why::Truncated => "cut off: the core file ends before it",
            Why::OtherFile => "in a file that was not given",
            Why::TooLarge => "larger than any sane map",
            Why::Overflow => "beyond the address space",
        })
    }
}

impl Why {
    /// Whether the process itself had no such memory, so that following the pointer would have
    /// crashed it. The other reasons are shortcomings of the dump, not of the process.
    pub fn is_the_process(self) -> bool {
        matches!(self, Why::Nil | Why::Unmapped | Why::Overflow)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes at {}: {}", self.size, self.addr, self.why)
    }
}
