//! What was opened, as the field `process` of every document and of a snapshot's header.
//! In: `ProcessInfo`. Out: a struct that serde writes and reads, and `ProcessInfo` again.

use crate::base::addr::Addr;
use crate::process::cpu::Cpu;
use crate::process::environ::is_host_name;
use crate::schema::number;
use crate::schema::words::known;
use crate::survey::result::BinaryFrom;
use crate::survey::result::Match;
use crate::survey::result::ProcessInfo;
use serde::Deserialize;
use serde::Serialize;
use std::borrow::Cow;
use std::path::PathBuf;

/// What was opened.
#[derive(Default, Serialize, Deserialize, Debug)]
#[serde(default)]
pub struct Process<'a> {
    pub(crate) go: Cow<'a, str>,
    untested: bool,
    os: Cow<'a, str>,
    pub(crate) arch: Cow<'a, str>,
    maps: Cow<'a, str>,
    hash: Option<Cow<'a, str>>,
    pub(crate) build_id: Option<Cow<'a, str>>,
    core: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<Cow<'a, str>>,
    core_bytes: u64,
    pub(crate) compressed: Option<Cow<'a, str>>,
    pub(crate) binary: Cow<'a, str>,
    binary_from: Cow<'a, str>,
    binary_build_id: Option<Cow<'a, str>>,
    pub(crate) pid: Option<u32>,
    command: Option<Cow<'a, str>>,
    pub(crate) cpu: Option<Kind<'a>>,
    pub(crate) host: Option<Cow<'a, str>>,
    pub(crate) how_dumped: Option<Cow<'a, str>>,
    r#match: Cow<'a, str>,
    dwarf: Option<u16>,
    slide: String,
    threads: usize,
    goroutines: Option<u64>,
    dumped_bytes: u64,
    from_binary_bytes: u64,
    not_dumped_bytes: u64,
    pub(crate) missing_bytes: u64,
    missing: Vec<Range>,
}

/// The kind of CPU.
#[derive(Default, Serialize, Deserialize, Debug)]
#[serde(default)]
pub(crate) struct Kind<'a> {
    pub(crate) name: Cow<'a, str>,
    hwcap: Option<String>,
    hwcap2: Option<String>,
    xcr0: Option<String>,
    platform: Option<Cow<'a, str>>,
}

impl<'a> Kind<'a> {
    fn of(cpu: &'a Cpu) -> Self {
        let hex = |bits: Option<u64>| bits.map(|v| format!("{v:#x}"));
        Kind {
            name: Cow::Borrowed(&cpu.name),
            hwcap: hex(cpu.hwcap),
            hwcap2: hex(cpu.hwcap2),
            xcr0: hex(cpu.xcr0),
            platform: cpu.platform.as_deref().map(Cow::Borrowed),
        }
    }

    /// `None` without a name: there is nothing to group by.
    fn into_cpu(self) -> Option<Cpu> {
        let bits = |hex: Option<String>| hex.and_then(|h| number(&h));
        (!self.name.is_empty()).then(|| Cpu {
            name: self.name.into_owned(),
            hwcap: bits(self.hwcap),
            hwcap2: bits(self.hwcap2),
            xcr0: bits(self.xcr0),
            platform: self.platform.map(Cow::into_owned),
        })
    }
}

#[derive(Default, Serialize, Deserialize, Debug)]
#[serde(default)]
struct Range {
    addr: String,
    bytes: u64,
}

impl<'a> Process<'a> {
    /// As it was found.
    pub fn of(p: &'a ProcessInfo) -> Self {
        let some = |text: &'a Option<String>| text.as_deref().map(Cow::Borrowed);
        Process {
            go: Cow::Borrowed(&p.go),
            untested: p.untested,
            os: p.os.into(),
            arch: p.arch.into(),
            maps: p.maps.into(),
            hash: Some(p.hash).filter(|h| !h.is_empty()).map(Cow::Borrowed),
            build_id: some(&p.core_build_id),
            core: p.core.display().to_string().into(),
            snapshot: p.snapshot.as_ref().map(|s| s.display().to_string().into()),
            core_bytes: p.core_size,
            compressed: p.compressed.map(Cow::Borrowed),
            binary: p.binary.display().to_string().into(),
            binary_from: p.binary_from.as_str().into(),
            binary_build_id: some(&p.binary_build_id),
            pid: p.pid,
            command: some(&p.command),
            cpu: p.cpu.as_ref().map(Kind::of),
            host: some(&p.host),
            how_dumped: Some(p.how_dumped)
                .filter(|how| *how != "unknown")
                .map(Cow::Borrowed),
            r#match: p.matched.as_str().into(),
            dwarf: Some(p.dwarf).filter(|v| *v != 0),
            slide: format!("{:#x}", p.slide),
            threads: p.threads,
            goroutines: p.goroutines,
            dumped_bytes: p.dumped_bytes,
            from_binary_bytes: p.from_binary_bytes,
            not_dumped_bytes: p.not_dumped_bytes,
            missing_bytes: p.missing_bytes,
            missing: p
                .missing
                .iter()
                .map(|(addr, bytes)| Range {
                    addr: addr.to_string(),
                    bytes: *bytes,
                })
                .collect(),
        }
    }

    /// What was found, as it was. A word that says nothing is the weakest of its set.
    pub fn into_info(self) -> ProcessInfo {
        let some = |text: Option<Cow<'a, str>>| text.map(Cow::into_owned);
        let from = [
            BinaryFrom::Given,
            BinaryFrom::BinaryDir,
            BinaryFrom::CoreNotes,
        ];
        let matched = [Match::Yes, Match::Mismatch, Match::Unverified];
        ProcessInfo {
            hash: known(self.hash.as_deref().unwrap_or_default()),
            go: self.go.into_owned(),
            untested: self.untested,
            os: known(&self.os),
            arch: known(&self.arch),
            maps: known(&self.maps),
            core: PathBuf::from(&*self.core),
            snapshot: self.snapshot.as_deref().map(PathBuf::from),
            core_size: self.core_bytes,
            compressed: self.compressed.as_deref().map(known),
            binary: PathBuf::from(&*self.binary),
            binary_from: from
                .into_iter()
                .find(|f| f.as_str() == self.binary_from)
                .unwrap_or(BinaryFrom::CoreNotes),
            matched: matched
                .into_iter()
                .find(|m| m.as_str() == self.r#match)
                .unwrap_or(Match::Unverified),
            core_build_id: some(self.build_id),
            binary_build_id: some(self.binary_build_id),
            identity: None,
            pid: self.pid,
            command: some(self.command),
            cpu: self.cpu.and_then(Kind::into_cpu),
            host: some(self.host).filter(|h| is_host_name(h.as_bytes())),
            how_dumped: known(self.how_dumped.as_deref().unwrap_or("unknown")),
            threads: self.threads,
            goroutines: self.goroutines,
            slide: number(&self.slide).unwrap_or(0),
            dwarf: self.dwarf.unwrap_or(0),
            dumped_bytes: self.dumped_bytes,
            missing_bytes: self.missing_bytes,
            missing: self
                .missing
                .iter()
                .filter_map(|r| Some((Addr(number(&r.addr)?), r.bytes)))
                .collect(),
            from_binary_bytes: self.from_binary_bytes,
            not_dumped_bytes: self.not_dumped_bytes,
        }
    }
}
