//! What the name of a function says of whose it is.
//! In: names as the linker has them. Out: whether somebody looking for a defect would stop there.

/// Packages between a program and its map or channel: never where somebody looks for a defect. The
/// last two are the compiler's own functions, to hash and to compare (`type:.hash.main.Key`; before
/// go1.20 `type..hash.main.Key`).
const PLUMBING: [&str; 11] = [
    "runtime", "internal", "sync", "reflect", "syscall", "time", "maps", "iter", "os", "type:",
    "type",
];

/// Whether a function belongs to the runtime, or to the packages through which programs reach it. A name without a
/// package is a function of an assembly file that only this file can call, as `gcWriteBarrier`, `memeqbody` and
/// `aeshashbody` are, in all versions: `runtime/asm_amd64.s`, `internal/bytealg/equal_amd64.s`. Who has called it is
/// the next one of the stack, and says whose it is.
pub fn is_plumbing(function: &str) -> bool {
    !function.contains('.') || is_plumbing_type(function)
}

/// The same for a type by its name; one without a package is a type literal, and anybody's.
pub fn is_plumbing_type(name: &str) -> bool {
    let package = name.rsplit_once('/').map_or(name, |(path, _)| path);
    let root = package.split(['/', '.']).next().unwrap_or(package);
    PLUMBING.contains(&root)
}

/// Whether a function is the runtime's: its package, or one below that only the runtime uses.
pub fn is_runtime(function: &str) -> bool {
    ["runtime.", "runtime/", "internal/runtime/"]
        .iter()
        .any(|p| function.starts_with(p))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_a_program() {
        for name in [
            "runtime.mapassign_faststr",
            "internal/runtime/maps.(*Map).putSlotSmall",
            "sync.(*Map).Store",
            "type:.hash.main.Key",
            "type..eq.main.Key",
            // Functions of assembly files, which have no package: a writer is seen in these.
            "gcWriteBarrier",
            "memeqbody",
            "aeshashbody",
            "racecall",
        ] {
            assert!(is_plumbing(name), "{name}");
        }
        for name in [
            "main.main",
            "badmap.example/internal/zoo.Fill",
            "github.com/x/runtime.Do",
            "main.F[go.shape.struct { sync.Mutex }]",
        ] {
            assert!(!is_plumbing(name), "{name}");
        }
    }

    #[test]
    fn a_type_literal_is_nobodys() {
        assert!(is_plumbing_type("sync.Map"));
        assert!(!is_plumbing_type("struct { n int }"));
        assert!(!is_plumbing_type("main.Cache"));
    }
}
