//! Loads the DWARF sections of a binary, unpacked.
//! In: a binary. Out: owned or borrowed section bytes, and gimli's reader over them.

use crate::base::bytes::Endian;
use crate::dwarf::error::DwarfError;
use crate::file::binary::Binary;
use gimli::DwarfSections;
use gimli::EndianSlice;
use gimli::RunTimeEndian;
use gimli::SectionId;
use std::borrow::Cow;

/// How the DWARF bytes are read.
pub type Reader<'d> = EndianSlice<'d, RunTimeEndian>;

/// The DWARF sections of a binary.
#[derive(Debug)]
pub struct DwarfData<'a> {
    sections: DwarfSections<Cow<'a, [u8]>>,
    endian: RunTimeEndian,
}

impl<'a> DwarfData<'a> {
    /// Unpacks the sections.
    /// # Errors
    /// `Stripped` when there is no `.debug_info`, `Section` when one cannot be unpacked.
    pub fn load(binary: &Binary<'a>) -> Result<DwarfData<'a>, DwarfError> {
        if !binary.has_dwarf() {
            return Err(DwarfError::Stripped {
                path: binary.path().to_path_buf(),
            });
        }
        let load = |id: SectionId| match wanted(id) {
            true => binary
                .section(id.name())
                .map(Option::unwrap_or_default)
                .map_err(DwarfError::Section),
            false => Ok(Cow::Borrowed([].as_slice())),
        };
        let endian = match binary.abi.endian {
            Endian::Little => RunTimeEndian::Little,
            Endian::Big => RunTimeEndian::Big,
        };
        Ok(DwarfData {
            sections: DwarfSections::load(load)?,
            endian,
        })
    }

    /// gimli's view of the sections.
    pub(crate) fn dwarf(&self) -> gimli::Dwarf<Reader<'_>> {
        self.sections
            .borrow(|bytes| EndianSlice::new(bytes, self.endian))
    }
}

/// Frames and name indexes are large and say nothing of types.
fn wanted(id: SectionId) -> bool {
    matches!(
        id,
        SectionId::DebugAbbrev
            | SectionId::DebugAddr
            | SectionId::DebugInfo
            | SectionId::DebugLine // gimli reads the line table's header with each unit
            | SectionId::DebugLineStr
            | SectionId::DebugLoc
            | SectionId::DebugLocLists
            | SectionId::DebugRanges
            | SectionId::DebugRngLists
            | SectionId::DebugStr
            | SectionId::DebugStrOffsets
            | SectionId::DebugTypes
    )
}
