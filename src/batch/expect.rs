//! What a core must give, and whether it did.
//! In: expectations of a manifest, or the lines of an earlier run. Out: what differs, in words.

use crate::batch::candidate::Candidate;
use crate::batch::error::BatchError;
use crate::batch::line::Expected;
use crate::batch::line::Line;
use crate::batch::line::Status;
use crate::batch::line::Verdict;
use crate::batch::manifest::read_manifest;
use crate::batch::results::read_results;
use serde::Deserialize;
use std::collections::HashMap;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::Path;

/// What a core must give. What is not said may be anything.
#[derive(Clone, PartialEq, Eq, Default, Deserialize, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct Expectation {
    /// What becomes of it.
    pub status: Option<Status>,
    /// What is found.
    pub verdict: Option<Verdict>,
    /// The exit code of `check`.
    pub exit: Option<u8>,
    /// What the crash is about: `map`, `other`, `hang`, `none`.
    pub crash: Option<String>,
    /// Whether a map is broken.
    pub broken: Option<bool>,
    /// How the message begins.
    pub message: Option<String>,
    /// The rules of severity error that are broken, whatever the order; no others.
    pub rules: Option<Vec<String>>,
    /// The id of the signature; empty: there must be none.
    pub signature: Option<String>,
}

impl Expectation {
    /// That a core gives what it gave once.
    pub fn of(line: &Line) -> Expectation {
        let signature = line.signature.as_ref().map(|s| s.id.clone());
        Expectation {
            status: Some(line.status),
            verdict: line.verdict,
            exit: Some(line.exit),
            rules: Some(broken_rules(line)),
            signature: Some(signature.unwrap_or_default()),
            ..Expectation::default()
        }
    }

    /// Compares.
    pub fn judge(&self, line: &Line) -> Expected {
        let mut differences = Vec::new();
        let mut compare = |what: &str, wanted: Option<String>, got: Option<String>| {
            if let Some(wanted) = wanted
                && got.as_ref() != Some(&wanted)
            {
                let none = |text: String| Some(text).filter(|t| !t.is_empty());
                let wanted = none(wanted).unwrap_or_else(|| "none".into());
                let got = got.and_then(none).unwrap_or_else(|| "none".into());
                differences.push(format!("{what}: expected {wanted}, got {got}"));
            }
        };
        let check = line.check.as_ref();
        let word = |w: &str| w.to_owned();
        compare(
            "status",
            self.status.map(|s| word(s.as_str())),
            Some(word(line.status.as_str())),
        );
        compare(
            "verdict",
            self.verdict.map(|v| word(v.as_str())),
            line.verdict.map(|v| word(v.as_str())),
        );
        compare(
            "exit",
            self.exit.map(|n| n.to_string()),
            Some(line.exit.to_string()),
        );
        compare(
            "crash",
            self.crash.clone(),
            check.map(|c| c.crash.kind.to_string()),
        );
        compare(
            "broken",
            self.broken.map(|b| b.to_string()),
            check.map(|c| (c.maps.broken > 0).to_string()),
        );
        let list = |mut rules: Vec<String>| {
            rules.sort();
            rules.dedup();
            rules.join(" ")
        };
        compare(
            "rules",
            self.rules.clone().map(list),
            Some(list(broken_rules(line))),
        );
        compare(
            "signature",
            self.signature.clone(),
            Some(
                line.signature
                    .as_ref()
                    .map_or_else(String::new, |s| s.id.clone()),
            ),
        );
        if let Some(wanted) = &self.message {
            let got = line.message().unwrap_or_default();
            if !got.starts_with(wanted.as_str()) {
                compare("message", Some(wanted.clone()), Some(got.to_owned()));
            }
        }
        Expected {
            met: differences.is_empty(),
            differences,
        }
    }
}

/// The rules of severity error that are broken.
fn broken_rules(line: &Line) -> Vec<String> {
    let errors = line.rules.iter().filter(|r| r.severity == "error");
    errors.map(|r| r.rule.clone()).collect()
}

/// What an earlier run found, as what is to be expected now.
#[derive(Default, Debug)]
pub struct Expectations {
    by_path: HashMap<String, Expectation>,
    /// By the file's name alone, with the path; `None` where several have it.
    by_name: HashMap<String, Option<(String, Expectation)>>,
}

impl Expectations {
    /// Reads them: from a manifest, else from the results of an earlier run.
    /// # Errors
    /// Whatever keeps the file from being read.
    pub fn read(path: &Path) -> Result<Expectations, BatchError> {
        let mut out = Expectations::default();
        if path.extension() == Some(OsStr::new("toml")) {
            for core in read_manifest(path)? {
                if let Some(expectation) = core.expect.clone() {
                    out.add(&core.core(), expectation);
                }
            }
        } else {
            for line in read_results(path) {
                let line = line?;
                out.add(&line.core, Expectation::of(&line));
            }
        }
        Ok(out)
    }

    /// Gives each core what it must give, by its path; or by the file's name, where only one core has it on either side.
    /// Returns how many are expected and are not among these.
    pub fn assign(&self, cores: &mut [Candidate]) -> u64 {
        let paths: HashSet<String> = cores.iter().map(Candidate::core).collect();
        let mut names: HashMap<String, u64> = HashMap::new();
        for path in &paths {
            let n = names.entry(file_name(path).to_owned()).or_default();
            *n = n.saturating_add(1);
        }
        let mut met: HashSet<&str> = HashSet::new();
        for core in cores.iter_mut() {
            let path = core.core();
            let name = file_name(&path);
            let by_path = self
                .by_path
                .get_key_value(&path)
                .map(|(p, e)| (p.as_str(), e));
            let by_name = || {
                let alone = names.get(name) == Some(&1);
                let (path, e) = self.by_name.get(name).filter(|_| alone)?.as_ref()?;
                Some((path.as_str(), e))
            };
            if let Some((path, expectation)) = by_path.or_else(by_name) {
                met.insert(path);
                core.expect = Some(expectation.clone());
            }
        }
        self.by_path.len().saturating_sub(met.len()) as u64
    }

    /// Adds what one core must give.
    pub fn add(&mut self, core: &str, expectation: Expectation) {
        self.by_name
            .entry(file_name(core).to_owned())
            .and_modify(|e| *e = None)
            .or_insert_with(|| Some((core.to_owned(), expectation.clone())));
        self.by_path.insert(core.to_owned(), expectation);
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::line::RuleCount;
    use crate::batch::signature::Signature;

    fn line() -> Line {
        let rule = |rule: &str, severity: &str| RuleCount {
            rule: rule.into(),
            severity: severity.into(),
            maps: 1,
        };
        Line {
            status: Status::Ok,
            verdict: Some(Verdict::Broken),
            exit: 1,
            rules: vec![
                rule("MAP-COUNT", "error"),
                rule("MAP-X", "warning"),
                rule("CL-A", "error"),
            ],
            signature: Some(Signature {
                id: "abc".into(),
                text: String::new(),
            }),
            ..Line::default()
        }
    }

    #[test]
    fn a_line_meets_itself_and_nothing_that_differs() {
        let line = line();
        assert!(Expectation::of(&line).judge(&line).met);
        assert!(Expectation::default().judge(&line).met);
        let wanted = Expectation {
            verdict: Some(Verdict::Sound),
            rules: Some(vec!["CL-A".into()]),
            signature: Some(String::new()),
            ..Expectation::default()
        };
        assert_eq!(
            wanted.judge(&line).differences,
            [
                "verdict: expected sound, got broken",
                "rules: expected CL-A, got CL-A MAP-COUNT",
                "signature: expected none, got abc",
            ]
        );
    }

    #[test]
    fn a_core_without_a_result_meets_no_verdict() {
        let line = Line {
            exit: 2,
            ..Line::default()
        };
        let wanted = Expectation {
            verdict: Some(Verdict::Sound),
            broken: Some(false),
            message: Some("fatal".into()),
            ..Expectation::default()
        };
        assert_eq!(
            wanted.judge(&line).differences,
            [
                "verdict: expected sound, got none",
                "broken: expected false, got none",
                "message: expected fatal, got none",
            ]
        );
        assert!(Expectation::of(&line).judge(&line).met);
    }

    #[test]
    fn a_core_is_known_by_its_path_or_by_a_name_that_only_one_has() {
        let mut all = Expectations::default();
        let exit = |exit| Expectation {
            exit: Some(exit),
            ..Expectation::default()
        };
        all.add("/a/core.1", exit(0));
        all.add("/b/core.2", exit(1));
        all.add("/c/core.2", exit(3));
        let assigned = |paths: &[&str]| {
            let listed = |p: &&str| Candidate::listed(Path::new(p));
            let mut cores: Vec<Candidate> = paths.iter().map(listed).collect();
            let absent = all.assign(&mut cores);
            let exits = cores.iter().map(|c| c.expect.as_ref().and_then(|e| e.exit));
            (exits.collect::<Vec<_>>(), absent)
        };
        assert_eq!(
            assigned(&["/x/core.1", "/b/core.2"]),
            (vec![Some(0), Some(1)], 1)
        );
        // Two that are called so, on one side or the other.
        assert_eq!(assigned(&["/x/core.2"]), (vec![None], 3));
        assert_eq!(
            assigned(&["/a/core.1", "/new/core.1"]),
            (vec![Some(0), None], 2)
        );
    }
}
