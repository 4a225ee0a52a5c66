//! Entries as they go into a snapshot: digests, and texts if everything is to be in clear.
//! In: keys and elems of the process. Out: text.

use crate::base::addr::Addr;
use crate::maps::image::EntryRef;
use crate::maps::image::SlotLayout;
use crate::maps::syncmap::SyncMapImage;
use crate::schema::safe::write_jsonl;
use crate::snapshot::image::Rendered;
use crate::snapshot::line::EntryOut;
use crate::snapshot::line::SlotsLine;
use crate::snapshot::line::Tag;
use crate::snapshot::line::kind;
use crate::survey::redact::Redactor;
use crate::survey::redact::long_digest;
use crate::types::graph::TypeId;
use std::borrow::Cow;
use std::io;
use std::io::Write;

/// Bytes of a key or elem in clear.
const TEXT: usize = 200;
/// Entries of a `sync.Map` on one line.
const AT_ONCE: usize = 8;
/// What stands for the place of an entry that has none: those of a `sync.Map`.
pub const NO_PART: &str = "entries";

/// A key or elem, shown.
#[derive(Default)]
struct Half {
    digest: Option<String>,
    text: Option<String>,
    addresses: bool,
}

/// Shows entries.
pub struct Shower<'s, 'r, 'v, 'a> {
    /// Makes digests and texts.
    pub redactor: &'s Redactor<'r, 'v, 'a>,
    /// In clear too.
    pub clear: bool,
    /// Room to work in.
    room: Vec<u8>,
}

impl<'s, 'r, 'v, 'a> Shower<'s, 'r, 'v, 'a> {
    /// With room of its own.
    pub fn new(redactor: &'s Redactor<'r, 'v, 'a>, clear: bool) -> Self {
        Shower {
            redactor,
            clear,
            room: Vec::new(),
        }
    }

    /// An entry of a map.
    pub fn entry(&mut self, slots: &SlotLayout, e: &EntryRef<'_>) -> Rendered {
        let key = self.half(slots.key, e.key, slots.indirect_key);
        let elem = self.half(slots.elem, e.elem, slots.indirect_elem);
        Rendered {
            key: key.digest,
            elem: elem.digest,
            key_text: key.text,
            elem_text: elem.text,
            key_addresses: key.addresses,
            elem_addresses: elem.addresses,
        }
    }

    fn half(&mut self, ty: TypeId, stored: &[u8], indirect: bool) -> Half {
        let digest = self
            .redactor
            .digest_of(ty, stored, indirect, &mut self.room)
            .ok();
        let text = self
            .clear
            .then(|| self.redactor.text_of(ty, stored, indirect, TEXT));
        Half {
            digest: digest.as_ref().map(long_digest),
            text: text.flatten(),
            addresses: digest.is_some_and(|d| d.addresses),
        }
    }

    fn any(&mut self, at: Addr) -> Half {
        let mem = self.redactor.values.program.mem;
        let stored = mem.bytes(at, mem.abi.word().saturating_mul(2));
        match (self.redactor.any(), stored) {
            (Some(ty), Ok(stored)) => self.half(ty, &stored, false),
            _ => Half::default(),
        }
    }

    /// Writes the entries of a `sync.Map`, some on a line. Returns how many.
    /// # Errors
    /// What `out` says.
    pub fn write_sync(
        &mut self,
        map: Addr,
        image: &SyncMapImage,
        out: &mut dyn Write,
    ) -> io::Result<u64> {
        for chunk in image.entries.chunks(AT_ONCE) {
            let (schema, line) = Tag::of(kind::SLOTS);
            let mut entries = Vec::with_capacity(AT_ONCE);
            for (slot, (key, elem)) in (0u8..).zip(chunk) {
                let (key, elem) = (self.any(*key), self.any(*elem));
                entries.push(EntryOut {
                    slot,
                    key: key.digest.map(Cow::Owned),
                    elem: elem.digest.map(Cow::Owned),
                    key_text: key.text.map(Cow::Owned),
                    elem_text: elem.text.map(Cow::Owned),
                    key_addresses: key.addresses,
                    elem_addresses: elem.addresses,
                    ..EntryOut::default()
                });
            }
            let line = SlotsLine {
                schema,
                line,
                map: map.to_string().into(),
                part: NO_PART.into(),
                entries,
                ..SlotsLine::default()
            };
            write_jsonl(out, &line)?;
        }
        Ok(image.entries.len() as u64)
    }
}
