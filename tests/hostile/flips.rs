//! Random bytes changed in cores and binaries, with a fixed seed: whatever stands there, badmap ends.
//! In: small golden cores. Out: no panic, no hang, no signal. `BADMAP_FLIP_ROUNDS` asks for more rounds
//! than the usual ones, `BADMAP_FLIP_FROM` for a first round other than 0; a file that fails is kept.

use crate::hostile::run::COMMANDS;
use crate::hostile::run::Dice;
use crate::hostile::run::Room;
use crate::hostile::run::try_run;
use crate::hostile::run::unpacked;
use crate::synthcore::program_headers;
use crate::synthcore::sections;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::path::PathBuf;

/// A part of a file in which bytes are changed: runs of (position, size).
struct Region {
    name: &'static str,
    runs: Vec<(usize, usize)>,
}

impl Region {
    fn position(&self, dice: &mut Dice) -> usize {
        let mut at = dice.below(self.runs.iter().map(|r| r.1).sum());
        for (start, size) in &self.runs {
            if at < *size {
                return start + at;
            }
            at -= size;
        }
        unreachable!("the sum of the sizes is larger")
    }
}

/// Changes 1 to 64 bytes of a region, mostly where there is something: (position, new byte).
fn flips(region: &Region, bytes: &[u8], round: u64) -> Vec<(usize, u8)> {
    let mut dice = Dice::new(0xbad_0000 + round);
    let count = 1 + dice.below(64);
    (0..count)
        .map(|_| {
            let mut at = region.position(&mut dice);
            for _ in 0..dice.below(200) {
                if bytes[at] != 0 {
                    break;
                }
                at = region.position(&mut dice);
            }
            let new = match dice.below(4) {
                0 => 0xff,
                1 => 0,
                2 => bytes[at] ^ (1 << dice.below(8)),
                _ => dice.next() as u8,
            };
            (at, new)
        })
        .collect()
}

fn core_regions(bytes: &[u8]) -> Vec<Region> {
    let headers = program_headers(bytes);
    let in_file = |test: &dyn Fn(u64, u32) -> bool| {
        let loads = headers
            .iter()
            .filter(|h| h.kind == 1 && h.file_size > 0 && test(h.vaddr, h.flags));
        loads
            .map(|h| (h.offset as usize, h.file_size as usize))
            .collect::<Vec<_>>()
    };
    let is_heap = |vaddr: u64| (0xc0_0000_0000..0xc1_0000_0000).contains(&vaddr);
    let notes = headers.iter().find(|h| h.kind == 4).unwrap();
    vec![
        Region {
            name: "first 64 KiB",
            runs: vec![(0, 64 << 10)],
        },
        Region {
            name: "notes",
            runs: vec![(notes.offset as usize, notes.file_size as usize)],
        },
        Region {
            name: "heap",
            runs: in_file(&|vaddr, _| is_heap(vaddr)),
        },
        Region {
            name: "data",
            runs: in_file(&|vaddr, flags| !is_heap(vaddr) && flags & 2 != 0 && vaddr < 0x100_0000),
        },
    ]
}

fn binary_regions(bytes: &[u8]) -> Vec<Region> {
    let all = sections(bytes);
    let named = |test: &dyn Fn(&str) -> bool| {
        all.iter()
            .filter(|s| test(&s.0))
            .map(|s| (s.1, s.2))
            .collect::<Vec<_>>()
    };
    let small_dwarf = [
        ".debug_abbrev",
        ".debug_rnglists",
        ".debug_ranges",
        ".debug_addr",
        ".debug_loc",
        ".debug_loclists",
    ];
    let mut out = vec![
        Region {
            name: "headers",
            runs: vec![(0, 4096)],
        },
        Region {
            name: "section headers",
            runs: named(&|n| n == "section headers"),
        },
        Region {
            name: ".debug_info",
            runs: named(&|n| n == ".debug_info" || n == ".zdebug_info"),
        },
        Region {
            name: "other DWARF",
            runs: named(&|n| small_dwarf.contains(&n)),
        },
        Region {
            name: "buildinfo and notes",
            runs: named(&|n| n.contains("buildinfo") || n.contains("note")),
        },
        Region {
            name: "descriptors",
            runs: named(&|n| n.contains("rodata") || n.contains("typelink")),
        },
    ];
    out.retain(|r| !r.runs.is_empty());
    out
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name)
        .ok()
        .map_or(usual, |n| n.parse().expect("a number"))
}

/// Damages `file` round by round, runs a command, and puts the bytes back.
fn flip_and_run(what: &str, file: &Path, files: [&Path; 2], regions: &[Region], rounds: u64) {
    let bytes = std::fs::read(file).unwrap();
    let handle = File::options().write(true).open(file).unwrap();
    let (mut failures, mut codes) = (Vec::new(), [0; 4]);
    let from = number("BADMAP_FLIP_FROM", 0);
    for round in from..from + number("BADMAP_FLIP_ROUNDS", rounds) {
        let region = &regions[round as usize % regions.len()];
        let flips = flips(region, &bytes, round);
        for (at, new) in &flips {
            handle.write_all_at(&[*new], *at as u64).unwrap();
        }
        // Mostly `check`, which does the most; now and then another command, or JSON.
        let command = if round % 5 == 4 {
            COMMANDS[round as usize / 5 % COMMANDS.len()]
        } else {
            COMMANDS[1]
        };
        let mut args = command.to_vec();
        args.extend(files.map(|f| f.to_str().unwrap()));
        if round % 3 == 0 {
            args.extend(["--format", "json"]);
        }
        if round % 2 == 0 {
            args.push("--allow-mismatch"); // or a build ID that was hit ends too many runs
        }
        let ran = try_run(&args);
        let no_json = |r: &crate::hostile::run::Ran| {
            r.code != 2
                && round % 3 == 0
                && serde_json::from_str::<serde_json::Value>(&r.stdout).is_err()
        };
        let failure = match ran {
            Ok(r) if no_json(&r) => Some(format!("no JSON: {}", r.stdout)),
            Ok(r) => {
                codes[r.code as usize] += 1;
                None
            }
            Err(why) => Some(why),
        };
        if let Some(why) = failure {
            let kept = keep(file, what, round);
            failures.push(format!(
                "{what}, round {round}, {} ({} bytes), kept as {}: {why}",
                region.name,
                flips.len(),
                kept.display()
            ));
        }
        for (at, _) in &flips {
            handle.write_all_at(&[bytes[*at]], *at as u64).unwrap();
        }
    }
    println!(
        "{what}: runs by exit code: {codes:?}, {} failures",
        failures.len()
    );
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// Keeps the damaged file, so that the failure can be looked at.
fn keep(file: &Path, what: &str, round: u64) -> PathBuf {
    let kept = std::env::temp_dir().join(format!("badmap-{}-{round}", what.replace(' ', "-")));
    std::fs::copy(file, &kept).unwrap();
    kept
}

fn flip_core(name: &str) {
    let room = Room::new();
    let Some((core, binary)) = unpacked(&room, name) else {
        return;
    };
    let regions = core_regions(&std::fs::read(&core).unwrap());
    flip_and_run(name, &core, [&core, &binary], &regions, 60);
}

fn flip_binary(name: &str) {
    let room = Room::new();
    let Some((core, binary)) = unpacked(&room, name) else {
        return;
    };
    let regions = binary_regions(&std::fs::read(&binary).unwrap());
    flip_and_run(
        &format!("{name} binary"),
        &binary,
        [&core, &binary],
        &regions,
        40,
    );
}

#[test]
fn a_classic_core_with_random_bytes_in_it_is_survived() {
    flip_core("go1.23-panic-other");
}

#[test]
fn a_swiss_core_with_random_bytes_in_it_is_survived() {
    flip_core("go1.25-panic-other");
}

#[test]
fn a_binary_with_random_bytes_in_it_is_survived() {
    flip_binary("go1.23-panic-other");
}

#[test]
fn a_binary_with_packed_dwarf_and_random_bytes_in_it_is_survived() {
    flip_binary("go1.26-segv-other");
}

/// The way from a frame to the map of the crash, and to everybody else who has it.
#[test]
fn a_map_crash_with_random_bytes_in_it_is_survived() {
    flip_core("go1.23-blame-writes");
    flip_core("go1.19-blame-stripped-writes");
}

#[test]
fn the_binary_of_a_map_crash_with_random_bytes_in_it_is_survived() {
    flip_binary("go1.23-blame-writes");
}
