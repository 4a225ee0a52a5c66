//! Files that are no core, or cannot be opened, and arguments that make no sense.
//! In: small files made on the spot. Out: exit code 2 and words that help.

use crate::hostile::run::Room;
use crate::hostile::run::bytes_of;
use crate::hostile::run::golden;
use crate::hostile::run::refused;
use crate::hostile::run::run;
use crate::synthcore::Core;
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

#[test]
fn a_file_that_is_no_elf_file_is_named_for_what_it_is() {
    let room = Room::new();
    let noise: Vec<u8> = (0..5000u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let noise = [vec![0], noise].concat();
    refused(
        &[&room.write("noise", &noise)],
        &["noise", "not an ELF file"],
    );
    let said = refused(
        &[&room.write(
            "text",
            b"fatal error: concurrent map writes\n\ngoroutine 1 [running]:\n",
        )],
        &["text file"],
    );
    assert!(said.contains("hint: ") && said.contains("core"), "{said}");
    refused(&[&room.write("empty", b"")], &["it is empty"]);
    refused(
        &[&room.write("bz2", b"BZh91AY&SY")],
        &["bzip2", "hint: ", "unpack the bzip2 file first"],
    );
    refused(&[&room.write("pe", b"MZ\x90\0\x03\0\0\0")], &["Windows"]);
    refused(
        &[&room.write("macho", &[0xcf, 0xfa, 0xed, 0xfe, 7, 0, 0, 1])],
        &["Mach-O"],
    );
    refused(&[Path::new("no/such/file")], &["no/such/file"]);
    refused(&[Path::new("/dev/null")], &["not a regular file"]);
    refused(&[Path::new("/dev/zero")], &["not a regular file"]);
}

#[test]
fn a_directory_is_no_core() {
    let room = Room::new();
    refused(&[room.dir.path()], &["directory"]);
    let (core, dir) = (room.write("core", &Core::amd64().bytes()), room.dir.path());
    refused(&[&core, dir], &["directory"]);
}

#[test]
fn a_pipe_is_refused_and_never_waited_for() {
    let room = Room::new();
    let fifo = room.dir.path().join("fifo");
    match Command::new("mkfifo").arg(&fifo).status() {
        Ok(made) if made.success() => {
            refused(&[&fifo], &["not a regular file"]);
            refused(
                &[&room.write("core", &Core::amd64().bytes()), &fifo],
                &["not a regular file"],
            );
        }
        _ => println!("not tried: there is no mkfifo"),
    }
    // Standard input is a pipe that stays open for as long as the program runs.
    let started = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_badmap"))
        .args(["check", "/dev/stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > Duration::from_secs(10) {
            child.kill().unwrap();
            panic!("it waits for its standard input");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let done = child.wait_with_output().unwrap();
    assert_eq!(
        done.status.code(),
        Some(2),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

#[test]
fn a_file_without_permission_is_an_error_with_the_systems_words() {
    let room = Room::new();
    let path = room.write("secret", &Core::amd64().bytes());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if File::open(&path).is_ok() {
        println!("not tried: this user may read every file");
        return;
    }
    refused(&[&path], &["secret", "denied"]);
}

#[test]
fn an_elf_file_that_is_no_core_is_refused() {
    let room = Room::new();
    let this = std::env::current_exe().unwrap();
    refused(&[&this], &["executable", "not a core file", "hint: "]);
    refused(&[&this, &this], &["executable"]);
    let object = room.write(
        "thing.o",
        &Core {
            e_type: 1,
            ..Core::amd64()
        }
        .bytes(),
    );
    refused(&[&object], &["object file", "not a core file"]);
    let other = room.write(
        "other",
        &Core {
            e_type: 0xfe00,
            ..Core::amd64()
        }
        .bytes(),
    );
    refused(&[&other], &["ELF", "not a core file"]);
    let core = room.write("core", &Core::amd64().bytes());
    refused(&[&core, &object], &["object file"]);
    refused(&[&object, &core], &["object file"]);
    let args = [
        "check",
        core.to_str().unwrap(),
        "--binary",
        core.to_str().unwrap(),
    ];
    let ran = run(&args);
    assert!(ran.code == 2 && ran.stderr.contains("core file"), "{ran:?}");
    let args = [
        "check",
        this.to_str().unwrap(),
        "--binary",
        this.to_str().unwrap(),
    ];
    assert_eq!(run(&args).code, 2);
    for (name, size) in [
        ("magic", 4),
        ("ident", 5),
        ("half", 17),
        ("short", 30),
        ("header", 63),
        ("whole", 64),
    ] {
        refused(
            &[&room.write(name, &Core::amd64().bytes()[..size])],
            &[name],
        );
    }
}

#[test]
fn two_cores_are_one_too_many() {
    let room = Room::new();
    let (a, b) = (
        room.write("core.1", &Core::amd64().bytes()),
        room.write("core.2", &Core::amd64().bytes()),
    );
    let said = refused(&[&a, &b], &["core.2", "core file"]);
    assert!(said.contains("hint: "), "{said}");
}

#[test]
fn a_process_that_is_not_go_is_refused() {
    let room = Room::new();
    let this = std::env::current_exe().unwrap();
    let core = Core::of_binary(&std::fs::read(&this).unwrap()).bytes();
    let core = room.write("core", &core);
    let said = refused(&[&core, &this], &["not a Go program"]);
    assert!(
        said.contains("hint: ") && said.contains(this.to_str().unwrap()),
        "{said}"
    );
    refused(&[&this, &core], &["not a Go program"]);
}

#[test]
fn without_a_binary_it_is_said_where_one_was_looked_for() {
    let room = Room::new();
    // No note says which binary it was.
    let bare = room.write("bare", &Core::amd64().bytes());
    let said = refused(&[&bare], &["binary of", "bare", "does not name it"]);
    assert!(said.contains("hint: "), "{said}");
    // A note names one that is not here.
    let named = Core::amd64()
        .auxv(&[(3, 0x40_0040), (4, 56), (5, 0)])
        .files(
            1,
            4096,
            &[[0x40_0000, 0x50_0000, 0]],
            b"/no/such/dir/server (deleted)\0",
        );
    let named = room.write("named", &named.bytes());
    let said = refused(&[&named], &["/no/such/dir/server", "named in the core"]);
    assert!(!said.contains("(deleted)"), "{said}");
    // A directory is searched, in vain.
    let dir = room.dir.path().to_str().unwrap().to_owned();
    for core in ["bare", "named"] {
        let core = room.dir.path().join(core);
        let ran = run(&["check", core.to_str().unwrap(), "--binary-dir", &dir]);
        assert!(ran.code == 2 && ran.stderr.contains(&dir), "{ran:?}");
        let ran = run(&[
            "check",
            core.to_str().unwrap(),
            "--binary-dir",
            "no/such/dir",
        ]);
        assert!(
            ran.code == 2 && ran.stderr.contains("no/such/dir"),
            "{ran:?}"
        );
    }
    // The binary that is named is not there.
    let ran = run(&[
        "check",
        bare.to_str().unwrap(),
        "--binary",
        "no/such/binary",
    ]);
    assert!(
        ran.code == 2 && ran.stderr.contains("no/such/binary"),
        "{ran:?}"
    );
    refused(&[&bare, Path::new("no/such/binary")], &["no/such/binary"]);
}

#[test]
fn an_option_that_does_not_exist_is_named() {
    for command in ["info", "check", "list", "show"] {
        let ran = Command::new(env!("CARGO_BIN_EXE_badmap"))
            .args([command, "core", "--colour"])
            .output()
            .unwrap();
        let said = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(
            (ran.status.code(), ran.stdout.len()),
            (Some(2), 0),
            "{said}"
        );
        assert!(
            said.starts_with("badmap: ") && said.lines().next().unwrap().contains("--colour"),
            "{said}"
        );
    }
}

#[test]
fn a_place_for_unpacking_that_is_not_there_is_an_error() {
    let Some((core, binary)) = golden("go1.23-panic-other") else {
        return;
    };
    let ran = run(&[
        "check",
        core.to_str().unwrap(),
        binary.to_str().unwrap(),
        "--tmp-dir",
        "no/such/dir",
    ]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.stderr.contains("unpacking") && ran.stderr.contains("--tmp-dir"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_file_name_with_control_characters_does_not_reach_the_terminal() {
    let room = Room::new();
    refused(&[&room.write("\u{1b}[2Jred\u{7}", b"text\n")], &["red"]);
    refused(&[&room.dir.path().join("no\nsuch\nfile")], &["such"]);
    let named = Core::amd64().auxv(&[(3, 0x40_0040)]).files(
        1,
        4096,
        &[[0x40_0000, 0x50_0000, 0]],
        b"/no/\x1b[31m\xff\xfe\n/server\0",
    );
    refused(&[&room.write("core", &named.bytes())], &["server"]);
}

#[test]
fn a_stripped_binary_is_refused_with_a_hint_where_types_are_needed() {
    let Some((core, binary)) = golden("go1.27-stripped-fatal-writes") else {
        return;
    };
    let ran = run(&["list".as_ref(), core.as_os_str(), binary.as_os_str()]);
    assert_eq!(ran.code, 2, "{ran:?}");
    for words in ["no DWARF", "stripped", "hint: ", "--binary"] {
        assert!(ran.stderr.contains(words), "{ran:?}");
    }
    // The crash can be told without types, and what is lost is said.
    let ran = run(&["check".as_ref(), core.as_os_str(), binary.as_os_str()]);
    assert_eq!(ran.code, 1, "{ran:?}");
    for words in [
        "concurrent map writes",
        "map[string]int",
        "DWARF",
        "--binary",
    ] {
        assert!(ran.stdout.contains(words), "{ran:?}");
    }
    assert!(!bytes_of(&binary).is_empty());
}
