//! The modules of the process (one, unless it uses plugins): where their code, data and types lie.
//! In: `runtime.firstmoduledata`. Out: address ranges, pointer bitmaps, the places of function tables.

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::runtime::claims::Bound;
use crate::runtime::claims::MODULEDATA;
use crate::runtime::pclntab::TablePlaces;
use crate::runtime::program::Program;

/// More plugins than anybody loads; a longer list is a damaged one.
const MAX_MODULES: usize = 1024;

/// The address ranges of one module.
#[derive(Clone, Debug)]
pub struct Module {
    /// Machine code.
    pub text: AddrRange,
    /// Writable data that may hold pointers.
    pub data: AddrRange,
    /// Zero-initialised data that may hold pointers.
    pub bss: AddrRange,
    /// Writable data without pointers.
    pub noptrdata: AddrRange,
    /// Zero-initialised data without pointers.
    pub noptrbss: AddrRange,
    /// Type descriptors.
    pub types: AddrRange,
    /// Which words of `data` are pointers: a bit a word, expanded by the runtime at its start.
    /// Source: `runtime/symtab.go`, `modulesinit`, and `runtime/stack.go`, `bitvector`.
    pub data_mask: Addr,
    /// Which words of `bss` are pointers.
    pub bss_mask: Addr,
    /// Its function tables.
    pub tables: TablePlaces,
}

impl Module {
    fn ranges(&self) -> [AddrRange; 6] {
        [
            self.data,
            self.bss,
            self.noptrdata,
            self.noptrbss,
            self.types,
            self.text,
        ]
    }
}

/// The modules of the process.
#[derive(Clone, Default, Debug)]
pub struct Modules {
    /// In the order of the runtime's list; the first is the binary itself.
    pub list: Vec<Module>,
}

impl Modules {
    /// Reads the list of modules. What cannot be read ends it.
    pub fn read(program: &Program<'_, '_>) -> Modules {
        match program.variable("runtime.firstmoduledata") {
            Some(first) => Modules::read_from(program, first.addr),
            None => Modules::default(),
        }
    }

    /// Reads the list that begins with the `moduledata` at `first`.
    pub(crate) fn read_from(program: &Program<'_, '_>, first: Addr) -> Modules {
        let mut out = Modules::default();
        let Some(bound) = MODULEDATA.bind(program) else {
            return out;
        };
        let mut at = first;
        while !at.is_nil() && out.list.len() < MAX_MODULES {
            let Some(module) = read_module(program, &bound, at) else {
                break;
            };
            out.list.push(module);
            at = match bound
                .off("next")
                .and_then(|o| at.checked_add(o))
                .map(|a| program.mem.read_addr(a))
            {
                Some(Ok(next)) => next,
                _ => break,
            };
        }
        out
    }

    /// The one module whose `moduledata` is at `at`.
    pub(crate) fn read_one(program: &Program<'_, '_>, at: Addr) -> Option<Module> {
        read_module(program, &MODULEDATA.bind(program)?, at)
    }

    /// The module whose descriptors include `addr`, and the offset from their start.
    pub fn types_at(&self, addr: Addr) -> Option<(usize, u64)> {
        let i = self.list.iter().position(|m| m.types.contains(addr))?;
        Some((i, addr.offset_from(self.list.get(i)?.types.start)?))
    }

    /// Whether `addr` lies in the code, data or types of a module.
    pub fn contains(&self, addr: Addr) -> bool {
        let holds = |m: &Module| m.ranges().iter().any(|r| r.contains(addr));
        self.list.iter().any(holds)
    }

    /// Whether a value can lie at `addr`: in a module, and not in its code. Most words that a stack keeps of calls
    /// gone by are return addresses.
    pub(crate) fn has_values_at(&self, addr: Addr) -> bool {
        self.contains(addr) && !self.is_text(addr)
    }

    /// The range from the first address of any module to the last.
    pub(crate) fn bounds(&self) -> AddrRange {
        let ranges = self.list.iter().flat_map(Module::ranges);
        let all = ranges.filter(|r| r.start < r.end);
        let around = |a: AddrRange, b: AddrRange| AddrRange {
            start: a.start.min(b.start),
            end: a.end.max(b.end),
        };
        all.reduce(around).unwrap_or_default()
    }

    /// Whether `addr` lies in machine code.
    pub fn is_text(&self, addr: Addr) -> bool {
        self.list.iter().any(|m| m.text.contains(addr))
    }

    /// Where each module keeps its function tables.
    pub fn tables(&self) -> Vec<TablePlaces> {
        self.list.iter().map(|m| m.tables).collect()
    }
}

fn read_module(program: &Program<'_, '_>, bound: &Bound, at: Addr) -> Option<Module> {
    let word = program.mem.abi.word();
    let field = |name: &str, idx: u64| {
        let at = at.checked_add(bound.off(name)?)?.element(idx, word)?;
        program.mem.read_addr(at).ok()
    };
    let addr = |name: &str| field(name, 0);
    let range = |start: &str, end: &str| {
        Some(AddrRange {
            start: addr(start)?,
            end: addr(end)?,
        })
    };
    let slice = |name: &str| Some((addr(name)?, field(name, 1)?.0));
    let text = range("text", "etext")?;
    Some(Module {
        text,
        data: range("data", "edata")?,
        bss: range("bss", "ebss")?,
        noptrdata: range("noptrdata", "enoptrdata")?,
        noptrbss: range("noptrbss", "enoptrbss")?,
        types: range("types", "etypes")?,
        // A bitvector is its length in bits (int32), then the address of the bits.
        data_mask: field("gcdatamask", 1)?,
        bss_mask: field("gcbssmask", 1)?,
        tables: TablePlaces {
            header: addr("pcHeader")?,
            pcs: range("minpc", "maxpc")?,
            text: text.start,
            ftab: slice("ftab")?,
            pclntable: slice("pclntable")?,
            funcnametab: slice("funcnametab")?,
            cutab: slice("cutab")?,
            filetab: slice("filetab")?,
            pctab: slice("pctab")?,
            gofunc: addr("gofunc")?,
            rodata: addr("rodata")?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_address_is_in_a_module_and_no_place_for_a_value() {
        let range = |start: u64| AddrRange {
            start: Addr(start),
            end: Addr(start + 0x1000),
        };
        let modules = Modules {
            list: vec![Module {
                text: range(0x40_0000),
                data: range(0x50_0000),
                bss: range(0x51_0000),
                noptrdata: range(0x52_0000),
                noptrbss: range(0x53_0000),
                types: range(0x48_0000),
                data_mask: Addr::NIL,
                bss_mask: Addr::NIL,
                tables: TablePlaces::default(),
            }],
        };
        assert!(modules.contains(Addr(0x40_0123)) && !modules.has_values_at(Addr(0x40_0123)));
        for start in [0x48_0000, 0x50_0000, 0x51_0000, 0x52_0000, 0x53_0000] {
            assert!(modules.has_values_at(Addr(start)));
        }
        assert!(!modules.has_values_at(Addr(0xc000_0000)));
    }
}
