//! Values of the process as text, and in one canonical form that digests are made of.
//! In: a type and the value's bytes. Out: text in Go's syntax, or canonical bytes.

use crate::base::addr::Addr;
use crate::base::fault::Fault;
use crate::base::fault::Why;
use crate::base::limits::MAX_CANON;
use crate::base::limits::MAX_TYPE_DEPTH;
use crate::runtime::program::Program;
use crate::runtime::typemeta::TypeMeta;
use crate::types::graph::Kind;
use crate::types::graph::TypeId;
use std::fmt::Write;

/// Bytes of a string that go into a canonical form.
const MAX_STRING: u64 = MAX_CANON as u64;

/// Reads values.
#[derive(Clone, Copy, Debug)]
pub struct Values<'v, 'a> {
    /// The program.
    pub program: Program<'v, 'a>,
    /// Type descriptors, for what interfaces hold.
    pub meta: &'v TypeMeta<'v, 'a>,
}

impl Values<'_, '_> {
    /// Appends the canonical form of the value of type `ty` in `bytes`:
    /// bools, integers, floats and complex numbers as their bytes, least significant first; strings
    /// as their length (8 bytes) and bytes; pointers, channels, functions and maps as the word (8
    /// bytes); slices as data, len, cap (8 bytes each); interfaces as 0, or 1 and the length, name and
    /// value of the dynamic type; arrays and structs as what they consist of, without padding.
    /// Returns whether an address is part of it, other than nil and the data of strings: of another process, such
    /// a value is never the same.
    /// # Errors
    /// `Fault` when something it refers to cannot be had.
    pub fn canon(&self, ty: TypeId, bytes: &[u8], out: &mut Vec<u8>) -> Result<bool, Fault> {
        let mut addresses = false;
        self.canon_at(ty, bytes, out, 0, &mut addresses)?;
        Ok(addresses)
    }

    fn canon_at(
        &self,
        ty: TypeId,
        bytes: &[u8],
        out: &mut Vec<u8>,
        depth: u32,
        addresses: &mut bool,
    ) -> Result<(), Fault> {
        let short = Fault {
            addr: Addr::NIL,
            size: 0,
            why: Why::TooLarge,
        };
        if depth > MAX_TYPE_DEPTH || out.len() > MAX_CANON {
            return Err(short);
        }
        let deeper = depth.saturating_add(1);
        let graph = self.program.graph;
        let abi = self.program.mem.abi;
        let word = usize::from(abi.ptr_size);
        let ty = graph.get(ty);
        if ty.size == 0 && !matches!(ty.kind, Kind::Opaque) {
            return Ok(());
        }
        let at = |i: usize| abi.uptr(bytes, i.saturating_mul(word)).ok_or(short);
        match &ty.kind {
            Kind::Bool | Kind::Int { .. } | Kind::Float => {
                let v = abi.uint(bytes, 0, ty.size).ok_or(short)?;
                let size = usize::try_from(ty.size).map_err(|_| short)?;
                out.extend_from_slice(v.to_le_bytes().get(..size).ok_or(short)?);
            }
            Kind::Complex => {
                let half = ty.size / 2;
                let size = usize::try_from(half).map_err(|_| short)?;
                for off in [0, size] {
                    let v = abi.uint(bytes, off, half).ok_or(short)?;
                    out.extend(v.to_le_bytes().get(..size).ok_or(short)?);
                }
            }
            Kind::String => {
                let (data, len) = (Addr(at(0)?), at(1)?);
                out.extend_from_slice(&len.to_le_bytes());
                if len > 0 {
                    if len > MAX_STRING {
                        return Err(Fault {
                            addr: data,
                            size: len,
                            why: Why::TooLarge,
                        });
                    }
                    out.extend_from_slice(&self.program.mem.bytes(data, len)?);
                }
            }
            Kind::Pointer { .. } | Kind::Func | Kind::Chan { .. } | Kind::Map { .. } => {
                *addresses |= at(0)? != 0;
                out.extend_from_slice(&at(0)?.to_le_bytes())
            }
            Kind::Slice { .. } => {
                *addresses |= at(0)? != 0;
                for i in 0..3 {
                    out.extend(at(i)?.to_le_bytes());
                }
            }
            Kind::Interface { empty } => {
                let first = Addr(at(0)?);
                if first.is_nil() {
                    out.push(0);
                    return Ok(());
                }
                let unknown = Fault {
                    addr: first,
                    size: 0,
                    why: Why::Unmapped,
                };
                let dynamic = self.meta.dynamic(first, *empty).ok_or(unknown)?;
                let name = &graph.declared(dynamic.ty).name;
                out.push(1);
                out.extend((name.len() as u64).to_le_bytes());
                out.extend(name.bytes());
                let size = graph.get(dynamic.ty).size;
                if dynamic.direct {
                    self.canon_at(
                        dynamic.ty,
                        bytes.get(word..).ok_or(short)?,
                        out,
                        deeper,
                        addresses,
                    )?;
                } else if size > 0 {
                    let value = self.program.mem.bytes(Addr(at(1)?), size)?;
                    self.canon_at(dynamic.ty, &value, out, deeper, addresses)?;
                }
            }
            Kind::Array { elem, len } => {
                let stride = usize::try_from(graph.get(*elem).size).map_err(|_| short)?;
                // `[1 << 60]struct{}` is a type like any other, and has no bytes.
                let len = if stride == 0 { 0 } else { *len };
                for i in 0..usize::try_from(len).map_err(|_| short)? {
                    let from = i.checked_mul(stride).ok_or(short)?;
                    self.canon_at(
                        *elem,
                        bytes.get(from..).ok_or(short)?,
                        out,
                        deeper,
                        addresses,
                    )?;
                }
            }
            Kind::Struct { fields } => {
                for f in fields {
                    let from = usize::try_from(f.off).map_err(|_| short)?;
                    self.canon_at(
                        f.ty,
                        bytes.get(from..).ok_or(short)?,
                        out,
                        deeper,
                        addresses,
                    )?;
                }
            }
            Kind::Alias { .. } | Kind::Opaque => {
                let size = usize::try_from(ty.size).map_err(|_| short)?;
                out.extend_from_slice(bytes.get(..size).ok_or(short)?);
            }
        }
        Ok(())
    }

    /// The value as text, in Go's syntax where it has one, at most about `limit` bytes of it.
    pub fn text(&self, ty: TypeId, bytes: &[u8], limit: usize) -> String {
        let mut out = String::new();
        self.text_at(ty, bytes, limit, &mut out, 0);
        if out.len() > limit {
            let cut = (0..=limit)
                .rev()
                .find(|i| out.is_char_boundary(*i))
                .unwrap_or(0);
            out.truncate(cut);
            out.push('…');
        }
        out
    }

    fn text_at(&self, ty: TypeId, bytes: &[u8], limit: usize, out: &mut String, depth: u32) {
        if out.len() > limit || depth > MAX_TYPE_DEPTH {
            return;
        }
        let graph = self.program.graph;
        let abi = self.program.mem.abi;
        let word = usize::from(abi.ptr_size);
        let deeper = depth.saturating_add(1);
        let ty = graph.get(ty);
        if ty.size == 0 {
            out.push_str("{}");
            return;
        }
        let at = |i: usize| abi.uptr(bytes, i.saturating_mul(word)).unwrap_or(0);
        let _ = match &ty.kind {
            Kind::Bool => write!(out, "{}", bytes.first().is_some_and(|b| *b != 0)),
            Kind::Int { signed } => {
                let v = abi.uint(bytes, 0, ty.size).unwrap_or(0);
                if *signed {
                    write!(out, "{}", sign_extend(v, ty.size))
                } else {
                    write!(out, "{v}")
                }
            }
            Kind::Float => write!(
                out,
                "{}",
                float(abi.uint(bytes, 0, ty.size).unwrap_or(0), ty.size)
            ),
            Kind::Complex => {
                let half = ty.size / 2;
                let part = |off| float(abi.uint(bytes, off, half).unwrap_or(0), half);
                write!(
                    out,
                    "({}{}i)",
                    part(0),
                    signed(&part(usize::try_from(half).unwrap_or(0)))
                )
            }
            Kind::String => {
                let (data, len) = (Addr(at(0)), at(1));
                let shown = len.min(limit as u64);
                match self.program.mem.bytes(data, shown) {
                    _ if len == 0 => write!(out, "\"\""),
                    Ok(b) => write!(
                        out,
                        "{:?}{}",
                        String::from_utf8_lossy(&b),
                        if shown < len { "…" } else { "" }
                    ),
                    Err(f) => write!(out, "string({len} bytes, {})", f.why),
                }
            }
            Kind::Pointer { .. } | Kind::Func | Kind::Chan { .. } | Kind::Map { .. }
                if at(0) == 0 =>
            {
                write!(out, "nil")
            }
            Kind::Pointer { .. } | Kind::Func | Kind::Chan { .. } | Kind::Map { .. } => {
                write!(out, "({})({:#x})", ty.name, at(0))
            }
            Kind::Slice { .. } => write!(out, "{}(len {}, {:#x})", ty.name, at(1), at(0)),
            Kind::Interface { empty } => {
                self.interface_text(*empty, bytes, limit, out, deeper);
                Ok(())
            }
            Kind::Array { elem, len } => {
                let stride = usize::try_from(graph.get(*elem).size).unwrap_or(0);
                let parts = (0..*len).map(|i| {
                    (
                        None,
                        *elem,
                        usize::try_from(i)
                            .unwrap_or(usize::MAX)
                            .saturating_mul(stride),
                    )
                });
                self.list_text(parts, bytes, limit, out, deeper);
                Ok(())
            }
            Kind::Struct { fields } => {
                let parts = fields.iter().map(|f| {
                    (
                        Some(&*f.name),
                        f.ty,
                        usize::try_from(f.off).unwrap_or(usize::MAX),
                    )
                });
                self.list_text(parts, bytes, limit, out, deeper);
                Ok(())
            }
            Kind::Alias { .. } | Kind::Opaque => write!(out, "?"),
        };
    }

    fn list_text<'n>(
        &self,
        parts: impl Iterator<Item = (Option<&'n str>, TypeId, usize)>,
        bytes: &[u8],
        limit: usize,
        out: &mut String,
        depth: u32,
    ) {
        out.push('{');
        for (i, (name, ty, off)) in parts.enumerate() {
            if out.len() > limit {
                break;
            }
            if i > 0 {
                out.push(' ');
            }
            if let Some(name) = name {
                out.push_str(name);
                out.push(':');
            }
            self.text_at(ty, bytes.get(off..).unwrap_or_default(), limit, out, depth);
        }
        out.push('}');
    }

    fn interface_text(
        &self,
        empty: bool,
        bytes: &[u8],
        limit: usize,
        out: &mut String,
        depth: u32,
    ) {
        let abi = self.program.mem.abi;
        let word = usize::from(abi.ptr_size);
        let first = Addr(abi.uptr(bytes, 0).unwrap_or(0));
        if first.is_nil() {
            out.push_str("nil");
            return;
        }
        let Some(dynamic) = self.meta.dynamic(first, empty) else {
            let _ = write!(out, "interface of unknown type {first}");
            return;
        };
        let ty = self.program.graph.get(dynamic.ty);
        let _ = write!(out, "{}(", self.program.graph.declared(dynamic.ty).name);
        if dynamic.direct {
            self.text_at(
                dynamic.ty,
                bytes.get(word..).unwrap_or_default(),
                limit,
                out,
                depth,
            );
        } else {
            let data = Addr(abi.uptr(bytes, word).unwrap_or(0));
            match self.program.mem.bytes(data, ty.size) {
                Ok(value) => self.text_at(dynamic.ty, &value, limit, out, depth),
                Err(_) if ty.size == 0 => out.push_str("{}"),
                Err(f) => {
                    let _ = write!(out, "{}", f.why);
                }
            }
        }
        out.push(')');
    }
}

fn sign_extend(v: u64, size: u64) -> i64 {
    let unused = u32::try_from(64u64.saturating_sub(size.saturating_mul(8)))
        .unwrap_or(0)
        .min(63);
    v.wrapping_shl(unused).cast_signed().wrapping_shr(unused)
}

fn float(bits: u64, size: u64) -> String {
    let v = if size == 4 {
        f64::from(f32::from_bits(u32::try_from(bits).unwrap_or(0)))
    } else {
        f64::from_bits(bits)
    };
    if v.is_nan() {
        "NaN".into()
    } else {
        format!("{v}")
    }
}

fn signed(text: &str) -> String {
    if text.starts_with('-') {
        text.into()
    } else {
        format!("+{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_integers_keep_their_sign() {
        assert_eq!(sign_extend(0xff, 1), -1);
        assert_eq!(sign_extend(0x7f, 1), 127);
        assert_eq!(sign_extend(u64::MAX, 8), -1);
        assert_eq!(sign_extend(0xffff_fffe, 4), -2);
    }
}
