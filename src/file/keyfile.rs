//! The file that holds the key of digests.
//! In: a path. Out: 32 bytes, read from it, or drawn at random and written there with mode 0600.

use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

/// Bytes of a key; the file has them as hex digits and a line break.
pub const KEY_BYTES: usize = 32;
/// Bytes of the file that are looked at.
const MAX_FILE: u64 = 4096;

/// A digest key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file can be neither read nor made.
    #[error("reading the digest key {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It holds something else.
    #[error("reading the digest key {}: it does not hold a key of 64 hex digits", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
}

impl KeyFileError {
    /// What the user can try.
    pub fn hint(&self) -> Option<String> {
        match self {
            KeyFileError::Io { .. } => None,
            KeyFileError::NoKey { .. } => {
                Some("name a file that is not there yet, and badmap makes a key".into())
            }
        }
    }
}

/// A key, and what there is to say of its file.
#[derive(Clone, Debug)]
pub struct Key {
    /// The key.
    pub bytes: [u8; KEY_BYTES],
    /// The file was not there, and was made.
    pub made: bool,
    /// Others than its owner may read the file.
    pub exposed: bool,
}

/// Reads the key in a file; if there is no such file, draws one and makes the file.
/// # Errors
/// `KeyFileError`.
pub fn read_or_make(path: &Path) -> Result<Key, KeyFileError> {
    let io = |source| KeyFileError::Io {
        path: path.to_path_buf(),
        source,
    };
    // What is no regular file may have no end, or wait for somebody to write.
    if std::fs::metadata(path).is_ok_and(|m| !m.is_file()) {
        return Err(KeyFileError::NoKey {
            path: path.to_path_buf(),
        });
    }
    match File::open(path) {
        Ok(file) => read(file, path),
        Err(e) if e.kind() == io::ErrorKind::NotFound => match make(path).map_err(io)? {
            Some(bytes) => Ok(Key {
                bytes,
                made: true,
                exposed: false,
            }),
            // Somebody else has made it meanwhile.
            None => read(File::open(path).map_err(io)?, path),
        },
        Err(e) => Err(io(e)),
    }
}

fn read(file: File, path: &Path) -> Result<Key, KeyFileError> {
    let io = |source| KeyFileError::Io {
        path: path.to_path_buf(),
        source,
    };
    let exposed = is_exposed(&file);
    let mut text = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut text).map_err(io)?;
    let text = String::from_utf8(text).unwrap_or_default();
    match parse(text.trim()) {
        Some(bytes) => Ok(Key {
            bytes,
            made: false,
            exposed,
        }),
        None => Err(KeyFileError::NoKey {
            path: path.to_path_buf(),
        }),
    }
}

#[cfg(unix)]
fn is_exposed(file: &File) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_exposed(_: &File) -> bool {
    false
}

fn parse(hex: &str) -> Option<[u8; KEY_BYTES]> {
    let mut out = [0; KEY_BYTES];
    if hex.len() != 2 * KEY_BYTES || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in out.iter_mut().zip((0usize..).step_by(2)) {
        *byte = u8::from_str_radix(hex.get(at..at.saturating_add(2))?, 16).ok()?;
    }
    Some(out)
}

/// Makes the file with a new key; `None` if it is there by now.
fn make(path: &Path) -> io::Result<Option<[u8; KEY_BYTES]>> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    let dir = path.parent().filter(|d| !d.as_os_str().is_empty());
    let mut temp = tempfile::NamedTempFile::new_in(dir.unwrap_or(Path::new(".")))?;
    let hex: String = key.iter().map(|b| format!("{b:02x}")).collect();
    writeln!(temp, "{hex}")?;
    temp.as_file().sync_all()?;
    match temp.persist_noclobber(path) {
        Ok(_) => Ok(Some(key)),
        Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(e) => Err(e.error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_ever_after() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let first = read_or_make(&path).unwrap();
        let second = read_or_make(&path).unwrap();
        assert!(first.made && !second.made && !second.exposed);
        assert_eq!(first.bytes, second.bytes);
        assert!(first.bytes.iter().any(|b| *b != 0));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for text in [
            "",
            "abc",
            "+1",
            &"zz".repeat(32),
            &"+1".repeat(32),
            &"ab".repeat(33),
        ] {
            let path = dir.path().join("other");
            std::fs::write(&path, text).unwrap();
            let no = read_or_make(&path);
            assert!(matches!(no, Err(KeyFileError::NoKey { .. })), "{text}");
        }
        assert!(matches!(
            read_or_make(dir.path()),
            Err(KeyFileError::NoKey { .. })
        ));
        let gone = read_or_make(&dir.path().join("no/such/dir"));
        assert!(matches!(gone, Err(KeyFileError::Io { .. })));
    }
}
