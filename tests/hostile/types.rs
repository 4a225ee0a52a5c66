//! Types that cannot be: structs that contain themselves, arrays of more elements than atoms.
//! In: the DWARF of a golden binary, with references and numbers changed. Out: an end, in time.

use crate::hostile::run::COMMANDS;
use crate::hostile::run::Room;
use crate::hostile::run::try_run;
use crate::hostile::run::unpacked;
use crate::synthcore::sections;
use gimli::EndianSlice;
use gimli::LittleEndian;
use std::path::Path;

/// A member, element or array size in `.debug_info`, and where the file says so.
struct Place {
    /// Offset of the DIE it belongs to (a struct or array).
    owner: usize,
    /// Which of the owner's members; 0 for elements and sizes.
    nth: usize,
    what: What,
    /// Position in the file of the value, and its size.
    at: usize,
    size: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Member,
    Element,
    Count,
}

/// Finds what types say of their parts. The binary's DWARF is not packed.
fn places(file: &[u8]) -> Vec<Place> {
    let all = sections(file);
    let find = |name: &str| {
        all.iter()
            .find(|s| s.0 == name)
            .map(|s| (s.1, s.2))
            .unwrap_or((0, 0))
    };
    let (info, _) = find(".debug_info");
    let load = |id: gimli::SectionId| -> Result<_, gimli::Error> {
        let (at, size) = find(id.name());
        Ok(EndianSlice::new(&file[at..at + size], LittleEndian))
    };
    let dwarf = gimli::Dwarf::load(load).unwrap();
    let (mut out, mut units) = (Vec::new(), dwarf.units());
    while let Some(header) = units.next().unwrap() {
        let unit = dwarf.unit(header).unwrap();
        let to_info = |o: gimli::UnitOffset| o.to_debug_info_offset(&unit.header).unwrap().0;
        let mut entries = unit.entries_raw(None).unwrap();
        let (mut owner, mut nth) = (0, 0);
        while !entries.is_empty() {
            let die = to_info(entries.next_offset());
            let Some(abbrev) = entries.read_abbreviation().unwrap() else {
                continue;
            };
            let tag = abbrev.tag();
            if tag == gimli::DW_TAG_structure_type || tag == gimli::DW_TAG_array_type {
                (owner, nth) = (die, 0);
            }
            for spec in abbrev.attributes() {
                entries.read_attribute(*spec).unwrap();
                let size = match spec.form() {
                    gimli::DW_FORM_ref_addr => 4,
                    gimli::DW_FORM_data8 => 8,
                    gimli::DW_FORM_udata | gimli::DW_FORM_data1 => 1,
                    _ => continue,
                };
                let what = match (tag, spec.name()) {
                    (gimli::DW_TAG_member, gimli::DW_AT_type) => What::Member,
                    (gimli::DW_TAG_array_type, gimli::DW_AT_type) => What::Element,
                    (
                        gimli::DW_TAG_subrange_type,
                        gimli::DW_AT_count | gimli::DW_AT_upper_bound,
                    ) => What::Count,
                    _ => continue,
                };
                out.push(Place {
                    owner,
                    nth,
                    what,
                    at: info + to_info(entries.next_offset()) - size,
                    size,
                });
                nth += usize::from(what == What::Member);
            }
        }
    }
    out
}

/// `check` and one other command on a core with the binary thus changed.
fn survives(what: &str, room: &Room, core: &Path, binary: &[u8]) -> Vec<String> {
    let binary = room.write("changed", binary);
    let mut failures = Vec::new();
    for command in &COMMANDS[..2] {
        let mut args = command.to_vec();
        args.extend([core.to_str().unwrap(), binary.to_str().unwrap()]);
        if let Err(why) = try_run(&args) {
            let kept =
                std::env::temp_dir().join(format!("badmap-types-{}", what.replace(' ', "-")));
            std::fs::copy(&binary, &kept).unwrap();
            failures.push(format!("{what}, kept as {}: {why}", kept.display()));
        }
    }
    failures
}

#[test]
fn types_that_contain_themselves_come_to_an_end() {
    let room = Room::new();
    let Some((core, binary)) = unpacked(&room, "go1.23-panic-other") else {
        return;
    };
    let file = std::fs::read(&binary).unwrap();
    let places = places(&file);
    let references = |test: &dyn Fn(&Place) -> bool| {
        let mut changed = file.clone();
        let mut n = 0;
        for p in places
            .iter()
            .filter(|p| p.size == 4 && p.what != What::Count && test(p))
        {
            changed[p.at..p.at + 4].copy_from_slice(&(p.owner as u32).to_le_bytes());
            n += 1;
        }
        assert!(n > 100, "only {n} references changed");
        changed
    };
    let mut failures = Vec::new();
    // The runtime's own types stay as they are for the most part: only every fifth type is hit.
    for k in [1, 3] {
        let some = |p: &Place| p.owner % 5 == k;
        let first = references(&|p| some(p) && p.what == What::Member && p.nth == 0);
        failures.extend(survives(
            &format!("the first member is the struct itself {k}"),
            &room,
            &core,
            &first,
        ));
        let two = references(&|p| some(p) && p.what == What::Member && p.nth < 2);
        failures.extend(survives(
            &format!("two members are the struct itself {k}"),
            &room,
            &core,
            &two,
        ));
        let last = references(&|p| some(p) && p.what == What::Member && p.nth > 0);
        failures.extend(survives(
            &format!("all members but the first are the struct itself {k}"),
            &room,
            &core,
            &last,
        ));
    }
    let elements = references(&|p| p.what == What::Element);
    failures.extend(survives(
        "arrays are made of themselves",
        &room,
        &core,
        &elements,
    ));
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
