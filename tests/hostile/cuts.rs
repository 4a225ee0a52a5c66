//! Cores that end too early, packed and not: what is missing makes maps unknown, never broken.
//! In: golden cores of healthy maps. Out: exit code 2 or 3, and not one broken map.

use crate::hostile::run::Dice;
use crate::hostile::run::Ran;
use crate::hostile::run::Room;
use crate::hostile::run::bytes_of;
use crate::hostile::run::golden;
use crate::hostile::run::try_run;
use crate::hostile::run::unpacked;
use crate::synthcore::program_headers;
use std::fs::File;
use std::path::Path;

/// Positions at which a core is cut: inside every header, in the notes, and all over its memory.
fn cuts(bytes: &[u8]) -> Vec<u64> {
    let size = bytes.len() as u64;
    let headers = program_headers(bytes);
    let table = headers.first().unwrap().at as u64;
    let notes = headers.iter().find(|h| h.kind == 4).unwrap();
    let mut out = vec![size / 10, size / 2, size / 10 * 9];
    out.extend([1, 4, 16, 40, 63, 64]); // ELF header
    out.extend([
        table + 1,
        table + 56,
        headers.last().unwrap().at as u64 + 10,
    ]);
    out.extend([
        notes.offset,
        notes.offset + 7,
        notes.offset + notes.file_size / 2,
        notes.offset + notes.file_size - 1,
    ]);
    let mut dice = Dice::new(20);
    out.extend((0..8).map(|_| dice.next() % size));
    out.extend([size - 1, size - 4096]);
    out.sort_unstable();
    out.dedup();
    out
}

/// What is wrong with a run on a healthy core that lacks its end.
fn fault(ran: &Ran) -> Option<String> {
    if ran.code == 2 {
        return None;
    }
    let Ok(json) = serde_json::from_str::<serde_json::Value>(&ran.stdout) else {
        return Some("no JSON".into());
    };
    let (maps, process) = (&json["maps"], &json["process"]);
    let seen = format!(
        "{maps}, missing {} bytes, gaps {} {}",
        process["missing_bytes"], json["gaps_total"], json["findings"]
    );
    if maps["broken"] != 0 {
        return Some(format!("maps that are whole are called broken: {seen}"));
    }
    if json["crash"]["kind"] == "map" {
        return Some(format!("the crash was not about a map: {}", json["crash"]));
    }
    (ran.code != 3).then(|| {
        format!(
            "exit code {} for a core that ends too early: {seen}",
            ran.code
        )
    })
}

fn cut_everywhere(name: &str) {
    let room = Room::new();
    let Some((core, binary)) = unpacked(&room, name) else {
        return;
    };
    let whole = std::fs::read(&core).unwrap();
    let file = File::options().write(true).open(&core).unwrap();
    let (mut failures, mut runs, mut read) = (Vec::new(), 0, 0);
    for size in cuts(&whole).into_iter().rev() {
        file.set_len(size).unwrap();
        runs += 1;
        let args = [
            "check",
            core.to_str().unwrap(),
            binary.to_str().unwrap(),
            "--format",
            "json",
        ];
        match try_run(&args) {
            Err(why) => failures.push(format!("cut at {size}: {why}")),
            Ok(ran) => {
                read += u32::from(ran.code != 2);
                failures
                    .extend(fault(&ran).map(|f| format!("cut at {size} of {}: {f}", whole.len())));
            }
        }
        let info = try_run(&["info", core.to_str().unwrap(), binary.to_str().unwrap()]);
        match info {
            Err(why) => failures.push(format!("cut at {size}: {why}")),
            Ok(ran) if ran.code == 0 => failures.push(format!(
                "cut at {size}: info finds nothing amiss\n{}",
                ran.stdout
            )),
            Ok(_) => {}
        }
    }
    println!("{name}: cut at {runs} places, {read} of them could still be read");
    assert!(
        failures.is_empty(),
        "{name}: {} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(
        read >= 4,
        "{name}: only {read} of {runs} cuts could be read at all"
    );
}

#[test]
fn a_classic_core_that_ends_too_early_is_unknown_not_broken() {
    cut_everywhere("go1.23-zoo");
}

#[test]
fn a_swiss_core_that_ends_too_early_is_unknown_not_broken() {
    cut_everywhere("go1.27-zoo");
}

fn check(core: &Path, binary: &Path) -> Result<Ran, String> {
    try_run(&[
        "check",
        core.to_str().unwrap(),
        binary.to_str().unwrap(),
        "--format",
        "json",
    ])
}

#[test]
fn a_packed_core_that_ends_too_early_gives_what_it_holds() {
    let Some((core, binary)) = golden("go1.23-panic-other") else {
        return;
    };
    let room = Room::new();
    let packed = std::fs::read(&core).unwrap();
    let mut failures = Vec::new();
    for percent in [0, 1, 10, 50, 90, 99] {
        let cut = room.write("core.zst", &packed[..packed.len() * percent / 100 + 5]);
        match check(&cut, &binary) {
            Err(why) => failures.push(why),
            Ok(ran) => failures.extend(fault(&ran).map(|f| format!("cut at {percent} %: {f}"))),
        }
    }
    let cut = room.write("core.zst", &packed[..packed.len() - 1]);
    match check(&cut, &binary) {
        Err(why) => failures.push(why),
        // Nothing but the checksum is missing, or a part of it.
        Ok(ran) if ran.code == 0 => failures.push(format!("without its last byte: {}", ran.stdout)),
        Ok(_) => {}
    }
    let packed = std::fs::read(&binary).unwrap();
    for percent in [5, 50, 95] {
        let cut = room.write("binary.zst", &packed[..packed.len() * percent / 100]);
        match check(&core, &cut) {
            Err(why) => failures.push(why),
            Ok(ran) if ran.code != 2 && ran.code != 3 => {
                failures.push(format!(
                    "binary cut at {percent} %: exit code {}\n{}",
                    ran.code, ran.stdout
                ));
            }
            Ok(_) => {}
        }
    }
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn a_binary_that_ends_too_early_is_no_reason_to_call_maps_broken() {
    let room = Room::new();
    let Some((core, binary)) = unpacked(&room, "go1.25-panic-other") else {
        return;
    };
    let size = std::fs::metadata(&binary).unwrap().len();
    let file = File::options().write(true).open(&binary).unwrap();
    let mut failures = Vec::new();
    for size in [
        size - 1,
        size - 700,
        size / 10 * 9,
        size / 2,
        size / 10,
        4096,
        64,
        20,
        4,
        0,
    ] {
        file.set_len(size).unwrap();
        match check(&core, &binary) {
            Err(why) => failures.push(why),
            Ok(ran) => failures.extend(fault(&ran).map(|f| format!("binary cut at {size}: {f}"))),
        }
    }
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn damaged_packed_data_is_refused_or_changes_nothing() {
    let Some((core, binary)) = golden("go1.23-panic-other") else {
        return;
    };
    let room = Room::new();
    let packed = std::fs::read(&core).unwrap();
    let sound = check(&room.write("core.zst", &packed), &binary).unwrap();
    let (mut failures, mut refused) = (Vec::new(), 0);
    let mut dice = Dice::new(7);
    for round in 0..24 {
        let mut damaged = packed.clone();
        let span = if round % 4 == 0 { 64 } else { packed.len() };
        for _ in 0..=dice.below(4) {
            damaged[dice.below(span)] ^= 1 << dice.below(8);
        }
        match check(&room.write("core.zst", &damaged), &binary) {
            Err(why) => failures.push(format!("round {round}: {why}")),
            Ok(ran) if ran.code == 2 => refused += 1,
            Ok(ran) if ran != sound => failures.push(format!(
                "round {round}: exit code {}, another result",
                ran.code
            )),
            Ok(_) => {}
        }
    }
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(refused > 15, "only {refused} refused");
    assert!(bytes_of(&core).len() > packed.len());
}
