//! Words of the books overwritten at random: whatever they say then, it is read to an end.

use crate::files::CoreFiles;
use badmap::base::addr::Addr;
use badmap::base::progress::Silent;
use badmap::dwarf::build::DwarfTypes;
use badmap::dwarf::index::DwarfIndex;
use badmap::dwarf::sections::DwarfData;
use badmap::file::binary::Binary;
use badmap::file::corefile::CoreFile;
use badmap::file::mmap::MappedFile;
use badmap::file::scratch::Scratch;
use badmap::process::memory::Memory;
use badmap::runtime::heap::Heap;
use badmap::runtime::modules::Modules;
use badmap::runtime::program::Program;
use badmap::runtime::specials::read_specials;
use badmap::runtime::typemeta::TypeMeta;
use badmap::types::graph::TypeGraph;
use std::sync::Arc;

/// A generator of numbers, the same in every run. Source: Marsaglia, xorshift64.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// Opens a core `rounds` times, each time with other words of its books overwritten; says what was left.
pub fn damage(files: &CoreFiles, rounds: u32) -> String {
    let tmp = Scratch::new(std::env::temp_dir(), None);
    let core_file = MappedFile::open(&files.core, &tmp, &Silent).unwrap();
    let binary_file = MappedFile::open(&files.binary_path, &tmp, &Silent).unwrap();
    let binary = Binary::parse(binary_file.bytes(), &files.binary_path).unwrap();
    let data = DwarfData::load(&binary).unwrap();
    let index = DwarfIndex::new(&data, binary.abi.ptr_size, &files.binary_path).unwrap();
    let index = Arc::new(index);
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut bytes = core_file.bytes().to_vec();
    let words = words_of_books(&bytes, files, &binary, &index);
    let (mut left, mut lost) = (u64::MAX, 0);
    for round in 0..rounds {
        let mut before = Vec::new();
        for _ in 0..1 << (round % 8) {
            let at = words[numbers.below(words.len())];
            let old: [u8; 8] = bytes[at..at + 8].try_into().unwrap();
            let other = words[numbers.below(words.len())];
            let new = match numbers.below(6) {
                0 => 0,
                1 => u64::MAX >> numbers.below(64),
                2 => 1 << numbers.below(64),
                3 => numbers.next(),
                4 => u64::from_le_bytes(bytes[other..other + 8].try_into().unwrap()),
                _ => u64::from_le_bytes(old) ^ (1 << numbers.below(64)),
            };
            before.push((at, old));
            bytes[at..at + 8].copy_from_slice(&new.to_le_bytes());
        }
        let (objects, unusable) = read_all(&bytes, files, &binary, &index);
        left = left.min(objects);
        lost += unusable;
        for (at, old) in before.iter().rev() {
            bytes[*at..*at + 8].copy_from_slice(old);
        }
    }
    format!(
        "{} words of books, {rounds} rounds; never fewer than {left} objects, {lost} spans refused",
        words.len()
    )
}

/// Everything that hangs together, on these bytes.
fn with_heap<R>(
    bytes: &[u8],
    files: &CoreFiles,
    binary: &Binary<'_>,
    index: &Arc<DwarfIndex<'_>>,
    work: impl FnOnce(&Program<'_, '_>, &Heap<'_, '_>, &TypeMeta<'_, '_>, &CoreFile<'_>) -> R,
) -> R {
    let core = CoreFile::parse(bytes, &files.core).unwrap();
    let graph = TypeGraph::new(Box::new(DwarfTypes::new(index.clone())));
    let memory = Memory::new(&core, Some(binary), 0);
    let program = Program {
        mem: &memory,
        graph: &graph,
        index,
        slide: 0,
        machine: core.machine,
        globals: None,
    };
    let modules = Modules::read(&program);
    let heap = Heap::bind(&program, &modules);
    let meta = TypeMeta::bind(program, &modules);
    work(&program, &heap, &meta, &core)
}

/// Where in the file the words of the books lie: the list of spans, the spans, malloc headers.
fn words_of_books(
    bytes: &[u8],
    files: &CoreFiles,
    binary: &Binary<'_>,
    index: &Arc<DwarfIndex<'_>>,
) -> Vec<usize> {
    with_heap(bytes, files, binary, index, |program, heap, _, core| {
        let all = program.variable("runtime.mheap_").unwrap();
        let all = all.field("allspans").unwrap();
        let (data, len, _) = all.slice().unwrap();
        let mspan = program.type_named("runtime.mspan").unwrap();
        let size = program.graph.get(mspan).size;
        let mut out = vec![all.addr, Addr(all.addr.0 + 8)];
        for i in 0..len {
            let entry = data.element(i, 8).unwrap();
            let span = program.mem.read_addr(entry).unwrap();
            out.push(entry);
            out.extend((0..size / 8).map(|i| Addr(span.0 + i * 8)));
        }
        let spans = heap.spans();
        for (i, span) in spans.list().iter().enumerate() {
            if span.header > 0 {
                spans.for_each_allocated(i, |o| out.push(o.slot_start));
            }
        }
        let offset = |at: Addr| {
            let s = core.segments.iter().find(|s| s.range.contains(at))?;
            Some((at.0 - s.range.start.0 + s.file_off) as usize)
        };
        out.into_iter().filter_map(offset).collect()
    })
}

/// Asks everything of every object; how many there are, and how many spans were refused.
fn read_all(
    bytes: &[u8],
    files: &CoreFiles,
    binary: &Binary<'_>,
    index: &Arc<DwarfIndex<'_>>,
) -> (u64, u64) {
    with_heap(bytes, files, binary, index, |program, heap, meta, _| {
        let spans = heap.spans();
        let mut objects = Vec::new();
        for (i, span) in spans.list().iter().enumerate() {
            assert_eq!(spans.find(span.pages.start).map(|f| f.0), Some(i));
            spans.for_each_allocated(i, |o| objects.push(o));
            spans.for_each_dead(i, |o| objects.push(o));
        }
        for o in &objects {
            let (mask, mut sum) = (heap.pointer_mask(o), 0);
            let whole = heap.pointer_words(meta, o, &mut |_| sum += 1);
            assert!(mask.is_none_or(|m| whole && m.count_ones() == sum));
            heap.recorded_type(o);
            spans.state(o);
        }
        read_specials(program, heap);
        (objects.len() as u64, spans.unusable())
    })
}
