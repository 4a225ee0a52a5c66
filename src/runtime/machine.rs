//! What Go's runtime noted of the machine when it began: which CPU, and the environment it was given.
//! In: the program's variables. Out: what the CPU said of itself, and the name of the host.

use crate::base::addr::Addr;
use crate::base::limits::MAX_ENVIRONMENT;
use crate::process::cpu::Cpuid;
use crate::process::environ::host_among;
use crate::process::environ::host_on_stack;
use crate::process::notes::Notes;
use crate::runtime::claims::ENVS;
use crate::runtime::claims::IS_INTEL;
use crate::runtime::claims::PROCESSOR_VERSION_INFO;
use crate::runtime::program::Program;

/// What the runtime asked its CPU; empty on machines other than amd64 and 386, and without DWARF.
pub fn read_cpuid(program: &Program<'_, '_>) -> Cpuid {
    let value = |name| program.variable(name)?.uint().ok();
    let version = value(PROCESSOR_VERSION_INFO.name);
    Cpuid {
        version: version.and_then(|v| u32::try_from(v).ok()).unwrap_or(0),
        intel: value(IS_INTEL.name).map(|v| v != 0),
    }
}

/// The value of `HOSTNAME` in the environment as Go took it over, or, where that cannot be read, as the
/// kernel laid it on the first stack. `None` unless it looks like a host name.
pub fn read_host(program: &Program<'_, '_>, notes: &Notes) -> Option<String> {
    host_by_go(program).or_else(|| host_on_stack(program.mem, notes))
}

/// By `runtime.envs` alone.
pub fn host_by_go(program: &Program<'_, '_>) -> Option<String> {
    let mem = program.mem;
    let word = mem.abi.word();
    let (data, len, _) = program.variable(ENVS.name)?.slice().ok()?;
    let string = |i: u64| -> Option<(Addr, u64)> {
        let at = data.element(i, word.checked_mul(2)?)?;
        let len = mem.read_uptr(at.checked_add(word)?).ok()?;
        Some((mem.read_addr(at).ok()?, len))
    };
    host_among(mem, (0..len.min(MAX_ENVIRONMENT)).map_while(string))
}
