//! Which part of a batch this machine does.
//! In: `I/N`, or the variables that a scheduler sets. Out: a shard, which says of each core whether it is its own.

use std::fmt;

/// A part of a batch: number `index` of `count`, from 0 on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shard {
    index: u64,
    count: u64,
}

/// What schedulers say: the variables that number the tasks of an array or an indexed job, from 0 on, and those that
/// hold how many there are. Sources: Kubernetes, "Indexed Job for Parallel Processing"; AWS Batch, "Array job
/// environment variables"; Slurm, sbatch(1).
pub const VARIABLES: [(&str, Option<&str>, &str); 3] = [
    ("JOB_COMPLETION_INDEX", None, "a Kubernetes Indexed Job"),
    (
        "AWS_BATCH_JOB_ARRAY_INDEX",
        Some("AWS_BATCH_JOB_ARRAY_SIZE"),
        "an AWS Batch array",
    ),
    ("SLURM_ARRAY_TASK_ID", None, "a Slurm array"),
];

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// This one.
    Shard(Shard),
    /// The one that the scheduler says, of so many; `None`: the scheduler says that too.
    Auto(Option<u64>),
}

/// Understands `2/8` (the second of eight), `auto` and `auto/8`.
/// # Errors
/// What is wrong, in words.
pub fn parse(text: &str) -> Result<Wanted, String> {
    let number = |text: &str| {
        let n = text.parse::<u64>().ok().filter(|n| *n > 0);
        n.ok_or_else(|| format!("{text:?} is not a number from 1 on"))
    };
    match text.split_once('/') {
        None if text == "auto" => Ok(Wanted::Auto(None)),
        Some(("auto", count)) => Ok(Wanted::Auto(Some(number(count)?))),
        Some((index, count)) => {
            let (index, count) = (number(index)?, number(count)?);
            if index > count {
                return Err(format!("there is no shard {index} of {count}"));
            }
            Ok(Wanted::Shard(Shard {
                index: index.saturating_sub(1),
                count,
            }))
        }
        None => Err("write I/N, as 2/8 for the second of eight shards, or auto/N".into()),
    }
}

impl Wanted {
    /// The shard. `variable` reads the environment.
    /// # Errors
    /// What is wrong, in words.
    pub fn resolve(self, variable: impl Fn(&str) -> Option<String>) -> Result<Shard, String> {
        let count = match self {
            Wanted::Shard(shard) => return Ok(shard),
            Wanted::Auto(count) => count,
        };
        let number = |name: &str| {
            let text = variable(name)?;
            Some(
                text.parse::<u64>()
                    .map_err(|_| format!("{name} is {text:?}, which is no number")),
            )
        };
        let set = VARIABLES.iter().find(|(name, ..)| variable(name).is_some());
        let Some((name, size, what)) = set else {
            let names: Vec<&str> = VARIABLES.iter().map(|(name, ..)| *name).collect();
            return Err(format!("none of {} is set", names.join(", ")));
        };
        let index = number(name).unwrap_or(Ok(0))?;
        let count = match (count, size.and_then(number)) {
            (Some(count), _) => count,
            (None, Some(count)) => count?,
            (None, None) if size.is_some() => {
                let size = size.unwrap_or_default();
                return Err(format!("{name} is set, and {size} is not: write auto/N"));
            }
            (None, None) => {
                return Err(format!(
                    "{what} does not say reliably how many tasks it has: write auto/N"
                ));
            }
        };
        if index >= count {
            return Err(format!(
                "{name} is {index}, and of {count} shards the last is {}",
                count.saturating_sub(1)
            ));
        }
        Ok(Shard { index, count })
    }
}

impl Shard {
    /// Whether a core is its own, by the core's name: which other cores there are does not matter, so that every core
    /// is done once though the machines may see more and more of them.
    pub fn has(&self, name: &str) -> bool {
        let hash = blake3::hash(name.as_bytes());
        let first = hash.as_bytes().first_chunk::<8>().copied();
        let n = u64::from_le_bytes(first.unwrap_or_default());
        n.checked_rem(self.count) == Some(self.index)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index.saturating_add(1), self.count)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test
    use super::*;

    fn auto(text: &str, env: &[(&str, &str)]) -> Result<String, String> {
        let wanted = parse(text)?;
        let get = |name: &str| {
            let found = env.iter().find(|(n, _)| *n == name);
            found.map(|(_, v)| (*v).to_owned())
        };
        wanted.resolve(get).map(|s| s.to_string())
    }

    #[test]
    fn shards_are_counted_from_1_and_schedulers_count_from_0() {
        assert_eq!(auto("2/8", &[]).unwrap(), "2/8");
        assert_eq!(
            auto("auto/8", &[("JOB_COMPLETION_INDEX", "0")]).unwrap(),
            "1/8"
        );
        assert_eq!(
            auto("auto/4", &[("SLURM_ARRAY_TASK_ID", "3")]).unwrap(),
            "4/4"
        );
        let aws = [
            ("AWS_BATCH_JOB_ARRAY_INDEX", "1"),
            ("AWS_BATCH_JOB_ARRAY_SIZE", "5"),
        ];
        assert_eq!(auto("auto", &aws).unwrap(), "2/5");
    }

    #[test]
    fn what_makes_no_shard_is_refused() {
        for bad in [
            "", "0/2", "3/2", "1", "1/0", "auto/0", "auto/x", "-1/2", "1/2/3",
        ] {
            assert!(
                auto(bad, &[("JOB_COMPLETION_INDEX", "0")]).is_err(),
                "{bad}"
            );
        }
        for (text, env) in [
            ("auto/2", ("X", "1")),
            ("auto", ("SLURM_ARRAY_TASK_ID", "0")),
            ("auto/2", ("SLURM_ARRAY_TASK_ID", "2")),
            ("auto/2", ("SLURM_ARRAY_TASK_ID", "a")),
        ] {
            assert!(auto(text, &[env]).is_err(), "{text} {env:?}");
        }
    }

    #[test]
    fn every_core_has_one_shard() {
        let shards: Vec<Shard> = (0..3).map(|index| Shard { index, count: 3 }).collect();
        let mut counts = [0u32; 3];
        for i in 0..3000 {
            let name = format!("cores/core.{i}");
            let own: Vec<usize> = (0..3)
                .filter(|s| shards.get(*s).unwrap().has(&name))
                .collect();
            assert_eq!(own.len(), 1);
            if let Some(n) = own.first().and_then(|s| counts.get_mut(*s)) {
                *n += 1;
            }
        }
        assert!(counts.iter().all(|n| *n > 900), "{counts:?}");
    }
}
