//! The corpora: manifests and the files they name.

use serde::Deserialize;
use std::path::Path;
use std::path::PathBuf;

#[derive(Deserialize)]
pub struct Manifest {
    pub schema: String,
    #[serde(default)]
    pub binary: Vec<BinaryEntry>,
    #[serde(default)]
    pub core: Vec<CoreEntry>,
}

#[derive(Deserialize, Clone)]
pub struct BinaryEntry {
    pub name: String,
    pub file: String,
    pub goarch: String,
    pub stripped: bool,
}

impl BinaryEntry {
    /// Whether badmap can walk the stacks of its processes.
    pub fn has_stacks(&self) -> bool {
        self.goarch == "amd64"
    }
}

#[derive(Deserialize, Clone)]
pub struct CoreEntry {
    pub name: String,
    pub file: String,
    pub binary: String,
    pub scenario: String,
    /// The bug that it shows, where others of the corpus show the same one.
    pub bug: Option<String>,
    /// Who wrote the core: `kernel`, `gcore` or `qemu`.
    pub dumped: String,
    pub truth: String,
    /// The core of what was before, where this one shows what has changed since.
    pub change_from: Option<String>,
    /// What the process wrote to stderr while it died, where that was kept.
    pub stderr: Option<String>,
    /// How its last words began.
    pub said: Option<String>,
    pub expect: Expect,
}

#[derive(Deserialize, Clone)]
pub struct Expect {
    pub crash: String,
    pub broken: Option<bool>,
    pub exit: u8,
}

pub struct Corpus {
    pub dir: PathBuf,
    pub binaries: Vec<BinaryEntry>,
    pub cores: Vec<CoreEntry>,
}

pub struct CoreFiles {
    pub core: PathBuf,
    pub binary_path: PathBuf,
    pub binary: BinaryEntry,
    pub truth: String,
}

/// The golden corpus, and those named in the environment.
pub fn corpora() -> Vec<Corpus> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora/golden");
    let more = std::env::var("BADMAP_CORPUS").unwrap_or_default();
    let mut dirs = vec![golden];
    dirs.extend(more.split(':').filter(|d| !d.is_empty()).map(PathBuf::from));
    dirs.into_iter().map(|dir| Corpus::read(&dir)).collect()
}

impl Corpus {
    pub fn read(dir: &Path) -> Corpus {
        let path = dir.join("MANIFEST.toml");
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let m: Manifest =
            toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert_eq!(m.schema, "badmap-corpus/1");
        Corpus {
            dir: dir.to_path_buf(),
            binaries: m.binary,
            cores: m.core,
        }
    }

    /// The files of a core, or `None` when one of them is not there.
    pub fn files_of(&self, core: &CoreEntry) -> Option<CoreFiles> {
        let binary = self
            .binaries
            .iter()
            .find(|b| b.name == core.binary)?
            .clone();
        let path = |file: &str| Some(self.dir.join(file)).filter(|p| p.exists());
        Some(CoreFiles {
            core: path(&core.file)?,
            binary_path: path(&binary.file)?,
            truth: unpacked(&path(&core.truth)?),
            binary,
        })
    }

    /// The text of a file of this corpus, unpacked if it is packed; `None` when it is not there.
    pub fn text(&self, file: &str) -> Option<String> {
        let path = self.dir.join(file);
        path.exists().then(|| unpacked(&path))
    }
}

/// The text of a file, unpacked if it is packed.
pub fn unpacked(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap();
    if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return String::from_utf8(zstd::stream::decode_all(bytes.as_slice()).unwrap()).unwrap();
    }
    String::from_utf8(bytes).unwrap()
}
