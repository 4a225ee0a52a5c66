//! The process that looks at one core, seen from inside.
//! In: a job. Out: the line of its core, as far as that process can know it.

use crate::base::progress::Silent;
use crate::batch::line::Line;
use crate::batch::line::LookedFor;
use crate::batch::line::RuleCount;
use crate::batch::line::Status;
use crate::batch::line::Trouble;
use crate::batch::line::Verdict;
use crate::batch::signature::signature;
use crate::check::registry::find_rule;
use crate::file::stream::PackedWriter;
use crate::schema::check::Check;
use crate::snapshot::write::Wish;
use crate::snapshot::write::write_snapshot;
use crate::survey::error::SurveyError;
use crate::survey::exit::check_exit;
use crate::survey::exit::totals;
use crate::survey::inspect::inspect;
use crate::survey::request::Request;
use crate::survey::request::ValueMode;
use crate::survey::result::Survey;
use crate::survey::run::check;
use rustix::process::Resource;
use rustix::process::Rlimit;
use rustix::process::Signal;
use rustix::process::setrlimit;
use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

/// Bytes of a line; far below what is read again.
const MAX_BYTES: usize = 1 << 20;

/// What one process has to do.
#[derive(Clone, Debug)]
pub struct Job {
    /// The core, and how it is opened.
    pub request: Request,
    /// Findings, causes, parties and the like that go into the line.
    pub most: usize,
    /// Where a snapshot is to be written.
    pub snapshot: Option<PathBuf>,
}

/// What a process may use.
#[derive(Clone, Copy, Default, Debug)]
pub struct Limits {
    /// Bytes of memory of its own: not the files it has mapped.
    pub memory: Option<u64>,
    /// Processor time, beyond which the system ends it should nobody else do so.
    pub processor: Option<Duration>,
    /// How much it lets others go first, 0 to 19.
    pub nice: i32,
}

/// Limits this process, and sees to it that it does not outlive the batch, and leaves no core of its own.
/// # Errors
/// What the system said.
pub fn limit(limits: &Limits) -> io::Result<()> {
    let at_most = |n: u64| Rlimit {
        current: Some(n),
        maximum: Some(n),
    };
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    setrlimit(Resource::Core, at_most(0))?;
    if let Some(bytes) = limits.memory {
        // Private memory that can be written, so that a mapped core of any size does not count. Linux 4.7 and later.
        setrlimit(Resource::Data, at_most(bytes))?;
    }
    if let Some(time) = limits.processor {
        setrlimit(Resource::Cpu, at_most(time.as_secs().saturating_add(1)))?;
    }
    if limits.nice > 0 {
        rustix::process::nice(limits.nice)?;
    }
    Ok(())
}

/// Looks at the core.
pub fn work(job: &Job) -> Line {
    match check(&job.request, &Silent) {
        Ok(survey) => {
            let mut line = match line_of(&survey, job.most) {
                Ok(line) => line,
                Err(e) => return unwritable(&e),
            };
            if let Some(path) = &job.snapshot {
                match write(&job.request, path) {
                    Ok(()) => line.snapshot = Some(path.to_string_lossy().into_owned()),
                    Err(e) => line.error = Some(trouble("writing the snapshot: ", e.as_ref())),
                }
            }
            line
        }
        Err(e) => failed(&e),
    }
}

fn write(request: &Request, path: &Path) -> Result<(), Box<dyn Error>> {
    let wish = Wish {
        entries: ValueMode::None,
        map: None,
        ty: None,
        owner: None,
        key_from_file: request.digest_key.is_some(),
    };
    let mut out = PackedWriter::create(path)?;
    inspect(request, &Silent, |all| {
        write_snapshot(all, &wish, &mut out, &Silent)
    })??;
    Ok(out.finish()?)
}

fn failed(error: &SurveyError) -> Line {
    let mut line = Line {
        status: if out_of_memory(error) {
            Status::Memory
        } else {
            Status::Failed
        },
        exit: 2,
        error: Some(Trouble {
            hint: error.hint(),
            ..trouble("", error)
        }),
        ..Line::default()
    };
    if let (SurveyError::NoBinary { wanted, .. }, Some(trouble)) = (error, &mut line.error) {
        trouble.looked_for = Some(LookedFor {
            go_build_id: wanted.go.clone(),
            gnu_build_id: wanted.gnu.clone(),
            path: wanted
                .path
                .as_ref()
                .map(|p| p.to_string_lossy().into_owned()),
        });
    }
    line
}

/// The error with what lies behind it, in one line.
fn trouble(before: &str, error: &(dyn Error + 'static)) -> Trouble {
    let mut what = format!("{before}{error}");
    let mut source = error.source();
    while let Some(e) = source {
        what.push_str(&format!(": {e}"));
        source = e.source();
    }
    Trouble {
        what,
        ..Trouble::default()
    }
}

/// Whether the system had no more memory to give, which the limit makes it say.
fn out_of_memory(error: &SurveyError) -> bool {
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(e) = source {
        let io = e.downcast_ref::<io::Error>();
        // zstd and liblzma have words of their own.
        let words = e.to_string();
        let said = ["not enough memory", "annot allocate memory"]
            .iter()
            .any(|w| words.contains(w));
        if said || io.is_some_and(|e| e.kind() == io::ErrorKind::OutOfMemory) {
            return true;
        }
        source = e.source();
    }
    false
}

/// What was found, as a line.
fn line_of(survey: &Survey, most: usize) -> serde_json::Result<Line> {
    let totals = totals(survey);
    let exit = check_exit(&totals, &survey.crash, survey.find_gaps_total);
    let verdict = match exit.code() {
        0 => Verdict::Sound,
        1 if totals.broken > 0 => Verdict::Broken,
        1 => Verdict::MapCrash,
        _ => Verdict::Unproven,
    };
    let process = &survey.process;
    let mut check = Check::of(survey, &totals);
    check.shorten(most);
    let mut line = Line {
        binary: Some(process.binary.to_string_lossy().into_owned()),
        identity: process.identity.clone(),
        status: Status::Ok,
        verdict: Some(verdict),
        exit: exit.code(),
        rules: rules(survey),
        signature: signature(survey),
        check: Some(check.into_owned()?),
        ..Line::default()
    };
    fit(&mut line, most)?;
    Ok(line)
}

/// Makes a line shorter that is too long to be read again: names of types have no end, and cores may be hostile.
fn fit(line: &mut Line, mut most: usize) -> serde_json::Result<()> {
    while serde_json::to_vec(line)?.len() > MAX_BYTES {
        match &mut line.check {
            Some(check) if most > 0 => {
                most = most.checked_div(2).unwrap_or(0);
                check.shorten(most);
            }
            Some(_) => {
                line.check = None;
                line.error = Some(Trouble {
                    what: "what check says of it is too long for a line".to_owned(),
                    ..Trouble::default()
                });
            }
            None => break,
        }
    }
    Ok(())
}

fn unwritable(error: &serde_json::Error) -> Line {
    Line {
        exit: 2,
        error: Some(trouble("writing the result: ", error)),
        ..Line::default()
    }
}

/// The broken rules, with the maps they are broken in.
fn rules(survey: &Survey) -> Vec<RuleCount> {
    let mut maps: BTreeMap<&str, u64> = BTreeMap::new();
    for verdict in survey.maps.iter().filter_map(|m| m.verdict.as_ref()) {
        let mut ids: Vec<&str> = verdict.findings.iter().map(|f| f.rule).collect();
        ids.dedup(); // they stand in the order of the rules
        for id in ids {
            let n = maps.entry(id).or_default();
            *n = n.saturating_add(1);
        }
    }
    maps.into_iter()
        .map(|(rule, maps)| RuleCount {
            rule: rule.to_owned(),
            severity: find_rule(rule)
                .map_or("", |r| r.severity.as_str())
                .to_owned(),
            maps,
        })
        .collect()
}
