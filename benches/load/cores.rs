//! The cores to measure on.
//! In: a directory that `corpora/make.py --unpacked-only` or `--keep-unpacked` has filled. Out: cores with their
//! binaries, and how to make those that are missing.

use std::fs::File;
use std::path::Path;
use std::path::PathBuf;

/// A core of the load program.
#[derive(Clone)]
pub struct LoadCore {
    pub go: String,
    pub size: String,
    pub core: PathBuf,
    pub binary: PathBuf,
}

impl LoadCore {
    pub fn name(&self) -> String {
        format!("go{}-load-{}", self.go, self.size)
    }

    pub fn bytes(&self) -> u64 {
        std::fs::metadata(&self.core).map_or(0, |m| m.len())
    }

    /// Reads everything once, so that it lies in the page cache.
    pub fn warm(&self) {
        for path in [&self.core, &self.binary] {
            let mut file = File::open(path).expect("it was there a moment ago");
            std::io::copy(&mut file, &mut std::io::sink()).expect("it can be read");
        }
    }
}

/// Finds the cores of these versions and sizes; says which are not there, as (Go, size).
pub fn find(
    dir: &Path,
    gos: &[String],
    sizes: &[String],
) -> (Vec<LoadCore>, Vec<(String, String)>) {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for go in gos {
        for size in sizes {
            let at = dir.join("unpacked").join(format!("go{go}-load-{size}"));
            let core = LoadCore {
                go: go.clone(),
                size: size.clone(),
                core: at.join("core"),
                binary: at.join("binary"),
            };
            if core.core.is_file() && core.binary.is_file() {
                found.push(core);
            } else {
                missing.push((go.clone(), size.clone()));
            }
        }
    }
    (found, missing)
}

/// Names what is missing, and the commands that make it.
pub fn how_to_make(dir: &Path, missing: &[(String, String)]) -> String {
    let mut out = String::from("cores that are not there, and how to make them:");
    for (go, size) in missing {
        out += &format!(
            "\n  corpora/make.py --out {} --go {go}-load --scenario {size} --unpacked-only",
            dir.display()
        );
    }
    out
}
