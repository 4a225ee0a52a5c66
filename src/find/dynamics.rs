//! What the first words of interfaces say, remembered for those met last: millions of interfaces hold a few types.
//! In: type words. Out: the dynamic types.

use crate::base::addr::Addr;
use crate::runtime::typemeta::Dynamic;
use crate::runtime::typemeta::TypeMeta;

/// Words that are remembered, by their low bits.
const WORDS: usize = 64;

/// The words met last.
pub(crate) struct Dynamics {
    known: [Option<(Addr, bool, Option<Dynamic>)>; WORDS],
}

impl Default for Dynamics {
    fn default() -> Dynamics {
        Dynamics {
            known: [None; WORDS],
        }
    }
}

impl Dynamics {
    /// The same as `meta.dynamic` says, of one process.
    pub(crate) fn of(
        &mut self,
        meta: &TypeMeta<'_, '_>,
        word: Addr,
        empty: bool,
    ) -> Option<Dynamic> {
        // Descriptors and itabs lie at multiples of 32 bytes.
        let at = usize::try_from(word.0 >> 5).unwrap_or(0) % WORDS;
        match self.known.get(at) {
            Some(Some((w, e, dynamic))) if *w == word && *e == empty => *dynamic,
            _ => {
                let dynamic = meta.dynamic(word, empty);
                if let Some(place) = self.known.get_mut(at) {
                    *place = Some((word, empty, dynamic));
                }
                dynamic
            }
        }
    }
}
