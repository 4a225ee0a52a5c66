//! Writes ELF core files from literals: any class, byte order and machine, and any lie in its headers.
//! In: notes, segments and the values to lie about. Out: bytes. Shares no constant with `src`.

/// `PT_LOAD` flags of readable and writable memory.
pub const RW: u32 = 6;
/// `PT_LOAD` flags of code.
pub const RX: u32 = 5;

pub const NT_PRSTATUS: u32 = 1;
pub const NT_AUXV: u32 = 6;
pub const NT_FILE: u32 = 0x4649_4c45;

/// A segment of memory. What is `Some` stands in the program header in place of the truth.
#[derive(Clone, Default)]
pub struct Load {
    pub vaddr: u64,
    pub bytes: Vec<u8>,
    pub flags: u32,
    pub offset: Option<u64>,
    pub file_size: Option<u64>,
    pub mem_size: Option<u64>,
}

/// A core file in the making.
#[derive(Clone)]
pub struct Core {
    pub bits: u8,
    pub little: bool,
    pub machine: u16,
    pub e_type: u16,
    pub notes: Vec<(&'static str, u32, Vec<u8>)>,
    pub loads: Vec<Load>,
    /// Lies about the headers.
    pub phoff: Option<u64>,
    pub phnum: Option<u16>,
    pub phentsize: Option<u16>,
    pub note_offset: Option<u64>,
    pub note_file_size: Option<u64>,
    /// Bytes behind everything, for lies to point to.
    pub tail: Vec<u8>,
    pub shoff: Option<u64>,
}

impl Core {
    /// linux/amd64, one empty page.
    pub fn amd64() -> Core {
        Core {
            bits: 64,
            little: true,
            machine: 62,
            e_type: 4,
            notes: Vec::new(),
            loads: vec![Load {
                vaddr: 0x1000_0000,
                bytes: vec![0; 4096],
                flags: RW,
                ..Load::default()
            }],
            phoff: None,
            phnum: None,
            phentsize: None,
            note_offset: None,
            note_file_size: None,
            tail: Vec::new(),
            shoff: None,
        }
    }

    /// A whole core of a process of `binary` (64-bit, little-endian) as far as a checker can tell
    /// from the auxiliary vector; it holds nothing of the process's memory.
    pub fn of_binary(binary: &[u8]) -> Core {
        let entry = u64::from_le_bytes(binary[24..32].try_into().unwrap());
        Core::amd64().auxv(&[
            (9, entry),
            (3, 0x40_0040),
            (4, 56),
            (5, 7),
            (25, 0x1000_0010),
        ])
    }

    pub fn note(mut self, name: &'static str, kind: u32, desc: Vec<u8>) -> Core {
        self.notes.push((name, kind, desc));
        self
    }

    pub fn load(mut self, load: Load) -> Core {
        self.loads.push(load);
        self
    }

    /// `NT_AUXV` from pairs; the end mark is added.
    pub fn auxv(self, pairs: &[(u64, u64)]) -> Core {
        let mut desc = Vec::new();
        for (tag, value) in pairs.iter().chain([&(0, 0)]) {
            self.word(&mut desc, *tag);
            self.word(&mut desc, *value);
        }
        self.note("CORE", NT_AUXV, desc)
    }

    /// `NT_FILE` with this count, page size, and whatever rows and names there are.
    pub fn files(self, count: u64, page: u64, rows: &[[u64; 3]], names: &[u8]) -> Core {
        let mut desc = Vec::new();
        self.word(&mut desc, count);
        self.word(&mut desc, page);
        for value in rows.iter().flatten() {
            self.word(&mut desc, *value);
        }
        desc.extend_from_slice(names);
        self.note("CORE", NT_FILE, desc)
    }

    fn u16(&self, out: &mut Vec<u8>, v: u16) {
        out.extend(if self.little {
            v.to_le_bytes()
        } else {
            v.to_be_bytes()
        });
    }

    fn u32(&self, out: &mut Vec<u8>, v: u32) {
        out.extend(if self.little {
            v.to_le_bytes()
        } else {
            v.to_be_bytes()
        });
    }

    /// A word of the machine; on 32 bits the low half.
    pub fn word(&self, out: &mut Vec<u8>, v: u64) {
        match (self.bits, self.little) {
            (32, _) => self.u32(out, v as u32),
            (_, true) => out.extend(v.to_le_bytes()),
            (_, false) => out.extend(v.to_be_bytes()),
        }
    }

    fn program_header(&self, out: &mut Vec<u8>, kind: u32, load: &Load, at: u64) {
        let offset = load.offset.unwrap_or(at);
        let file_size = load.file_size.unwrap_or(load.bytes.len() as u64);
        let mem_size = load
            .mem_size
            .unwrap_or(if kind == 4 { 0 } else { file_size });
        self.u32(out, kind);
        if self.bits == 64 {
            self.u32(out, load.flags);
        }
        for v in [offset, load.vaddr, 0, file_size, mem_size] {
            self.word(out, v);
        }
        if self.bits == 32 {
            self.u32(out, load.flags);
        }
        self.word(out, 4);
    }

    /// The file: header, program headers, notes, segments, tail.
    pub fn bytes(&self) -> Vec<u8> {
        let (header, each) = if self.bits == 64 {
            (64u64, 56u64)
        } else {
            (52, 32)
        };
        let count = self.loads.len() as u64 + 1;
        let mut notes = Vec::new();
        for (name, kind, desc) in &self.notes {
            self.u32(&mut notes, name.len() as u32 + 1);
            self.u32(&mut notes, desc.len() as u32);
            self.u32(&mut notes, *kind);
            notes.extend_from_slice(name.as_bytes());
            notes.push(0);
            notes.resize(notes.len().next_multiple_of(4), 0);
            notes.extend_from_slice(desc);
            notes.resize(notes.len().next_multiple_of(4), 0);
        }
        let mut out = vec![
            0x7f,
            b'E',
            b'L',
            b'F',
            if self.bits == 64 { 2 } else { 1 },
            if self.little { 1 } else { 2 },
            1,
        ];
        out.resize(16, 0);
        self.u16(&mut out, self.e_type);
        self.u16(&mut out, self.machine);
        self.u32(&mut out, 1);
        self.word(&mut out, 0);
        self.word(&mut out, self.phoff.unwrap_or(header));
        self.word(&mut out, self.shoff.unwrap_or(0));
        self.u32(&mut out, 0);
        self.u16(&mut out, header as u16);
        self.u16(&mut out, self.phentsize.unwrap_or(each as u16));
        self.u16(&mut out, self.phnum.unwrap_or(count as u16));
        for _ in 0..3 {
            self.u16(&mut out, 0);
        }
        assert_eq!(out.len() as u64, header);
        let mut at = header + each * count;
        let note = Load {
            offset: self.note_offset,
            file_size: self.note_file_size,
            bytes: notes.clone(),
            ..Load::default()
        };
        self.program_header(&mut out, 4, &note, at);
        at += notes.len() as u64;
        for load in &self.loads {
            self.program_header(&mut out, 1, load, at);
            at += load.bytes.len() as u64;
        }
        out.extend(notes);
        self.loads
            .iter()
            .for_each(|l| out.extend_from_slice(&l.bytes));
        out.extend_from_slice(&self.tail);
        out
    }
}

/// What a real core's program header says, for tests that lie about it: 64-bit, little-endian.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// Position of the header itself in the file.
    pub at: usize,
    pub kind: u32,
    pub flags: u32,
    pub offset: u64,
    pub vaddr: u64,
    pub file_size: u64,
}

/// The program headers of a 64-bit little-endian ELF file.
pub fn program_headers(bytes: &[u8]) -> Vec<Header> {
    let u32 = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let u64 = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let start = u64(32) as usize;
    let count = usize::from(u16::from_le_bytes([bytes[56], bytes[57]]));
    (0..count)
        .map(|i| start + 56 * i)
        .map(|at| Header {
            at,
            kind: u32(at),
            flags: u32(at + 4),
            offset: u64(at + 8),
            vaddr: u64(at + 16),
            file_size: u64(at + 32),
        })
        .collect()
}

/// Position and size in the file of each section of a 64-bit little-endian ELF file, and of the table
/// of section headers itself, with the names.
pub fn sections(bytes: &[u8]) -> Vec<(String, usize, usize)> {
    let u16 = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let u32 = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let u64 = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    let (table, count, names) = (u64(40), u16(60), u16(62));
    let names_at = u64(table + 64 * names + 24);
    let mut out = vec![("section headers".to_owned(), table, 64 * count)];
    for at in (0..count).map(|i| table + 64 * i) {
        let name = &bytes[names_at + u32(at) as usize..];
        let name = name.split(|b| *b == 0).next().unwrap_or_default();
        if u32(at + 4) != 8 && u64(at + 32) > 0 {
            out.push((
                String::from_utf8_lossy(name).into_owned(),
                u64(at + 24),
                u64(at + 32),
            ));
        }
    }
    out
}
