//! Unpacks a compressed file into a temporary one that has no name, with holes for zeros.
//! In: the packed bytes. Out: an open file and its size; never more than `limits::MAX_UNPACKED`.

use crate::base::bytes::all_zero;
use crate::base::limits::MAX_UNPACKED;
use crate::base::progress::Progress;
use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::path::Path;

/// Bytes unpacked at a time; a multiple of every page size in use.
const CHUNK: usize = 1 << 20;
/// Smallest run of zeros that becomes a hole.
const HOLE: usize = 1 << 16;

/// The result of unpacking.
pub(crate) struct Unpacked {
    /// The temporary file.
    pub(crate) file: File,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// The packed data ended too early; `size` is what could be had.
    pub(crate) cut_short: bool,
}

/// Unpacks zstd data, with or without content size, several frames or one.
pub(crate) fn unpack_zstd(
    packed: &[u8],
    tmp_dir: &Path,
    progress: &dyn Progress,
) -> io::Result<Unpacked> {
    progress.phase("unpacking", None);
    let mut reader = zstd::stream::read::Decoder::with_buffer(packed)?;
    let mut file = tempfile::tempfile_in(tmp_dir)?;
    let mut buf = vec![0u8; CHUNK];
    let mut size = 0u64;
    let mut cut_short = false;
    while !cut_short {
        let (n, ended_early) = fill(&mut reader, &mut buf)?;
        cut_short = ended_early;
        if n == 0 {
            break;
        }
        size = size.saturating_add(n as u64);
        if size > MAX_UNPACKED {
            return Err(io::Error::other(
                "it unpacks to more than any core file holds",
            ));
        }
        write_with_holes(&mut file, buf.get(..n).unwrap_or_default())?;
        progress.at(size);
    }
    file.set_len(size)?;
    Ok(Unpacked {
        file,
        size,
        cut_short,
    })
}

/// What the first unpacked bytes of packed data are, as far as the packed bytes at hand reach.
pub(crate) fn first_unpacked(packed: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 4096];
    let n =
        zstd::stream::read::Decoder::with_buffer(packed).and_then(|mut r| fill(&mut r, &mut out));
    out.truncate(n.map_or(0, |(n, _)| n));
    out
}

/// Fills `buf` as far as there is data. The flag says that the packed data ended inside a frame.
fn fill(reader: &mut impl Read, buf: &mut [u8]) -> io::Result<(usize, bool)> {
    let mut n = 0usize;
    while let Some(rest) = buf.get_mut(n..).filter(|r| !r.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(got) => n = n.saturating_add(got),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok((n, true)),
            Err(e) => return Err(e),
        }
    }
    Ok((n, false))
}

fn write_with_holes(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    for run in bytes.chunks(HOLE) {
        if all_zero(run) {
            file.seek(SeekFrom::Current(
                i64::try_from(run.len()).unwrap_or(i64::MAX),
            ))?;
        } else {
            file.write_all(run)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a failed unwrap is a failed test
    use super::*;
    use crate::base::progress::Silent;

    fn packed(data: &[u8]) -> Vec<u8> {
        zstd::stream::encode_all(data, 3).unwrap()
    }

    fn contents(mut u: Unpacked) -> Vec<u8> {
        let mut out = Vec::new();
        u.file.seek(SeekFrom::Start(0)).unwrap();
        u.file.read_to_end(&mut out).unwrap();
        assert_eq!(out.len() as u64, u.size);
        out
    }

    #[test]
    fn zeros_and_data_come_back_as_they_were() {
        let mut data = vec![0u8; 3 * CHUNK + 17];
        data[CHUNK + 5] = 7;
        data[3 * CHUNK + 16] = 9;
        let u = unpack_zstd(&packed(&data), &std::env::temp_dir(), &Silent).unwrap();
        assert!(!u.cut_short);
        assert!(contents(u) == data);
    }

    #[test]
    fn data_that_ends_early_gives_what_there_was() {
        let data: Vec<u8> = (0..400_000u32)
            .flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes())
            .collect();
        let whole = packed(&data);
        let u = unpack_zstd(&whole[..whole.len() / 2], &std::env::temp_dir(), &Silent).unwrap();
        assert!(u.cut_short);
        let got = contents(u);
        assert!(!got.is_empty() && got.len() < data.len() && data.starts_with(&got));
    }

    #[test]
    fn damaged_data_is_an_error() {
        // One segment of 4 bytes, then a last block of the reserved type.
        let whole = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 4, 0x07, 0, 0, 1, 2, 3, 4];
        assert!(unpack_zstd(&whole, &std::env::temp_dir(), &Silent).is_err());
    }
}
