//! What is publicly known to break maps: versions of Go, and modules that rely on what maps look like inside.
//! In: the Go version, the machine, the modules linked in. Out: the rows of two small tables that fit.
//! The tables are those of `docs/KNOWN_ISSUES.md`; a test holds them together.

/// By what a defect shows itself: a row is only named where the crash looks like it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sign {
    /// The runtime notices a read and a write at once.
    ReadWrite,
    /// In `maps.Clone`.
    Clone,
    /// Memory or registers are damaged, maps like everything else.
    Damage,
}

/// A defect of Go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KnownIssue {
    /// First and last version that have it, as (minor, patch), both included.
    pub versions: ((u32, u32), (u32, u32)),
    /// Machines, in Go's words; empty for all.
    pub arches: &'static [&'static str],
    /// Its public number.
    pub issue: &'static str,
    /// How it shows.
    pub sign: Sign,
    /// What it is.
    pub symptom: &'static str,
}

/// A module that relies on the insides of maps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KnownLibrary {
    /// Its path.
    pub module: &'static str,
    /// The first version that is good again, where there is one.
    pub good_from: Option<(u32, u32, u32)>,
    /// The first minor version of Go with which it goes wrong; 0 for any.
    pub since_go: u32,
    /// What it does.
    pub does: &'static str,
    /// Where that was said in public.
    pub reference: &'static str,
}

/// Defects of Go on Linux.
pub const ISSUES: &[KnownIssue] = &[
    KnownIssue {
        versions: ((0, 0), (26, 5)),
        arches: &["ppc64le", "ppc64"],
        issue: "golang/go#79186",
        sign: Sign::ReadWrite,
        symptom: "locks that do not keep a map's writes in order",
    },
    KnownIssue {
        versions: ((21, 0), (21, 0)),
        arches: &[],
        issue: "golang/go#62203",
        sign: Sign::Clone,
        symptom: "maps.Clone of a map that grows",
    },
    KnownIssue {
        versions: ((21, 0), (22, 7)),
        arches: &[],
        issue: "golang/go#69110",
        sign: Sign::Clone,
        symptom: "maps.Clone after a growth to the same size",
    },
    KnownIssue {
        versions: ((23, 0), (23, 1)),
        arches: &[],
        issue: "golang/go#69110",
        sign: Sign::Clone,
        symptom: "maps.Clone after a growth to the same size",
    },
    KnownIssue {
        versions: ((24, 0), (24, 2)),
        arches: &[],
        issue: "golang/go#73141",
        sign: Sign::Damage,
        symptom: "damaged memory in programs that end goroutines locked to a thread, on Linux 6.11 and later",
    },
    KnownIssue {
        versions: ((25, 0), (25, 8)),
        arches: &[],
        issue: "golang/go#78333",
        sign: Sign::Damage,
        symptom: "bounds checks left out, so that a write may land in another object",
    },
    KnownIssue {
        versions: ((26, 0), (26, 1)),
        arches: &[],
        issue: "golang/go#78333",
        sign: Sign::Damage,
        symptom: "bounds checks left out, so that a write may land in another object",
    },
];

/// Modules.
pub const LIBRARIES: &[KnownLibrary] = &[
    KnownLibrary {
        module: "github.com/modern-go/reflect2",
        good_from: Some((1, 0, 2)),
        since_go: 18,
        does: "calls reflect's map iterator by an old signature",
        reference: "modern-go/reflect2#24",
    },
    KnownLibrary {
        module: "github.com/json-iterator/go",
        good_from: Some((1, 1, 12)),
        since_go: 18,
        does: "brings an old reflect2 with it",
        reference: "json-iterator/go#614",
    },
    KnownLibrary {
        module: "github.com/ugorji/go/codec",
        good_from: None,
        since_go: 24,
        does: "had its own copy of the map iterator up to April 2025",
        reference: "ugorji/go#417",
    },
    KnownLibrary {
        module: "github.com/bytedance/sonic",
        good_from: Some((1, 15, 1)),
        since_go: 24,
        does: "decodes into maps by the layout of the buckets",
        reference: "bytedance/sonic#912",
    },
    KnownLibrary {
        module: "github.com/goccy/go-json",
        good_from: Some((0, 9, 0)),
        since_go: 18,
        does: "had its own copy of reflect's map iterator up to December 2021",
        reference: "golang/go#50970",
    },
    KnownLibrary {
        module: "github.com/segmentio/encoding",
        good_from: None,
        since_go: 0,
        does: "has its own copy of the map iterator",
        reference: "golang/go#67401",
    },
    KnownLibrary {
        module: "github.com/RomiChan/protobuf",
        good_from: None,
        since_go: 0,
        does: "calls the runtime's map functions itself",
        reference: "golang/go#67401",
    },
    KnownLibrary {
        module: "github.com/wI2L/jettison",
        good_from: None,
        since_go: 0,
        does: "calls the runtime's map iterator itself",
        reference: "golang/go#67401",
    },
    KnownLibrary {
        module: "github.com/v2pro/plz",
        good_from: None,
        since_go: 0,
        does: "calls the runtime's map functions itself",
        reference: "golang/go#67401",
    },
    KnownLibrary {
        module: "gitee.com/quant1x/gox",
        good_from: None,
        since_go: 0,
        does: "calls the runtime's map functions itself",
        reference: "golang/go#67401",
    },
    KnownLibrary {
        module: "github.com/cloudwego/dynamicgo",
        good_from: None,
        since_go: 0,
        does: "has copies of the map's header and iterator",
        reference: "golang/go#67401",
    },
];

/// The defects of a Go version (`go1.24.1`, with experiments behind it or not) on a machine.
pub fn issues(go: &str, arch: &str) -> Vec<&'static KnownIssue> {
    let Some(version) = version_of(go) else {
        return Vec::new();
    };
    ISSUES
        .iter()
        .filter(|i| i.versions.0 <= version && version <= i.versions.1)
        .filter(|i| i.arches.is_empty() || i.arches.contains(&arch))
        .collect()
}

/// Minor version and patch of `go1.24.1`.
fn version_of(go: &str) -> Option<(u32, u32)> {
    let words = go.strip_prefix("go1.")?;
    let number = |text: &str| {
        let digits = text.len().min(
            text.find(|c: char| !c.is_ascii_digit())
                .unwrap_or(text.len()),
        );
        text.get(..digits)?.parse().ok()
    };
    let minor = number(words)?;
    let patch = words.split_once('.').and_then(|(_, p)| number(p));
    Some((minor, patch.unwrap_or(0)))
}

/// The modules of a build that are in the table. `modinfo`: lines of `dep<TAB>path<TAB>version…`, and `=>` for
/// what replaces the one before. Source: `runtime/debug/mod.go`, `ParseBuildInfo`, all versions.
pub fn libraries(modinfo: &str, go: &str) -> Vec<&'static KnownLibrary> {
    let minor = version_of(go).map_or(0, |(minor, _)| minor);
    let fits = |line: &str, l: &KnownLibrary| {
        let mut words = line.split('\t');
        let (Some("dep" | "mod" | "=>"), Some(path)) = (words.next(), words.next()) else {
            return false;
        };
        let same = path
            .strip_prefix(l.module)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("/v"));
        let good = match (l.good_from, words.next().and_then(semantic)) {
            (Some(from), Some(version)) => version >= from,
            _ => false, // no version is known to be good, or its own is not known
        };
        same && !good
    };
    LIBRARIES
        .iter()
        .filter(|l| l.since_go <= minor && modinfo.lines().any(|line| fits(line, l)))
        .collect()
}

/// The numbers of a version such as `v1.15.0-rc.1`.
fn semantic(version: &str) -> Option<(u32, u32, u32)> {
    let mut numbers = version
        .strip_prefix('v')?
        .split(['.', '-', '+'])
        .map(|n| n.parse().ok());
    Some((numbers.next()??, numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_with_and_without_patch_and_experiments() {
        assert_eq!(version_of("go1.23.9"), Some((23, 9)));
        assert_eq!(version_of("go1.24 X:noswissmap"), Some((24, 0)));
        assert_eq!(version_of("go1.27.3-X:mapsplitgroup"), Some((27, 3)));
        assert_eq!(version_of("go1.26rc1"), Some((26, 0)));
        assert_eq!(version_of("devel go1.28-abc"), None);
    }

    #[test]
    fn an_issue_is_one_of_its_versions_and_machines_only() {
        let has = |go, arch, issue| issues(go, arch).iter().any(|i| i.issue == issue);
        assert!(has("go1.25.5", "ppc64le", "golang/go#79186"));
        assert!(!has("go1.26.6", "ppc64le", "golang/go#79186"));
        assert!(!has("go1.25.5", "amd64", "golang/go#79186"));
        assert!(has("go1.23.1", "amd64", "golang/go#69110"));
        assert!(!has("go1.23.2", "amd64", "golang/go#69110"));
    }

    #[test]
    fn a_module_is_named_in_its_bad_versions_and_with_a_go_that_it_breaks() {
        let of = |modinfo: &str, go| {
            let all = libraries(modinfo, go);
            all.iter().map(|l| l.module).collect::<Vec<_>>()
        };
        let sonic =
            "path\tmain\nmod\tx\t(devel)\t\ndep\tgithub.com/bytedance/sonic\tv1.14.2\th1:abc=\n";
        assert_eq!(of(sonic, "go1.25.1"), ["github.com/bytedance/sonic"]);
        assert!(of(sonic, "go1.23.1").is_empty());
        assert!(of(&sonic.replace("v1.14.2", "v1.15.1"), "go1.25.1").is_empty());
        assert!(of("dep\tgithub.com/bytedance/sonicboom\tv1.0.0", "go1.25.1").is_empty());
        assert_eq!(
            of(
                "dep\ta\tv1.0.0\n=>\tgithub.com/modern-go/reflect2\tv1.0.1",
                "go1.21.0"
            ),
            ["github.com/modern-go/reflect2"]
        );
    }

    #[test]
    fn the_tables_are_those_of_the_document() {
        let doc = include_str!("../../docs/KNOWN_ISSUES.md");
        for issue in ISSUES {
            assert!(doc.contains(issue.issue), "{}", issue.issue);
        }
        for library in LIBRARIES {
            assert!(doc.contains(library.module), "{}", library.module);
        }
    }
}
