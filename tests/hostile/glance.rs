//! Maps that look like the many sound ones at a glance, and are not.
//! In: golden cores, in which one word of a map or of the allocator's books is changed. Out: the rule that names it.

use crate::hostile::run::Ran;
use crate::hostile::run::Room;
use crate::hostile::run::bytes_of;
use crate::hostile::run::golden;
use crate::hostile::run::run;
use crate::synthcore::program_headers;
use serde_json::Value;
use std::path::Path;
use std::path::PathBuf;

/// A golden core whose words can be changed.
struct Changed {
    room: Room,
    bytes: Vec<u8>,
    binary: PathBuf,
    word: u64,
}

impl Changed {
    fn new(name: &str, word: u64) -> Option<Changed> {
        let (core, binary) = golden(name)?;
        Some(Changed {
            room: Room::new(),
            bytes: bytes_of(&core),
            binary,
            word,
        })
    }

    fn at(&self, addr: u64) -> Option<usize> {
        let headers = self.loads();
        let h = headers
            .iter()
            .find(|(vaddr, size, _)| (*vaddr..vaddr + size).contains(&addr))?;
        Some((h.2 + (addr - h.0)) as usize)
    }

    /// Address, bytes in the file and offset of each segment.
    fn loads(&self) -> Vec<(u64, u64, u64)> {
        if self.word == 8 {
            let all = program_headers(&self.bytes)
                .into_iter()
                .filter(|h| h.kind == 1);
            return all.map(|h| (h.vaddr, h.file_size, h.offset)).collect();
        }
        let u32_at = |at: usize| u32::from_le_bytes(self.bytes[at..at + 4].try_into().unwrap());
        let count = u16::from_le_bytes(self.bytes[44..46].try_into().unwrap());
        let table = u32_at(28) as usize;
        let all = (0..usize::from(count)).map(|i| table + 32 * i);
        all.filter(|at| u32_at(*at) == 1)
            .map(|at| {
                let field = |i: usize| u64::from(u32_at(at + 4 * i));
                (field(2), field(4), field(1))
            })
            .collect()
    }

    /// The word at an address; 0 where there is none.
    fn get(&self, addr: u64) -> u64 {
        let Some(at) = self.at(addr) else { return 0 };
        let mut word = [0; 8];
        let size = self.word as usize;
        word[..size].copy_from_slice(&self.bytes[at..at + size]);
        u64::from_le_bytes(word)
    }

    fn put(&mut self, addr: u64, value: u64) {
        let at = self.at(addr).unwrap();
        let size = self.word as usize;
        self.bytes[at..at + size].copy_from_slice(&value.to_le_bytes()[..size]);
    }

    fn run(&self, words: &[&str]) -> Ran {
        let core = self.room.write("core", &self.bytes);
        let files: [&Path; 2] = [&core, &self.binary];
        let files = files.map(|f| f.to_str().unwrap());
        run(&[&words[..1], &files, &words[1..]].concat())
    }

    fn maps(&self) -> Vec<Value> {
        let ran = self.run(&["list", "--no-check", "--format", "jsonl"]);
        let all = ran.stdout.lines().map(|l| serde_json::from_str(l).unwrap());
        all.filter(|m: &Value| m["kind"] == "swiss").collect()
    }
}

fn addr(map: &Value) -> u64 {
    u64::from_str_radix(&map["addr"].as_str().unwrap()[2..], 16).unwrap()
}

#[test]
fn a_table_without_groups_is_no_empty_map() {
    let Some(mut core) = Changed::new("go1.27-zoo", 8) else {
        return;
    };
    let maps = core.maps();
    let hinted = maps.iter().find(|m| m["owner"] == "main.zoo.sizes.Hinted");
    let map = addr(hinted.unwrap());
    assert_eq!(
        (core.get(map), core.get(map + 24)),
        (0, 1),
        "used and dirLen"
    );
    let table = core.get(core.get(map + 16));
    core.put(table + 16, 0);
    let ran = core.run(&["check"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("SW-DIROBJ"), "{ran:?}");
    let ran = core.run(&["list", "--no-check", "--format", "jsonl"]);
    let line = ran
        .stdout
        .lines()
        .find(|l| l.contains("main.zoo.sizes.Hinted"));
    let row: Value = serde_json::from_str(line.unwrap()).unwrap();
    assert!(row["capacity"].as_u64() > Some(0), "{row}");
}

#[test]
fn small_slots_of_32_bits_have_a_type_too() {
    let Some(mut core) = Changed::new("go1.27-hashes-386-hashes", 4) else {
        return;
    };
    // Of maps with one table: their type, and the malloc header in front of the groups, if that is one.
    let maps = core.maps();
    let typed: Vec<(&str, u64, u64)> = maps
        .iter()
        .filter_map(|m| {
            let map = addr(m);
            (core.get(map + 16) == 1).then_some(())?;
            let header = core.get(core.get(core.get(map + 12)) + 12).checked_sub(8)?;
            let word = core.get(header);
            let is_type = core.at(word).is_none() && (0x800_0000..0x900_0000).contains(&word);
            is_type.then_some((m["type"].as_str()?, header, word))
        })
        .collect();
    let (_, header, word) = *typed
        .iter()
        .find(|(ty, ..)| *ty == "map[string]int")
        .unwrap();
    // Types whose groups are as large as its own are no contradiction.
    let mut others: Vec<u64> = typed.iter().map(|(_, _, other)| *other).collect();
    others.sort_unstable();
    others.dedup();
    let named = others.iter().filter(|other| {
        core.put(header, **other);
        let ran = core.run(&["check"]);
        ran.code == 1 && ran.stdout.contains("MAP-HEAPTYPE")
    });
    let named: Vec<&u64> = named.collect();
    assert!(!named.is_empty() && !named.contains(&&word), "{named:x?}");
}
