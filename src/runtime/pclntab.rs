//! The function tables the linker leaves in every Go binary, stripped or not: which function is at a
//! pc, its name, file and line, what was inlined there, and the tables kept per pc.
//! In: the tables' places, as a module says them. Out: functions and values by pc. Whoever reads one
//! of the tables needs the others, hence one file.

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::base::bytes::Abi;
use crate::base::limits::MAX_FUNCDATA;
use crate::base::limits::MAX_INLINE_DEPTH;
use crate::base::limits::MAX_SYMBOL;
use crate::process::memory::Memory;
use std::borrow::Cow;

/// Magic of go1.18 and go1.19. Source: `runtime/symtab.go` (later `internal/abi/symtab.go`), `pcHeader`.
const MAGIC_118: u32 = 0xffff_fff0;
/// Magic from go1.20 on.
const MAGIC_120: u32 = 0xffff_fff1;
/// A funcdata offset that says there is none. Source: `runtime/symtab.go`, `funcdata`.
const NO_FUNCDATA: u32 = u32::MAX;

/// `PCDATA_StackMapIndex`. Source: `internal/abi/symtab.go`, all versions; the same below.
pub const PCDATA_STACK_MAP: u32 = 1;
/// `PCDATA_InlTreeIndex`.
const PCDATA_INL_TREE: u32 = 2;
/// `PCDATA_ArgLiveIndex`.
pub const PCDATA_ARG_LIVE: u32 = 3;
/// `FUNCDATA_ArgsPointerMaps`.
pub const FUNCDATA_ARGS: u8 = 0;
/// `FUNCDATA_LocalsPointerMaps`.
pub const FUNCDATA_LOCALS: u8 = 1;
/// `FUNCDATA_StackObjects`.
pub const FUNCDATA_STACK_OBJECTS: u8 = 2;
/// `FUNCDATA_InlTree`.
const FUNCDATA_INL_TREE: u8 = 3;
/// `FUNCDATA_ArgInfo`.
pub const FUNCDATA_ARG_INFO: u8 = 5;
/// `FUNCDATA_ArgLiveInfo`.
pub const FUNCDATA_ARG_LIVE_INFO: u8 = 6;

/// Where a module keeps its function tables: slices of the process, as `moduledata` has them.
#[derive(Clone, Copy, Default, Debug)]
pub struct TablePlaces {
    /// `pcHeader`.
    pub header: Addr,
    /// Code, from the first function to behind the last.
    pub pcs: AddrRange,
    /// What entry offsets count from.
    pub text: Addr,
    /// `ftab`: (data, elements of 8 bytes).
    pub ftab: (Addr, u64),
    /// `pclntable`, which holds the `_func` records.
    pub pclntable: (Addr, u64),
    /// `funcnametab`.
    pub funcnametab: (Addr, u64),
    /// `cutab`: elements of 4 bytes.
    pub cutab: (Addr, u64),
    /// `filetab`.
    pub filetab: (Addr, u64),
    /// `pctab`.
    pub pctab: (Addr, u64),
    /// `gofunc`: what funcdata offsets count from.
    pub gofunc: Addr,
    /// `rodata`: what offsets of stack objects' masks count from.
    pub rodata: Addr,
}

/// The function tables of all modules.
#[derive(Debug)]
pub struct PcTables<'v, 'a> {
    mem: &'v Memory<'a>,
    modules: Vec<Tables<'a>>,
}

#[derive(Debug)]
struct Tables<'a> {
    places: TablePlaces,
    abi: Abi,
    quantum: u64,
    layout: Layout,
    ftab: Cow<'a, [u8]>,
    pclntable: Cow<'a, [u8]>,
    funcnametab: Cow<'a, [u8]>,
    cutab: Cow<'a, [u8]>,
    filetab: Cow<'a, [u8]>,
    pctab: Cow<'a, [u8]>,
}

/// Offsets that changed with go1.20. Source: `runtime/runtime2.go`, `_func`, and `runtime/symtab.go`
/// (later `runtime/symtabinl.go`), `inlinedCall`.
#[derive(Clone, Copy, Debug)]
struct Layout {
    /// `_func.flag`.
    flag: usize,
    /// `_func.nfuncdata`.
    nfuncdata: usize,
    /// Bytes of `_func`.
    size: usize,
    /// Bytes of `inlinedCall`.
    call_size: u64,
    /// `inlinedCall.nameOff` (go1.19: `func_`).
    call_name: usize,
    /// `inlinedCall.parentPc`.
    call_parent_pc: usize,
}

const LAYOUT_118: Layout = Layout {
    flag: 37,
    nfuncdata: 39,
    size: 40,
    call_size: 20,
    call_name: 12,
    call_parent_pc: 16,
};
const LAYOUT_120: Layout = Layout {
    flag: 41,
    nfuncdata: 43,
    size: 44,
    call_size: 16,
    call_name: 4,
    call_parent_pc: 8,
};

/// Fields of `_func` that never moved: entry offset, name, args, then the tables by pc.
mod func {
    pub(super) const NAME: usize = 4;
    pub(super) const ARGS: usize = 8;
    pub(super) const PCSP: usize = 16;
    pub(super) const PCFILE: usize = 20;
    pub(super) const PCLN: usize = 24;
    pub(super) const NPCDATA: usize = 28;
    pub(super) const CU: usize = 32;
}

/// A function of the process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Func {
    /// Its first instruction.
    pub entry: Addr,
    /// Behind its last one.
    pub end: Addr,
    /// `_func.flag`: 1 top frame, 2 writes SP, 4 assembly. Source: `internal/abi/symtab.go`, `FuncFlag`.
    pub flag: u8,
    /// `_func.funcID`: 0 for all but what the runtime treats in a way of its own, and for wrappers that the
    /// compiler made. Source: `internal/abi/symtab.go`, `FuncID` (before go1.21 `runtime/symtab.go`).
    pub id: u8,
    module: u32,
    /// Position of its `_func` in `pclntable`.
    record: usize,
}

impl Func {
    /// The outermost function of a stack: whoever unwinds it stops.
    pub fn is_top(&self) -> bool {
        self.flag & 1 != 0
    }

    /// The compiler made it, to call another one: around a method of an embedded type, a method's value, the call of
    /// a `go` or `defer` statement. Only true of functions of the program; of those of the runtime it says nothing.
    pub fn is_wrapper(&self) -> bool {
        self.id != 0
    }

    /// It writes the stack pointer in ways the tables do not say.
    pub fn writes_sp(&self) -> bool {
        self.flag & 2 != 0
    }
}

/// A place in the source, as a stack shows it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SourceFrame {
    /// The function, as the linker names it.
    pub function: String,
    /// Path of the file as compiled; `?` where the tables do not say.
    pub file: String,
    /// Line, 0 where the tables do not say.
    pub line: u32,
    /// Whether it was inlined into the next one.
    pub inlined: bool,
}

impl<'v, 'a> PcTables<'v, 'a> {
    /// Opens the tables of each module. A module whose tables cannot be read, or are of a shape that
    /// no known Go has, is left out: its functions are unknown.
    pub fn open(mem: &'v Memory<'a>, places: &[TablePlaces]) -> PcTables<'v, 'a> {
        PcTables {
            mem,
            modules: places.iter().filter_map(|p| Tables::open(mem, p)).collect(),
        }
    }

    /// Whether there is any function at all.
    pub fn is_empty(&self) -> bool {
        self.modules.is_empty()
    }

    /// Whether an address lies in the code of a module.
    pub fn is_code(&self, pc: Addr) -> bool {
        self.modules.iter().any(|t| t.places.pcs.contains(pc))
    }

    /// The function whose code holds `pc`. For a return address, ask with the address before it.
    pub fn find(&self, pc: Addr) -> Option<Func> {
        self.modules.iter().zip(0u32..).find_map(|(t, module)| {
            t.places
                .pcs
                .contains(pc)
                .then(|| t.find(pc, module))
                .flatten()
        })
    }

    /// The first function of exactly this name.
    pub fn named(&self, name: &str) -> Option<Func> {
        self.modules
            .iter()
            .zip(0u32..)
            .find_map(|(t, module)| t.named(name, module))
    }

    /// The function's name.
    pub fn name(&self, f: &Func) -> Cow<'_, str> {
        self.tables(f)
            .and_then(|t| t.name_at(t.field(f, func::NAME)?))
            .unwrap_or(Cow::Borrowed("?"))
    }

    /// Bytes between the stack pointer and the return address at `pc`. Source: `runtime/symtab.go`,
    /// `funcspdelta`. `None` where the table does not say.
    pub fn sp_delta(&self, f: &Func, pc: Addr) -> Option<u64> {
        let t = self.tables(f)?;
        u64::try_from(t.value(f, t.field(f, func::PCSP)?, pc)?).ok()
    }

    /// Bytes of arguments and results that the function gets on the stack, spill places for
    /// register arguments counted; `None` where it does not say.
    pub fn args_size(&self, f: &Func) -> Option<u64> {
        // Source: `internal/abi/symtab.go`, `ArgsSizeUnknown`.
        let size = self.tables(f)?.field(f, func::ARGS)?;
        (size.cast_signed() >= 0).then(|| u64::from(size))
    }

    /// The value of PCDATA table `table` at `pc`; `None` when there is no such table or no value.
    pub fn pcdata(&self, f: &Func, table: u32, pc: Addr) -> Option<i32> {
        let t = self.tables(f)?;
        if table >= t.field(f, func::NPCDATA)? {
            return None;
        }
        let at = t
            .layout
            .size
            .checked_add(usize::try_from(table).ok()?.checked_mul(4)?)?;
        t.value(f, t.field(f, at)?, pc)
    }

    /// The address of FUNCDATA `index`, if the function has it.
    pub fn funcdata(&self, f: &Func, index: u8) -> Option<Addr> {
        let t = self.tables(f)?;
        let n = *t.record(f)?.get(t.layout.nfuncdata)?;
        if index >= n {
            return None;
        }
        let npcdata = usize::try_from(t.field(f, func::NPCDATA)?).ok()?;
        let at = npcdata
            .checked_add(usize::from(index))?
            .checked_mul(4)?
            .checked_add(t.layout.size)?;
        match t.field(f, at)? {
            NO_FUNCDATA => None,
            off => t.places.gofunc.checked_add(u64::from(off)),
        }
    }

    /// The module's `rodata`, for offsets in funcdata.
    pub fn rodata(&self, f: &Func) -> Option<Addr> {
        self.tables(f).map(|t| t.places.rodata)
    }

    /// The memory the tables lie in.
    pub fn memory(&self) -> &'v Memory<'a> {
        self.mem
    }

    /// The lines a debugger would show for `pc`: what is inlined there first, the function itself
    /// last. Source: `runtime/symtabinl.go`, `inlineUnwinder` (go1.19: `runtime/traceback.go`,
    /// `gentraceback`).
    pub fn source(&self, f: &Func, pc: Addr) -> Vec<SourceFrame> {
        let mut out = Vec::new();
        let mut pc = pc;
        for _ in 0..MAX_INLINE_DEPTH {
            let (file, line) = self.line(f, pc);
            let call = self.inlined_call(f, pc);
            out.push(SourceFrame {
                function: match &call {
                    Some((name, _)) => name.clone(),
                    None => self.name(f).into_owned(),
                },
                file,
                line,
                inlined: call.is_some(),
            });
            match call {
                Some((_, parent)) if f.entry <= parent && parent < f.end => pc = parent,
                _ => break,
            }
        }
        out
    }

    /// The function that was inlined at `pc`, innermost, and a pc of the call to it.
    fn inlined_call(&self, f: &Func, pc: Addr) -> Option<(String, Addr)> {
        let t = self.tables(f)?;
        let index = u64::try_from(self.pcdata(f, PCDATA_INL_TREE, pc)?).ok()?;
        let tree = self.funcdata(f, FUNCDATA_INL_TREE)?;
        let call = self
            .mem
            .bytes(tree.element(index, t.layout.call_size)?, t.layout.call_size)
            .ok()?;
        let name = t.name_at(t.abi.u32(&call, t.layout.call_name)?)?;
        let parent = u64::from(t.abi.u32(&call, t.layout.call_parent_pc)?);
        Some((name.into_owned(), f.entry.checked_add(parent)?))
    }

    fn line(&self, f: &Func, pc: Addr) -> (String, u32) {
        let file_and_line = || {
            let t = self.tables(f)?;
            let file = u32::try_from(t.value(f, t.field(f, func::PCFILE)?, pc)?).ok()?;
            // The compiler gives some instructions of cgo programs lines below 0.
            let line = u32::try_from(t.value(f, t.field(f, func::PCLN)?, pc)?).unwrap_or(0);
            let unit = t.field(f, func::CU)?.checked_add(file)?;
            let name = t
                .abi
                .u32(&t.cutab, usize::try_from(unit).ok()?.checked_mul(4)?)?;
            let path = text(t.filetab.get(usize::try_from(name).ok()?..)?)?;
            Some((path.into_owned(), line))
        };
        file_and_line().unwrap_or_else(|| ("?".into(), 0))
    }

    fn tables(&self, f: &Func) -> Option<&Tables<'a>> {
        self.modules.get(usize::try_from(f.module).ok()?)
    }
}

impl<'a> Tables<'a> {
    fn open(mem: &Memory<'a>, places: &TablePlaces) -> Option<Tables<'a>> {
        let abi = mem.abi;
        let header = mem.bytes(places.header, 8).ok()?;
        let layout = match abi.u32(&header, 0)? {
            MAGIC_118 => LAYOUT_118,
            MAGIC_120 => LAYOUT_120,
            _ => return None,
        };
        let quantum = u64::from(*header.get(6)?);
        if *header.get(7)? != abi.ptr_size || ![1, 2, 4].contains(&quantum) {
            return None;
        }
        let table = |(data, len): (Addr, u64), size: u64| {
            if len == 0 {
                return Some(Cow::Borrowed([].as_slice()));
            }
            mem.bytes(data, len.checked_mul(size)?).ok()
        };
        Some(Tables {
            places: *places,
            abi,
            quantum,
            layout,
            ftab: table(places.ftab, 8)?,
            pclntable: table(places.pclntable, 1)?,
            funcnametab: table(places.funcnametab, 1)?,
            cutab: table(places.cutab, 4)?,
            filetab: table(places.filetab, 1)?,
            pctab: table(places.pctab, 1)?,
        })
    }

    /// (entry offset, position of the record) of entry `i` of `ftab`; the last is only an end.
    fn entry(&self, i: usize) -> Option<(u64, usize)> {
        let at = i.checked_mul(8)?;
        let off = self.abi.u32(&self.ftab, at)?;
        let record = self.abi.u32(&self.ftab, at.checked_add(4)?)?;
        Some((u64::from(off), usize::try_from(record).ok()?))
    }

    fn find(&self, pc: Addr, module: u32) -> Option<Func> {
        let off = pc.offset_from(self.places.text)?;
        let last = (self.ftab.len() / 8).checked_sub(1)?;
        let (mut lo, mut hi) = (0, last);
        while lo < hi {
            let mid = lo.midpoint(hi);
            if self.entry(mid)?.0 <= off {
                lo = mid.checked_add(1)?;
            } else {
                hi = mid;
            }
        }
        let i = lo.checked_sub(1)?;
        let (start, record) = self.entry(i)?;
        let (end, _) = self.entry(lo)?;
        let mut f = Func {
            entry: self.places.text.checked_add(start)?,
            end: self.places.text.checked_add(end)?,
            flag: 0,
            id: 0,
            module,
            record,
        };
        let record = self.record(&f)?;
        f.flag = *record.get(self.layout.flag)?;
        f.id = *record.get(self.layout.flag.checked_sub(1)?)?; // the byte before it, in all versions
        Some(f)
    }

    fn named(&self, name: &str, module: u32) -> Option<Func> {
        let functions = (self.ftab.len() / 8).checked_sub(1)?;
        let entry = (0..functions).find_map(|i| {
            let (entry, record) = self.entry(i)?;
            let at = self
                .abi
                .u32(&self.pclntable, record.checked_add(func::NAME)?)?;
            let text = self.funcnametab.get(usize::try_from(at).ok()?..)?;
            let rest = text.strip_prefix(name.as_bytes())?;
            (rest.first() == Some(&0)).then_some(entry)
        })?;
        self.find(self.places.text.checked_add(entry)?, module)
    }

    fn record(&self, f: &Func) -> Option<&[u8]> {
        self.pclntable.get(f.record..)
    }

    fn field(&self, f: &Func, at: usize) -> Option<u32> {
        self.abi.u32(self.record(f)?, at)
    }

    fn name_at(&self, off: u32) -> Option<Cow<'_, str>> {
        text(self.funcnametab.get(usize::try_from(off).ok()?..)?)
    }

    /// The value at `pc` of the table at `off` of `pctab`: pairs of a value delta (zigzag) and a pc
    /// delta. Source: `runtime/symtab.go`, `pcvalue` and `step`.
    fn value(&self, f: &Func, off: u32, pc: Addr) -> Option<i32> {
        let mut rest = self.pctab.get(usize::try_from(off).ok()?..)?;
        if off == 0 {
            return None;
        }
        let (mut value, mut at) = (-1i32, f.entry);
        let mut first = true;
        loop {
            let delta = varint(&mut rest)?;
            if delta == 0 && !first {
                return None;
            }
            first = false;
            let half = (delta >> 1).cast_signed();
            value = value.wrapping_add(if delta & 1 == 1 { !half } else { half });
            at = at.checked_add(u64::from(varint(&mut rest)?).checked_mul(self.quantum)?)?;
            if pc < at {
                return Some(value);
            }
            if at >= f.end {
                return None;
            }
        }
    }
}

/// A little-endian base-128 number of at most 32 bits, cut off the front.
fn varint(rest: &mut &[u8]) -> Option<u32> {
    let mut out = 0u32;
    for shift in (0..35).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        out |= u32::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(out);
        }
    }
    None
}

/// Text up to the first NUL.
fn text(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let near = bytes.get(..bytes.len().min(MAX_SYMBOL))?;
    let end = near.iter().position(|b| *b == 0)?;
    Some(String::from_utf8_lossy(near.get(..end)?))
}

/// A bitmap per stack map index, for a function's locals or arguments. Source: `runtime/symtab.go`,
/// `stackmap`: n and nbit (int32 each), then n bitmaps of whole bytes.
#[derive(Clone, Debug)]
pub struct StackMap<'a> {
    bits: Cow<'a, [u8]>,
    /// Words the bitmap speaks of.
    pub words: u32,
}

impl<'a> StackMap<'a> {
    /// The bitmap `index` of the stack map at `addr`. `None` when it cannot be read or there is no such
    /// index.
    pub fn read(mem: &Memory<'a>, addr: Addr, index: i32) -> Option<StackMap<'a>> {
        let n = mem.read_u32(addr).ok()?;
        let words = mem.read_u32(addr.checked_add(4)?).ok()?;
        // Before the first call of a function there is no index yet: the first map holds then.
        let index = u32::try_from(index.max(0)).ok()?;
        if index >= n || u64::from(words) > MAX_FUNCDATA {
            return None;
        }
        let size = u64::from(words).div_ceil(8);
        let at = addr.checked_add(8)?.element(u64::from(index), size)?;
        Some(StackMap {
            bits: mem.bytes(at, size).ok()?,
            words,
        })
    }

    /// The words that are live pointers, ascending.
    pub fn live(&self) -> impl Iterator<Item = u64> + '_ {
        (0..self.words).map(u64::from).filter(|i| {
            let byte = usize::try_from(i / 8)
                .ok()
                .and_then(|at| self.bits.get(at))
                .copied()
                .unwrap_or(0);
            byte >> (i % 8) & 1 == 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_one_and_more_bytes_are_cut_off_the_front() {
        let mut rest: &[u8] = &[0x05, 0x80, 0x01, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x07];
        assert_eq!(varint(&mut rest), Some(5));
        assert_eq!(varint(&mut rest), Some(128));
        assert_eq!(varint(&mut rest), Some(u32::MAX));
        assert_eq!(rest, [7]);
        assert_eq!(varint(&mut [0x80, 0x80].as_slice()), None);
        assert_eq!(varint(&mut [0xff; 9].as_slice()), None);
    }

    #[test]
    fn text_without_an_end_is_no_text() {
        assert_eq!(text(b"main.f\0rest").as_deref(), Some("main.f"));
        assert_eq!(text(b"main.f"), None);
    }

    fn tables(pctab: Vec<u8>) -> Tables<'static> {
        let empty = || Cow::Borrowed([].as_slice());
        Tables {
            places: TablePlaces::default(),
            abi: Abi::AMD64,
            quantum: 1,
            layout: LAYOUT_120,
            ftab: empty(),
            pclntable: empty(),
            funcnametab: empty(),
            cutab: empty(),
            filetab: empty(),
            pctab: Cow::Owned(pctab),
        }
    }

    #[test]
    fn a_table_by_pc_counts_from_minus_one() {
        let f = Func {
            entry: Addr(0x1000),
            end: Addr(0x1020),
            flag: 0,
            id: 0,
            module: 0,
            record: 0,
        };
        // +1 for 4 bytes of code (0), +8 for 16 more (8), -8 for 12 more (0), end.
        let t = tables(vec![0, 2, 4, 16, 16, 15, 12, 0]);
        assert_eq!(t.value(&f, 1, Addr(0x1000)), Some(0));
        assert_eq!(t.value(&f, 1, Addr(0x1003)), Some(0));
        assert_eq!(t.value(&f, 1, Addr(0x1004)), Some(8));
        assert_eq!(t.value(&f, 1, Addr(0x1014)), Some(0));
        assert_eq!(t.value(&f, 1, Addr(0x1020)), None);
        assert_eq!(t.value(&f, 0, Addr(0x1000)), None);
        assert_eq!(t.value(&f, 99, Addr(0x1000)), None);
    }
}
