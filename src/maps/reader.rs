//! Reads any map of the process into an image.
//! In: a header's address and the map's type. Out: a `MapImage`; never an error.

use crate::base::addr::Addr;
use crate::hash::hasher::Hashers;
use crate::hash::run::Words;
use crate::maps::classic::ClassicReader;
use crate::maps::extras::misplaced;
use crate::maps::headers::HeaderFields;
use crate::maps::heaptypes::heap_types;
use crate::maps::image::Body;
use crate::maps::image::Gaps;
use crate::maps::image::Hands;
use crate::maps::image::Hmap;
use crate::maps::image::KeyFacts;
use crate::maps::image::MapImage;
use crate::maps::image::SlotLayout;
use crate::maps::image::SwissMap;
use crate::maps::image::TableHeader;
use crate::maps::keys::KeyReader;
use crate::maps::layout::Family;
use crate::maps::layout::MapLayouts;
use crate::maps::refs;
use crate::maps::refs::RefChecker;
use crate::maps::swiss::SwissReader;
use crate::process::memory::Memory;
use crate::runtime::heap::Heap;
use crate::runtime::program::Program;
use crate::runtime::typemeta::TypeMeta;
use crate::types::graph::TypeId;
use std::sync::Arc;

/// What was learned of the process from the maps looked at so far: the next are often alike.
#[derive(Default, Debug)]
pub(crate) struct Recall<'r> {
    refs: refs::Recall<'r>,
    keys: Words,
}

/// Reads maps.
#[derive(Clone, Copy, Debug)]
pub struct MapReader<'v, 'a> {
    /// The program.
    pub program: Program<'v, 'a>,
    /// The allocator's books.
    pub heap: &'v Heap<'v, 'a>,
    /// Type descriptors.
    pub meta: &'v TypeMeta<'v, 'a>,
    /// Layouts of headers and slots.
    pub layouts: &'v MapLayouts,
    /// How keys are hashed.
    pub hashers: &'v Hashers<'v, 'a>,
}

impl<'v, 'a> MapReader<'v, 'a> {
    /// The same reader on other memory of the same process: what would be if.
    pub fn with_memory<'w, 'b>(&self, mem: &'w Memory<'b>) -> MapReader<'w, 'b>
    where
        'v: 'w,
        'a: 'b,
    {
        MapReader {
            program: Program {
                mem,
                ..self.program
            },
            heap: self.heap,
            meta: self.meta,
            layouts: self.layouts,
            hashers: self.hashers,
        }
    }

    /// The slot layout of a map type; `None` when it is no map type that badmap understands.
    pub fn slots(&self, map_type: TypeId) -> Option<Arc<SlotLayout>> {
        self.layouts.slots(self.program.graph, map_type)
    }

    /// Reads the map whose header is at `addr`, references in its entries not looked at.
    pub fn read(&self, addr: Addr, slots: Arc<SlotLayout>) -> MapImage<'a> {
        let (mem, heap) = (self.program.mem, self.heap);
        let mut gaps = Gaps::default();
        let body = match (self.classic(), self.swiss()) {
            (Some(classic), _) => classic.read(addr, &slots, &mut gaps).map(Body::Classic),
            (None, Some(swiss)) => swiss.read(addr, &slots, &mut gaps).map(Body::Swiss),
            (None, None) => Ok(Body::Unreadable),
        };
        let body = body.unwrap_or_else(|fault| {
            gaps.push("header", fault);
            Body::Unreadable
        });
        MapImage {
            addr,
            abi: mem.abi,
            slots,
            home: heap.home(addr),
            header_size: self.layouts.family.header_size(),
            body,
            bad_refs: Vec::new(),
            bad_refs_total: 0,
            shared: Vec::new(),
            keys: KeyFacts::default(),
            hands: Hands::default(),
            heap_types: Vec::new(),
            misplaced: Vec::new(),
            gaps,
        }
    }

    /// The header at `addr`, if the program's maps are classic ones and it can be read.
    pub fn hmap(&self, addr: Addr) -> Option<Hmap> {
        self.classic()?.read_header(addr).ok()
    }

    /// The header at `addr`, if the program's maps are Swiss ones and it can be read.
    pub fn swiss_map(&self, addr: Addr) -> Option<SwissMap> {
        self.swiss()?.read_header(addr).ok()
    }

    /// The fields of the table at `addr`, likewise.
    pub fn swiss_table(&self, addr: Addr) -> Option<TableHeader> {
        let swiss = self.swiss()?;
        let bytes = swiss.mem.bytes(addr, swiss.fields.table_size).ok()?;
        Some(swiss.fields.table(swiss.mem.abi, &bytes))
    }

    fn classic(&self) -> Option<ClassicReader<'_, '_, 'a>> {
        match &self.layouts.header {
            HeaderFields::Classic(fields) => Some(ClassicReader {
                mem: self.program.mem,
                heap: self.heap,
                fields,
            }),
            HeaderFields::Swiss(_) => None,
        }
    }

    fn swiss(&self) -> Option<SwissReader<'_, '_, 'a>> {
        match &self.layouts.header {
            HeaderFields::Swiss(fields) => Some(SwissReader {
                mem: self.program.mem,
                heap: self.heap,
                fields,
            }),
            HeaderFields::Classic(_) => None,
        }
    }

    /// Reads the map with everything the rules want to know.
    pub fn read_for_check(&self, addr: Addr, slots: Arc<SlotLayout>) -> MapImage<'a> {
        let mut image = self.read(addr, slots);
        self.look_closer(&mut image, &mut Recall::default());
        image
    }

    /// Adds what the rules want to know beyond header and storage. `recall`: of this reader's memory.
    pub(crate) fn look_closer(&self, image: &mut MapImage<'a>, recall: &mut Recall<'v>) {
        if self.hashers.is_before_not_in_heap() && image.slots.has_pointers && self.is_noscan(image)
        {
            // Pointers to what never lies on the heap (types of C that are incomplete) count as integers.
            image.slots = Arc::new(SlotLayout {
                has_pointers: false,
                key_ptr_words: Vec::new(),
                ..image.slots.as_ref().clone()
            });
        }
        self.refs().check(image, &mut recall.refs);
        self.keys().read(image, &mut recall.keys);
        image.heap_types = heap_types(self.heap, self.meta, self.program.graph, image);
        if let Family::Classic { extra, .. } = &self.layouts.family {
            image.misplaced = misplaced(self.program.mem, self.heap, extra.size, image);
        }
    }

    /// Whether the allocator has a classic map's buckets in its books as without pointers.
    fn is_noscan(&self, image: &MapImage<'_>) -> bool {
        let Body::Classic(c) = &image.body else {
            return false;
        };
        let at = c.new.as_ref().map(|a| a.main.addr);
        at.and_then(|at| self.heap.spans().find(at))
            .is_some_and(|(_, span)| span.noscan)
    }

    /// Counts the live keys of the map at `addr` that hash to their mark, of its first `most`.
    pub fn sample_keys(&self, addr: Addr, slots: Arc<SlotLayout>, most: u64) -> (u64, u64) {
        self.keys().sample(&self.read(addr, slots), most)
    }

    pub(super) fn refs(&self) -> RefChecker<'v, 'v, 'a> {
        RefChecker {
            mem: self.program.mem,
            heap: self.heap,
            graph: self.program.graph,
            layouts: self.layouts,
            meta: self.meta,
        }
    }

    pub(super) fn keys(&self) -> KeyReader<'v, 'v, 'a> {
        KeyReader {
            mem: self.program.mem,
            graph: self.program.graph,
            hashers: self.hashers,
            layouts: self.layouts,
        }
    }
}
