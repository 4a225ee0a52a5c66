//! A task of the mark: some objects, and all that they lead to, as far as it gets.
//! In: marks that all tasks share, objects to begin with. Out: what is left to be looked at, and the words met that
//! lead to headers which are asked for.

use crate::base::addr::Addr;
use crate::find::marks::Marks;
use crate::find::marks::Spot;
use crate::maps::reader::MapReader;
use crate::runtime::spans::Object;
use std::collections::HashMap;
use std::collections::HashSet;
use std::rc::Rc;

/// A word that leads somewhere: in a module, or in the object that begins at an address.
#[derive(Clone, Copy)]
pub(crate) enum From {
    Module(Addr),
    Object(Addr, Addr),
}

/// A part of the work, with what was learned by it.
#[derive(Default)]
pub(crate) struct Task {
    pub(crate) todo: Vec<Spot>,
    /// By the descriptor in front of an object, and the object's size: where its pointers are.
    pub(crate) patterns: HashMap<(u64, u64), Rc<[u64]>>,
    pub(crate) hits: Hits,
    pub(crate) done: u64,
}

/// By header: the first word met that leads there, and how many there are.
pub(crate) type Hits = HashMap<Addr, (From, u64)>;

/// What all tasks look at.
pub(crate) struct Shared<'m, 'v, 'a> {
    pub(crate) reader: MapReader<'v, 'a>,
    pub(crate) swept: &'m HashSet<Addr>,
    pub(crate) marks: &'m Marks<'m, 'a>,
}

impl Shared<'_, '_, '_> {
    /// Looks at no more than `most` objects of a task.
    pub(crate) fn run(&self, task: &mut Task, most: usize) {
        let mut words = Vec::new();
        for _ in 0..most {
            let Some(spot) = task.todo.pop() else { return };
            task.done = task.done.saturating_add(1);
            if let Some(obj) = self.marks.scannable(spot) {
                self.scan(task, &obj, &mut words);
            }
        }
    }

    /// Follows the pointers of an object. `words` is room for their offsets.
    fn scan(&self, task: &mut Task, obj: &Object, words: &mut Vec<u64>) {
        let mem = self.reader.program.mem;
        let word = mem.abi.word();
        let bytes = mem.slice(obj.start, obj.size).ok();
        if let Some(mut mask) = self.reader.heap.pointer_mask(obj) {
            while mask != 0 {
                let off = u64::from(mask.trailing_zeros()).saturating_mul(word);
                mask &= mask.wrapping_sub(1);
                self.word(task, obj, bytes, off);
            }
            return;
        }
        if obj.start == obj.slot_start {
            // A large object may have millions of pointers: they are followed as they are named.
            let heap = self.reader.heap;
            heap.pointer_words(self.reader.meta, obj, &mut |at| {
                self.word(task, obj, bytes, at.0.saturating_sub(obj.start.0));
            });
            return;
        }
        let pattern = self.pattern(task, obj, words);
        for off in pattern.as_deref().unwrap_or(words) {
            self.word(task, obj, bytes, *off);
        }
    }

    /// Follows the word at an offset of an object. `bytes` are the object's, where they lie in one piece.
    #[inline]
    fn word(&self, task: &mut Task, obj: &Object, bytes: Option<&[u8]>, off: u64) {
        let mem = self.reader.program.mem;
        let value = match (bytes, usize::try_from(off)) {
            (Some(bytes), Ok(off)) => mem.abi.uptr(bytes, off).map(Addr),
            _ => mem.read_addr(Addr(obj.start.0.saturating_add(off))).ok(),
        };
        // Most lead to objects without pointers, which have no marks.
        let Some(value) = value.filter(|value| self.marks.may_have(*value)) else {
            return;
        };
        let Some(spot) = self.marks.spot(value) else {
            return;
        };
        if let Some(header) = self.marks.wanted(spot)
            && self.swept.contains(&header)
        {
            let at = Addr(obj.start.0.saturating_add(off));
            let from = From::Object(obj.start, at);
            let (_, n) = task.hits.entry(header).or_insert((from, 0));
            *n = n.saturating_add(1);
        }
        if self.marks.first(spot) {
            task.todo.push(spot);
        }
    }

    /// Where the pointers of an object with a malloc header are: one pattern for all of a size whose headers have the
    /// same descriptor. If the header cannot be read it is put into `words`.
    fn pattern(&self, task: &mut Task, obj: &Object, words: &mut Vec<u64>) -> Option<Rc<[u64]>> {
        let reader = &self.reader;
        let descriptor = reader.program.mem.read_uptr(obj.slot_start).ok();
        let key = descriptor.map(|descriptor| (descriptor, obj.size));
        if let Some(known) = key.and_then(|key| task.patterns.get(&key)) {
            return Some(known.clone());
        }
        words.clear();
        reader.heap.pointer_words(reader.meta, obj, &mut |at| {
            words.push(at.0.saturating_sub(obj.start.0));
        });
        let pattern: Rc<[u64]> = words.as_slice().into();
        task.patterns.insert(key?, pattern.clone());
        Some(pattern)
    }
}
