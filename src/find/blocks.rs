//! A list that grows by blocks: what lies in it is never copied to a larger place, and no room for twice of it is asked for.
//! In: items, one after another. Out: the same by position, in order.

/// Items of a block.
pub(crate) const BLOCK: usize = 4096;

/// A list in blocks of `BLOCK` items, all full but the last.
#[derive(Debug)]
pub(crate) struct Blocks<T> {
    blocks: Vec<Vec<T>>,
    len: usize,
}

impl<T> Default for Blocks<T> {
    fn default() -> Blocks<T> {
        Blocks {
            blocks: Vec::new(),
            len: 0,
        }
    }
}

impl<T> Blocks<T> {
    /// How many items there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds an item behind the last.
    pub(crate) fn push(&mut self, item: T) {
        match self.blocks.last_mut() {
            Some(last) if last.len() < BLOCK => last.push(item),
            _ => {
                let mut block = Vec::with_capacity(BLOCK);
                block.push(item);
                self.blocks.push(block);
            }
        }
        self.len = self.len.saturating_add(1);
    }

    /// Item `i`.
    pub(crate) fn get(&self, i: usize) -> Option<&T> {
        self.blocks.get(i / BLOCK)?.get(i % BLOCK)
    }

    /// Item `i`, to be changed.
    pub(crate) fn get_mut(&mut self, i: usize) -> Option<&mut T> {
        self.blocks.get_mut(i / BLOCK)?.get_mut(i % BLOCK)
    }

    /// All items in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_keep_their_places_across_blocks() {
        let mut list = Blocks::default();
        let n = BLOCK.saturating_mul(2).saturating_add(3);
        (0..n).for_each(|i| list.push(i));
        assert_eq!(list.len(), n);
        assert!((0..n).all(|i| list.get(i) == Some(&i)));
        assert_eq!(list.get(n), None);
        assert!(list.iter().copied().eq(0..n));
        if let Some(item) = list.get_mut(BLOCK) {
            *item = 7;
        }
        assert_eq!(list.get(BLOCK), Some(&7));
    }
}
