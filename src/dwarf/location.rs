//! A location expression becomes places.
//! In: the expression in force at a program counter. Out: the pieces of the variable, or none.

use crate::base::addr::LinkAddr;
use crate::base::limits::MAX_LOCATION_OPS;
use crate::dwarf::sections::Reader;
use gimli::DebugAddrIndex;
use gimli::Encoding;
use gimli::Expression;
use gimli::Operation;
use gimli::Reader as _;

/// Where a run of a variable's bytes is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Bytes from the start of the variable.
    pub off: u64,
    /// Bytes in the run; 0 only for the one piece of a variable without bytes.
    pub size: u64,
    /// Where they are.
    pub place: Place,
}

/// Where bytes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// In the register of this DWARF number, from its least significant byte on. Go's compilers keep
    /// nothing in registers over a call, so only the innermost frame's registers are worth anything.
    Register(u16),
    /// In memory, this many bytes from the canonical frame address: what the stack pointer was before
    /// the call that made the frame pushed anything.
    Frame(i64),
    /// In memory, at a link-time address.
    Static(LinkAddr),
    /// Nowhere, but known: at most 8 bytes, as the integer they are.
    Value(u64),
    /// Optimised away, or somewhere that cannot be said in these words.
    Lost,
}

/// What an expression is read against.
pub(crate) struct Frame<'a> {
    /// Of the expression's unit.
    pub(crate) encoding: Encoding,
    /// Whether the function's frame base is the canonical frame address. It is in all code of Go's
    /// compilers and assembler; offsets from any other base lead nowhere.
    pub(crate) base_is_cfa: bool,
    /// What `.debug_addr` has at an index.
    pub(crate) address: &'a dyn Fn(DebugAddrIndex<usize>) -> Option<u64>,
}

/// The pieces of a variable of `size` bytes, offsets ascending, no byte left out; empty when no byte of
/// it is anywhere, or when it cannot be told which bytes are.
pub(crate) fn pieces(
    expr: Expression<Reader<'_>>,
    frame: &Frame<'_>,
    size: impl FnOnce() -> u64,
) -> Vec<Piece> {
    let runs = read_runs(expr, frame).unwrap_or_default();
    if runs.iter().all(|r| r.place == Place::Lost) {
        return Vec::new();
    }
    lay_out(&runs, size(), u64::from(frame.encoding.address_size)).unwrap_or_default()
}

/// A part of a location as it is written.
struct Run {
    /// Bytes; `None` for all there are.
    size: Option<u64>,
    place: Place,
}

fn read_runs(expr: Expression<Reader<'_>>, frame: &Frame<'_>) -> Option<Vec<Run>> {
    let mut ops = expr.operations(frame.encoding);
    let (mut out, mut state) = (Vec::new(), State::default());
    for _ in 0..MAX_LOCATION_OPS {
        let size = match ops.next().ok()? {
            None if !out.is_empty() => return Some(out),
            None => None,
            Some(Operation::Piece {
                size_in_bits,
                bit_offset: None,
            }) => Some(size_in_bits / 8),
            Some(op) => {
                state.take(op, frame);
                continue;
            }
        };
        let place = std::mem::take(&mut state).place(size);
        out.push(Run { size, place });
        if size.is_none() {
            return Some(out);
        }
    }
    None
}

/// Gives each run its offset in a variable of `size` bytes.
///
/// Folklore, seen with all versions from go1.19 to go1.27: of a variable whose words live apart, the
/// compiler lists the words it still knows of, leaving out those that are dead everywhere and the
/// padding between them (only at the entry of a function it writes the padding). So an offset is known
/// when the sizes add up to the variable's, as they stand or each aligned to itself; else a word is
/// missing and nobody can say which. If but one word is left, it stands there as if it were all.
/// Up to go1.21 some words come twice; then nothing adds up either.
/// Source: `cmd/compile/internal/ssa/debug.go`, `writePendingEntry`.
fn lay_out(runs: &[Run], size: u64, word: u64) -> Option<Vec<Piece>> {
    if let [Run { size: None, place }] = *runs {
        let known = match place {
            Place::Register(_) => size <= word,
            Place::Value(_) => size <= 8,
            _ => true,
        };
        return known.then(|| {
            vec![Piece {
                off: 0,
                size,
                place,
            }]
        });
    }
    [false, true]
        .iter()
        .find_map(|align| add_up(runs, size, word, *align))
}

fn add_up(runs: &[Run], size: u64, word: u64, align: bool) -> Option<Vec<Piece>> {
    let (mut out, mut off, mut widest) = (Vec::new(), 0u64, 1);
    let lost = |off: u64, to: u64| Piece {
        off,
        size: to.saturating_sub(off),
        place: Place::Lost,
    };
    for run in runs {
        let run_size = run.size?;
        if align {
            let to = run_size.clamp(1, word.max(1)).next_power_of_two();
            widest = widest.max(to);
            let start = off.checked_next_multiple_of(to)?;
            out.push(lost(off, start));
            off = start;
        }
        out.push(Piece {
            off,
            size: run_size,
            place: run.place,
        });
        off = off.checked_add(run_size)?;
    }
    out.push(lost(off, off.checked_next_multiple_of(widest)?));
    out.retain(|p| p.size > 0);
    let end = out.last().map(|p| p.off.saturating_add(p.size));
    (end == Some(size)).then_some(out)
}

/// What the operations since the last piece have led to.
#[derive(Default)]
struct State {
    stack: Vec<Word>,
    /// Set by an operation that ends a location, and by one that is not understood.
    end: Option<Place>,
}

/// A value on the stack of an expression. Sums are modulo 2^64, as DWARF has them.
#[derive(Clone, Copy)]
enum Word {
    /// Bytes from the canonical frame address.
    Frame(i64),
    /// A link-time address.
    Static(u64),
    Number(u64),
}

impl State {
    fn take(&mut self, op: Operation<Reader<'_>>, frame: &Frame<'_>) {
        let ended = self.end.is_some(); // nothing but a piece may follow
        if ended || self.try_take(op, frame).is_none() {
            self.end = Some(Place::Lost);
        }
    }

    fn try_take(&mut self, op: Operation<Reader<'_>>, frame: &Frame<'_>) -> Option<()> {
        match op {
            Operation::Nop => {}
            Operation::Register { register } => self.end = Some(Place::Register(register.0)),
            Operation::FrameOffset { offset } if frame.base_is_cfa => {
                self.stack.push(Word::Frame(offset));
            }
            Operation::CallFrameCFA => self.stack.push(Word::Frame(0)),
            Operation::Address { address } => self.stack.push(Word::Static(address)),
            Operation::AddressIndex { index } => {
                self.stack.push(Word::Static((frame.address)(index)?));
            }
            Operation::UnsignedConstant { value } => self.stack.push(Word::Number(value)),
            Operation::SignedConstant { value } => {
                self.stack.push(Word::Number(value.cast_unsigned()));
            }
            Operation::PlusConstant { value } => {
                let a = self.stack.pop()?;
                self.stack.push(a.plus(Word::Number(value))?);
            }
            Operation::Plus => {
                let (b, a) = (self.stack.pop()?, self.stack.pop()?);
                self.stack.push(a.plus(b)?);
            }
            Operation::ImplicitValue { mut data } if data.len() <= 8 => {
                let value = data.read_uint(data.len()).ok()?;
                self.end = Some(Place::Value(value));
            }
            Operation::StackValue => match self.stack.pop()? {
                Word::Number(value) => self.end = Some(Place::Value(value)),
                Word::Frame(_) | Word::Static(_) => return None,
            },
            _ => return None,
        }
        Some(())
    }

    /// Where a run of this size is.
    fn place(mut self, size: Option<u64>) -> Place {
        match (self.end, self.stack.pop()) {
            (Some(Place::Value(_)), _) if size.is_some_and(|s| s > 8) => Place::Lost,
            (Some(place), _) => place,
            (None, Some(Word::Frame(off))) => Place::Frame(off),
            (None, Some(Word::Static(addr))) => Place::Static(LinkAddr(addr)),
            (None, Some(Word::Number(_)) | None) => Place::Lost,
        }
    }
}

impl Word {
    fn plus(self, other: Word) -> Option<Word> {
        match (self, other) {
            (Word::Number(a), Word::Number(b)) => Some(Word::Number(a.wrapping_add(b))),
            (Word::Frame(a), Word::Number(b)) | (Word::Number(b), Word::Frame(a)) => {
                Some(Word::Frame(a.wrapping_add(b.cast_signed())))
            }
            (Word::Static(a), Word::Number(b)) | (Word::Number(b), Word::Static(a)) => {
                Some(Word::Static(a.wrapping_add(b)))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gimli::Format;
    use gimli::RunTimeEndian;

    /// The pieces of a variable of `size` bytes, with a frame base as Go has it.
    fn sized(size: u64, expr: &[u8]) -> Vec<(u64, u64, Place)> {
        read(size, expr, true)
    }

    /// The place of a variable that is one word, or nowhere.
    fn word(expr: &[u8]) -> Option<Place> {
        match sized(8, expr)[..] {
            [(0, 8, place)] => Some(place),
            [] => None,
            _ => unreachable!("pieces of a word"),
        }
    }

    fn read(size: u64, expr: &[u8], base_is_cfa: bool) -> Vec<(u64, u64, Place)> {
        let encoding = Encoding {
            format: Format::Dwarf32,
            version: 5,
            address_size: 8,
        };
        let frame = Frame {
            encoding,
            base_is_cfa,
            address: &|i: DebugAddrIndex<usize>| (i.0 == 3).then_some(0x40_0000),
        };
        let expr = Expression(Reader::new(expr, RunTimeEndian::Little));
        pieces(expr, &frame, || size)
            .iter()
            .map(|p| (p.off, p.size, p.place))
            .collect()
    }

    const R0: Place = Place::Register(0);
    const R3: Place = Place::Register(3);

    #[test]
    fn a_location_without_pieces_is_all_of_the_variable() {
        assert_eq!(word(&[0x53]), Some(R3)); // reg3
        assert_eq!(word(&[0x90, 17]), Some(Place::Register(17))); // regx 17
        assert_eq!(sized(1, &[0x53]), [(0, 1, R3)]);
        assert_eq!(sized(24, &[0x91, 0x60]), [(0, 24, Place::Frame(-32))]); // fbreg -32
        assert_eq!(sized(24, &[0x9c]), [(0, 24, Place::Frame(0))]); // call_frame_cfa
        assert_eq!(sized(0, &[0x9c]), [(0, 0, Place::Frame(0))]);
        let addr = [0x03, 0, 0x10, 0x40, 0, 0, 0, 0, 0];
        let at = |a| Place::Static(LinkAddr(a));
        assert_eq!(sized(24, &addr), [(0, 24, at(0x40_1000))]);
        assert_eq!(word(&[0xa1, 3]), Some(at(0x40_0000))); // addrx 3
        assert_eq!(word(&[0xa1, 4]), None); // no such address
    }

    #[test]
    fn sums_on_the_frame_address_stay_on_it() {
        assert_eq!(word(&[0x9c, 0x23, 16]), Some(Place::Frame(16))); // plus_uconst 16
        assert_eq!(word(&[0x9c, 0x11, 0x78, 0x22]), Some(Place::Frame(-8))); // consts -8, plus
        assert_eq!(word(&[0x9c, 0x9c, 0x22]), None); // the sum of two addresses is none
        assert_eq!(word(&[0x22]), None); // plus without anything to add
    }

    #[test]
    fn pieces_follow_each_other_and_what_is_lost_between_them_is_kept() {
        let expr = [0x50, 0x93, 8, 0x93, 8, 0x91, 0x78, 0x93, 8]; // reg0 8, nothing 8, fbreg -8 8
        let lost = (8, 8, Place::Lost);
        assert_eq!(
            sized(24, &expr),
            [(0, 8, R0), lost, (16, 8, Place::Frame(-8))]
        );
        assert_eq!(sized(16, &expr[..5]), [(0, 8, R0), lost]);
    }

    #[test]
    fn padding_that_the_compiler_left_out_is_put_back() {
        let expr = [0x50, 0x93, 1, 0x53, 0x93, 8, 0x52, 0x93, 2]; // reg0 1, reg3 8, reg2 2
        let padding = (1, 7, Place::Lost);
        assert_eq!(
            sized(24, &expr),
            [
                (0, 1, R0),
                padding,
                (8, 8, R3),
                (16, 2, Place::Register(2)),
                (18, 6, Place::Lost),
            ]
        );
        let written = [0x50, 0x93, 1, 0x93, 7, 0x53, 0x93, 8]; // as at the entry of a function
        assert_eq!(sized(16, &written), [(0, 1, R0), padding, (8, 8, R3)]);
        assert_eq!(
            sized(16, &[0x50, 0x93, 1, 0x53, 0x93, 8]),
            sized(16, &written)
        );
    }

    #[test]
    fn a_variable_with_a_word_missing_or_too_many_is_not_guessed_at() {
        let two = [0x50, 0x93, 8, 0x53, 0x93, 8];
        assert_eq!(sized(16, &two), [(0, 8, R0), (8, 8, R3)]);
        assert_eq!(sized(24, &two), []); // a slice of which one word is dead
        assert_eq!(sized(8, &two), []); // go1.21 and before: words that come twice
        assert_eq!(sized(16, &[0x50]), []); // a string of which one word is left
    }

    #[test]
    fn a_variable_that_is_nowhere_has_no_pieces() {
        assert_eq!(word(&[]), None);
        assert_eq!(sized(16, &[0x93, 8, 0x93, 8]), []);
        assert_eq!(read(8, &[0x91, 0x60], false), []); // an offset from an unknown base
    }

    #[test]
    fn constants_are_values_of_at_most_eight_bytes() {
        assert_eq!(word(&[0x35, 0x9f]), Some(Place::Value(5))); // lit5, stack_value
        assert_eq!(word(&[0x35, 0x9f, 0x93, 8]), Some(Place::Value(5)));
        let two = [0x9e, 2, 0x34, 0x12]; // implicit_value 34 12
        assert_eq!(sized(2, &two), [(0, 2, Place::Value(0x1234))]);
        assert_eq!(sized(16, &[0x35, 0x9f]), []);
        let nine = [0x9e, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        assert_eq!(sized(9, &nine), []);
        assert_eq!(word(&[0x9c, 0x9f]), None); // the address itself is the value
    }

    #[test]
    fn what_is_not_understood_is_lost_and_never_guessed() {
        assert_eq!(word(&[0x91, 0x60, 0x06]), None); // fbreg -32, deref
        assert_eq!(word(&[0x50, 0x23, 8]), None); // reg0, plus_uconst 8
        assert_eq!(word(&[0x77, 8]), None); // breg7 8
        assert_eq!(word(&[0x2f, 0xfd, 0xff]), None); // skip to itself
        assert_eq!(word(&[0x03, 1]), None); // cut off
        assert_eq!(word(&[0x50, 0x9d, 64, 0]), None); // bit_piece
        assert_eq!(
            sized(16, &[0x77, 8, 0x93, 8, 0x50, 0x93, 8]), // the next piece is read again
            [(0, 8, Place::Lost), (8, 8, R0)]
        );
    }

    #[test]
    fn a_location_without_end_is_given_up() {
        assert_eq!(word(&[0x96; 5000]), None); // nop
        let huge = [
            0x50, 0x93, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f,
        ];
        let many: Vec<u8> = huge.iter().copied().cycle().take(99 * huge.len()).collect();
        assert_eq!(sized(u64::MAX, &many), []); // more than there can be
        assert_eq!(sized(0, &[0x50, 0x93, 0]), []);
    }
}
