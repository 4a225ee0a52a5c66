//! Slots by their span, and what lies behind the last of them.
#![allow(clippy::arithmetic_side_effects)] // sums of small numbers

use super::*;

fn span(free_index: u32, elems: u32) -> SpanHome {
    SpanHome {
        start: Addr(0xc0_0000_2000),
        bytes: 8192,
        used: 8160,
        elem_size: 48,
        free_index,
        elems,
        bits: 1,
        header: 0,
        kind: SpanKind::Objects,
        noscan: false,
        whole: true,
    }
}

fn allocated(span: &SpanHome, slot: u64) -> Option<bool> {
    match span.home(
        &[0xff, 0b0000_0010, 0b1],
        Addr(0xc0_0000_2000 + slot * 48 + 5),
    ) {
        Some(Home::Object {
            start,
            size: 48,
            allocated,
        }) if start.0 == 0xc0_0000_2000 + slot * 48 => Some(allocated),
        _ => None,
    }
}

#[test]
fn a_slot_is_allocated_below_the_free_index_or_by_its_bit() {
    let some = span(1, 170);
    let told: Vec<Option<bool>> = [0, 1, 2, 8, 9].map(|i| allocated(&some, i)).to_vec();
    let [yes, no] = [Some(true), Some(false)];
    assert_eq!(told, [yes, yes, no, yes, no]);
    assert_eq!(allocated(&span(170, 0), 169), yes);
}

#[test]
fn the_room_of_an_address_is_what_its_home_says() {
    let some = SpanHome {
        header: 8,
        ..span(1, 170)
    };
    let bits = [0xff, 0b0000_0010, 0b1];
    for at in 0xc0_0000_1fff..0xc0_0000_4100u64 {
        let addr = Addr(at);
        let by_home = match some.home(&bits, addr) {
            Some(
                home @ Home::Object {
                    allocated: true, ..
                },
            ) => home.room_at(addr),
            _ => None,
        };
        assert_eq!(some.room(&bits, addr), by_home, "{addr}");
    }
}

#[test]
fn an_object_begins_where_its_home_says() {
    let bits = [0xff, 0b0000_0010, 0b1];
    for (header, used) in [(0, 8160), (8, 8160), (8, 48 * 9 + 8), (8, 48 * 9 + 9)] {
        let some = SpanHome {
            header,
            used,
            ..span(1, 170)
        };
        for at in 0xc0_0000_1fff..0xc0_0000_4100u64 {
            let addr = Addr(at);
            let by_home = match some.home(&bits, addr) {
                Some(home @ Home::Object { .. }) if home.holds(addr, 0) == Some(true) => {
                    home.room_at(addr)
                }
                _ => None,
            };
            let begun = some.begun(&bits, addr);
            assert_eq!(begun.map(|b| b.room), by_home, "{addr}");
            assert!(begun.is_none_or(|b| b.slot == 48));
        }
    }
}

#[test]
fn the_pages_of_a_span_are_counted_in_its_arena() {
    let some = span(1, 170);
    assert_eq!(some.pages(0xc0_0000_0000), Some(1..2));
    assert_eq!(some.pages(0xc0_0000_4000), None);
}

#[test]
fn behind_the_last_slot_and_outside_of_the_pages_nothing_is() {
    let all = span(170, 0);
    let at = |off: u64| all.home(&[], Addr(0xc0_0000_2000 + off));
    assert_eq!(at(8160), Some(Home::FreeSpan));
    assert_eq!(at(8192), Some(Home::FreeSpan));
    assert_eq!(all.home(&[], Addr(0xc0_0000_1fff)), Some(Home::FreeSpan));
}

#[test]
fn two_spans_fit_a_line_of_the_cache_and_a_half() {
    assert_eq!(size_of::<SpanHome>(), 40);
}
