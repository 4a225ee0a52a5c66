//! Manifests: cores with their binaries, where they come from, and what they must give.
//! In: a TOML file, as `corpora/README.md` and `docs/BATCH.md` describe it. Out: candidates, in its order.

use crate::batch::candidate::Candidate;
use crate::batch::error::BatchError;
use crate::batch::expect::Expectation;
use serde::Deserialize;
use std::collections::HashMap;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::path::PathBuf;

/// Bytes of a manifest.
const MAX_MANIFEST: u64 = 256 << 20;
/// Characters of an error that are shown.
const MAX_WORDS: usize = 300;
/// How the schema of manifests is called.
const SCHEMA: &str = "badmap-corpus/1";

#[derive(Deserialize)]
struct Manifest {
    schema: String,
    #[serde(default)]
    binary: Vec<Binary>,
    #[serde(default)]
    core: Vec<Core>,
}

#[derive(Deserialize)]
struct Binary {
    name: String,
    file: PathBuf,
}

#[derive(Deserialize)]
struct Core {
    file: PathBuf,
    /// The name of a binary of the manifest, or its path.
    binary: Option<String>,
    host: Option<String>,
    expect: Option<Expectation>,
}

/// Reads a manifest. Paths in it are relative to where it lies.
/// # Errors
/// `Manifest`.
pub fn read_manifest(path: &Path) -> Result<Vec<Candidate>, BatchError> {
    let error = |why: String| BatchError::Manifest {
        path: path.to_path_buf(),
        why,
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|e| error(e.to_string()))?;
    file.take(MAX_MANIFEST)
        .read_to_string(&mut text)
        .map_err(|e| error(e.to_string()))?;
    let dir = path.parent().unwrap_or(Path::new(""));
    parse(&text, dir).map_err(error)
}

fn parse(text: &str, dir: &Path) -> Result<Vec<Candidate>, String> {
    let manifest: Manifest = toml::from_str(text).map_err(|e| said(text, &e))?;
    if manifest.schema != SCHEMA {
        return Err(format!(
            "its schema is {:?}, and not {SCHEMA:?}",
            manifest.schema
        ));
    }
    let no_path = |p: &Path| p.as_os_str().is_empty() || p.as_os_str().as_bytes().contains(&0);
    let files = manifest.binary.iter().map(|b| &b.file);
    if files
        .chain(manifest.core.iter().map(|c| &c.file))
        .any(|p| no_path(p))
    {
        return Err("a file in it has no name, or one with a zero byte".to_owned());
    }
    let binaries: HashMap<&str, &Path> = manifest
        .binary
        .iter()
        .map(|b| (b.name.as_str(), b.file.as_path()))
        .collect();
    let candidate = |core: Core| {
        let named = core.binary.as_deref();
        let binary = named.map(|n| binaries.get(n).copied().unwrap_or(Path::new(n)));
        Candidate {
            name: core.file.to_string_lossy().into_owned(),
            path: dir.join(&core.file),
            binary: binary.map(|b| dir.join(b)),
            host: core.host,
            expect: core.expect,
        }
    };
    Ok(manifest.core.into_iter().map(candidate).collect())
}

/// What is wrong, and in which line; what stands there may be anything, and is not repeated.
fn said(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|at| text.get(..at.start));
    let what: String = error.message().chars().take(MAX_WORDS).collect();
    match before {
        Some(before) => {
            let line = before.matches('\n').count().saturating_add(1);
            format!("line {line}: {what}")
        }
        None => what,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a failed unwrap is a failed test
    use super::*;

    const TEXT: &str = r#"
schema = "badmap-corpus/1"
[[binary]]
name = "go1.27"
file = "bin/go1.27.zst"
go = "go1.27.3"
[[core]]
name = "a"
file = "cores/a.zst"
binary = "go1.27"
host = "web-7"
[core.expect]
exit = 1
message = "fatal error: concurrent map writes"
[[core]]
file = "/var/crash/b"
binary = "../server"
"#;

    #[test]
    fn paths_are_relative_to_the_manifest_and_binaries_are_named_or_paths() {
        let cores = parse(TEXT, Path::new("/corpus")).unwrap();
        assert_eq!(cores[0].path, Path::new("/corpus/cores/a.zst"));
        assert_eq!(cores[0].name, "cores/a.zst");
        assert_eq!(
            cores[0].binary.as_deref(),
            Some(Path::new("/corpus/bin/go1.27.zst"))
        );
        assert_eq!(cores[0].host.as_deref(), Some("web-7"));
        assert_eq!(cores[0].expect.as_ref().unwrap().exit, Some(1));
        assert_eq!(cores[1].path, Path::new("/var/crash/b"));
        assert_eq!(
            cores[1].binary.as_deref(),
            Some(Path::new("/corpus/../server"))
        );
        assert_eq!(cores[1].expect, None);
    }

    #[test]
    fn what_is_no_manifest_is_refused_with_the_place() {
        let why = parse("schema = \"x/1\"", Path::new("")).unwrap_err();
        assert!(why.contains("x/1"), "{why}");
        let why = parse("schema = \"badmap-corpus/1\"\n[[core]]\n", Path::new("")).unwrap_err();
        assert!(why.contains("file"), "{why}");
        let text = TEXT.replace("exit = 1", "exits = 1");
        let why = parse(&text, Path::new("")).unwrap_err();
        assert!(why.contains("exits"), "{why}");
    }
}
