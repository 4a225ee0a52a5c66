//! Every goroutine with its hands on one map, with what shows it.
//! In: the stacks of all goroutines, and the map. Out: who is inside an operation on it, who holds its
//! address, and who has something that leads to it; and for every goroutine the map operation it is in.

use crate::base::addr::Addr;
use crate::base::addr::AddrRange;
use crate::base::limits::MAX_PARTIES;
use crate::base::progress::Progress;
use crate::crash::atwork::AtWork;
use crate::crash::atwork::at_work;
use crate::crash::holders::Search;
use crate::crash::ops::Op;
use crate::find::search::Grounds;
use crate::runtime::funcnames::is_plumbing;
use crate::runtime::pclntab::PcTables;
use crate::runtime::pclntab::SourceFrame;
use crate::runtime::unwind::Part;
use crate::runtime::unwind::Stack;
use crate::runtime::unwind::Unwinder;

/// How surely a goroutine has to do with a map.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Grade {
    /// A frame of a map operation holds this map.
    InMapCode,
    /// A frame or register holds its address.
    HoldsPointer,
    /// A variable in scope leads to it.
    Reaches,
}

impl Grade {
    /// The word shown in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Grade::InMapCode => "in-map-code",
            Grade::HoldsPointer => "holds-pointer",
            Grade::Reaches => "reaches",
        }
    }
}

/// A goroutine that has to do with the map.
#[derive(Clone, Debug)]
pub struct Party {
    /// Its `g`.
    pub g: Addr,
    /// Its number.
    pub goroutine: u64,
    /// How surely.
    pub grade: Grade,
    /// What it does to the map, where that is known.
    pub op: Option<Op>,
    /// The word that shows it is in use by the compiler's own tables, not left from before.
    pub live: bool,
    /// It has only just called the operation.
    pub entering: bool,
    /// What shows it.
    pub evidence: String,
    /// The innermost line of the program's own code.
    pub at: Option<SourceFrame>,
    /// The line of the frame that shows it, if that is the program's own.
    pub holds_at: Option<SourceFrame>,
    /// The functions of the program on its stack, innermost first; so many of them.
    pub functions: Vec<String>,
}

/// How many goroutines have which grade.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct PartyTotals {
    /// Inside an operation on the map.
    pub in_map_code: u64,
    /// Hold its address.
    pub holds_pointer: u64,
    /// Have something that leads to it.
    pub reaches: u64,
}

impl PartyTotals {
    fn count(&mut self, grade: Grade) {
        let n = match grade {
            Grade::InMapCode => &mut self.in_map_code,
            Grade::HoldsPointer => &mut self.holds_pointer,
            Grade::Reaches => &mut self.reaches,
        };
        *n = n.saturating_add(1);
    }
}

/// What a look at all goroutines shows.
#[derive(Clone, Default, Debug)]
pub struct Around {
    /// The map operations that goroutines are in, by the goroutine's number, in the order of the list.
    pub works: Vec<(u64, AtWork)>,
    /// Goroutines other than the one that stopped the program that have to do with the map, those that
    /// may collide first; so many of them.
    pub parties: Vec<Party>,
    /// All of them.
    pub totals: PartyTotals,
    /// Stacks that could not be followed to their end.
    pub broken: u64,
}

/// The map whose parties are wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// Its header.
    pub map: Addr,
    /// The word of a package variable from which the way to it begins, and that variable's name.
    pub variable: Option<(Addr, String)>,
    /// The places on that way.
    pub way: Vec<AddrRange>,
}

/// Looks at all goroutines. `target`: whose parties are wanted; `stopper`: who is none of them.
pub fn look_around(
    grounds: &Grounds<'_, '_, '_>,
    target: Option<Target>,
    stopper: Option<u64>,
    progress: &dyn Progress,
) -> Around {
    let mut out = Around::default();
    let Some(goroutines) = grounds.goroutines else {
        return out;
    };
    let machine = grounds.reader.program.machine;
    let unwinder = Unwinder::new(grounds.tables, goroutines, grounds.threads, machine);
    let target = target.filter(|t| !t.map.is_nil());
    let mut search = target.map(|target| Search::new(grounds, target));
    progress.phase("looking at goroutines", Some(goroutines.list.len() as u64));
    for (g, done) in goroutines.list.iter().zip(1u64..) {
        let stack = unwinder.unwind(g);
        out.broken = out.broken.saturating_add(u64::from(stack.broken.is_some()));
        let work = at_work(grounds, &stack);
        if let Some(search) = &mut search
            && stopper != Some(g.id)
            && let Some(party) = search.party(g, &stack, work.as_ref())
        {
            out.totals.count(party.grade);
            out.parties.push(party);
        }
        if let Some(work) = work {
            out.works.push((g.id, work));
        }
        progress.at(done);
    }
    out.parties.sort_by_key(|p| {
        (
            p.grade,
            std::cmp::Reverse(p.op),
            p.entering,
            !p.live,
            p.goroutine,
            p.g,
        )
    });
    out.parties.truncate(MAX_PARTIES);
    out
}

/// The lines of the program's own code on a goroutine's stack, innermost first.
pub fn lines_of_program<'l>(
    tables: &'l PcTables<'_, '_>,
    stack: &'l Stack,
) -> impl Iterator<Item = SourceFrame> + 'l {
    stack
        .frames
        .iter()
        .filter(|f| f.part == Part::Goroutine)
        .flat_map(|f| tables.source(&f.func, f.lookup()))
        .filter(|s| !is_plumbing(&s.function))
}

/// The functions of the program that are kept of a stack.
pub const MAX_FUNCTIONS: usize = 8;

/// The functions of the program on a goroutine's stack, innermost first, of one that calls itself only the first; so many
/// of them, and of a deeper stack the outermost in place of those left out. What the compiler made only to call others is no function of the program: it
/// is another one in each version.
pub fn functions_of_program(tables: &PcTables<'_, '_>, stack: &Stack) -> Vec<String> {
    let mut all = stack
        .frames
        .iter()
        .filter(|f| f.part == Part::Goroutine)
        .flat_map(|f| {
            // What is inlined into a wrapper is the function that it is there for.
            let mut lines = tables.source(&f.func, f.lookup());
            if f.func.is_wrapper() {
                lines.pop();
            }
            lines
        })
        .filter(|s| !is_plumbing(&s.function) && s.file != "<autogenerated>")
        .map(|s| s.function);
    let mut out: Vec<String> = Vec::new();
    while out.len() < MAX_FUNCTIONS
        && let Some(function) = all.next()
    {
        if out.last() != Some(&function) {
            out.push(function);
        }
    }
    if let (Some(outermost), Some(last)) = (all.next_back(), out.last_mut()) {
        *last = outermost;
    }
    out
}
