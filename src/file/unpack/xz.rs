//! xz: one stream behind the other, with or without padding.
//! In: the packed bytes. Out: a reader that takes no more memory than `limits::MAX_XZ_MEMORY`.

use crate::base::limits::MAX_XZ_MEMORY;
use crate::file::unpack::too_much_memory;
use liblzma::bufread::XzDecoder;
use liblzma::stream::CONCATENATED;
use liblzma::stream::Error;
use liblzma::stream::Stream;
use std::io;
use std::io::Read;

/// Unpacks every stream.
pub(super) struct Streams<'a> {
    reader: XzDecoder<&'a [u8]>,
}

impl<'a> Streams<'a> {
    pub(super) fn new(packed: &'a [u8]) -> io::Result<Streams<'a>> {
        let stream = Stream::new_stream_decoder(MAX_XZ_MEMORY, CONCATENATED)?;
        Ok(Streams {
            reader: XzDecoder::new_stream(packed, stream),
        })
    }
}

impl Read for Streams<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buf).map_err(|e| {
            match e.get_ref().and_then(|e| e.downcast_ref::<Error>()) {
                Some(Error::MemLimit) => too_much_memory(),
                _ => e,
            }
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)] // a failed unwrap is a failed test
    use super::*;
    use liblzma::stream::Check;
    use liblzma::stream::Filters;
    use liblzma::stream::LzmaOptions;

    /// Packs bytes into one stream.
    pub(in crate::file::unpack) fn pack(data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut packer = liblzma::bufread::XzEncoder::new(data, 1);
        packer.read_to_end(&mut out).unwrap();
        out
    }

    /// One stream of a few bytes whose header asks for a dictionary of that size.
    fn with_dictionary(log: u32) -> Vec<u8> {
        // The filter's properties are one byte that stands for the size; the encoder would allocate as much, so that it
        // packs with the smallest, and the byte and the header's checksum are written over.
        let mut options = LzmaOptions::new_preset(0).unwrap();
        options.dict_size(4096);
        let mut filters = Filters::new();
        filters.lzma2(&options);
        let stream = Stream::new_stream_encoder(&filters, Check::None).unwrap();
        let mut packed = Vec::new();
        let mut packer = liblzma::bufread::XzEncoder::new_stream(&b"small"[..], stream);
        packer.read_to_end(&mut packed).unwrap();
        // Stream header of 12 bytes; then the block header: size, flags, filter 0x21, one byte of properties, the
        // property, padding, CRC32. Source: the .xz file format, 3.1 and 5.3.1.
        let block = packed.get_mut(12..24).unwrap();
        assert_eq!(block.get(..4), Some(&[2, 0, 0x21, 1][..]));
        *block.get_mut(4).unwrap() = u8::try_from((log - 12) * 2).unwrap();
        let sum = crc32(block.get(..8).unwrap());
        block
            .get_mut(8..)
            .unwrap()
            .copy_from_slice(&sum.to_le_bytes());
        packed
    }

    /// CRC-32 as in IEEE 802.3.
    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0u32, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte), |s, _| {
                if s & 1 == 1 {
                    (s >> 1) ^ 0xedb8_8320
                } else {
                    s >> 1
                }
            })
        })
    }

    fn read(packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Streams::new(packed)?.read_to_end(&mut out).map(|_| out)
    }

    #[test]
    fn streams_may_be_padded() {
        let packed = [&pack(b"one")[..], &[0; 8], &pack(b"two"), &[0; 4]].concat();
        assert_eq!(read(&packed).unwrap(), b"onetwo");
        assert!(read(&[&packed[..], b"junk"].concat()).is_err());
    }

    #[test]
    fn a_dictionary_of_gigabytes_is_refused_and_a_large_one_is_not() {
        assert_eq!(read(&with_dictionary(26)).unwrap(), b"small");
        for log in [30, 31] {
            let said = read(&with_dictionary(log)).unwrap_err();
            assert_eq!(said.kind(), io::ErrorKind::OutOfMemory, "{said}");
            assert!(said.to_string().contains("memory"), "{said}");
        }
    }
}
