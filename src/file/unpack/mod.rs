//! Unpacks a compressed file into a temporary one that has no name, with holes for zeros.
//! In: the packed bytes. Out: an open file and its size; never more than `limits::MAX_UNPACKED`.

mod gzip;
mod lz4;
mod xz;

use crate::base::limits::MAX_UNPACKED;
use crate::base::limits::MAX_ZSTD_WINDOW_LOG;
use crate::base::progress::Progress;
use crate::file::scratch::Scratch;
use crate::file::scratch::ScratchError;
use crate::file::scratch::Share;
use std::fs::File;
use std::io;
use std::io::Read;

/// The formats that can be unpacked, in the words of `Kind::Compressed`.
pub(crate) const FORMATS: [&str; 4] = ["zstd", "lz4", "gzip", "xz"];

/// Bytes unpacked at a time; a multiple of every page size in use.
const CHUNK: usize = 1 << 20;

/// The result of unpacking.
pub(crate) struct Unpacked {
    /// The temporary file.
    pub(crate) file: File,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// What it takes of the place.
    pub(crate) share: Share,
    /// The packed data ended too early; `size` is what could be had.
    pub(crate) cut_short: bool,
}

/// Why there is nothing unpacked.
#[derive(Debug)]
pub(crate) enum UnpackError {
    /// The packed data is damaged, or wants too much.
    Packed(io::Error),
    /// The temporary file cannot be written.
    Scratch(ScratchError),
}

/// Unpacks data of one of `FORMATS`: one frame, member or stream, or several.
pub(crate) fn unpack(
    packed: &[u8],
    format: &str,
    scratch: &Scratch,
    progress: &dyn Progress,
) -> Result<Unpacked, UnpackError> {
    progress.phase("unpacking", None);
    let mut reader = reader(packed, format).map_err(UnpackError::Packed)?;
    let mut file = scratch.file().map_err(UnpackError::Scratch)?;
    let mut buf = vec![0u8; CHUNK];
    let mut cut_short = false;
    while !cut_short {
        let (n, ended_early) = fill(&mut reader, &mut buf).map_err(UnpackError::Packed)?;
        cut_short = ended_early;
        if n == 0 {
            break;
        }
        if file.size().saturating_add(n as u64) > MAX_UNPACKED {
            let what = "it unpacks to more than any core file holds";
            return Err(UnpackError::Packed(io::Error::other(what)));
        }
        file.append(buf.get(..n).unwrap_or_default())
            .map_err(UnpackError::Scratch)?;
        progress.at(file.size());
    }
    let (file, size, share) = file
        .finish()
        .map_err(|e| UnpackError::Scratch(ScratchError::Io(e)))?;
    Ok(Unpacked {
        file,
        size,
        share,
        cut_short,
    })
}

/// The first unpacked bytes, so many at most: as far as the packed data reaches and is whole.
pub(crate) fn first_unpacked(packed: &[u8], format: &str, most: usize) -> Vec<u8> {
    let mut out = vec![0; most];
    let n = reader(packed, format).and_then(|mut reader| fill(&mut reader, &mut out));
    out.truncate(n.map_or(0, |(n, _)| n));
    out
}

/// What gives the unpacked bytes. Where the packed data ends too early it says `UnexpectedEof`, and where it wants more
/// memory than it may have `OutOfMemory`.
fn reader<'a>(packed: &'a [u8], format: &str) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match format {
        "zstd" => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?;
            decoder.window_log_max(MAX_ZSTD_WINDOW_LOG)?;
            Box::new(Zstd(decoder))
        }
        "lz4" => Box::new(lz4::Frames::new(packed)),
        "gzip" => Box::new(gzip::Members::new(packed)),
        "xz" => Box::new(xz::Streams::new(packed)?),
        _ => return Err(io::ErrorKind::Unsupported.into()),
    })
}

/// zstd says only in words that a window is too large.
struct Zstd<'a>(zstd::stream::read::Decoder<'a, &'a [u8]>);

impl Read for Zstd<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf).map_err(|e| {
            if e.to_string().contains("too much memory") {
                too_much_memory()
            } else {
                e
            }
        })
    }
}

/// Data wants more memory to unpack than badmap lends.
fn too_much_memory() -> io::Error {
    let what = "it was packed so that unpacking takes too much memory";
    io::Error::new(io::ErrorKind::OutOfMemory, what)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a failed unwrap is a failed test
    use super::*;
    use crate::base::progress::Silent;
    use crate::file::kind::Kind;
    use crate::file::kind::sniff;
    use std::io::Seek;
    use std::io::SeekFrom;
    use std::io::Write;

    fn pack(format: &str, data: &[u8]) -> Vec<u8> {
        match format {
            "zstd" => pack_zstd(data, 0),
            "lz4" => lz4::tests::pack(data),
            "gzip" => gzip::tests::pack(data),
            _ => xz::tests::pack(data),
        }
    }

    /// Without content size, as a pipe is packed.
    fn pack_zstd(data: &[u8], window_log: u32) -> Vec<u8> {
        let mut packer = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        packer.include_contentsize(false).unwrap();
        packer.include_checksum(true).unwrap();
        if window_log > 0 {
            packer.window_log(window_log).unwrap();
        }
        packer.write_all(data).unwrap();
        packer.finish().unwrap()
    }

    fn place(limit: Option<u64>) -> Scratch {
        Scratch::new(std::env::temp_dir(), limit)
    }

    fn unpacked(packed: &[u8], format: &str) -> Result<Unpacked, UnpackError> {
        unpack(packed, format, &place(None), &Silent)
    }

    fn contents(mut u: Unpacked) -> Vec<u8> {
        let mut out = Vec::new();
        u.file.seek(SeekFrom::Start(0)).unwrap();
        u.file.read_to_end(&mut out).unwrap();
        assert_eq!(out.len() as u64, u.size);
        out
    }

    /// Numbers that hardly pack.
    fn noise(len: u32) -> Vec<u8> {
        (0..len)
            .flat_map(|i| {
                i.wrapping_mul(2_654_435_761)
                    .rotate_left(i % 31)
                    .to_le_bytes()
            })
            .collect()
    }

    #[test]
    fn zeros_and_data_come_back_as_they_were() {
        let mut data = vec![0u8; 3 * CHUNK + 17];
        data[CHUNK + 5] = 7;
        data[3 * CHUNK + 16] = 9;
        for format in FORMATS {
            let packed = pack(format, &data);
            assert_eq!(sniff(&packed), Kind::Compressed(format));
            let scratch = place(None);
            let u = unpack(&packed, format, &scratch, &Silent).unwrap();
            assert!(!u.cut_short, "{format}");
            assert_eq!(scratch.used(), (1 << 16) + 17, "{format}");
            assert!(contents(u) == data, "{format}");
            assert_eq!(scratch.used(), 0, "{format}");
        }
    }

    #[test]
    fn several_members_streams_or_frames_are_one_file() {
        let (one, two) = (noise(50_000), vec![0; 200_000]);
        for format in FORMATS {
            let packed = [&one, &two, &vec![], &one].map(|part| pack(format, part));
            let u = unpacked(&packed.concat(), format).unwrap();
            assert!(!u.cut_short, "{format}");
            assert!(contents(u) == [&one[..], &two, &one].concat(), "{format}");
        }
    }

    #[test]
    fn data_that_ends_early_gives_what_there_was() {
        let data = noise(400_000);
        for format in FORMATS {
            let whole = pack(format, &data);
            for keep in [whole.len() / 2, whole.len() - 1] {
                let u = unpacked(&whole[..keep], format).unwrap();
                assert!(u.cut_short, "{format} {keep}");
                let got = contents(u);
                assert!(!got.is_empty() && data.starts_with(&got), "{format} {keep}");
                assert!(keep > whole.len() / 2 || got.len() < data.len(), "{format}");
            }
            let u = unpacked(&whole[..6], format).unwrap();
            assert!(u.cut_short && u.size == 0, "{format}");
        }
    }

    #[test]
    fn no_length_is_mistaken_for_damage() {
        let data = noise(100);
        for format in FORMATS {
            let whole = pack(format, &data);
            for keep in 1..whole.len() {
                let u = unpacked(&whole[..keep], format).unwrap();
                assert!(
                    u.cut_short && data.starts_with(&contents(u)),
                    "{format} {keep}"
                );
            }
        }
    }

    #[test]
    fn damaged_data_is_an_error() {
        // One segment of 4 bytes, then a last block of the reserved type.
        let whole = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 4, 0x07, 0, 0, 1, 2, 3, 4];
        assert!(unpacked(&whole, "zstd").is_err());
        let data = noise(100_000);
        for format in FORMATS.into_iter().filter(|f| *f != "lz4") {
            // lz4 is packed without sums here; its own tests have them.
            let mut packed = pack(format, &data);
            let middle = packed.len() / 2;
            packed[middle] ^= 0x10;
            let said = unpacked(&packed, format).err();
            assert!(matches!(said, Some(UnpackError::Packed(_))), "{format}");
        }
        for format in FORMATS {
            let junk = [pack(format, &data), b"more, but not packed".to_vec()].concat();
            assert!(unpacked(&junk, format).is_err(), "{format}");
        }
    }

    #[test]
    fn no_change_of_a_byte_makes_it_panic() {
        let data = [&noise(300)[..], &[0; 3000]].concat();
        for format in FORMATS {
            let whole = pack(format, &data);
            for at in 0..whole.len() {
                for change in [0x01, 0x80, 0xff] {
                    let mut packed = whole.clone();
                    packed[at] ^= change;
                    let _ = unpacked(&packed, format).map(|u| u.size);
                }
            }
        }
    }

    #[test]
    fn a_bomb_of_zeros_takes_no_disk() {
        let bomb = vec![0; 64 << 20];
        for format in FORMATS {
            let packed = pack(format, &bomb);
            let u = unpack(&packed, format, &place(Some(0)), &Silent).unwrap();
            assert_eq!(u.size, 64 << 20, "{format}");
        }
    }

    #[test]
    fn the_cap_on_disk_ends_it() {
        let data = noise(300_000);
        for format in FORMATS {
            let packed = pack(format, &data);
            let scratch = place(Some(1 << 20));
            let said = unpack(&packed, format, &scratch, &Silent).err().unwrap();
            let full = UnpackError::Scratch(ScratchError::Full(1 << 20));
            assert_eq!(format!("{said:?}"), format!("{full:?}"), "{format}");
            assert_eq!(scratch.used(), 0, "{format}");
        }
    }

    #[test]
    fn a_window_of_gigabytes_is_refused_as_what_it_is() {
        let ordinary = pack_zstd(&noise(1000), MAX_ZSTD_WINDOW_LOG);
        assert!(unpacked(&ordinary, "zstd").is_ok());
        // Magic, a descriptor without anything, the window: 2^(10 + 21) bytes.
        let wide = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x01, 0, 0];
        let said = unpacked(&wide, "zstd").err().unwrap();
        let UnpackError::Packed(said) = said else {
            unreachable!("{said:?}");
        };
        assert_eq!(said.kind(), io::ErrorKind::OutOfMemory, "{said}");
    }

    #[test]
    fn the_start_can_be_had_alone() {
        let data = noise(300_000);
        for format in FORMATS {
            let packed = pack(format, &data);
            assert!(
                first_unpacked(&packed, format, 5000) == data[..5000],
                "{format}"
            );
            let short = pack(format, &data[..77]);
            assert!(
                first_unpacked(&short, format, 5000) == data[..77],
                "{format}"
            );
            assert!(
                first_unpacked(&packed[..3], format, 5000).is_empty(),
                "{format}"
            );
        }
    }
}
