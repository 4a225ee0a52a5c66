//! On which kind of CPU the process ran, as one stable text to group by.
//! In: a core's auxiliary vector and extended registers, and what Go's runtime asked its CPU. Out: a `Cpu`.

use crate::base::addr::Addr;
use crate::base::limits::MAX_PLATFORM;
use crate::file::corefile::CoreFile;
use crate::file::corefile::Machine;
use crate::process::environ::c_string;
use crate::process::memory::Memory;
use crate::process::notes::AT_HWCAP;
use crate::process::notes::AT_HWCAP2;
use crate::process::notes::AT_PLATFORM;
use crate::process::notes::Notes;

/// Extended registers of an x86 thread, in the format of XSAVE.
const NT_X86_XSTATE: u32 = 0x202;
/// Where Linux puts XCR0 into that note: the first of the words that XSAVE leaves to software.
/// Source: Linux `arch/x86/include/asm/user.h`, `USER_XSTATE_XCR0_WORD`; gdb `gdbsupport/x86-xstate.h`,
/// `I386_LINUX_XSAVE_XCR0_OFFSET`.
const XCR0_AT: usize = 464;

/// The kind of CPU a process ran on. What is 0 counts as not said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cpu {
    /// Text to group by, from the best of what is known: `intel family 6 model 85 stepping 7`,
    /// `not-intel family 25 model 33 stepping 0`, `hwcap 0xecfffffb`.
    pub name: String,
    /// `AT_HWCAP`: what the kernel says the CPU can; on x86 the features of CPUID leaf 1, register EDX.
    pub hwcap: Option<u64>,
    /// `AT_HWCAP2`: more of it.
    pub hwcap2: Option<u64>,
    /// XCR0: which extended registers the kernel lets threads use; x86 only.
    pub xcr0: Option<u64>,
    /// `AT_PLATFORM`: the kernel's word for the machine, such as `x86_64`.
    pub platform: Option<String>,
}

/// What Go's runtime asked an x86 CPU when it began.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Cpuid {
    /// EAX of CPUID leaf 1: family, model, stepping. 0 where it is not known.
    pub version: u32,
    /// Whether the vendor is `GenuineIntel`; Go does not note any other.
    pub intel: Option<bool>,
}

impl Cpuid {
    /// Family, model and stepping. Source: Intel SDM, volume 2A, CPUID, "Version Information"; AMD APM,
    /// volume 3, appendix E, `Fn0000_0001_EAX`.
    pub fn family_model_stepping(self) -> (u32, u32, u32) {
        let part = |at: u32, mask: u32| self.version.checked_shr(at).unwrap_or(0) & mask;
        let (stepping, model, family) = (part(0, 0xf), part(4, 0xf), part(8, 0xf));
        // AMD extends the model in family 15 only; its family 6, the K7, has zeros there.
        let more = match family {
            6 | 15 => part(12, 0xf0),
            _ => 0,
        };
        let far = match family {
            15 => part(20, 0xff),
            _ => 0,
        };
        (family.saturating_add(far), model | more, stepping)
    }

    fn name(self) -> Option<String> {
        if self.version == 0 {
            return None;
        }
        let vendor = match self.intel {
            Some(true) => "intel",
            Some(false) => "not-intel",
            None => "x86",
        };
        let (family, model, stepping) = self.family_model_stepping();
        Some(format!(
            "{vendor} family {family} model {model} stepping {stepping}"
        ))
    }
}

impl Cpu {
    /// What the core and the runtime say; `None` when that is nothing.
    pub fn read(core: &CoreFile<'_>, notes: &Notes, mem: &Memory<'_>, cpuid: Cpuid) -> Option<Cpu> {
        let said = |tag| notes.aux(tag).filter(|v| *v != 0);
        let (hwcap, hwcap2) = (said(AT_HWCAP), said(AT_HWCAP2));
        let xcr0 = xcr0(core);
        let platform = said(AT_PLATFORM).and_then(|at| platform(mem, at));
        let cpuid = cpuid.name().filter(|_| is_x86(core.machine));
        let name = cpuid
            .or_else(|| hwcap.map(|v| format!("hwcap {v:#x}")))
            .or_else(|| xcr0.map(|v| format!("xcr0 {v:#x}")))
            .or_else(|| platform.as_ref().map(|p| format!("platform {p}")))?;
        Some(Cpu {
            name,
            hwcap,
            hwcap2,
            xcr0,
            platform,
        })
    }
}

fn is_x86(machine: Machine) -> bool {
    matches!(machine, Machine::Amd64 | Machine::I386)
}

/// XCR0 as the first thread's note has it.
fn xcr0(core: &CoreFile<'_>) -> Option<u64> {
    let note = core
        .notes_of(NT_X86_XSTATE)
        .next()
        .filter(|_| is_x86(core.machine))?;
    core.abi.u64(note.desc, XCR0_AT).filter(|v| *v != 0)
}

/// The kernel's word for the machine, if the core holds it and it is a word.
fn platform(mem: &Memory<'_>, at: u64) -> Option<String> {
    let text = c_string(mem, Addr(at), MAX_PLATFORM)?;
    let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (!text.is_empty() && text.iter().all(word)).then(|| String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)] // sums of small numbers that stand here

    use super::*;
    use crate::base::addr::AddrRange;
    use crate::base::bytes::Abi;
    use crate::file::corefile::Note;
    use crate::file::corefile::Segment;

    fn cpuid(version: u32, intel: Option<bool>) -> Cpuid {
        Cpuid { version, intel }
    }

    fn core<'a>(bytes: &'a [u8], machine: Machine, xstate: Option<&'a [u8]>) -> CoreFile<'a> {
        let start = Addr(0x7000);
        let end = Addr(0x7000 + bytes.len() as u64);
        let note = |desc| Note {
            name: "LINUX",
            kind: NT_X86_XSTATE,
            desc,
        };
        CoreFile {
            bytes,
            abi: Abi::AMD64,
            machine,
            segments: vec![Segment {
                range: AddrRange { start, end },
                file_off: 0,
                file_size: bytes.len() as u64,
                readable: true,
                writable: true,
                executable: false,
            }],
            notes: xstate.map(note).into_iter().collect(),
            notes_cut: false,
        }
    }

    fn read(core: &CoreFile<'_>, auxv: &[(u64, u64)], cpuid: Cpuid) -> Option<Cpu> {
        let notes = Notes {
            auxv: auxv.to_vec(),
            ..Notes::default()
        };
        Cpu::read(core, &notes, &Memory::new(core, None, 0), cpuid)
    }

    #[test]
    fn family_and_model_have_extensions() {
        for (version, family, model, stepping) in [
            (0x0005_0657, 6, 85, 7),  // Cascade Lake
            (0x0008_06f8, 6, 143, 8), // Sapphire Rapids
            (0x00a2_0f10, 25, 33, 0), // Zen 3
            (0x00a0_0f11, 25, 1, 1),  // Zen 3, server
            (0x00b0_0f21, 26, 2, 1),  // Zen 5, server
            (0x0000_0f29, 15, 2, 9),  // NetBurst
            (0x0000_0543, 5, 4, 3),   // Pentium MMX
            (0x0ff0_0543, 5, 4, 3),   // extensions mean nothing in family 5
            (0xffff_ffff, 270, 255, 15),
        ] {
            assert_eq!(
                cpuid(version, None).family_model_stepping(),
                (family, model, stepping),
                "{version:#x}"
            );
        }
    }

    #[test]
    fn the_name_says_which_vendors_are_told_apart() {
        let name = |intel| cpuid(0x0005_0657, intel).name().unwrap_or_default();
        assert_eq!(name(Some(true)), "intel family 6 model 85 stepping 7");
        assert_eq!(name(Some(false)), "not-intel family 6 model 85 stepping 7");
        assert_eq!(name(None), "x86 family 6 model 85 stepping 7");
        assert_eq!(cpuid(0, Some(true)).name(), None);
    }

    #[test]
    fn the_best_that_is_known_makes_the_name() {
        let mut xsave = vec![0; 576];
        if let Some(at) = xsave.get_mut(XCR0_AT) {
            *at = 0xe7;
        }
        let core = core(b"x86_64\0\0evil \0", Machine::Amd64, Some(&xsave));
        let known = cpuid(0x00a2_0f10, Some(false));
        let all = [
            (AT_HWCAP, 0x178b_fbff),
            (AT_HWCAP2, 2),
            (AT_PLATFORM, 0x7000),
        ];
        let got = read(&core, &all, known);
        assert_eq!(
            got,
            Some(Cpu {
                name: "not-intel family 25 model 33 stepping 0".into(),
                hwcap: Some(0x178b_fbff),
                hwcap2: Some(2),
                xcr0: Some(0xe7),
                platform: Some("x86_64".into()),
            })
        );
        let name = |auxv: &[(u64, u64)]| read(&core, auxv, Cpuid::default()).map(|c| c.name);
        assert_eq!(name(&all).as_deref(), Some("hwcap 0x178bfbff"));
        assert_eq!(name(&[(AT_HWCAP, 0)]).as_deref(), Some("xcr0 0xe7"));
    }

    #[test]
    fn what_is_cut_off_or_strange_is_absent() {
        let short = vec![0xff; XCR0_AT + 7];
        let core = core(b"x86_64\0\0evil \0", Machine::Amd64, Some(&short));
        let name = |at| read(&core, &[(AT_PLATFORM, at)], Cpuid::default()).map(|c| c.name);
        assert_eq!(name(0x7000).as_deref(), Some("platform x86_64"));
        assert_eq!(name(0x7007), None, "an empty word");
        assert_eq!(name(0x7008), None, "a space in it");
        assert_eq!(name(0x9000), None, "not there");
        assert_eq!(name(u64::MAX), None);
    }

    #[test]
    fn other_machines_have_no_registers_of_x86() {
        let xsave = vec![0xff; 576];
        let core = core(b"aarch64\0", Machine::Arm64, Some(&xsave));
        let got = read(
            &core,
            &[(AT_HWCAP, 0xecff_fffb)],
            cpuid(0x50657, Some(true)),
        );
        let got = got.map(|c| (c.name, c.xcr0));
        assert_eq!(got, Some(("hwcap 0xecfffffb".to_owned(), None)));
        assert_eq!(read(&core, &[], Cpuid::default()), None);
    }
}
