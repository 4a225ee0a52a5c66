//! A typed window on memory: an address and the type of what lies there.
//! In: memory and the type graph. Out: fields by Go's names, elements, what pointers lead to, integers.

use crate::base::addr::Addr;
use crate::base::fault::Fault;
use crate::base::fault::Why;
use crate::process::memory::Memory;
use crate::types::graph::Kind;
use crate::types::graph::Type;
use crate::types::graph::TypeGraph;
use crate::types::graph::TypeId;

/// A typed window. A field or element that the type does not have gives `None`; bytes that cannot
/// be had give a `Fault` when they are read.
#[derive(Clone, Copy, Debug)]
pub struct View<'v, 'a> {
    /// The process's memory.
    pub mem: &'v Memory<'a>,
    /// The types.
    pub graph: &'v TypeGraph<'v>,
    /// Where it lies.
    pub addr: Addr,
    /// Its type.
    pub ty: TypeId,
}

impl<'v, 'a> View<'v, 'a> {
    /// The type, aliases followed.
    pub fn kind(&self) -> &'v Type {
        self.graph.get(self.ty)
    }

    /// The field of this name. Fields of embedded structs are found by going there.
    pub fn field(&self, name: &str) -> Option<View<'v, 'a>> {
        let f = self.kind().field(name)?;
        Some(View {
            addr: self.addr.checked_add(f.off)?,
            ty: f.ty,
            ..*self
        })
    }

    /// Field by field along `path`.
    pub fn path(&self, path: &[&str]) -> Option<View<'v, 'a>> {
        path.iter().try_fold(*self, |v, name| v.field(name))
    }

    /// Element `idx` of an array.
    pub fn index(&self, idx: u64) -> Option<View<'v, 'a>> {
        match self.kind().kind {
            Kind::Array { elem, len } if idx < len => Some(View {
                addr: self.addr.element(idx, self.graph.get(elem).size)?,
                ty: elem,
                ..*self
            }),
            _ => None,
        }
    }

    /// What this pointer points to; `None` for pointers to what is not known.
    /// # Errors
    /// `Fault` when the pointer cannot be read, or is nil.
    pub fn deref(&self) -> Result<Option<View<'v, 'a>>, Fault> {
        let Kind::Pointer { elem: Some(elem) } = self.kind().kind else {
            return Ok(None);
        };
        let to = self.mem.read_addr(self.addr)?;
        if to.is_nil() {
            return Err(Fault {
                addr: to,
                size: 0,
                why: Why::Nil,
            });
        }
        Ok(Some(View {
            addr: to,
            ty: elem,
            ..*self
        }))
    }

    /// The word here, whatever its type.
    /// # Errors
    /// `Fault` when it cannot be read; the same below.
    pub fn word(&self) -> Result<u64, Fault> {
        self.mem.read_uptr(self.addr)
    }

    /// The unsigned integer (or bool, or pointer) here, of the size its type has; structs of one
    /// field, such as `atomic.Uint32`, are looked through by the caller.
    pub fn uint(&self) -> Result<u64, Fault> {
        let size = self.kind().size;
        let bytes = self.mem.bytes(self.addr, size)?;
        self.mem.abi.uint(&bytes, 0, size).ok_or(Fault {
            addr: self.addr,
            size,
            why: Why::TooLarge,
        })
    }

    /// The three words of a slice: data, len, cap.
    pub fn slice(&self) -> Result<(Addr, u64, u64), Fault> {
        let word = self.mem.abi.word();
        let bytes = self.mem.bytes(self.addr, word.saturating_mul(3))?;
        let w = |i: u8| {
            self.mem
                .abi
                .uptr(
                    &bytes,
                    usize::from(i).saturating_mul(usize::from(self.mem.abi.ptr_size)),
                )
                .unwrap_or(0)
        };
        Ok((Addr(w(0)), w(1), w(2)))
    }

    /// The bytes of the Go string here, at most `limit` of them.
    pub fn string(&self, limit: u64) -> Result<String, Fault> {
        let word = self.mem.abi.word();
        let data = self.mem.read_addr(self.addr)?;
        let len = self.mem.read_uptr(Addr(self.addr.0.saturating_add(word)))?;
        if len == 0 {
            return Ok(String::new());
        }
        if len > limit {
            return Err(Fault {
                addr: data,
                size: len,
                why: Why::TooLarge,
            });
        }
        Ok(String::from_utf8_lossy(&self.mem.bytes(data, len)?).into_owned())
    }
}
