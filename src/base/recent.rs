//! What was found out for the keys met last, so that it is not found out again: for keys of which few come often.
//! In: a key, and how its value is made. Out: the value.

/// Keys that are remembered at a time.
const MOST: usize = 16;

/// Values by key, the last few.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    list: Vec<(K, V)>,
    /// Where the next one goes when the list is full.
    next: usize,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Recent<K, V> {
        Recent {
            list: Vec::new(),
            next: 0,
        }
    }
}

impl<K: PartialEq, V> Recent<K, V> {
    /// The value of a key, made now if it is not remembered.
    pub(crate) fn get(&mut self, key: K, make: impl FnOnce() -> V) -> Option<&V> {
        let known = self.list.iter().position(|(k, _)| *k == key);
        let at = known.unwrap_or_else(|| {
            let (at, new) = (self.next % MOST, (key, make()));
            self.next = self.next.wrapping_add(1);
            match self.list.get_mut(at) {
                Some(old) => *old = new,
                None => self.list.push(new),
            }
            at
        });
        self.list.get(at).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_made_again_only_when_its_key_was_forgotten() {
        let mut recent = Recent::default();
        for key in 0..MOST {
            assert_eq!(recent.get(key, || (key, 1)), Some(&(key, 1)));
        }
        assert_eq!(recent.get(0, || (0, 2)), Some(&(0, 1)));
        assert_eq!(recent.get(MOST, || (MOST, 1)), Some(&(MOST, 1)));
        assert_eq!(recent.get(0, || (0, 2)), Some(&(0, 2)), "the oldest went");
        assert_eq!(recent.get(2, || (2, 2)), Some(&(2, 1)));
    }
}
