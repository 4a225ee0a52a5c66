//! Hash signatures, by which go1.27's compiler shares hash functions among types: `M4K4S` is 4 bytes of
//! memory, 4 skipped, a string.
//! In: a signature from a function's name, or a key type. Out: a plan.
//! Source: `cmd/compile/internal/reflectdata/alg.go`, go1.27.

use crate::base::limits::MAX_HASH_STEPS;
use crate::base::limits::MAX_TYPE_DEPTH;
use crate::hash::plan::Alg;
use crate::hash::plan::Plan;
use crate::hash::plan::Planner;
use crate::hash::plan::Step;
use crate::hash::plan::Steps;
use crate::types::graph::Kind;
use crate::types::graph::TypeId;

/// A part of a signature.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Item {
    Memory(u64),
    Skip(u64),
    Float(u64),
    Text,
    Iface { empty: bool },
    Loop(u64, Vec<Item>),
}

/// The plan of a signature as it stands in a function's name, in a process of this word size.
pub(crate) fn parse(text: &str, word: u64) -> Option<Plan> {
    let mut rest = text.bytes().peekable();
    let mut open: Vec<(u64, Vec<Item>)> = Vec::new();
    let mut items = Vec::new();
    let mut total = 0usize;
    while let Some(letter) = rest.next() {
        total += 1;
        if total > MAX_HASH_STEPS {
            return None;
        }
        let mut number = || {
            let mut n = None;
            while let Some(digit) = rest.peek().filter(|d| d.is_ascii_digit()) {
                let digit = u64::from(digit - b'0');
                n = Some(n.unwrap_or(0u64).checked_mul(10)?.checked_add(digit)?);
                rest.next();
            }
            n
        };
        match letter {
            b'M' => items.push(Item::Memory(number()?)),
            b'K' => items.push(Item::Skip(number()?)),
            b'F' => items.push(Item::Float(4)),
            b'G' => items.push(Item::Float(8)),
            b'S' => items.push(Item::Text),
            b'E' => items.push(Item::Iface { empty: true }),
            b'I' => items.push(Item::Iface { empty: false }),
            b'A' => {
                number()?; // how the memory is aligned; the hash does not depend on it
            }
            b'[' if open.len() < MAX_TYPE_DEPTH as usize => {
                open.push((number()?, std::mem::take(&mut items)));
            }
            b']' => {
                let (count, before) = open.pop()?;
                let inner = std::mem::replace(&mut items, before);
                items.push(Item::Loop(count, inner));
            }
            _ => return None,
        }
    }
    open.is_empty().then_some(())?;
    steps_of(&items, word).map(|(steps, _)| steps.plan())
}

/// The plan of a key type by go1.27's rules.
pub(crate) fn of_type(planner: &Planner<'_, '_, '_>, key: TypeId, word: u64) -> Option<Plan> {
    planner.alg(key)?;
    let mut items = Vec::new();
    flatten(planner, key, 0, &mut items)?;
    steps_of(&items, word).map(|(steps, _)| steps.plan())
}

/// Adds an item; adjacent memory and adjacent gaps become one.
fn push(out: &mut Vec<Item>, item: Item) -> Option<()> {
    match (out.last_mut(), &item) {
        (_, Item::Memory(0) | Item::Skip(0)) => return Some(()),
        (Some(Item::Memory(n)), Item::Memory(m)) | (Some(Item::Skip(n)), Item::Skip(m)) => {
            *n = n.checked_add(*m)?;
        }
        _ => out.push(item),
    }
    (out.len() < MAX_HASH_STEPS).then_some(())
}

fn flatten(
    planner: &Planner<'_, '_, '_>,
    ty: TypeId,
    depth: u32,
    out: &mut Vec<Item>,
) -> Option<()> {
    if depth > MAX_TYPE_DEPTH {
        return None;
    }
    let deeper = depth.saturating_add(1);
    if planner.alg(ty)? == Alg::Memory {
        return push(out, Item::Memory(planner.graph.get(ty).size));
    }
    let ty = planner.graph.get(ty);
    match &ty.kind {
        Kind::String => push(out, Item::Text),
        Kind::Interface { empty } => push(out, Item::Iface { empty: *empty }),
        Kind::Float => push(out, Item::Float(ty.size)),
        Kind::Complex => {
            push(out, Item::Float(ty.size / 2))?;
            push(out, Item::Float(ty.size / 2))
        }
        Kind::Struct { fields } => {
            let mut at = 0u64;
            for f in fields {
                push(out, Item::Skip(f.off.checked_sub(at)?))?;
                let size = planner.graph.get(f.ty).size;
                if &*f.name == "_" {
                    push(out, Item::Skip(size))?;
                } else {
                    flatten(planner, f.ty, deeper, out)?;
                }
                at = f.off.checked_add(size)?;
            }
            push(out, Item::Skip(ty.size.checked_sub(at)?))
        }
        Kind::Array { elem, len } => {
            let size = planner.graph.get(*elem).size;
            if size == 0 {
                return Some(());
            }
            let unroll = (32u64.checked_div(size)?).max(1);
            let (loops, first) = (len.checked_div(unroll)?, len.checked_rem(unroll)?);
            for _ in 0..first {
                flatten(planner, *elem, deeper, out)?;
            }
            let mut body = Vec::new();
            let into = if loops == 1 { &mut *out } else { &mut body };
            if loops > 0 {
                for _ in 0..unroll {
                    flatten(planner, *elem, deeper, into)?;
                }
            }
            if loops > 1 {
                push(out, Item::Loop(loops, body))?;
            }
            Some(())
        }
        _ => None,
    }
}

/// The steps of some items, and how many bytes they cover.
fn steps_of(items: &[Item], word: u64) -> Option<(Steps, u64)> {
    let mut out = Steps::default();
    let mut off = 0u64;
    let pair = word.checked_mul(2)?;
    for item in items {
        let (step, size) = match item {
            Item::Memory(4) => (Step::Word32 { off }, 4),
            Item::Memory(8) => (Step::Word64 { off }, 8),
            Item::Memory(n) => (Step::Bytes { off, len: *n }, *n),
            Item::Float(n) => (Step::Float { off, size: *n }, *n),
            Item::Text => (Step::Text { off }, pair),
            Item::Iface { empty } => (Step::Iface { off, empty: *empty }, pair),
            Item::Skip(n) => {
                off = off.checked_add(*n)?;
                continue;
            }
            Item::Loop(count, body) => {
                let (inner, stride) = steps_of(body, word)?;
                out.repeat(off, stride, *count, inner)?;
                off = off.checked_add(stride.checked_mul(*count)?)?;
                continue;
            }
        };
        out.push(step)?;
        off = off.checked_add(size)?;
    }
    Some((out, off))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_becomes_steps_with_offsets() {
        let plan = parse("M4K4S[2M4FM8FM4]E", 8).unwrap_or_default();
        let expect = [
            Step::Word32 { off: 0 },
            Step::Text { off: 8 },
            Step::Repeat {
                off: 24,
                stride: 24,
                count: 2,
                steps: Box::new([
                    Step::Word32 { off: 0 },
                    Step::Float { off: 4, size: 4 },
                    Step::Word64 { off: 8 },
                    Step::Float { off: 16, size: 4 },
                    Step::Word32 { off: 20 },
                ]),
            },
            Step::Iface {
                off: 72,
                empty: true,
            },
        ];
        assert_eq!(*plan.steps, expect);
    }

    #[test]
    fn what_is_no_signature_gives_no_plan() {
        for text in ["M", "M4]", "[2M4", "Q", "M99999999999999999999", "main.T"] {
            assert_eq!(parse(text, 8), None, "{text}");
        }
        assert_eq!(parse("", 8), Some(Plan::default()));
    }
}
