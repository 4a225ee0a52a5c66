//! Where the fields of an mspan lie that everyone needs who reads one.
//! In: the bound claim `MSPAN`. Out: offsets and sizes in bytes.

use crate::runtime::claims::Bound;
use crate::runtime::claims::FieldAt;

/// Fields of `runtime.mspan`. Source: `runtime/mheap.go`, `type mspan`, go1.19 to 1.27.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MspanFields {
    pub(crate) start: FieldAt,
    pub(crate) npages: FieldAt,
    pub(crate) freeindex: FieldAt,
    pub(crate) nelems: FieldAt,
    pub(crate) alloc_bits: FieldAt,
    pub(crate) mark_bits: FieldAt,
    pub(crate) spanclass: FieldAt,
    pub(crate) state: FieldAt,
    pub(crate) elemsize: FieldAt,
    pub(crate) limit: FieldAt,
}

impl MspanFields {
    /// `None` when the claim is not `MSPAN`.
    pub(crate) fn of(mspan: &Bound) -> Option<MspanFields> {
        Some(MspanFields {
            start: mspan.field("startAddr")?,
            npages: mspan.field("npages")?,
            freeindex: mspan.field("freeindex")?,
            nelems: mspan.field("nelems")?,
            alloc_bits: mspan.field("allocBits")?,
            mark_bits: mspan.field("gcmarkBits")?,
            spanclass: mspan.field("spanclass")?,
            state: mspan.field("state")?,
            elemsize: mspan.field("elemsize")?,
            limit: mspan.field("limit")?,
        })
    }
}
