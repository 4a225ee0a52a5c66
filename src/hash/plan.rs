//! What of a key is hashed, and how: one compiled plan per key type, run for every key.
//! In: a key type, and whose rules apply: the compiler's, or the runtime's for types known only at run
//! time. Out: a `Plan`.

use crate::base::limits::MAX_HASH_STEPS;
use crate::base::limits::MAX_TYPE_DEPTH;
use crate::runtime::typemeta::TypeMeta;
use crate::types::graph::Field;
use crate::types::graph::Kind;
use crate::types::graph::Type;
use crate::types::graph::TypeGraph;
use crate::types::graph::TypeId;

/// One step; offsets are bytes from the start of the key. The result of a step is the seed of the next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// `memhash` over `len` bytes.
    Bytes {
        /// Where they begin.
        off: u64,
        /// How many.
        len: u64,
    },
    /// `memhash32`.
    Word32 {
        /// Where the 4 bytes are.
        off: u64,
    },
    /// `memhash64`.
    Word64 {
        /// Where the 8 bytes are.
        off: u64,
    },
    /// `strhash`: the bytes of the string.
    Text {
        /// Where its two words are.
        off: u64,
    },
    /// `f32hash` or `f64hash`.
    Float {
        /// Where it is.
        off: u64,
        /// 4 or 8.
        size: u64,
    },
    /// `interhash` or `nilinterhash`: by the dynamic type.
    Iface {
        /// Where its two words are.
        off: u64,
        /// `interface{}`: the first word is a descriptor rather than an itab.
        empty: bool,
    },
    /// The same steps for each of `count` elements.
    Repeat {
        /// Where the first element is; the offsets of `steps` count from the element.
        off: u64,
        /// Bytes from one element to the next.
        stride: u64,
        /// How many.
        count: u64,
        /// What to do with each.
        steps: Box<[Step]>,
    },
}

/// What to hash of a key. No steps: the hash is the seed.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Plan {
    /// In this order.
    pub steps: Box<[Step]>,
}

/// How Go compares and hashes a type. Source: `cmd/compile/internal/types/alg.go`, `AlgType`, all
/// versions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Alg {
    /// Plain memory.
    Memory,
    /// A string.
    Text,
    /// A float of so many bytes.
    Float(u64),
    /// A complex number of so many bytes.
    Complex(u64),
    /// An interface; whether it has no methods.
    Iface(bool),
    /// Field by field, or element by element.
    Special,
}

/// The types, and what of the machine the rules depend on.
#[derive(Clone, Copy, Debug)]
pub struct Planner<'p, 'v, 'a> {
    /// The types.
    pub graph: &'p TypeGraph<'v>,
    /// Their descriptors.
    pub meta: &'p TypeMeta<'v, 'a>,
    /// Alignment that loads of the machine demand, in bytes; 1 for none.
    pub alignment: u64,
}

impl Planner<'_, '_, '_> {
    /// How a type is hashed; `None` for what cannot be a key, and for what is not known.
    pub fn alg(&self, ty: TypeId) -> Option<Alg> {
        self.alg_within(ty, 0)
    }

    /// Whether a type has no hash because of what it holds: a slice, a map or a function. False where the
    /// type is not understood.
    pub fn is_unhashable(&self, ty: TypeId, depth: u32) -> bool {
        let deeper = depth.saturating_add(1);
        match &self.graph.get(ty).kind {
            _ if depth > MAX_TYPE_DEPTH => false,
            Kind::Slice { .. } | Kind::Func | Kind::Map { .. } => true,
            Kind::Struct { fields } => fields.iter().any(|f| self.is_unhashable(f.ty, deeper)),
            Kind::Array { elem, .. } => self.is_unhashable(*elem, deeper),
            _ => false,
        }
    }

    fn alg_within(&self, ty: TypeId, depth: u32) -> Option<Alg> {
        if depth > MAX_TYPE_DEPTH {
            return None;
        }
        let deeper = depth.saturating_add(1);
        let ty = self.graph.get(ty);
        Some(match &ty.kind {
            Kind::Bool | Kind::Int { .. } | Kind::Pointer { .. } | Kind::Chan { .. } => Alg::Memory,
            Kind::Float => Alg::Float(ty.size),
            Kind::Complex => Alg::Complex(ty.size),
            Kind::String => Alg::Text,
            Kind::Interface { empty } => Alg::Iface(*empty),
            Kind::Struct { fields } => match fields.as_ref() {
                [one] if !is_blank(one) => self.alg_within(one.ty, deeper)?,
                _ => {
                    let mut out = Alg::Memory;
                    for (i, f) in fields.iter().enumerate() {
                        let alg = self.alg_within(f.ty, deeper)?;
                        if alg != Alg::Memory || is_blank(f) || self.is_padded(ty, fields, i) {
                            out = Alg::Special;
                        }
                    }
                    out
                }
            },
            Kind::Array { elem, len } => match (self.alg_within(*elem, deeper)?, len) {
                (Alg::Memory, _) | (_, 0) => Alg::Memory,
                (alg, 1) => alg,
                _ => Alg::Special,
            },
            Kind::Slice { .. }
            | Kind::Func
            | Kind::Map { .. }
            | Kind::Alias { .. }
            | Kind::Opaque => return None,
        })
    }

    /// Whether there are unused bytes behind field `i`.
    /// Source: `cmd/compile/internal/types/alg.go`, `IsPaddedField`.
    fn is_padded(&self, ty: &Type, fields: &[Field], i: usize) -> bool {
        let next = fields.get(i.saturating_add(1)).map_or(ty.size, |f| f.off);
        fields.get(i).is_some_and(|f| self.end(f) != next)
    }

    fn end(&self, f: &Field) -> u64 {
        f.off.saturating_add(self.graph.get(f.ty).size)
    }

    /// The plan of the compiler up to go1.26. Source: `cmd/compile/internal/reflectdata/alg.go`,
    /// `genhash`, and `cmd/compile/internal/compare/compare.go`, `Memrun`.
    pub fn compiled(&self, key: TypeId) -> Option<Plan> {
        let mut steps = Steps::default();
        match self.alg(key)? {
            Alg::Memory => steps.push(memory(0, self.graph.get(key).size))?,
            _ => self.special(key, 0, 0, &mut steps)?,
        }
        Some(steps.plan())
    }

    /// What is no plain memory, by the compiler's rules.
    fn special(&self, ty: TypeId, base: u64, depth: u32, out: &mut Steps) -> Option<()> {
        if depth > MAX_TYPE_DEPTH {
            return None;
        }
        let deeper = depth.saturating_add(1);
        let ty = self.graph.get(ty);
        match &ty.kind {
            Kind::Struct { fields } => {
                let mut i = 0;
                while let Some(f) = fields.get(i) {
                    let off = base.checked_add(f.off)?;
                    if is_blank(f) {
                        i += 1;
                    } else if self.alg(f.ty)? != Alg::Memory {
                        self.special(f.ty, off, deeper, out)?;
                        i += 1;
                    } else {
                        let (len, next) = self.memory_run(ty, fields, i)?;
                        out.push_some(Step::Bytes { off, len })?;
                        i = next;
                    }
                }
                Some(())
            }
            Kind::Array { elem, len } => {
                let mut inner = Steps::default();
                self.special(*elem, 0, deeper, &mut inner)?;
                out.repeat(base, self.graph.get(*elem).size, *len, inner)
            }
            _ => out.push_all(leaf(ty, base)?),
        }
    }

    /// The run of plain memory that begins with field `start`: its length, and the first field behind.
    fn memory_run(&self, ty: &Type, fields: &[Field], start: usize) -> Option<(u64, usize)> {
        let first = fields.get(start)?;
        let mut next = start;
        loop {
            next += 1;
            let Some(f) = fields.get(next) else { break };
            if self.is_padded(ty, fields, next - 1) || is_blank(f) || self.alg(f.ty)? != Alg::Memory
            {
                break;
            }
            if self.alignment > 1 {
                // An offset less aligned than the type says how aligned the run is.
                let align = self.align_of(ty);
                let align = if first.off & (align - 1) == 0 {
                    align
                } else {
                    1 << first.off.trailing_zeros()
                };
                if self.end(f).checked_sub(first.off)? > align {
                    break;
                }
            }
        }
        let last = fields.get(next - 1)?;
        Some((self.end(last).checked_sub(first.off)?, next))
    }

    /// Alignment of a type, as far as the hash rules care: that of its most demanding part.
    fn align_of(&self, ty: &Type) -> u64 {
        match &ty.kind {
            Kind::Struct { fields } => fields
                .iter()
                .map(|f| self.align_of(self.graph.get(f.ty)))
                .max()
                .unwrap_or(1),
            Kind::Array { elem, .. } => self.align_of(self.graph.get(*elem)),
            Kind::Complex => (ty.size / 2).min(self.alignment),
            Kind::String | Kind::Interface { .. } | Kind::Slice { .. } => self.alignment,
            _ => ty.size.clamp(1, self.alignment),
        }
    }

    /// The plan of `typehash`, for what interfaces hold and for map types made by reflect: each plain
    /// field by itself. Source: `runtime/alg.go`, `typehash` (`internal/runtime/maps/runtime_alg.go` in
    /// go1.27), all versions.
    pub fn dynamic(&self, ty: TypeId) -> Option<Plan> {
        let mut steps = Steps::default();
        self.alg(ty)?;
        self.typehash(ty, 0, 0, &mut steps)?;
        Some(steps.plan())
    }

    fn typehash(&self, id: TypeId, base: u64, depth: u32, out: &mut Steps) -> Option<()> {
        if depth > MAX_TYPE_DEPTH {
            return None;
        }
        let deeper = depth.saturating_add(1);
        let ty = self.graph.get(id);
        // Types made by reflect lack the flag even where their memory is plain.
        let regular = match self.meta.is_regular_memory(id) {
            Some(flag) => flag,
            None => self.alg(id)? == Alg::Memory,
        };
        if regular {
            // Also for a type of no bytes, where `memhash` is not `memhash0`.
            return out.push_some(memory(base, ty.size));
        }
        match &ty.kind {
            Kind::Array { elem, len } => {
                let mut inner = Steps::default();
                self.typehash(*elem, 0, deeper, &mut inner)?;
                out.repeat(base, self.graph.get(*elem).size, *len, inner)
            }
            Kind::Struct { fields } => fields
                .iter()
                .filter(|f| !is_blank(f))
                .try_for_each(|f| self.typehash(f.ty, base.checked_add(f.off)?, deeper, out)),
            _ => out.push_all(leaf(ty, base)?),
        }
    }
}

/// Plain memory as a whole type: 4 and 8 bytes have hash functions of their own.
fn memory(off: u64, len: u64) -> Step {
    match len {
        4 => Step::Word32 { off },
        8 => Step::Word64 { off },
        _ => Step::Bytes { off, len },
    }
}

/// The steps of a type that has no parts and is no plain memory.
fn leaf(ty: &Type, off: u64) -> Option<Vec<Step>> {
    Some(match ty.kind {
        Kind::String => vec![Step::Text { off }],
        Kind::Interface { empty } => vec![Step::Iface { off, empty }],
        Kind::Float => vec![Step::Float { off, size: ty.size }],
        Kind::Complex => {
            let size = ty.size / 2;
            let imaginary = off.checked_add(size)?;
            vec![
                Step::Float { off, size },
                Step::Float {
                    off: imaginary,
                    size,
                },
            ]
        }
        _ => return None,
    })
}

fn is_blank(f: &Field) -> bool {
    &*f.name == "_"
}

/// Steps under construction; refuses to grow without end.
#[derive(Default)]
pub(crate) struct Steps {
    steps: Vec<Step>,
}

impl Steps {
    /// Adds a step. Memory of no bytes is hashed like any other where it is a whole key, but no plan
    /// has it anywhere else.
    pub(crate) fn push(&mut self, step: Step) -> Option<()> {
        if matches!(step, Step::Bytes { len: 0, .. }) {
            return Some(()); // memhash0 gives back the seed
        }
        self.push_some(step)
    }

    /// Adds a step, even one over no bytes, which changes the hash.
    fn push_some(&mut self, step: Step) -> Option<()> {
        (self.steps.len() < MAX_HASH_STEPS).then(|| self.steps.push(step))
    }

    fn push_all(&mut self, steps: Vec<Step>) -> Option<()> {
        steps.into_iter().try_for_each(|s| self.push_some(s))
    }

    /// Adds the steps of an array.
    pub(crate) fn repeat(&mut self, off: u64, stride: u64, count: u64, each: Steps) -> Option<()> {
        if count == 0 || each.steps.is_empty() {
            return Some(());
        }
        // Elements of no bytes have no end by the key's size.
        (stride > 0 || count == 1).then_some(())?;
        let steps = each.steps.into_boxed_slice();
        self.push_some(Step::Repeat {
            off,
            stride,
            count,
            steps,
        })
    }

    pub(crate) fn plan(self) -> Plan {
        Plan {
            steps: self.steps.into_boxed_slice(),
        }
    }
}
