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

/// The digest of a key or elem.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ValueDigest {
    /// All of it.
    pub bytes: [u8; 32],
    /// It is made of addresses too: of pointers, slices, maps, channels or functions.
    pub addresses: bool,
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

    /// A value at an address, as a key in an owner path. One that is cut short is followed by its digest, so that no
    /// two ways look alike.
    pub fn show_at(&self, ty: TypeId, addr: Addr) -> String {
        if self.mode == ValueMode::None {
            return "…".into();
        }
        let size = self.values.program.graph.get(ty).size;
        if size == 0 {
            return self.show(ty, &[], MAX_KEY_TEXT);
        }
        match self.values.program.mem.bytes(addr, size) {
            Ok(bytes) => {
                let mut text = self.show(ty, &bytes, MAX_KEY_TEXT);
                if text.contains('…') {
                    text.push_str(&self.digest(ty, &bytes).unwrap_or_default());
                }
                text
            }
            Err(f) => format!("? ({})", f.why),
        }
    }

    fn digest(&self, ty: TypeId, bytes: &[u8]) -> Result<String, Fault> {
        let mut canon = Vec::new();
        self.values.canon(ty, bytes, &mut canon)?;
        let mut text = long_digest(&ValueDigest {
            bytes: self.digest_of_canon(&canon),
            addresses: false,
        });
        text.truncate(DIGITS.saturating_add(1));
        Ok(text)
    }

    /// The whole digest of a key or elem as a slot stores it: `indirect`, a pointer to the value. `canon` is room to
    /// work in.
    /// # Errors
    /// `Fault` when something it refers to cannot be had.
    pub fn digest_of(
        &self,
        ty: TypeId,
        stored: &[u8],
        indirect: bool,
        canon: &mut Vec<u8>,
    ) -> Result<ValueDigest, Fault> {
        let addresses = self.canon_of(ty, stored, indirect, canon)?;
        Ok(ValueDigest {
            bytes: self.digest_of_canon(canon),
            addresses,
        })
    }

    /// The canonical form of a key or elem as a slot stores it; whether it is made of addresses.
    /// # Errors
    /// `Fault` when something it refers to cannot be had.
    pub(crate) fn canon_of(
        &self,
        ty: TypeId,
        stored: &[u8],
        indirect: bool,
        canon: &mut Vec<u8>,
    ) -> Result<bool, Fault> {
        canon.clear();
        if !indirect {
            return self.values.canon(ty, stored, canon);
        }
        let mem = self.values.program.mem;
        let at = Addr(mem.abi.uptr(stored, 0).unwrap_or(0));
        let bytes = mem.bytes(at, self.values.program.graph.get(ty).size)?;
        self.values.canon(ty, &bytes, canon)
    }

    /// The whole digest of a canonical form.
    pub(crate) fn digest_of_canon(&self, canon: &[u8]) -> [u8; 32] {
        *blake3::keyed_hash(&self.key, canon).as_bytes()
    }
}

impl Redactor<'_, '_, '_> {
    /// A key or elem as a slot stores it, in clear whatever the mode; `None` when it cannot be had.
    pub fn text_of(
        &self,
        ty: TypeId,
        stored: &[u8],
        indirect: bool,
        limit: usize,
    ) -> Option<String> {
        if !indirect {
            return Some(self.values.text(ty, stored, limit));
        }
        let mem = self.values.program.mem;
        let at = Addr(mem.abi.uptr(stored, 0)?);
        let bytes = mem.bytes(at, self.values.program.graph.get(ty).size).ok()?;
        Some(self.values.text(ty, &bytes, limit))
    }

    /// The type `any`, if the program has it.
    pub fn any(&self) -> Option<TypeId> {
        self.values.program.type_named("interface {}")
    }

    /// The `any` at an address, as a `sync.Map` holds them: its type and its two words; `None` when it cannot be had.
    pub(crate) fn any_at(&self, at: Addr) -> Option<(TypeId, Vec<u8>)> {
        let mem = self.values.program.mem;
        let stored = mem.bytes(at, mem.abi.word().saturating_mul(2)).ok()?;
        Some((self.any()?, stored.to_vec()))
    }
}

/// The digest of a value as snapshots have it: `#` and the first 8 bytes in hex. Those of `show` are the first
/// 6 bytes of the same.
pub fn long_digest(digest: &ValueDigest) -> String {
    let bytes = digest.bytes.first_chunk::<8>().copied().unwrap_or_default();
    format!("#{:016x}", u64::from_be_bytes(bytes))
}

/// Names a digest key without giving it away.
pub fn key_id(key: &[u8; 32]) -> String {
    let hex = blake3::keyed_hash(key, b"badmap 1 id of a digest key").to_hex();
    hex.get(..16).unwrap_or_default().to_owned()
}

/// A digest key made of secrets inside the core: the process's random bytes and its hash keys. All dumps of
/// one process give the same key, and without a core of it the key cannot be guessed.
pub fn derived_key(values: &Values<'_, '_>, notes: &Notes, threads: &[Thread]) -> [u8; 32] {
    const CONTEXT: &str = "badmap 1 redaction digest key from a core file";
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    if !feed_secrets(values, notes, &mut hasher) {
        // Little of the core is there. What the threads were doing is better than nothing.
        for word in threads.iter().flat_map(|t| &t.regs) {
            hasher.update(&word.to_le_bytes());
        }
    }
    *hasher.finalize().as_bytes()
}

/// A name that all dumps of one process share, and nothing else; it says nothing of what it is made of. `None`
/// where the core does not hold what it takes.
pub fn process_identity(values: &Values<'_, '_>, notes: &Notes) -> Option<String> {
    let mut hasher = blake3::Hasher::new_derive_key("badmap 1 identity of a process");
    let fed = feed_secrets(values, notes, &mut hasher);
    fed.then(|| {
        hasher
            .finalize()
            .to_hex()
            .get(..32)
            .unwrap_or_default()
            .to_owned()
    })
}

/// Feeds what a process draws at random when it starts and keeps to its end; whether there was any of it.
/// The bytes at `AT_RANDOM` do not count where they are zero: Go from 1.22 wipes them at the start.
/// Source: `runtime/rand.go`, `randinit`, from go1.22; `runtime/alg.go`, `alginit`.
fn feed_secrets(values: &Values<'_, '_>, notes: &Notes, hasher: &mut blake3::Hasher) -> bool {
    let program = &values.program;
    let mut fed = false;
    let mut feed = |bytes: &[u8]| {
        if bytes.iter().any(|b| *b != 0) {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
            fed = true;
        }
    };
    if let Some(at) = notes.aux(AT_RANDOM)
        && let Ok(bytes) = program.mem.bytes(Addr(at), RANDOM_BYTES)
    {
        feed(&bytes);
    }
    let names = [
        "runtime.aeskeysched",
        "internal/runtime/maps.aeskeysched",
        "runtime.hashkey",
        "internal/runtime/maps.hashkey",
    ];
    for view in names.iter().filter_map(|n| program.variable(n)) {
        if let Ok(bytes) = program.mem.bytes(view.addr, view.kind().size) {
            feed(&bytes);
        }
    }
    fed
}
