//! The header of a map as the line has it, and back.
//! In: an image's body, or the fields of a line. Out: the fields, or the header again.

use crate::base::addr::Addr;
use crate::maps::image::Body;
use crate::maps::image::ClassicImage;
use crate::maps::image::Hmap;
use crate::maps::image::MapExtra;
use crate::maps::image::OverflowList;
use crate::maps::image::SwissMap;
use crate::schema::number;
use crate::snapshot::image::ImageError;
use crate::snapshot::line::ExtraOut;
use crate::snapshot::line::HeaderOut;
use crate::snapshot::line::Text;

/// Hex, as addresses and seeds are written.
pub(super) fn hex<'a>(value: u64) -> Text<'a> {
    Text::Owned(format!("{value:#x}"))
}

/// An address that must be there.
pub(super) fn addr(text: &str, what: &'static str) -> Result<Addr, ImageError> {
    number(text).map(Addr).ok_or(ImageError::Text(what))
}

/// The header's fields by Go's names; `None` where it could not be read.
pub fn header_of<'a>(body: &Body<'_>) -> Option<HeaderOut<'a>> {
    match body {
        Body::Classic(c) => Some(HeaderOut {
            mapextra: c.extra.as_ref().map(extra_of),
            ..classic(&c.hmap)
        }),
        Body::Swiss(s) => Some(swiss(&s.map)),
        Body::Unreadable => None,
    }
}

/// The same of a header that is none: the write flag alone, as no other field means anything.
pub(super) fn flag_of<'a>(body: &Body<'_>) -> Option<HeaderOut<'a>> {
    match body {
        Body::Classic(c) => Some(classic(&Hmap {
            flags: c.hmap.flags & Hmap::HASH_WRITING,
            ..Hmap::default()
        })),
        Body::Swiss(s) => Some(swiss(&SwissMap {
            writing: u8::from(s.map.writing != 0),
            ..SwissMap::default()
        })),
        Body::Unreadable => None,
    }
}

/// The fields of a classic header.
pub(crate) fn classic<'a>(h: &Hmap) -> HeaderOut<'a> {
    HeaderOut {
        count: Some(h.count),
        flags: Some(h.flags),
        b: Some(h.b),
        noverflow: Some(h.noverflow),
        hash0: Some(hex(u64::from(h.hash0))),
        buckets: Some(hex(h.buckets.0)),
        oldbuckets: Some(hex(h.oldbuckets.0)),
        nevacuate: Some(h.nevacuate),
        extra: Some(hex(h.extra.0)),
        clear_seq: h.clear_seq,
        ..HeaderOut::default()
    }
}

fn extra_of<'a>(extra: &MapExtra) -> ExtraOut<'a> {
    let list = |list: &Option<OverflowList>| list.as_ref().map(|l| (hex(l.addr.0), l.claimed));
    ExtraOut {
        overflow: list(&extra.overflow),
        oldoverflow: list(&extra.oldoverflow),
        next_overflow: hex(extra.next_overflow.0),
    }
}

/// The fields of a Swiss header.
pub(crate) fn swiss<'a>(m: &SwissMap) -> HeaderOut<'a> {
    HeaderOut {
        used: Some(m.used),
        seed: Some(hex(m.seed)),
        dir_ptr: Some(hex(m.dir_ptr.0)),
        dir_len: Some(m.dir_len),
        global_depth: Some(m.global_depth),
        global_shift: Some(m.global_shift),
        writing: Some(m.writing),
        tombstone_possible: m.tombstone_possible,
        padding: m.padding,
        clear_seq: Some(m.clear_seq),
        ..HeaderOut::default()
    }
}

fn hex_field(text: &Option<Text<'_>>, what: &'static str) -> Result<u64, ImageError> {
    let text = text.as_deref().ok_or(ImageError::Missing(what))?;
    number(text).ok_or(ImageError::Text(what))
}

/// The header of a classic map, without arrays.
pub(super) fn read_classic<'a>(h: &HeaderOut<'_>) -> Result<ClassicImage<'a>, ImageError> {
    let missing = |what| move || ImageError::Missing(what);
    let hash0 = u32::try_from(hex_field(&h.hash0, "hash0")?);
    let hmap = Hmap {
        count: h.count.ok_or_else(missing("count"))?,
        flags: h.flags.ok_or_else(missing("flags"))?,
        b: h.b.ok_or_else(missing("B"))?,
        noverflow: h.noverflow.ok_or_else(missing("noverflow"))?,
        hash0: hash0.map_err(|_| ImageError::Text("hash0"))?,
        buckets: Addr(hex_field(&h.buckets, "buckets")?),
        oldbuckets: Addr(hex_field(&h.oldbuckets, "oldbuckets")?),
        nevacuate: h.nevacuate.ok_or_else(missing("nevacuate"))?,
        extra: Addr(hex_field(&h.extra, "extra")?),
        clear_seq: h.clear_seq,
    };
    Ok(ClassicImage {
        hmap,
        new: None,
        old: None,
        extra: h.mapextra.as_ref().map(read_extra).transpose()?,
    })
}

fn read_extra(extra: &ExtraOut<'_>) -> Result<MapExtra, ImageError> {
    let list = |list: &Option<(Text<'_>, u64)>| -> Result<Option<OverflowList>, ImageError> {
        let Some((at, claimed)) = list else {
            return Ok(None);
        };
        Ok(Some(OverflowList {
            addr: addr(at, "the address of an overflow list")?,
            claimed: *claimed,
            buckets: Vec::new(),
        }))
    };
    Ok(MapExtra {
        overflow: list(&extra.overflow)?,
        oldoverflow: list(&extra.oldoverflow)?,
        next_overflow: addr(&extra.next_overflow, "nextOverflow")?,
    })
}

/// The header of a Swiss map.
pub(super) fn read_swiss(h: &HeaderOut<'_>) -> Result<SwissMap, ImageError> {
    let missing = |what| move || ImageError::Missing(what);
    Ok(SwissMap {
        used: h.used.ok_or_else(missing("used"))?,
        seed: hex_field(&h.seed, "seed")?,
        dir_ptr: Addr(hex_field(&h.dir_ptr, "dirPtr")?),
        dir_len: h.dir_len.ok_or_else(missing("dirLen"))?,
        global_depth: h.global_depth.ok_or_else(missing("globalDepth"))?,
        global_shift: h.global_shift.ok_or_else(missing("globalShift"))?,
        writing: h.writing.ok_or_else(missing("writing"))?,
        tombstone_possible: h.tombstone_possible,
        padding: h.padding,
        clear_seq: h.clear_seq.ok_or_else(missing("clearSeq"))?,
    })
}
