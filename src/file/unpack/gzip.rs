//! gzip: one member behind the other, and perhaps zeros at the end, as tapes leave them.
//! In: the packed bytes. Out: a reader. Where the data ends too early it says `UnexpectedEof`.

use crate::base::bytes::all_zero;
use flate2::bufread::GzDecoder;
use std::io;
use std::io::Read;

/// Unpacks every member.
pub(super) struct Members<'a> {
    /// The one at hand; `None` behind the last.
    member: Option<GzDecoder<&'a [u8]>>,
}

impl<'a> Members<'a> {
    pub(super) fn new(packed: &'a [u8]) -> Members<'a> {
        Members {
            member: Some(GzDecoder::new(packed)),
        }
    }
}

impl Read for Members<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let n = member.read(buf)?;
            if n > 0 || buf.is_empty() {
                return Ok(n);
            }
            let rest = *member.get_ref();
            self.member = (!all_zero(rest)).then(|| GzDecoder::new(rest));
        }
        Ok(0)
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test
    use super::*;
    use flate2::Compression;
    use std::io::Write;

    /// Packs bytes into one member.
    pub(in crate::file::unpack) fn pack(data: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(data).unwrap();
        packer.finish().unwrap()
    }

    fn read(packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Members::new(packed).read_to_end(&mut out).map(|_| out)
    }

    #[test]
    fn zeros_behind_the_last_member_are_no_data_but_anything_else_is_damage() {
        let packed = pack(b"one");
        let padded = [&packed[..], &[0; 512]].concat();
        assert_eq!(read(&padded).unwrap(), b"one");
        assert_eq!(
            read(&[&padded[..], b"x"].concat()).unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
    }

    #[test]
    fn a_member_that_ends_in_its_header_or_its_checksum_is_cut_short() {
        let packed = pack(b"one");
        for keep in [1, 5, packed.len() - 9, packed.len() - 1] {
            let cut = [&packed[..], packed.get(..keep).unwrap()].concat();
            assert_eq!(
                read(&cut).unwrap_err().kind(),
                io::ErrorKind::UnexpectedEof,
                "{keep}"
            );
        }
    }
}
