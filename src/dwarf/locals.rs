//! The named locals and arguments of a function at a program counter.
//! In: the index and a link-time address of code. Out: variables with their types and places.

use crate::base::addr::LinkAddr;
use crate::base::limits::MAX_LIST_ENTRIES;
use crate::base::limits::MAX_LOCALS;
use crate::dwarf::index::DwarfIndex;
use crate::dwarf::index::FunctionDie;
use crate::dwarf::index::MAX_ORIGINS;
use crate::dwarf::index::number;
use crate::dwarf::index::reference;
use crate::dwarf::location::Frame;
use crate::dwarf::location::pieces;
use crate::dwarf::sections::Reader;
use crate::types::graph::TypeId;
use gimli::AttributeValue;
use gimli::DebugAddrIndex;
use gimli::Expression;
use gimli::Operation;
use gimli::Unit;

pub use crate::dwarf::location::Piece;
pub use crate::dwarf::location::Place;

/// A named local variable or argument in scope at a program counter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Local {
    /// Its name; `&x` for the address of an `x` that was moved to the heap, `~r0` for the first result
    /// without a name.
    pub name: String,
    /// Its type (a pointer for `&x`; the shape of a type parameter in generic code).
    pub ty: TypeId,
    /// Where it is: offsets ascending, every byte in one piece, and at least one piece not lost.
    pub pieces: Vec<Piece>,
    /// Whether it is an argument or a result.
    pub parameter: bool,
    /// The function it belongs to, if that was inlined into the one whose frame this is.
    pub inlined: Option<String>,
}

type Die<'d> = gimli::DebuggingInformationEntry<Reader<'d>>;

impl<'d> DwarfIndex<'d> {
    /// The variables in scope at `pc` that are somewhere, in the order of the DWARF: arguments first,
    /// outer blocks before inner ones. Empty when no function's code is at `pc`.
    ///
    /// `pc` is the program counter to look up with. Scopes and places hold *before* the instruction
    /// there: for the innermost frame, that is its program counter as it is. A caller's frame may be asked
    /// for at its return address minus one (the return address itself may be in another block, or
    /// behind the function's end), but the registers named then are the callee's by now; better is
    /// `locals_in_call`.
    ///
    /// Which variables are found depends on the compiler: one that is not needed any more has no place.
    /// Source: `cmd/compile/internal/ssa/debug.go`, `cmd/compile/internal/dwarfgen`, all versions.
    pub fn locals(&self, pc: LinkAddr) -> Vec<Local> {
        self.locals_at(pc, None)
    }

    /// The same for a frame that waits for a call to return to `ret`, and without registers: the callee
    /// has them now, and Go's compilers expect nothing back in them but results.
    ///
    /// Folklore: a variable that was spilled before the call still counts as being in its register up
    /// to and in it, and as being in its stack slot from the return address on (a third or more of
    /// those that are in registers at a call, all versions). So what is in registers in the call is
    /// taken where it is behind it.
    pub fn locals_in_call(&self, ret: LinkAddr) -> Vec<Local> {
        match ret.0.checked_sub(1) {
            Some(pc) => self.locals_at(LinkAddr(pc), Some(ret.0)),
            None => Vec::new(),
        }
    }

    fn locals_at(&self, pc: LinkAddr, ret: Option<u64>) -> Vec<Local> {
        let mut out = Vec::new();
        let behind = self.functions.partition_point(|f| f.entry <= pc);
        if let Some(function) = behind.checked_sub(1).and_then(|i| self.functions.get(i)) {
            // Damage ends the walk; what was found before it stands.
            let _: Option<()> = self.push_locals(function, pc, ret, &mut out);
        }
        out
    }

    fn push_locals(
        &self,
        function: &FunctionDie,
        pc: LinkAddr,
        ret: Option<u64>,
        out: &mut Vec<Local>,
    ) -> Option<()> {
        let unit = self.unit(function.unit)?;
        let at = gimli::DebugInfoOffset(function.off).to_unit_offset(&unit.header)?;
        let mut entries = unit.entries_raw(Some(at)).ok()?;
        let mut die = Die::null();
        entries.read_entry(&mut die).ok().filter(|real| *real)?;
        let mut walk = Walk {
            index: self,
            unit,
            pc: pc.0,
            ret,
            base_is_cfa: base_is_cfa(&die, unit),
            entries_left: MAX_LIST_ENTRIES,
        };
        if !walk.covers(&die) {
            return None;
        }
        // Inlined functions around the next DIE: their depth and name.
        let mut inlined: Vec<(isize, String)> = Vec::new();
        // Everything from this depth on belongs to a block that is not in scope.
        let mut hidden: Option<isize> = None;
        let mut looked_at = 0u64;
        while !entries.is_empty() && entries.next_depth() > 0 {
            let depth = entries.next_depth();
            if hidden.is_some_and(|from| depth >= from) {
                if let Some(abbrev) = entries.read_abbreviation().ok()? {
                    entries.skip_attributes(abbrev.attributes()).ok()?;
                }
                continue;
            }
            hidden = None;
            if !entries.read_entry(&mut die).ok()? {
                continue; // the end of a block
            }
            while inlined.last().is_some_and(|(d, _)| *d >= depth) {
                inlined.pop();
            }
            let in_scope = match die.tag() {
                gimli::DW_TAG_lexical_block => walk.covers(&die),
                gimli::DW_TAG_inlined_subroutine if walk.covers(&die) => {
                    let name = self.origin(&die, unit).and_then(|o| self.name_of(o.0, o.1));
                    inlined.push((depth, name.unwrap_or_else(|| "?".to_owned())));
                    true
                }
                gimli::DW_TAG_variable | gimli::DW_TAG_formal_parameter => {
                    looked_at = looked_at.saturating_add(1);
                    if looked_at > MAX_LOCALS {
                        return None;
                    }
                    let local = walk.local(&die);
                    out.extend(local.map(|l| Local {
                        inlined: inlined.last().map(|(_, name)| name.clone()),
                        ..l
                    }));
                    false
                }
                _ => false,
            };
            if !in_scope {
                hidden = Some(depth.saturating_add(1));
            }
        }
        Some(())
    }

    /// The DIE, as its unit and offset, that an inlined or concrete one stands for.
    fn origin(&self, die: &Die<'d>, unit: &Unit<Reader<'d>>) -> Option<(u32, usize)> {
        let off = reference(&die.attr_value(gimli::DW_AT_abstract_origin)?, unit)?;
        Some((self.unit_at(off)?, off))
    }

    /// Bytes of a value of type `ty`; 0 when the DWARF does not say.
    fn size_of(&self, mut ty: u32) -> u64 {
        let mut size = || {
            for _ in 0..16 {
                let at = self.types.get(usize::try_from(ty).ok()?)?;
                let die = self.entry(at.unit, at.off)?;
                match die.tag() {
                    gimli::DW_TAG_typedef => {
                        let target = die.attr_value(gimli::DW_AT_type)?;
                        ty = self.type_at(reference(&target, self.unit(at.unit)?)?)?;
                    }
                    gimli::DW_TAG_pointer_type | gimli::DW_TAG_subroutine_type => {
                        return Some(u64::from(self.ptr_size));
                    }
                    _ => return number(&die.attr_value(gimli::DW_AT_byte_size)?),
                }
            }
            None
        };
        size().unwrap_or(0)
    }
}

/// Whether the function's frame base is the canonical frame address.
fn base_is_cfa(function: &Die<'_>, unit: &Unit<Reader<'_>>) -> bool {
    let Some(AttributeValue::Exprloc(base)) = function.attr_value(gimli::DW_AT_frame_base) else {
        return false;
    };
    let mut ops = base.operations(unit.encoding());
    matches!(ops.next(), Ok(Some(Operation::CallFrameCFA))) && matches!(ops.next(), Ok(None))
}

/// One walk through a function's DIEs.
struct Walk<'i, 'd> {
    index: &'i DwarfIndex<'d>,
    unit: &'i Unit<Reader<'d>>,
    pc: u64,
    /// Where the frame goes on, if it waits in a call.
    ret: Option<u64>,
    base_is_cfa: bool,
    /// Entries of lists that may still be looked at.
    entries_left: u64,
}

impl<'d> Walk<'_, 'd> {
    /// Whether the code of a function, block or inlined function includes the program counter.
    fn covers(&mut self, die: &Die<'d>) -> bool {
        let dwarf = &self.index.dwarf;
        let found = match die.attr_value(gimli::DW_AT_ranges) {
            // Go writes offsets only; gimli adds the index forms up without looking.
            Some(AttributeValue::RangeListsRef(raw)) => {
                let off = dwarf.ranges_offset_from_raw(self.unit, raw);
                dwarf.ranges(self.unit, off).ok().and_then(|mut ranges| {
                    self.first_around(self.pc, || ranges.next().ok()?.map(|r| (r, ())))
                })
            }
            Some(_) => None,
            None => self
                .low_to_high(die)
                .filter(|r| includes(r, self.pc))
                .map(|_| ()),
        };
        found.is_some()
    }

    /// The code of a DIE that has but one run of it. `DW_AT_high_pc` is the end address up to go1.24
    /// (DWARF 4), and the size from go1.25 on (DWARF 5).
    fn low_to_high(&self, die: &Die<'d>) -> Option<gimli::Range> {
        let address = |v| self.index.dwarf.attr_address(self.unit, v).ok().flatten();
        let begin = address(die.attr_value(gimli::DW_AT_low_pc)?)?;
        let high = die.attr_value(gimli::DW_AT_high_pc)?;
        let end = match high.udata_value() {
            Some(size) => begin.checked_add(size)?,
            None => address(high)?,
        };
        Some(gimli::Range { begin, end })
    }

    /// What comes with the first range of a list that includes `pc`.
    fn first_around<T>(
        &mut self,
        pc: u64,
        mut next: impl FnMut() -> Option<(gimli::Range, T)>,
    ) -> Option<T> {
        loop {
            self.entries_left = self.entries_left.checked_sub(1)?;
            let (range, found) = next()?;
            if includes(&range, pc) {
                return Some(found);
            }
        }
    }

    /// A variable, if it is anywhere; the inlined function it belongs to is not looked for.
    fn local(&mut self, die: &Die<'d>) -> Option<Local> {
        let expr = self.location(die, self.pc)?;
        let (name, ty) = self.name_and_type(die)?;
        let mut pieces = self.pieces(expr, ty);
        if let [piece] = pieces[..]
            && piece.size > u64::from(self.index.ptr_size)
            && matches!(piece.place, Place::Frame(_))
            && self.is_one_word(die)
        {
            return None;
        }
        if let Some(ret) = self.ret
            && pieces.iter().any(is_register)
        {
            let behind = self.location(die, ret).map(|expr| self.pieces(expr, ty));
            pieces = behind.filter(|b| !b.is_empty()).unwrap_or(pieces);
            for piece in pieces.iter_mut().filter(|p| is_register(p)) {
                piece.place = Place::Lost;
            }
        }
        if pieces.iter().all(|p| p.place == Place::Lost) {
            return None;
        }
        Some(Local {
            name,
            ty: TypeId(ty),
            pieces,
            parameter: die.tag() == gimli::DW_TAG_formal_parameter,
            inlined: None,
        })
    }

    /// Whether what is said of a variable of several words is true of one of them only, and nobody knows
    /// of which: at some place it is in one register (`location.rs` says how that comes).
    fn is_one_word(&mut self, die: &Die<'d>) -> bool {
        let Some(AttributeValue::LocationListsRef(off)) = die.attr_value(gimli::DW_AT_location)
        else {
            return false;
        };
        let Ok(mut list) = self.index.dwarf.locations(self.unit, off) else {
            return false;
        };
        while let (Some(left), Ok(Some(entry))) = (self.entries_left.checked_sub(1), list.next()) {
            self.entries_left = left;
            let mut ops = entry.data.operations(self.unit.encoding());
            if matches!(ops.next(), Ok(Some(Operation::Register { .. })))
                && matches!(ops.next(), Ok(None))
            {
                return true;
            }
        }
        false
    }

    fn pieces(&self, expr: Expression<Reader<'d>>, ty: u32) -> Vec<Piece> {
        let frame = Frame {
            encoding: self.unit.encoding(),
            base_is_cfa: self.base_is_cfa,
            address: &|i: DebugAddrIndex<usize>| self.index.dwarf.address(self.unit, i).ok(),
        };
        pieces(expr, &frame, || self.index.size_of(ty))
    }

    /// The location in force at `pc`.
    fn location(&mut self, die: &Die<'d>, pc: u64) -> Option<Expression<Reader<'d>>> {
        match die.attr_value(gimli::DW_AT_location)? {
            AttributeValue::Exprloc(expr) => Some(expr).filter(|e| !e.0.is_empty()),
            AttributeValue::LocationListsRef(off) => {
                let mut list = self.index.dwarf.locations(self.unit, off).ok()?;
                self.first_around(pc, || list.next().ok()?.map(|e| (e.range, e.data)))
            }
            _ => None,
        }
    }

    /// Both may stand in the abstract instance, perhaps in another unit.
    fn name_and_type(&self, die: &Die<'d>) -> Option<(String, u32)> {
        let (mut unit, mut die) = (self.unit, die.clone());
        let (mut name, mut ty) = (None, None);
        for _ in 0..MAX_ORIGINS {
            let attr = |at| die.attr_value(at);
            name = name.or_else(|| {
                let name = self.index.dwarf.attr_string(unit, attr(gimli::DW_AT_name)?);
                Some(name.ok()?.slice())
            });
            ty = ty.or_else(|| reference(&attr(gimli::DW_AT_type)?, unit));
            if let (Some(name), Some(ty)) = (name, ty) {
                let name = String::from_utf8_lossy(name).into_owned();
                return Some((name, self.index.type_of_variable(ty)?));
            }
            let (unit_no, off) = self.index.origin(&die, unit)?;
            (unit, die) = (self.index.unit(unit_no)?, self.index.entry(unit_no, off)?);
        }
        None
    }
}

fn includes(range: &gimli::Range, pc: u64) -> bool {
    range.begin <= pc && pc < range.end
}

fn is_register(piece: &Piece) -> bool {
    matches!(piece.place, Place::Register(_))
}
