//! What the name of a function says of whose it is.
//! In: names as the linker has them. Out: whether somebody looking for a defect would stop there.

/// Packages between a program and its map or channel: never where somebody looks for a defect. The
/// last two are the compiler's own functions, to hash and to compare (`type:.hash.main.Key`; before
/// go1.20 `type..hash.main.Key`).
const PLUMBING: [&str; 11] = [
    "runtime", "internal", "sync", "reflect", "syscall", "time", "maps", "iter", "os", "type:",
    "type",
];

/// Whether a function belongs to the runtime, or to the packages through which programs reach it.
pub fn is_plumbing(function: &str) -> bool {
    let package = function.rsplit_once('/').map_or(function, |(path, _)| path);
    let root = package.split(['/', '.']).next().unwrap_or(package);
    PLUMBING.contains(&root)
}

/// Whether a function is the runtime's: its package, or one below that only the runtime uses.
pub fn is_runtime(function: &str) -> bool {
    ["runtime.", "runtime/", "internal/runtime/"]
        .iter()
        .any(|p| function.starts_with(p))
}
