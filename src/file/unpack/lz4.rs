//! lz4: one frame behind the other, those of the former format and those to be skipped among them.
//! In: the packed bytes. Out: a reader. Where the data ends too early it says `UnexpectedEof`.

use lz4_flex::block::decompress_into;
use lz4_flex::frame::FrameDecoder;
use std::io;
use std::io::Read;

/// Magic of a frame. Source of this and what follows: lz4's `doc/lz4_Frame_format.md`.
const FRAME: u32 = 0x184d_2204;
/// Magic of a frame of the former format, which `lz4 -l` writes.
const LEGACY: u32 = 0x184c_2102;
/// Magics of frames to be skipped, without their last four bits.
const SKIPPABLE: u32 = 0x184d_2a50;
/// Bytes that a block of the former format unpacks to, but for the last.
const LEGACY_BLOCK: usize = 8 << 20;
/// What such a block may have at most when it was packed: what cannot be packed grows.
const LEGACY_PACKED: usize = LEGACY_BLOCK + LEGACY_BLOCK / 255 + 16;

/// Unpacks every frame.
pub(super) struct Frames<'a> {
    frame: Frame<'a>,
}

/// What is being read.
enum Frame<'a> {
    /// The start of a frame, or the end.
    Between(&'a [u8]),
    Current(Box<FrameDecoder<Watched<'a>>>),
    Legacy(Legacy<'a>),
}

impl<'a> Frames<'a> {
    pub(super) fn new(packed: &'a [u8]) -> Frames<'a> {
        Frames {
            frame: Frame::Between(packed),
        }
    }
}

impl Read for Frames<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            match &mut self.frame {
                Frame::Between([]) => return Ok(0),
                Frame::Between(rest) => self.frame = begin(rest)?,
                Frame::Current(decoder) => {
                    let n = decoder.read(buf)?;
                    if n > 0 {
                        return Ok(n);
                    }
                    // The end of the frame, of the data, or an empty block.
                    let watched = decoder.get_ref();
                    if let Some(rest) = watched.behind() {
                        self.frame = Frame::Between(rest);
                    } else if watched.is_empty() {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Frame::Legacy(legacy) => {
                    let n = legacy.read(buf)?;
                    if n > 0 {
                        return Ok(n);
                    }
                    self.frame = Frame::Between(legacy.rest);
                }
            }
        }
    }
}

/// The frame that begins here, or what stands behind one to be skipped.
fn begin(rest: &[u8]) -> io::Result<Frame<'_>> {
    let (magic, content) = word(rest)?;
    Ok(match magic {
        FRAME => Frame::Current(Box::new(FrameDecoder::new(Watched::new(rest)))),
        LEGACY => Frame::Legacy(Legacy {
            rest: content,
            block: Vec::new(),
            at: 0,
            size: 0,
        }),
        _ if is_skippable(magic) => {
            let (size, content) = word(content)?;
            Frame::Between(split(content, size)?.1)
        }
        _ => {
            let what = "what follows is no lz4 frame";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
    })
}

fn is_skippable(magic: u32) -> bool {
    magic & !0xf == SKIPPABLE
}

/// The little-endian word at the start, and what is behind it.
fn word(bytes: &[u8]) -> io::Result<(u32, &[u8])> {
    match bytes.split_first_chunk() {
        Some((word, rest)) => Ok((u32::from_le_bytes(*word), rest)),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn split(bytes: &[u8], size: u32) -> io::Result<(&[u8], &[u8])> {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    bytes
        .split_at_checked(size)
        .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// Bytes lent to the decoder, watched for where their frame ends: the decoder says the same when a frame ends, when the
/// data ends between two blocks, and when a block is empty.
struct Watched<'a> {
    bytes: &'a [u8],
    /// How far they are read.
    at: usize,
    /// Where the next word with a block's size is.
    size_at: usize,
    /// Bytes behind each block.
    block_sum: usize,
    /// Bytes behind the last.
    content_sum: usize,
    /// Where the frame ends, once that is known.
    end: Option<usize>,
}

impl<'a> Watched<'a> {
    /// `bytes` begin with a frame's magic.
    fn new(bytes: &'a [u8]) -> Watched<'a> {
        let flags = bytes.get(4).copied().unwrap_or(0);
        let has = |bit: u8, size: usize| if flags & bit != 0 { size } else { 0 };
        Watched {
            bytes,
            at: 0,
            // Magic, two bytes of flags, content size, dictionary, and a sum of one byte.
            size_at: 7usize
                .saturating_add(has(0x08, 8))
                .saturating_add(has(0x01, 4)),
            block_sum: has(0x10, 4),
            content_sum: has(0x04, 4),
            end: None,
        }
    }

    fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// What stands behind the frame, if it was read to its end.
    fn behind(&self) -> Option<&'a [u8]> {
        self.bytes.get(self.end.filter(|end| *end <= self.at)?..)
    }

    /// Looks at the sizes of blocks that were read by now.
    fn follow(&mut self) {
        while self.end.is_none() {
            let data_at = self.size_at.saturating_add(4);
            let word = self.bytes.get(self.size_at..data_at);
            let Some(Ok(word)) = word.filter(|_| data_at <= self.at).map(<[u8; 4]>::try_from)
            else {
                return;
            };
            // The highest bit says that the block is not packed.
            let size = u32::from_le_bytes(word);
            if size == 0 {
                self.end = Some(data_at.saturating_add(self.content_sum));
            }
            let size = usize::try_from(size & !(1 << 31)).unwrap_or(usize::MAX);
            self.size_at = data_at.saturating_add(size).saturating_add(self.block_sum);
        }
    }
}

impl Read for Watched<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.bytes.get(self.at..).unwrap_or_default().read(buf)?;
        self.at = self.at.saturating_add(n);
        self.follow();
        Ok(n)
    }
}

/// A frame of the former format: blocks of a size word and data, to the end or to the next magic.
struct Legacy<'a> {
    rest: &'a [u8],
    block: Vec<u8>,
    /// What of the block was handed out, and what it holds.
    at: usize,
    size: usize,
}

impl Read for Legacy<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.size {
            if self.rest.is_empty() {
                return Ok(0);
            }
            let (packed, content) = word(self.rest)?;
            if packed == FRAME || packed == LEGACY || is_skippable(packed) {
                return Ok(0);
            }
            let damaged = |what| io::Error::new(io::ErrorKind::InvalidData, what);
            if usize::try_from(packed).is_ok_and(|n| n > LEGACY_PACKED) {
                return Err(damaged("a block is larger than any"));
            }
            let (packed, rest) = split(content, packed)?;
            self.block.resize(LEGACY_BLOCK, 0);
            self.size = decompress_into(packed, &mut self.block)
                .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
            (self.rest, self.at) = (rest, 0);
        }
        let mut left = self.block.get(self.at..self.size).unwrap_or_default();
        let n = left.read(buf)?;
        self.at = self.at.saturating_add(n);
        Ok(n)
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)] // a failed unwrap is a failed test
    use super::*;
    use lz4_flex::frame::BlockMode;
    use lz4_flex::frame::BlockSize;
    use lz4_flex::frame::FrameEncoder;
    use lz4_flex::frame::FrameInfo;
    use std::io::Write;

    fn pack_as(data: &[u8], info: FrameInfo) -> Vec<u8> {
        let mut packer = FrameEncoder::with_frame_info(info, Vec::new());
        packer.write_all(data).unwrap();
        packer.finish().unwrap()
    }

    /// Packs bytes into one frame.
    pub(in crate::file::unpack) fn pack(data: &[u8]) -> Vec<u8> {
        pack_as(data, FrameInfo::new().block_size(BlockSize::Max64KB))
    }

    fn pack_legacy(blocks: &[&[u8]]) -> Vec<u8> {
        let mut out = LEGACY.to_le_bytes().to_vec();
        for block in blocks {
            let packed = lz4_flex::block::compress(block);
            out.extend(u32::try_from(packed.len()).unwrap().to_le_bytes());
            out.extend(packed);
        }
        out
    }

    fn read(packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Frames::new(packed).read_to_end(&mut out).map(|_| out)
    }

    fn text() -> Vec<u8> {
        (0..60_000u32)
            .flat_map(|i| format!("{i} and {} ", i / 7).into_bytes())
            .collect()
    }

    #[test]
    fn frames_of_every_kind_one_behind_the_other() {
        let data = text();
        let mut packed = vec![0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
        let mut expected: Vec<u8> = Vec::new();
        for mode in [BlockMode::Linked, BlockMode::Independent] {
            for size in [BlockSize::Max64KB, BlockSize::Max4MB] {
                for sums in [false, true] {
                    let info = FrameInfo::new()
                        .block_mode(mode)
                        .block_size(size)
                        .block_checksums(sums)
                        .content_checksum(!sums)
                        .content_size(sums.then_some(data.len() as u64));
                    packed.extend(pack_as(&data, info));
                    expected.extend(&data);
                }
            }
        }
        packed.extend(pack_legacy(&[&data, b"last"]));
        packed.extend(pack(b""));
        packed.extend(pack(b"end"));
        packed.extend([0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]);
        expected.extend(&data);
        expected.extend(b"lastend");
        assert!(read(&packed).unwrap() == expected);
    }

    #[test]
    fn a_frame_that_ends_anywhere_too_early_is_cut_short() {
        let data = text();
        let packed = pack(&data);
        let second =
            7 + 4 + u32::from_le_bytes(packed.get(7..11).unwrap().try_into().unwrap()) as usize;
        // In the header, in a block, between two blocks, in a block's size, before and in the end mark.
        for keep in [
            3,
            4,
            6,
            7,
            9,
            100,
            second,
            second + 2,
            packed.len() - 4,
            packed.len() - 1,
        ] {
            let mut out = Vec::new();
            let said = Frames::new(packed.get(..keep).unwrap()).read_to_end(&mut out);
            assert_eq!(
                said.unwrap_err().kind(),
                io::ErrorKind::UnexpectedEof,
                "{keep}"
            );
            assert!(
                data.starts_with(&out) && (keep < second || !out.is_empty()),
                "{keep}"
            );
        }
        let legacy = pack_legacy(&[b"one", b"two"]);
        for cut in [1, 2] {
            let said = read(legacy.get(..legacy.len() - cut).unwrap()).unwrap_err();
            assert_eq!(said.kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn an_empty_block_does_not_end_a_frame() {
        let packed = pack(b"data");
        let empty = (1u32 << 31).to_le_bytes();
        let (head, blocks) = packed.split_at(7);
        assert_eq!(
            read(&[head, &empty, &empty, blocks].concat()).unwrap(),
            b"data"
        );
    }

    #[test]
    fn damage_is_an_error_and_never_mistaken_for_the_end() {
        let sums = FrameInfo::new()
            .content_checksum(true)
            .block_checksums(true);
        let packed = pack_as(&text(), sums);
        for at in [4, 5, 6, 30, packed.len() - 1] {
            let mut damaged = packed.clone();
            *damaged.get_mut(at).unwrap() ^= 0x55;
            let said = read(&damaged).unwrap_err();
            assert_ne!(said.kind(), io::ErrorKind::UnexpectedEof, "{at}: {said}");
        }
        assert!(read(&[&packed[..], b"junk"].concat()).is_err());
        let mut legacy = pack_legacy(&[b"one"]);
        *legacy.get_mut(7).unwrap() = 1; // a size of 16 MiB
        assert!(read(&legacy).is_err());
    }
}
