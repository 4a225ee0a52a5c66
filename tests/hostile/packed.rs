//! Cores and binaries in every compression, whole, damaged, cut short, and larger than there is room for.
//! In: a golden core, packed anew on the spot. Out: the same results as ever, or words that help, and no file left behind.

use crate::hostile::run::Ran;
use crate::hostile::run::Room;
use crate::hostile::run::bytes_of;
use crate::hostile::run::golden;
use crate::hostile::run::refused;
use crate::hostile::run::run;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

/// Names of the formats in JSON, and how their files end.
const FORMATS: [(&str, &str); 4] = [
    ("zstd", "zst"),
    ("lz4", "lz4"),
    ("gzip", "gz"),
    ("xz", "xz"),
];

/// Packs bytes, zstd without content size.
fn pack(format: &str, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match format {
        "zstd" => {
            let mut packer = zstd::stream::write::Encoder::new(out, 1).unwrap();
            packer.include_contentsize(false).unwrap();
            packer.write_all(data).unwrap();
            packer.finish().unwrap()
        }
        "lz4" => {
            // As the tool does it: large blocks, each leaning on the one before.
            let info = lz4_flex::frame::FrameInfo::new()
                .block_mode(lz4_flex::frame::BlockMode::Linked)
                .block_size(lz4_flex::frame::BlockSize::Max4MB)
                .content_checksum(true);
            let mut packer = lz4_flex::frame::FrameEncoder::with_frame_info(info, out);
            packer.write_all(data).unwrap();
            packer.finish().unwrap()
        }
        "gzip" => {
            let mut packer = flate2::write::GzEncoder::new(out, flate2::Compression::fast());
            packer.write_all(data).unwrap();
            packer.finish().unwrap()
        }
        "xz" => {
            let mut packer = liblzma::bufread::XzEncoder::new(data, 0);
            packer.read_to_end(&mut out).unwrap();
            out
        }
        _ => panic!("{format}"),
    }
}

/// Two parts, each packed by itself, in one file.
fn pack_in_two(format: &str, data: &[u8]) -> Vec<u8> {
    let (head, tail) = data.split_at(data.len() / 2);
    [pack(format, head), pack(format, tail)].concat()
}

fn is_empty(dir: &Path) -> bool {
    std::fs::read_dir(dir).unwrap().next().is_none()
}

/// `check --format json` of two files, with a place for unpacking of its own in which nothing may be left.
fn check(files: [&Path; 2], more: &[&str]) -> Ran {
    let tmp = Room::new();
    let tmp_dir = tmp.dir.path().to_str().unwrap();
    let files = files.map(|f| f.to_str().unwrap());
    let ran = run(&[
        &["check", "--format", "json", "--tmp-dir", tmp_dir],
        &files[..],
        more,
    ]
    .concat());
    assert!(is_empty(tmp.dir.path()), "{files:?} {more:?}");
    ran
}

#[test]
fn every_compression_gives_the_same_result() {
    let Some((core, binary)) = golden("go1.23-panic-other") else {
        return;
    };
    let expected = check([&core, &binary], &[]);
    assert_eq!(expected.code, 0, "{expected:?}");
    let mut expected = expected.json();
    let (core, binary) = (bytes_of(&core), bytes_of(&binary));
    let room = Room::new();
    for (format, ends) in FORMATS {
        let core = room.write(&format!("core.{ends}"), &pack_in_two(format, &core));
        let binary = room.write(&format!("binary.{ends}"), &pack(format, &binary));
        let ran = check([&core, &binary], &[]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{format}");
        for (key, now) in [
            ("core", core.to_str()),
            ("binary", binary.to_str()),
            ("compressed", Some(format)),
        ] {
            expected["process"][key] = now.into();
        }
        assert!(ran.json() == expected, "{format}: {}", ran.stdout);
    }
    // What a name says is nothing: content tells.
    let wrong = room.write("core.gz", &pack("xz", &core));
    let ran = check([&wrong, &room.write("binary", &binary)], &[]);
    assert_eq!(ran.json()["process"]["compressed"], "xz");
}

#[test]
fn a_cap_on_disk_ends_every_command_with_a_hint() {
    let Some((core, binary)) = golden("go1.23-panic-other") else {
        return;
    };
    for (limit, said) in [
        ("0", "than 0 B"),
        ("64k", "than 64.0 KiB"),
        ("100K", "100.0 KiB"),
    ] {
        let ran = check([&core, &binary], &["--tmp-limit", limit]);
        assert_eq!(ran.code, 2, "{ran:?}");
        for words in [
            "unpacking ",
            ".zst",
            said,
            "hint: ",
            "--tmp-limit",
            "--tmp-dir",
        ] {
            assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
        }
    }
    // The core alone finds room, but not both of them.
    let written: u64 = bytes_of(&core)
        .chunks(1 << 16)
        .filter(|run| run.iter().any(|b| *b != 0))
        .map(|run| run.len() as u64)
        .sum();
    let ran = check([&core, &binary], &["--tmp-limit", &written.to_string()]);
    assert!(
        ran.code == 2 && ran.stderr.contains("bin/go1.23"),
        "{ran:?}"
    );
    let room = Room::new();
    let plain = room.write("binary", &bytes_of(&binary));
    let ran = check([&core, &plain], &["--tmp-limit", &written.to_string()]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = check(
        [&core, &plain],
        &["--tmp-limit", &(written - 1).to_string()],
    );
    assert_eq!(ran.code, 2, "{ran:?}");
    // What is not packed needs no room, whatever the cap.
    let core_file = room.write("core", &bytes_of(&core));
    assert_eq!(check([&core_file, &plain], &["--tmp-limit", "0"]).code, 0);
    for command in ["info", "list", "goroutines"] {
        let ran = run(&[
            command.as_ref(),
            core.as_os_str(),
            "--tmp-limit".as_ref(),
            "1".as_ref(),
        ]);
        assert!(
            ran.code == 2 && ran.stderr.contains("--tmp-limit"),
            "{ran:?}"
        );
    }
}

#[test]
fn of_many_packed_binaries_only_the_one_is_unpacked() {
    let Some((core, binary)) = golden("go1.23-panic-other") else {
        return;
    };
    let Some((_, other)) = golden("go1.27-panic-other") else {
        return;
    };
    let (core, tmp, room) = (bytes_of(&core), Room::new(), Room::new());
    let core = Room::write(&tmp, "core", &core);
    let (binary, other) = (bytes_of(&binary), bytes_of(&other));
    for (format, ends) in FORMATS {
        room.write(&format!("a.{ends}"), &pack(format, &other));
    }
    let search = |limit: &str| {
        let dir = room.dir.path().to_str().unwrap();
        let core = core.to_str().unwrap();
        run(&[
            "info",
            core,
            "--binary-dir",
            dir,
            "--tmp-limit",
            limit,
            "--format",
            "json",
        ])
    };
    // None of them is it, and to tell that takes no room at all.
    let ran = search("0");
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("none of 4 executables"), "{ran:?}");
    let found: PathBuf = room.write("b.xz", &pack("xz", &binary));
    let ran = search("1G");
    assert_eq!(ran.json()["process"]["binary"], found.to_str().unwrap());
    // It is the one, but finds no room: that is what is said.
    let ran = search("1000");
    assert!(
        ran.code == 2 && ran.stderr.contains("b.xz") && ran.stderr.contains("--tmp-limit"),
        "{ran:?}"
    );
    // One that can be had is taken all the same.
    let plain = room.write("c", &binary);
    assert_eq!(
        search("1000").json()["process"]["binary"],
        plain.to_str().unwrap()
    );
}

#[test]
fn a_core_that_was_cut_short_while_packed_is_looked_at_as_far_as_it_goes() {
    let Some((core, binary)) = golden("go1.23-panic-other") else {
        return;
    };
    let data = bytes_of(&core);
    let room = Room::new();
    for (format, ends) in FORMATS {
        let packed = pack(format, &data);
        for keep in [packed.len() - 3, packed.len() / 2, 40] {
            let cut = room.write(&format!("core.{ends}"), &packed[..keep]);
            let ran = check([&cut, &binary], &[]);
            assert!(ran.code != 1, "{format} {keep}: {ran:?}");
        }
    }
}

#[test]
fn packed_files_that_are_no_core_are_named_for_what_they_are() {
    let room = Room::new();
    for (format, ends) in FORMATS {
        let text = pack(
            format,
            b"fatal error: concurrent map writes\n\ngoroutine 1 [running]:\n",
        );
        refused(
            &[&room.write(&format!("text.{ends}"), &text)],
            &["text file"],
        );
        let twice = pack(format, &pack("gzip", &[7; 1000]));
        refused(
            &[&room.write(&format!("twice.{ends}"), &twice)],
            &["gzip", "once"],
        );
        let mut damaged = pack(format, &[7; 1000]);
        // Behind the magic, but that gzip's header says nothing that matters; its sum stands at the end.
        let at = match format {
            "gzip" => damaged.len() - 6,
            "xz" => 7,
            _ => 4,
        };
        damaged[at] ^= 0xff;
        let damaged = room.write(&format!("damaged.{ends}"), &damaged);
        refused(&[&damaged], &["damaged", "hint: "]);
        // A gigabyte of zeros.
        let zeros = vec![0; 16 << 20];
        let bomb = pack(format, &zeros).repeat(64);
        let bomb = room.write(&format!("bomb.{ends}"), &bomb);
        let ran = run(&[
            "info".as_ref(),
            bomb.as_os_str(),
            "--tmp-limit".as_ref(),
            "0".as_ref(),
        ]);
        assert!(
            ran.code == 2 && ran.stderr.contains("not an ELF file"),
            "{ran:?}"
        );
    }
}
