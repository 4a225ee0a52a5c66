//! The one word that is taken from a process's environment: the name of its host, `HOSTNAME`.
//! In: strings of the environment, or the first stack, where the kernel laid it. Out: a host name, or nothing.

use crate::base::addr::Addr;
use crate::base::limits::MAX_AUXV_GAP;
use crate::base::limits::MAX_ENVIRONMENT;
use crate::base::limits::MAX_HOST_NAME;
use crate::process::memory::Memory;
use crate::process::notes::AT_RANDOM;
use crate::process::notes::Notes;

/// How the string begins that is looked for; nothing else of the environment is.
const BEGINS: &[u8] = b"HOSTNAME=";

/// Whether a text is a host name as far as its letters go. Anything else is not shown: programs may be started
/// with any text there.
pub fn is_host_name(text: &[u8]) -> bool {
    let fits = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let len = u64::try_from(text.len()).unwrap_or(u64::MAX);
    (1..=MAX_HOST_NAME).contains(&len) && text.iter().all(fits)
}

/// The host by the strings of an environment, each with its address and len in bytes. Of several that
/// begin alike the first counts, as for Go's own `syscall.copyenv`.
pub fn host_among(mem: &Memory<'_>, strings: impl Iterator<Item = (Addr, u64)>) -> Option<String> {
    let head = BEGINS.len() as u64;
    let (value, len) = strings
        .filter(|(_, len)| *len >= head)
        .find(|(at, _)| mem.bytes(*at, head).is_ok_and(|b| *b == *BEGINS))
        .and_then(|(at, len)| Some((at.checked_add(head)?, len.checked_sub(head)?)))?;
    if len > MAX_HOST_NAME {
        return None;
    }
    host(&mem.bytes(value, len).ok()?)
}

/// The host by the environment on the first stack: for programs whose variables nobody can name. The
/// vector of `NT_AUXV` lies there behind the pointers to the environment's strings.
/// Source: Linux `fs/binfmt_elf.c`, `create_elf_tables`.
pub fn host_on_stack(mem: &Memory<'_>, notes: &Notes) -> Option<String> {
    let word = mem.abi.word();
    let before = |at: Addr| Some(Addr(at.0.checked_sub(word)?));
    let mut at = before(find_auxv(mem, notes)?)?;
    if mem.read_uptr(at).ok()? != 0 {
        return None;
    }
    // Upwards from their end, to the word 0 behind the arguments; so the last match is the first string.
    let mut found = None;
    for _ in 0..MAX_ENVIRONMENT {
        at = before(at)?;
        let string = mem.read_addr(at).ok()?;
        if string.is_nil() {
            let value = Addr(string_value(found?)?);
            return host(&c_string(mem, value, MAX_HOST_NAME)?);
        }
        let head = mem.bytes(string, BEGINS.len() as u64);
        if head.is_ok_and(|b| *b == *BEGINS) {
            found = Some(string);
        }
    }
    None
}

fn string_value(string: Addr) -> Option<u64> {
    string.0.checked_add(BEGINS.len() as u64)
}

fn host(value: &[u8]) -> Option<String> {
    is_host_name(value).then(|| String::from_utf8_lossy(value).into_owned())
}

/// Where the auxiliary vector lies in memory: below the random bytes, all of its words the same.
fn find_auxv(mem: &Memory<'_>, notes: &Notes) -> Option<Addr> {
    let word = mem.abi.word();
    let random = notes.aux(AT_RANDOM)?;
    let end = Addr(random.checked_sub(random.checked_rem(word)?)?);
    let start = Addr(end.0.checked_sub(MAX_AUXV_GAP)?);
    let bytes = mem.bytes(start, MAX_AUXV_GAP).ok()?;
    let step = usize::from(mem.abi.ptr_size);
    let is_here = |at: usize| {
        let rest = bytes.get(at..).unwrap_or_default();
        let words = notes.auxv.iter().flat_map(|(tag, value)| [*tag, *value]);
        let mut there = rest.chunks_exact(step).map(|w| mem.abi.uptr(w, 0));
        words.map(Some).all(|w| there.next() == Some(w))
    };
    let mut places = (0..bytes.len()).step_by(step);
    let at = places.find(|at| is_here(*at))?;
    start.checked_add(u64::try_from(at).ok()?)
}

/// The bytes at `addr` up to a byte 0, which must come within `limit` bytes.
pub(crate) fn c_string(mem: &Memory<'_>, addr: Addr, limit: u64) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for i in 0..=limit {
        match mem.read_u8(addr.checked_add(i)?).ok()? {
            0 => return Some(out),
            b => out.push(b),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)] // sums of small numbers that stand here

    use super::*;
    use crate::base::addr::AddrRange;
    use crate::base::bytes::Abi;
    use crate::file::corefile::CoreFile;
    use crate::file::corefile::Machine;
    use crate::file::corefile::Segment;

    const BASE: u64 = 0x7ffe_0000_0000;

    fn with_memory<R>(bytes: &[u8], work: impl FnOnce(&Memory<'_>) -> R) -> R {
        let end = Addr(BASE + bytes.len() as u64);
        let core = CoreFile {
            bytes,
            abi: Abi::AMD64,
            machine: Machine::Amd64,
            segments: vec![Segment {
                range: AddrRange {
                    start: Addr(BASE),
                    end,
                },
                file_off: 0,
                file_size: bytes.len() as u64,
                readable: true,
                writable: true,
                executable: false,
            }],
            notes: Vec::new(),
            notes_cut: false,
        };
        work(&Memory::new(&core, None, 0))
    }

    /// The host by a first stack with these arguments and this environment, laid as Linux does it.
    fn host_of(args: &[&str], env: &[&str]) -> Option<String> {
        const WORDS: u64 = BASE + 0x1000;
        const STRINGS: u64 = BASE + 0x1810;
        let (mut words, mut strings) = (vec![args.len() as u64], Vec::new());
        for list in [args, env] {
            for text in list {
                words.push(STRINGS + strings.len() as u64);
                strings.extend(text.bytes());
                strings.push(0);
            }
            words.push(0);
        }
        let auxv = vec![(9, 0x40_1000), (AT_RANDOM, BASE + 0x1800), (16, 7)];
        words.extend(auxv.iter().flat_map(|(t, v)| [*t, *v]));
        words.extend([0, 0]);
        let mut stack = vec![0xa5; 0x1000];
        stack.extend(words.iter().flat_map(|w| w.to_le_bytes()));
        assert!(stack.len() as u64 + BASE < STRINGS && WORDS < STRINGS);
        stack.resize(0x1810, 0);
        stack.extend(strings);
        let notes = Notes {
            auxv,
            ..Notes::default()
        };
        with_memory(&stack, |mem| host_on_stack(mem, &notes))
    }

    #[test]
    fn a_host_name_has_letters_digits_dots_and_lines() {
        for good in ["a", "node-7.eu_west.example", "4f1c", &"x".repeat(253)] {
            assert!(is_host_name(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "a b",
            "a\n",
            "pass:word",
            "é",
            "$(id)",
            &"x".repeat(254),
        ] {
            assert!(!is_host_name(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn the_host_is_found_on_the_first_stack() {
        let host = host_of(&["/bin/zoo"], &["PATH=/bin", "HOSTNAME=web-3", "HOME=/"]);
        assert_eq!(host.as_deref(), Some("web-3"));
        let host = host_of(&["zoo"], &["HOSTNAME=first", "A=b", "HOSTNAME=second"]);
        assert_eq!(host.as_deref(), Some("first"));
    }

    #[test]
    fn what_is_no_host_name_stays_where_it_is() {
        assert_eq!(host_of(&["zoo"], &["HOSTNAME=pass word"]), None);
        assert_eq!(host_of(&["zoo"], &["HOSTNAME="]), None);
        assert_eq!(host_of(&["zoo"], &["XHOSTNAME=a", "HOSTNAMES=b"]), None);
        assert_eq!(
            host_of(&["zoo"], &[&format!("HOSTNAME={}", "x".repeat(254))]),
            None
        );
        assert_eq!(host_of(&["zoo"], &[]), None);
    }

    #[test]
    fn an_argument_is_no_environment() {
        assert_eq!(host_of(&["run", "HOSTNAME=other"], &["A=b"]), None);
    }

    #[test]
    fn strings_are_read_within_their_len() {
        let text = b"A=1HOSTNAME=web-3HOSTNAME=web 4";
        with_memory(text, |mem| {
            let at = |off: u64, len| (Addr(BASE + off), len);
            let host = |s: &[(Addr, u64)]| host_among(mem, s.iter().copied());
            assert_eq!(host(&[at(0, 3), at(3, 14)]).as_deref(), Some("web-3"));
            assert_eq!(host(&[at(0, 3), at(3, 13)]).as_deref(), Some("web-"));
            assert_eq!(host(&[at(3, 8)]), None);
            assert_eq!(host(&[at(3, 9)]), None);
            assert_eq!(host(&[at(3, u64::MAX)]), None);
            assert_eq!(host(&[at(17, 14), at(3, 14)]), None, "the first counts");
            assert_eq!(host(&[(Addr(8), 14), at(3, 14)]).as_deref(), Some("web-3"));
            assert_eq!(host(&[(Addr(u64::MAX), 14)]), None);
        });
    }

    #[test]
    fn a_string_without_end_is_refused() {
        with_memory(b"abc", |mem| {
            assert_eq!(c_string(mem, Addr(BASE), 64), None);
            assert_eq!(c_string(mem, Addr(BASE), 2), None);
        });
        with_memory(b"abc\0", |mem| {
            assert_eq!(c_string(mem, Addr(BASE), 3), Some(b"abc".to_vec()));
            assert_eq!(c_string(mem, Addr(BASE), 2), None);
        });
    }
}
