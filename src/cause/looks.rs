//! What a word looks like: a hint at who wrote it.
//! In: the bytes of a word and the allocator's books. Out: a class.

use crate::base::addr::Addr;
use crate::base::bytes::Abi;
use crate::base::home::Home;

/// What a word looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Looks {
    /// All zero.
    Zero,
    /// All ones.
    Ones,
    /// Printable ASCII.
    Ascii,
    /// The address of something on the heap.
    HeapPointer,
    /// An address on a goroutine's stack.
    StackPointer,
    /// An address in the binary.
    ModulePointer,
    /// A number below 65,536, or above minus that.
    SmallInteger,
    /// A 64-bit float of a common magnitude.
    Float,
    /// None of these.
    Other,
}

impl Looks {
    /// What has this name; `Other` for a name that nothing has.
    pub fn named(name: &str) -> Looks {
        [
            Looks::Zero,
            Looks::Ones,
            Looks::Ascii,
            Looks::HeapPointer,
            Looks::StackPointer,
            Looks::ModulePointer,
            Looks::SmallInteger,
            Looks::Float,
        ]
        .into_iter()
        .find(|l| l.as_str() == name)
        .unwrap_or(Looks::Other)
    }

    /// The word shown in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Looks::Zero => "zero",
            Looks::Ones => "all-ones",
            Looks::Ascii => "ascii",
            Looks::HeapPointer => "heap-pointer",
            Looks::StackPointer => "stack-pointer",
            Looks::ModulePointer => "module-pointer",
            Looks::SmallInteger => "small-integer",
            Looks::Float => "float",
            Looks::Other => "other",
        }
    }

    /// Whether map code never leaves such a word where numbers, marks and seeds belong.
    pub fn is_foreign(self) -> bool {
        matches!(
            self,
            Looks::Ones | Looks::Ascii | Looks::HeapPointer | Looks::StackPointer
        )
    }
}

/// Classifies a word of the process.
pub fn looks(abi: Abi, bytes: &[u8], home: impl Fn(Addr) -> Home) -> Looks {
    let size = bytes.len() as u64;
    let Some(value) = abi.uint(bytes, 0, size) else {
        return Looks::Other;
    };
    if value == 0 {
        return Looks::Zero;
    }
    if bytes.iter().all(|b| *b == 0xff) {
        return Looks::Ones;
    }
    if bytes.len() >= 4 && bytes.iter().all(|b| (0x20..0x7f).contains(b)) {
        return Looks::Ascii;
    }
    if size == abi.word() {
        match home(Addr(value)) {
            Home::Object { .. } | Home::FreeSpan => return Looks::HeapPointer,
            Home::Stack => return Looks::StackPointer,
            Home::Module => return Looks::ModulePointer,
            Home::Foreign | Home::Unmapped | Home::Unknown => {}
        }
    }
    let signed = abi.int(bytes, 0).unwrap_or(i64::MAX);
    if value < 1 << 16 || (size == abi.word() && signed.unsigned_abs() < 1 << 16) {
        return Looks::SmallInteger;
    }
    if size == 8 {
        let magnitude = f64::from_bits(value).abs();
        if (1e-9..1e15).contains(&magnitude) {
            return Looks::Float;
        }
    }
    Looks::Other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart() {
        let at = |bytes: [u8; 8]| {
            looks(Abi::AMD64, &bytes, |a| {
                if a.0 >> 32 == 0xc0 {
                    Home::FreeSpan
                } else {
                    Home::Unmapped
                }
            })
        };
        assert_eq!(at(*b"GET /api"), Looks::Ascii);
        assert_eq!(at([0xff; 8]), Looks::Ones);
        assert_eq!(at([0; 8]), Looks::Zero);
        assert_eq!(at(0xc0_0012_3456u64.to_le_bytes()), Looks::HeapPointer);
        assert_eq!(at(42u64.to_le_bytes()), Looks::SmallInteger);
        assert_eq!(at((-2i64).to_le_bytes()), Looks::SmallInteger);
        assert_eq!(at(1.5f64.to_le_bytes()), Looks::Float);
        assert_eq!(at(0xdead_beef_0bad_f00du64.to_le_bytes()), Looks::Other);
    }
}
