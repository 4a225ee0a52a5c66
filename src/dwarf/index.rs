//! One pass over all units of Go code: where each type, variable and function stands.
//! In: the DWARF sections. Out: offsets and names, nothing built yet.
//! Over 400 lines in one file because the pass and the look-ups share its records.

use crate::base::addr::LinkAddr;
use crate::dwarf::error::DwarfError;
use crate::dwarf::sections::DwarfData;
use crate::dwarf::sections::Reader;
use gimli::AttributeValue;
use gimli::DwAt;
use gimli::Operation;
use gimli::Unit;
use rayon::prelude::IntoParallelIterator;
use rayon::prelude::ParallelIterator;
use std::path::Path;

/// reflect's kind of a map, as `DW_AT_go_kind` gives it. Source: `internal/abi/type.go`, `Map`, all versions.
pub(crate) const KIND_MAP: u64 = 21;

/// DIEs that stand for one another that are followed. Go writes one; a damaged file may write a ring.
pub(crate) const MAX_ORIGINS: u32 = 4;

/// Go's own attributes. Source: `cmd/internal/dwarf/dwarf.go`, `DW_AT_go_*`, all versions.
pub(crate) mod go {
    use gimli::DwAt;
    /// reflect kind of a type.
    pub(crate) const KIND: DwAt = DwAt(0x2900);
    /// Key type of a map.
    pub(crate) const KEY: DwAt = DwAt(0x2901);
    /// Element type of a map, channel or slice.
    pub(crate) const ELEM: DwAt = DwAt(0x2902);
    /// A member is embedded.
    pub(crate) const EMBEDDED: DwAt = DwAt(0x2903);
    /// Offset of the type's descriptor from `moduledata.types`; 0 for none.
    pub(crate) const RUNTIME_TYPE: DwAt = DwAt(0x2904);
    /// Offset of a captured variable in the closure object; from go1.23.
    pub(crate) const CLOSURE_OFFSET: DwAt = DwAt(0x2907);
}

/// Where a type stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TypeDie<'d> {
    /// Its offset in `.debug_info`.
    pub(crate) off: usize,
    /// Its unit, by position.
    pub(crate) unit: u32,
    /// Its name; empty for none.
    pub(crate) name: &'d [u8],
}

/// A package variable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Variable {
    /// `package.Name`, the package as its import path.
    pub name: String,
    /// Its link-time address.
    pub addr: LinkAddr,
    /// Its type, as an index into the types.
    pub ty: u32,
}

/// A function with code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FunctionDie {
    /// Its first instruction.
    pub(crate) entry: LinkAddr,
    /// Its offset in `.debug_info`.
    pub(crate) off: usize,
    /// Its unit, by position.
    pub(crate) unit: u32,
}

/// Everything of note in the DWARF.
#[derive(Debug)]
pub struct DwarfIndex<'d> {
    pub(crate) dwarf: gimli::Dwarf<Reader<'d>>,
    // The offset type is written out: as a projection of the reader it would make the index invariant.
    pub(crate) units: Vec<Unit<Reader<'d>, usize>>,
    /// By offset.
    pub(crate) types: Vec<TypeDie<'d>>,
    /// (offset of the descriptor from `moduledata.types`, index into `types`), ascending.
    by_runtime_type: Vec<(u64, u32)>,
    /// Indices into `types` of the types of kind map, ascending.
    map_types: Vec<u32>,
    /// Constants of package runtime, by name.
    constants: Vec<(&'d [u8], i64)>,
    /// Package variables of Go code, by name.
    variables: Vec<Variable>,
    /// By entry address.
    pub(crate) functions: Vec<FunctionDie>,
    /// DWARF version of the Go units; 0 where there is no DWARF.
    pub version: u16,
    /// Bytes of a pointer.
    pub(crate) ptr_size: u8,
    /// Units that could not be read to their end.
    pub damaged_units: u64,
}

#[derive(Default)]
struct UnitScan<'d> {
    types: Vec<TypeDie<'d>>,
    runtime_types: Vec<(u64, usize)>,
    map_types: Vec<usize>,
    constants: Vec<(&'d [u8], i64)>,
    variables: Vec<(String, LinkAddr, usize)>,
    functions: Vec<FunctionDie>,
    damaged: bool,
}

impl<'d> DwarfIndex<'d> {
    /// Passes over all units.
    /// # Errors
    /// `Damaged` when the unit headers cannot be read, `NotGo` when no unit is of Go code.
    pub fn new(
        data: &'d DwarfData<'_>,
        ptr_size: u8,
        path: &Path,
    ) -> Result<DwarfIndex<'d>, DwarfError> {
        let dwarf = data.dwarf();
        let damaged = |e: gimli::Error| DwarfError::Damaged {
            path: path.to_path_buf(),
            what: e.to_string(),
        };
        let mut units = Vec::new();
        let mut headers = dwarf.units();
        while let Some(header) = headers.next().map_err(damaged)? {
            let unit = dwarf.unit(header).map_err(damaged)?;
            if is_go(&unit) {
                units.push(unit);
            }
        }
        let Some(version) = units.iter().map(|u| u.header.version()).max() else {
            return Err(DwarfError::NotGo {
                path: path.to_path_buf(),
            });
        };
        let scans: Vec<UnitScan<'d>> = (0..units.len())
            .into_par_iter()
            .filter_map(|i| units.get(i).map(|u| scan_unit(&dwarf, u, i)))
            .collect();
        let mut out = DwarfIndex {
            dwarf,
            units,
            version,
            ..DwarfIndex::empty(ptr_size)
        };
        let mut found = Vec::new();
        let mut described = Vec::new();
        let mut maps = Vec::new();
        for scan in scans {
            out.types.extend(scan.types);
            described.extend(scan.runtime_types);
            maps.extend(scan.map_types);
            out.constants.extend(scan.constants);
            found.extend(scan.variables);
            out.functions.extend(scan.functions);
            out.damaged_units = out.damaged_units.saturating_add(u64::from(scan.damaged));
        }
        out.types.sort_by_key(|t| t.off);
        out.functions.sort_by_key(|f| f.entry);
        out.by_runtime_type = described
            .into_iter()
            .filter_map(|(rt, off)| Some((rt, out.type_at(off)?)))
            .collect();
        out.by_runtime_type.sort_unstable();
        out.map_types = maps.into_iter().filter_map(|m| out.type_at(m)).collect();
        out.map_types.sort_unstable();
        out.constants.sort_unstable();
        out.variables = found
            .into_iter()
            .filter_map(|(name, addr, off)| {
                Some(Variable {
                    name,
                    addr,
                    ty: out.type_at(off)?,
                })
            })
            .collect();
        out.variables
            .sort_by(|a, b| (&a.name, a.addr).cmp(&(&b.name, b.addr)));
        Ok(out)
    }

    /// The index of a binary without DWARF: nothing is known, and `version` is 0.
    pub fn empty(ptr_size: u8) -> DwarfIndex<'d> {
        DwarfIndex {
            dwarf: gimli::Dwarf::default(),
            units: Vec::new(),
            types: Vec::new(),
            by_runtime_type: Vec::new(),
            map_types: Vec::new(),
            constants: Vec::new(),
            variables: Vec::new(),
            functions: Vec::new(),
            version: 0,
            ptr_size,
            damaged_units: 0,
        }
    }

    /// The index of the type whose DIE is at this offset of `.debug_info`.
    pub(crate) fn type_at(&self, off: usize) -> Option<u32> {
        let i = self.types.binary_search_by_key(&off, |t| t.off).ok()?;
        u32::try_from(i).ok()
    }

    /// The type that a variable's `DW_AT_type` leads to. In generic code that may be a typedef inside the
    /// function, which says by `DW_AT_go_dict_index` where the real type is to be looked up; the type it
    /// stands for is the shape, with the same layout. Source: `cmd/internal/dwarf/dwarf.go`,
    /// `DW_ABRV_DICT_INDEX`, from go1.18 on.
    pub(crate) fn type_of_variable(&self, mut off: usize) -> Option<u32> {
        for _ in 0..MAX_ORIGINS {
            if let Some(known) = self.type_at(off) {
                return Some(known);
            }
            let unit_no = self.unit_at(off)?;
            let entry = self.entry(unit_no, off)?;
            if entry.tag() != gimli::DW_TAG_typedef {
                return None;
            }
            off = reference(&entry.attr_value(gimli::DW_AT_type)?, self.unit(unit_no)?)?;
        }
        None
    }

    /// The type whose descriptor lies `off` bytes behind `moduledata.types`.
    pub fn type_by_descriptor(&self, off: u64) -> Option<u32> {
        let i = self.by_runtime_type.partition_point(|(o, _)| *o < off);
        self.by_runtime_type
            .get(i)
            .filter(|(o, _)| *o == off)
            .map(|(_, t)| *t)
    }

    /// The descriptor's offset behind `moduledata.types` of each type that has one.
    pub fn descriptors(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        self.by_runtime_type.iter().copied()
    }

    /// The first type of this name that is a definition rather than another name for one.
    pub fn type_by_name(&self, name: &str) -> Option<u32> {
        self.types_where(|n| n == name.as_bytes()).first().copied()
    }

    /// The types whose name satisfies `test`, definitions before typedefs.
    pub fn types_where(&self, test: impl Fn(&[u8]) -> bool) -> Vec<u32> {
        let named = (0u32..).zip(&self.types).filter(|(_, t)| test(t.name));
        let (mut definitions, mut typedefs) = (Vec::new(), Vec::new());
        for (i, t) in named {
            if self.is_typedef(t) {
                typedefs.push(i)
            } else {
                definitions.push(i)
            }
        }
        definitions.append(&mut typedefs);
        definitions
    }

    fn is_typedef(&self, t: &TypeDie<'_>) -> bool {
        self.entry(t.unit, t.off)
            .is_some_and(|e| e.tag() == gimli::DW_TAG_typedef)
    }

    /// The types of kind map, named ones too, as indices into the types: ascending.
    pub fn map_types(&self) -> impl Iterator<Item = u32> + '_ {
        self.map_types.iter().copied()
    }

    /// The value of an integer constant of package runtime, e.g. `runtime._PageSize`; those of other
    /// packages are not kept. Unsigned ones above the range of int64 come out negative, as the compiler
    /// writes them.
    /// Source: `cmd/compile/internal/gc/obj.go`, `dumpGlobalConst`, all versions.
    pub fn constant(&self, name: &str) -> Option<i64> {
        let i = self
            .constants
            .partition_point(|(n, _)| *n < name.as_bytes());
        self.constants
            .get(i)
            .filter(|(n, _)| *n == name.as_bytes())
            .map(|(_, value)| *value)
    }

    /// The package variables, by name.
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// The package variable of this name.
    pub fn variable(&self, name: &str) -> Option<&Variable> {
        let i = self.variables.partition_point(|v| v.name.as_str() < name);
        self.variables.get(i).filter(|v| v.name == name)
    }

    /// The first instruction of every function, ascending.
    pub fn entries(&self) -> impl Iterator<Item = LinkAddr> + '_ {
        self.functions.iter().map(|f| f.entry)
    }

    /// The name of the function whose code an instruction belongs to: the last one that begins at or
    /// before it.
    pub fn function_at(&self, pc: LinkAddr) -> Option<String> {
        let i = self
            .functions
            .partition_point(|f| f.entry <= pc)
            .checked_sub(1)?;
        self.function_name(self.functions.get(i)?)
    }

    /// The name of the function that begins exactly here.
    pub fn function_named_at(&self, entry: LinkAddr) -> Option<String> {
        let i = self
            .functions
            .binary_search_by_key(&entry, |f| f.entry)
            .ok()?;
        self.function_name(self.functions.get(i)?)
    }

    fn function_name(&self, f: &FunctionDie) -> Option<String> {
        self.name_of(f.unit, f.off)
    }

    /// The name of a DIE. One that stands for another (a function that is also inlined elsewhere, or a
    /// place where it was inlined) has its name in the abstract instance, perhaps of another unit.
    pub(crate) fn name_of(&self, mut unit_no: u32, mut off: usize) -> Option<String> {
        for _ in 0..MAX_ORIGINS {
            let (unit, entry) = (self.unit(unit_no)?, self.entry(unit_no, off)?);
            if let Some(name) = entry.attr_value(gimli::DW_AT_name) {
                let name = self.dwarf.attr_string(unit, name).ok()?;
                return Some(String::from_utf8_lossy(name.slice()).into_owned());
            }
            off = reference(&entry.attr_value(gimli::DW_AT_abstract_origin)?, unit)?;
            unit_no = self.unit_at(off)?;
        }
        None
    }

    /// The unit, by position, in which an offset of `.debug_info` lies.
    pub(crate) fn unit_at(&self, off: usize) -> Option<u32> {
        // The units are in the order of the section; those of other languages are left out.
        let behind = self.units.partition_point(|u| {
            u.header
                .debug_info_offset()
                .is_some_and(|start| start.0 <= off)
        });
        let i = behind.checked_sub(1)?;
        let header = &self.units.get(i)?.header;
        gimli::DebugInfoOffset(off).to_unit_offset(header)?;
        u32::try_from(i).ok()
    }

    /// The DIE at an offset of `.debug_info`.
    pub(crate) fn entry(
        &self,
        unit: u32,
        off: usize,
    ) -> Option<gimli::DebuggingInformationEntry<Reader<'d>>> {
        let unit = self.unit(unit)?;
        unit.entry(gimli::DebugInfoOffset(off).to_unit_offset(&unit.header)?)
            .ok()
    }

    pub(crate) fn unit(&self, unit: u32) -> Option<&Unit<Reader<'d>>> {
        self.units.get(usize::try_from(unit).ok()?)
    }
}

/// `DW_LANG_Go` stands on the unit's own DIE.
fn is_go(unit: &Unit<Reader<'_>>) -> bool {
    let Ok(mut entries) = unit.entries_raw(None) else {
        return false;
    };
    let Ok(Some(abbrev)) = entries.read_abbreviation() else {
        return false;
    };
    for spec in abbrev.attributes() {
        let Ok(attr) = entries.read_attribute(*spec) else {
            return false;
        };
        if attr.name() == gimli::DW_AT_language {
            return matches!(attr.value(), AttributeValue::Language(gimli::DW_LANG_Go));
        }
    }
    false
}

fn scan_unit<'d>(
    dwarf: &gimli::Dwarf<Reader<'d>>,
    unit: &Unit<Reader<'d>>,
    idx: usize,
) -> UnitScan<'d> {
    let mut scan = UnitScan::default();
    let unit_no = u32::try_from(idx).unwrap_or(u32::MAX);
    scan.damaged = scan_entries(dwarf, unit, unit_no, &mut scan).is_err();
    scan
}

fn scan_entries<'d>(
    dwarf: &gimli::Dwarf<Reader<'d>>,
    unit: &Unit<Reader<'d>>,
    unit_no: u32,
    scan: &mut UnitScan<'d>,
) -> gimli::Result<()> {
    let mut entries = unit.entries_raw(None)?;
    while !entries.is_empty() {
        let off = entries
            .next_offset()
            .to_debug_info_offset(&unit.header)
            .map_or(usize::MAX, |o| o.0);
        let depth = entries.next_depth();
        let Some(abbrev) = entries.read_abbreviation()? else {
            continue;
        };
        let tag = abbrev.tag();
        if depth != 1 || !(is_type(tag) || is_noted(tag)) {
            entries.skip_attributes(abbrev.attributes())?;
            continue;
        }
        let mut die = Die::default();
        for spec in abbrev.attributes() {
            let attr = entries.read_attribute(*spec)?;
            die.take(attr.name(), attr.value(), dwarf, unit);
        }
        if is_type(tag) {
            scan.types.push(TypeDie {
                off,
                unit: unit_no,
                name: die.name,
            });
            if die.runtime_type != 0 {
                scan.runtime_types.push((die.runtime_type, off));
            }
            if die.kind == KIND_MAP {
                scan.map_types.push(off);
            }
        } else if tag == gimli::DW_TAG_constant {
            let kept = die.constant.filter(|_| die.name.starts_with(b"runtime."));
            scan.constants.extend(kept.map(|value| (die.name, value)));
        } else if let (true, Some(addr), Some(ty)) =
            (tag == gimli::DW_TAG_variable, die.location, die.ty)
        {
            scan.variables.push((
                String::from_utf8_lossy(die.name).into_owned(),
                LinkAddr(addr),
                ty,
            ));
        } else if let (true, Some(entry)) = (tag == gimli::DW_TAG_subprogram, die.low_pc) {
            scan.functions.push(FunctionDie {
                entry: LinkAddr(entry),
                off,
                unit: unit_no,
            });
        }
    }
    Ok(())
}

/// The attributes of one DIE that the scan looks at.
#[derive(Default)]
struct Die<'d> {
    name: &'d [u8],
    kind: u64,
    runtime_type: u64,
    constant: Option<i64>,
    location: Option<u64>,
    ty: Option<usize>,
    low_pc: Option<u64>,
}

impl<'d> Die<'d> {
    fn take(
        &mut self,
        name: DwAt,
        value: AttributeValue<Reader<'d>>,
        dwarf: &gimli::Dwarf<Reader<'d>>,
        unit: &Unit<Reader<'d>>,
    ) {
        match name {
            gimli::DW_AT_name => {
                self.name = dwarf
                    .attr_string(unit, value)
                    .map(|s| s.slice())
                    .unwrap_or_default()
            }
            go::KIND => self.kind = number(&value).unwrap_or(0),
            gimli::DW_AT_const_value => self.constant = value.sdata_value(),
            go::RUNTIME_TYPE => self.runtime_type = number(&value).unwrap_or(0),
            gimli::DW_AT_type => self.ty = reference(&value, unit),
            gimli::DW_AT_low_pc => self.low_pc = dwarf.attr_address(unit, value).ok().flatten(),
            gimli::DW_AT_location => {
                if let AttributeValue::Exprloc(expr) = value {
                    self.location = match expr.operations(unit.encoding()).next() {
                        Ok(Some(Operation::Address { address })) => Some(address),
                        Ok(Some(Operation::AddressIndex { index })) => {
                            dwarf.address(unit, index).ok()
                        }
                        _ => None,
                    };
                }
            }
            _ => {}
        }
    }
}

/// A plain number, whatever its form. `DW_AT_go_runtime_type` has the form of an address.
pub(crate) fn number(value: &AttributeValue<Reader<'_>>) -> Option<u64> {
    match value {
        AttributeValue::Addr(a) => Some(*a),
        other => other.udata_value(),
    }
}

/// The offset in `.debug_info` that a reference leads to.
pub(crate) fn reference(
    value: &AttributeValue<Reader<'_>>,
    unit: &Unit<Reader<'_>>,
) -> Option<usize> {
    match value {
        // gimli adds without looking
        AttributeValue::UnitRef(off) if !off.is_in_bounds(&unit.header) => None,
        AttributeValue::UnitRef(off) => off.to_debug_info_offset(&unit.header).map(|o| o.0),
        AttributeValue::DebugInfoRef(off) => Some(off.0),
        _ => None,
    }
}

fn is_type(tag: gimli::DwTag) -> bool {
    matches!(
        tag,
        gimli::DW_TAG_base_type
            | gimli::DW_TAG_structure_type
            | gimli::DW_TAG_array_type
            | gimli::DW_TAG_pointer_type
            | gimli::DW_TAG_typedef
            | gimli::DW_TAG_subroutine_type
            | gimli::DW_TAG_unspecified_type
    )
}

/// What the pass notes of a unit beside its types.
fn is_noted(tag: gimli::DwTag) -> bool {
    matches!(
        tag,
        gimli::DW_TAG_variable | gimli::DW_TAG_subprogram | gimli::DW_TAG_constant
    )
}
