//! Executables by build ID, so that each core of many finds its own without a search.
//! In: the build IDs of executables, as somebody listed them. Out: the path for the IDs of a core.

use crate::file::binary::BuildIds;
use crate::survey::inputs::hex;
use std::collections::HashMap;
use std::path::Path;
use std::path::PathBuf;

/// Executables by build ID.
#[derive(Clone, Default, Debug)]
pub struct BinaryIndex {
    go: HashMap<String, PathBuf>,
    /// By the ID in hex.
    gnu: HashMap<String, PathBuf>,
    len: usize,
}

impl BinaryIndex {
    /// Adds an executable; of several of one ID the first counts. `gnu` is in hex.
    pub fn add(&mut self, go: Option<String>, gnu: Option<String>, path: &Path) {
        self.len = self.len.saturating_add(1);
        for (ids, id) in [(&mut self.go, go), (&mut self.gnu, gnu)] {
            if let Some(id) = id {
                ids.entry(id).or_insert_with(|| path.to_path_buf());
            }
        }
    }

    /// Executables that were added.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The executable of a core with these IDs: by Go's own where the core has it, as two builds may share the other.
    pub fn find(&self, ids: &BuildIds) -> Option<&Path> {
        let by_go = ids.go.as_ref().and_then(|id| self.go.get(id));
        let by_gnu = || self.gnu.get(&hex(ids.gnu.as_deref()?));
        by_go.or_else(by_gnu).map(PathBuf::as_path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(go: Option<&str>, gnu: Option<&[u8]>) -> BuildIds {
        BuildIds {
            gnu: gnu.map(<[u8]>::to_vec),
            go: go.map(str::to_owned),
        }
    }

    #[test]
    fn an_executable_is_found_by_either_id_and_the_first_one_counts() {
        let mut index = BinaryIndex::default();
        let path = |p: &str| PathBuf::from(p);
        index.add(Some("a/b".into()), Some("0fa0".into()), &path("/one"));
        index.add(Some("a/b".into()), None, &path("/two"));
        index.add(None, Some("ff".into()), &path("/three"));
        assert_eq!(index.len(), 3);
        assert_eq!(index.find(&ids(Some("a/b"), None)), Some(Path::new("/one")));
        assert_eq!(
            index.find(&ids(None, Some(&[0x0f, 0xa0]))),
            Some(Path::new("/one"))
        );
        assert_eq!(
            index.find(&ids(Some("other"), Some(&[0xff]))),
            Some(Path::new("/three"))
        );
        assert_eq!(index.find(&ids(Some("other"), None)), None);
        assert_eq!(index.find(&ids(None, None)), None);
    }
}
