//! Keys and elems as they may be shown: not at all, as keyed digests, or in clear.
//! In: values of the process and a mode. Out: text.

use crate::base::addr::Addr;
use crate::base::fault::Fault;
use crate::base::limits::MAX_KEY_TEXT;
use crate::maps::value::Values;
use crate::process::notes::AT_RANDOM;
use crate::process::notes::Notes;
use crate::process::threads::Thread;
use crate::survey::request::ValueMode;
use crate::types::graph::TypeId;

/// Bytes of the 16 that the kernel leaves for a process's own random numbers (`AT_RANDOM`).
const RANDOM_BYTES: u64 = 16;
/// Hex digits of a digest that are shown.
const DIGITS: usize = 12;

/// Shows values.
#[derive(Clone, Copy, Debug)]
pub struct Redactor<'r, 'v, 'a> {
    /// Reads values.
    pub values: &'r Values<'v, 'a>,
    /// How they are shown.
    pub mode: ValueMode,
    /// The key of the digests.
    pub key: [u8; 32],
}

impl Redactor<'_, '_, '_> {
    /// A value whose bytes are at hand.
    pub fn show(&self, ty: TypeId, bytes: &[u8], limit: usize) -> String {
        match self.mode {
            ValueMode::None => "…".into(),
            ValueMode::Clear => self.values.text(ty, bytes, limit),
            ValueMode::Digest => self
                .digest(ty, bytes)
                .unwrap_or_else(|f| format!("#? ({})", f.why)),
        }
    }

    /// A value at an address, as a key in an owner path.
    pub fn show_at(&self, ty: TypeId, addr: Addr) -> String {
        if self.mode == ValueMode::None {
            return "…".into();
        }
        let size = self.values.program.graph.get(ty).size;
        if size == 0 {
            return self.show(ty, &[], MAX_KEY_TEXT);
        }
        match self.values.program.mem.bytes(addr, size) {
            Ok(bytes) => self.show(ty, &bytes, MAX_KEY_TEXT),
            Err(f) => format!("? ({})", f.why),
        }
    }

    fn digest(&self, ty: TypeId, bytes: &[u8]) -> Result<String, Fault> {
        let mut canon = Vec::new();
        self.values.canon(ty, bytes, &mut canon)?;
        let hex = blake3::keyed_hash(&self.key, &canon).to_hex();
        Ok(format!("#{}", hex.get(..DIGITS).unwrap_or_default()))
    }
}

/// A digest key made of secrets inside the core: the process's random bytes, its hash keys, its
/// registers. The same core gives the same key, and without the core it cannot be guessed.
pub fn derived_key(values: &Values<'_, '_>, notes: &Notes, threads: &[Thread]) -> [u8; 32] {
    let program = &values.program;
    let mut hasher =
        blake3::Hasher::new_derive_key("badmap 1 redaction digest key from a core file");
    if let Some(at) = notes.aux(AT_RANDOM)
        && let Ok(bytes) = program.mem.bytes(Addr(at), RANDOM_BYTES)
    {
        hasher.update(&bytes);
    }
    let names = [
        "runtime.aeskeysched",
        "internal/runtime/maps.aeskeysched",
        "runtime.hashkey",
        "internal/runtime/maps.hashkey",
    ];
    for view in names.iter().filter_map(|n| program.variable(n)) {
        if let Ok(bytes) = program.mem.bytes(view.addr, view.kind().size) {
            hasher.update(&bytes);
        }
    }
    for word in threads.iter().flat_map(|t| &t.regs) {
        hasher.update(&word.to_le_bytes());
    }
    *hasher.finalize().as_bytes()
}
