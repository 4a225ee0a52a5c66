//! Core files whose headers and notes lie, written by hand or from a golden core.
//! In: absurd sizes, offsets, counts. Out: exit code 2 or 3, in time, within the memory limit.

use crate::hostile::run::COMMANDS;
use crate::hostile::run::Room;
use crate::hostile::run::bytes_of;
use crate::hostile::run::golden;
use crate::hostile::run::try_run;
use crate::hostile::run::unpacked;
use crate::synthcore::Core;
use crate::synthcore::Load;
use crate::synthcore::NT_AUXV;
use crate::synthcore::NT_FILE;
use crate::synthcore::NT_PRSTATUS;
use crate::synthcore::RW;
use crate::synthcore::RX;
use crate::synthcore::program_headers;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::path::PathBuf;

const ABSURD: [u64; 9] = [
    u64::MAX,
    u64::MAX - 4095,
    1 << 63,
    (1 << 63) - 1,
    1 << 47,
    1 << 40,
    0xffff_ffff,
    1,
    0,
];

/// Runs `check` on every core of the list, and every command on one in ten, against a Go binary.
fn try_all(room: &Room, binary: &Path, cores: Vec<(String, Vec<u8>)>) {
    let (mut failures, total) = (Vec::new(), cores.len());
    let mut codes = [0; 4];
    for (i, (what, bytes)) in cores.into_iter().enumerate() {
        let core = room.write("core", &bytes);
        for command in COMMANDS.iter().filter(|c| c[0] == "check" || i % 10 == 0) {
            let mut args: Vec<&str> = command.to_vec();
            args.extend([core.to_str().unwrap(), binary.to_str().unwrap()]);
            match try_run(&args) {
                Err(why) => failures.push(format!("{what}: {why}")),
                Ok(ran) => {
                    codes[ran.code as usize] += 1;
                    if ran.code < 2 && command[0] == "check" {
                        failures.push(format!("{what}: exit code {}:\n{}", ran.code, ran.stdout));
                    }
                }
            }
        }
    }
    println!("{total} cores, runs by exit code: {codes:?}");
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// A Go binary, unpacked, and its bytes.
fn go_binary(room: &Room) -> Option<(PathBuf, Vec<u8>)> {
    let bytes = bytes_of(&golden("go1.23-zoo")?.1);
    Some((room.write("binary", &bytes), bytes))
}

fn segment() -> Load {
    Load {
        vaddr: 0xc0_0000_0000,
        bytes: vec![0xa5; 8192],
        flags: RW,
        ..Load::default()
    }
}

#[test]
fn absurd_program_headers_are_survived() {
    let room = Room::new();
    let Some((binary, bytes)) = go_binary(&room) else {
        return;
    };
    let sound = Core::of_binary(&bytes);
    let mut cores = vec![("sound".to_owned(), sound.bytes())];
    let mut push = |what: String, core: Core| cores.push((what, core.bytes()));
    for v in ABSURD {
        push(
            format!("p_offset {v:#x}"),
            sound.clone().load(Load {
                offset: Some(v),
                ..segment()
            }),
        );
        push(
            format!("p_filesz {v:#x}"),
            sound.clone().load(Load {
                file_size: Some(v),
                ..segment()
            }),
        );
        push(
            format!("p_memsz {v:#x}"),
            sound.clone().load(Load {
                mem_size: Some(v),
                ..segment()
            }),
        );
        push(
            format!("p_vaddr {v:#x}"),
            sound.clone().load(Load {
                vaddr: v,
                ..segment()
            }),
        );
        push(
            format!("all {v:#x}"),
            sound.clone().load(Load {
                vaddr: v,
                offset: Some(v),
                file_size: Some(v),
                mem_size: Some(v),
                ..segment()
            }),
        );
        push(
            format!("notes' p_offset {v:#x}"),
            Core {
                note_offset: Some(v),
                ..sound.clone()
            },
        );
        push(
            format!("notes' p_filesz {v:#x}"),
            Core {
                note_file_size: Some(v),
                ..sound.clone()
            },
        );
        push(
            format!("e_phoff {v:#x}"),
            Core {
                phoff: Some(v),
                ..sound.clone()
            },
        );
        push(
            format!("e_phnum 0xffff, e_shoff {v:#x}"),
            Core {
                phnum: Some(0xffff),
                shoff: Some(v),
                ..sound.clone()
            },
        );
    }
    for n in [0u16, 1, 3, 1000, 0xfffe, 0xffff] {
        push(
            format!("e_phnum {n}"),
            Core {
                phnum: Some(n),
                ..sound.clone()
            },
        );
        push(
            format!("e_phentsize {n}"),
            Core {
                phentsize: Some(n),
                ..sound.clone()
            },
        );
    }
    // PN_XNUM: the count is sh_info of section 0, 44 bytes into it.
    for count in [0u32, 3, 4_000_000, 4_000_001, u32::MAX] {
        let mut core = Core {
            phnum: Some(0xffff),
            ..sound.clone()
        };
        core.shoff = Some(core.bytes().len() as u64);
        core.tail = vec![0; 64];
        core.tail[44..48].copy_from_slice(&count.to_le_bytes());
        push(format!("sh_info {count}"), core);
    }
    // Segments that lie over one another, and many that share the same bytes of the file.
    let mut heap = sound.clone();
    for i in 0..2000u64 {
        let load = Load {
            vaddr: 0xc0_0000_0000 + i * 0x1000,
            bytes: Vec::new(),
            flags: RW,
            offset: Some(0),
            ..Load::default()
        };
        heap = heap.load(Load {
            file_size: Some(4096),
            mem_size: Some(1 << (12 + i % 40)),
            ..load
        });
    }
    push("overlapping segments".into(), heap);
    let code = Load {
        vaddr: 0x40_1000,
        bytes: vec![0xcc; 0x1000],
        flags: RX,
        ..Load::default()
    };
    push(
        "code that is not the binary's".into(),
        sound.clone().load(code),
    );
    try_all(&room, &binary, cores);
}

#[test]
fn absurd_notes_are_survived() {
    let room = Room::new();
    let Some((binary, bytes)) = go_binary(&room) else {
        return;
    };
    let entry = u64::from_le_bytes(bytes[24..32].try_into().unwrap());
    let bare = Core::amd64();
    let sound = Core::of_binary(&bytes);
    let mut cores = Vec::new();
    let mut push = |what: String, core: Core| cores.push((what, core.bytes()));
    for count in [
        0,
        1,
        2,
        1000,
        1 << 32,
        1 << 40,
        1 << 61,
        u64::MAX / 24,
        u64::MAX / 24 - 1,
        u64::MAX,
    ] {
        push(
            format!("NT_FILE of {count}"),
            sound
                .clone()
                .files(count, 4096, &[[0x40_0000, 0x50_0000, 0]], b"/x\0"),
        );
        push(
            format!("NT_FILE of {count}, empty"),
            sound.clone().files(count, u64::MAX, &[], b""),
        );
    }
    push(
        "NT_FILE back to front".into(),
        sound
            .clone()
            .files(1, u64::MAX, &[[u64::MAX, 0, u64::MAX]], b"x"),
    );
    for v in ABSURD {
        push(format!("AT_ENTRY {v:#x}"), bare.clone().auxv(&[(9, v)]));
        push(
            format!("AT_PHDR {v:#x}"),
            bare.clone().auxv(&[(9, entry), (3, v), (4, 56), (5, 10)]),
        );
        push(
            format!("AT_PHENT {v:#x}"),
            bare.clone()
                .auxv(&[(9, entry), (3, 0x1000_0000), (4, v), (5, 10)]),
        );
        push(
            format!("AT_PHNUM {v:#x}"),
            bare.clone()
                .auxv(&[(9, entry), (3, 0x1000_0000), (4, 56), (5, v)]),
        );
        push(
            format!("AT_RANDOM {v:#x}"),
            bare.clone().auxv(&[(9, entry), (25, v)]),
        );
    }
    for size in [0, 1, 7, 8, 15, 16, 17, 111, 112, 113, 336, 5000] {
        for kind in [NT_PRSTATUS, 3, NT_AUXV, NT_FILE, 0x5349_4749, 0x444c_5645] {
            push(
                format!("note {kind:#x} of {size} bytes"),
                sound.clone().note("CORE", kind, vec![0xff; size]),
            );
        }
    }
    // A build ID in the process's memory whose note lies about its size.
    let mut page = vec![0u8; 4096];
    for (at, v) in [(0u32, 4u32), (4, 5), (16 + 16, 64)] {
        page[at as usize..at as usize + 4].copy_from_slice(&v.to_le_bytes());
    }
    page[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
    let lying = Core {
        loads: vec![Load {
            vaddr: 0x1000_0000,
            bytes: page,
            flags: RW,
            ..Load::default()
        }],
        ..bare
    };
    push(
        "a note in memory of absurd size".into(),
        lying.auxv(&[(9, entry), (3, 0x1000_0000), (4, 56), (5, 73)]),
    );
    try_all(&room, &binary, cores);
}

#[test]
fn cores_of_other_machines_are_read_as_far_as_they_go() {
    let room = Room::new();
    let Some((binary, _)) = go_binary(&room) else {
        return;
    };
    let mut cores = Vec::new();
    for (bits, little, machine) in [
        (64, false, 22),
        (64, false, 21),
        (64, true, 21),
        (64, true, 183),
        (64, true, 243),
        (64, true, 258),
        (64, true, 0xbeef),
        (64, false, 62),
        (32, true, 3),
        (32, true, 40),
        (32, false, 8),
        (32, true, 8),
        (64, false, 8),
        (32, false, 62),
        (32, true, 62),
    ] {
        let core = Core {
            bits,
            little,
            machine,
            ..Core::amd64()
        };
        let core = core
            .auxv(&[(9, 0x1_0000), (3, 0x1000_0000), (4, 32), (5, 8)])
            .files(1, 4096, &[[0x1000_0000, 0x1000_1000, 0]], b"/bin/server\0")
            .note("CORE", NT_PRSTATUS, vec![1; 336]);
        let what = format!("{bits} bits, little {little}, machine {machine}");
        let lying = core.clone().load(Load {
            file_size: Some(u64::MAX),
            mem_size: Some(u64::MAX),
            ..segment()
        });
        cores.push((what.clone(), core.bytes()));
        cores.push((what, lying.bytes()));
    }
    let said = try_run(&[
        "check",
        room.write("s390x", &cores[0].1).to_str().unwrap(),
        binary.to_str().unwrap(),
    ])
    .unwrap();
    assert!(
        said.code == 2 && said.stderr.contains("s390x") && said.stderr.contains("amd64"),
        "{said:?}"
    );
    try_all(&room, &binary, cores);
}

/// Puts lies into the program headers of a real core, one at a time.
fn lie_in_a_real_core(name: &str) {
    let room = Room::new();
    let Some((core, binary)) = unpacked(&room, name) else {
        return;
    };
    let headers = program_headers(&std::fs::read(&core).unwrap());
    let file = File::options().read(true).write(true).open(&core).unwrap();
    let heap = headers
        .iter()
        .position(|h| h.vaddr == 0xc0_0000_0000)
        .unwrap();
    let data = headers
        .iter()
        .position(|h| h.kind == 1 && h.flags & 2 != 0)
        .unwrap();
    let (mut failures, mut runs) = (Vec::new(), 0);
    for i in [0, 1, data, heap] {
        let h = headers[i];
        for (field, off) in [
            ("p_offset", 8),
            ("p_vaddr", 16),
            ("p_filesz", 32),
            ("p_memsz", 40),
        ] {
            for v in [u64::MAX, 1 << 63, 1 << 40, 0xfff] {
                let at = (h.at + off) as u64;
                let mut truth = [0; 8];
                file.read_exact_at(&mut truth, at).unwrap();
                file.write_all_at(&v.to_le_bytes(), at).unwrap();
                runs += 1;
                match try_run(&[
                    "check",
                    core.to_str().unwrap(),
                    binary.to_str().unwrap(),
                    "--format",
                    "json",
                ]) {
                    Err(why) => failures.push(format!("{field} of header {i} = {v:#x}: {why}")),
                    Ok(ran) if ran.code != 2 => drop(ran.json()),
                    Ok(_) => {}
                }
                file.write_all_at(&truth, at).unwrap();
            }
        }
    }
    println!("{name}: {runs} lies");
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn a_real_classic_core_with_lies_in_its_headers_is_survived() {
    lie_in_a_real_core("go1.23-panic-other");
}

#[test]
fn a_real_swiss_core_with_lies_in_its_headers_is_survived() {
    lie_in_a_real_core("go1.25-panic-other");
}
