//! Goroutines of cores whose stacks are gone, cut off or full of nonsense: they are listed all the
//! same, and each says why its stack is not there.
//! In: golden cores, changed. Out: exit code 3, and the reasons.

use crate::hostile::run::Dice;
use crate::hostile::run::Ran;
use crate::hostile::run::Room;
use crate::hostile::run::bytes_of;
use crate::hostile::run::golden;
use crate::hostile::run::run;
use crate::synthcore::program_headers;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

const PAGE: u64 = 4096;

fn goroutines(core: &Path, binary: &Path) -> Ran {
    let files = [core.to_str().unwrap(), binary.to_str().unwrap()];
    let text = run(&[&["goroutines"], &files[..], &["-v"]].concat());
    let json = run(&[&["goroutines"], &files[..], &["--format", "json"]].concat());
    assert_eq!(text.code, json.code, "{text:?}");
    json
}

/// The goroutines of a document by number.
fn rows(json: &Value) -> BTreeMap<u64, &Value> {
    let rows = json["goroutines"].as_array().unwrap();
    let rows: BTreeMap<_, _> = rows
        .iter()
        .map(|r| (r["id"].as_u64().unwrap(), r))
        .collect();
    assert!(rows.len() > 10, "{json}");
    rows
}

/// The pages on which a goroutine's own frames lie.
fn pages(row: &Value) -> BTreeSet<u64> {
    let frames = row["frames"].as_array().unwrap();
    let own = frames.iter().filter(|f| f["stack"] == "goroutine");
    own.map(|f| {
        let sp = f["sp"].as_str().unwrap().trim_start_matches("0x");
        u64::from_str_radix(sp, 16).unwrap() / PAGE * PAGE
    })
    .collect()
}

/// The core with these pages declared but left out, as a dump without them would be: another table
/// of program headers behind everything else.
fn without(bytes: &[u8], pages: &BTreeSet<u64>) -> Vec<u8> {
    let mut table = Vec::new();
    let headers = program_headers(bytes);
    for h in &headers {
        let raw = &bytes[h.at..h.at + 56];
        let mem_size = u64::from_le_bytes(raw[40..48].try_into().unwrap());
        if h.kind != 1 || pages.range(h.vaddr..h.vaddr + mem_size).next().is_none() {
            table.push(raw.to_vec());
            continue;
        }
        for page in (h.vaddr..h.vaddr + mem_size).step_by(PAGE as usize) {
            let mut one = raw.to_vec();
            let kept = page - h.vaddr < h.file_size && !pages.contains(&page);
            let values = [
                (8, h.offset + (page - h.vaddr)),
                (16, page),
                (32, if kept { PAGE } else { 0 }),
                (40, PAGE),
            ];
            for (at, value) in values {
                one[at..at + 8].copy_from_slice(&value.to_le_bytes());
            }
            table.push(one);
        }
    }
    let mut out = bytes.to_vec();
    out.resize(out.len().next_multiple_of(8), 0);
    let at = out.len() as u64;
    out[32..40].copy_from_slice(&at.to_le_bytes());
    let count = u16::try_from(table.len()).unwrap();
    out[56..58].copy_from_slice(&count.to_le_bytes());
    out.extend(table.concat());
    out
}

fn stacks_left_out(name: &str) {
    let Some((core, binary)) = golden(name) else {
        return;
    };
    let room = Room::new();
    let bytes = bytes_of(&core);
    let whole = goroutines(&core, &binary);
    assert_eq!(whole.code, 0, "{whole:?}");
    let whole = whole.json();
    let before = rows(&whole);
    let gone: BTreeSet<u64> = before.values().flat_map(|r| pages(r)).collect();
    let cut = goroutines(&room.write("core", &without(&bytes, &gone)), &binary);
    assert_eq!(cut.code, 3, "{cut:?}");
    let json = cut.json();
    let after = rows(&json);
    assert!(after.keys().eq(before.keys()), "{json}");
    for (id, row) in after {
        let why = row["broken"].as_str().unwrap_or_default();
        assert!(why.contains("not dumped"), "{id}: {row}");
        for kept in [
            "state",
            "wait_reason",
            "created_by",
            "started_with",
            "locked",
        ] {
            assert_eq!(row[kept], before[&id][kept], "{id}: {kept}");
        }
    }
}

#[test]
fn stacks_that_were_not_dumped_still_have_their_goroutines() {
    stacks_left_out("go1.19-zoo");
    stacks_left_out("go1.27-zoo");
}

#[test]
fn stacks_full_of_nonsense_come_to_an_end() {
    let Some((core, binary)) = golden("go1.27-zoo") else {
        return;
    };
    let room = Room::new();
    let bytes = bytes_of(&core);
    let whole = goroutines(&core, &binary).json();
    let before = rows(&whole);
    let gone: BTreeSet<u64> = before.values().flat_map(|r| pages(r)).collect();
    let pcs: Vec<u64> = before
        .values()
        .flat_map(|r| r["frames"].as_array().unwrap())
        .map(|f| u64::from_str_radix(&f["pc"].as_str().unwrap()[2..], 16).unwrap())
        .collect();
    let mut dice = Dice::new(11);
    for round in 0..12 {
        let mut bytes = bytes.clone();
        for h in program_headers(&bytes) {
            let inside = gone.range(h.vaddr..h.vaddr + h.file_size);
            for page in inside.filter(|_| h.kind == 1) {
                let at = (h.offset + (page - h.vaddr)) as usize;
                let one = pcs[dice.below(pcs.len())];
                for word in bytes[at..at + PAGE as usize].chunks_exact_mut(8) {
                    let value = match round % 3 {
                        0 => one,                        // the same function for ever
                        1 => pcs[dice.below(pcs.len())], // any function
                        _ => dice.next(),                // anything
                    };
                    word.copy_from_slice(&value.to_le_bytes());
                }
            }
        }
        let ran = goroutines(&room.write("core", &bytes), &binary);
        assert_eq!(ran.code, 3, "round {round}: {ran:?}");
        assert_eq!(rows(&ran.json()).len(), before.len(), "round {round}");
    }
}

#[test]
fn a_core_that_ends_too_early_lists_what_it_has() {
    let Some((core, binary)) = golden("go1.23-zoo") else {
        return;
    };
    let room = Room::new();
    let bytes = bytes_of(&core);
    let mut listed = 0;
    for tenth in 1..10 {
        let cut = room.write("core", &bytes[..bytes.len() / 10 * tenth]);
        let files = [cut.to_str().unwrap(), binary.to_str().unwrap()];
        for more in [
            &["--all"][..],
            &["--format", "jsonl"],
            &["--goroutine", "1"],
        ] {
            let ran = run(&[&["goroutines"], &files[..], more].concat());
            assert!(matches!(ran.code, 2 | 3), "{tenth}: {ran:?}");
            listed += u32::from(ran.code == 3);
        }
    }
    assert!(listed > 10, "only {listed} runs gave anything");
}

/// Where the `prstatus` of a thread lies in a core of linux/amd64.
fn prstatus_of(core: &[u8], thread: u64) -> usize {
    const NT_PRSTATUS: u32 = 1;
    let u32_at = |at: usize| u32::from_le_bytes(core[at..at + 4].try_into().unwrap());
    for h in program_headers(core).iter().filter(|h| h.kind == 4) {
        let (mut at, end) = (h.offset as usize, (h.offset + h.file_size) as usize);
        while at + 12 <= end {
            let (name, desc) = (u32_at(at) as usize, u32_at(at + 4) as usize);
            let body = at + 12 + name.next_multiple_of(4);
            if u32_at(at + 8) == NT_PRSTATUS && u64::from(u32_at(body + 32)) == thread {
                return body;
            }
            at = body + desc.next_multiple_of(4);
        }
    }
    panic!("thread {thread} has no registers");
}

/// The bytes of a binary's code from an address on.
fn code_at(binary: &[u8], addr: u64) -> &[u8] {
    let headers = program_headers(binary);
    let holds = |h: &&crate::synthcore::Header| {
        h.kind == 1 && (h.vaddr..h.vaddr + h.file_size).contains(&addr)
    };
    let h = headers.iter().find(holds).unwrap();
    &binary[(h.offset + (addr - h.vaddr)) as usize..]
}

/// A thread that has just come back from the system stack, and is stopped before `systemstack` returns: its stack
/// pointer is that of the goroutine again, and what the goroutine has kept of it is gone.
fn back_from_the_system_stack(name: &str) {
    const SWITCH_BACK: [u8; 4] = [0x48, 0x8b, 0x60, 0x38]; // mov 0x38(%rax), %rsp
    const RET: u8 = 0xc3;
    let Some((core, binary)) = golden(name) else {
        return;
    };
    let room = Room::new();
    let before = goroutines(&core, &binary).json();
    let number =
        |f: &Value, what: &str| u64::from_str_radix(&f[what].as_str().unwrap()[2..], 16).unwrap();
    let frames = |row: &Value| -> Vec<Value> {
        let all = row["frames"].as_array().unwrap().iter();
        all.filter(|f| f["inlined"] == false).cloned().collect()
    };
    let all = rows(&before);
    let is_switch = |f: &&Value| f["function"] == "runtime.systemstack" && f["stack"] == "system";
    let (id, row) = all
        .iter()
        .find(|(_, row)| frames(row).iter().any(|f| is_switch(&f)))
        .unwrap();
    let row_frames = frames(row);
    let inside = number(row_frames.iter().find(is_switch).unwrap(), "pc");
    let binary_bytes = bytes_of(&binary);
    let code = code_at(&binary_bytes, inside);
    let back = code.windows(4).position(|w| w == SWITCH_BACK).unwrap();
    let ret = back + code[back..].iter().position(|b| *b == RET).unwrap();
    assert!(ret < 128, "{name}: {ret}");
    let own: Vec<&Value> = row_frames
        .iter()
        .filter(|f| f["stack"] == "goroutine")
        .collect();
    // As if the function above the third frame had called systemstack.
    let rest = &own[2..];
    let mut bytes = bytes_of(&core);
    let at = prstatus_of(&bytes, row["thread"].as_u64().unwrap());
    let (rip, rsp) = (at + 112 + 16 * 8, at + 112 + 19 * 8);
    let sp = number(rest[0], "sp") - 8;
    bytes[rip..rip + 8].copy_from_slice(&(inside + ret as u64).to_le_bytes());
    bytes[rsp..rsp + 8].copy_from_slice(&sp.to_le_bytes());
    let after = goroutines(&room.write("core", &bytes), &binary).json();
    let after = rows(&after)[id];
    assert_eq!(after["broken"], Value::Null, "{name}: {after}");
    let after = frames(after);
    assert_eq!(after[0]["function"], "runtime.systemstack", "{name}");
    assert_eq!(number(&after[0], "sp"), sp, "{name}");
    assert!(
        after[1..].iter().eq(rest.iter().copied()),
        "{name}: {after:?}"
    );
}

#[test]
fn who_is_back_from_the_system_stack_has_a_stack() {
    back_from_the_system_stack("go1.19-blame-writes");
    back_from_the_system_stack("go1.27-blame-writes");
}
