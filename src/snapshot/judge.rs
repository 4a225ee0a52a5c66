//! The rules applied again to what a snapshot holds.
//! In: a path. Out: rows with the verdicts of today's rules where the slots are in the file, and with those of then
//! where they are not.

use crate::base::addr::Addr;
use crate::base::limits::MIN_PAINTED_ALL;
use crate::base::limits::PAINTED_PER_BYTE;
use crate::check::registry::check_map;
use crate::snapshot::error::SnapshotError;
use crate::snapshot::image::ImageBuilder;
use crate::snapshot::image::ImageError;
use crate::snapshot::line::kind;
use crate::snapshot::load::Head;
use crate::snapshot::load::read_with_head;
use crate::snapshot::read::Line;
use crate::snapshot::read::Part;
use crate::snapshot::rows::map_row;
use crate::survey::result::MapRow;
use std::path::Path;

/// How far the rules were applied again.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Again {
    /// Maps to which they were.
    pub judged: u64,
    /// Maps whose slots are in the file but make no sense, or are too many.
    pub failed: u64,
    /// The first of these, and why.
    pub first_failed: Option<String>,
    /// Maps of which they now say something else.
    pub changed: u64,
}

/// Reads a snapshot and applies the rules to every map whose slots it holds.
/// # Errors
/// Whatever keeps it from being a whole snapshot.
pub fn load_and_judge(path: &Path) -> Result<(Head, Vec<MapRow>, Again), SnapshotError> {
    let mut maps: Vec<MapRow> = Vec::new();
    let mut again = Again::default();
    let mut at_hand = AtHand::None;
    let mut room = MIN_PAINTED_ALL;
    let (head, _) = read_with_head(path, &mut |_, line| {
        match line {
            Line::Head(_) => {}
            Line::Map(line) => {
                settle(&mut at_hand, maps.last_mut(), &mut again);
                maps.push(map_row(line.parse()?).0);
            }
            Line::Part(part) => at_hand.take(&part, maps.last().map(|row| row.addr), &mut room),
        }
        Ok(())
    })?;
    settle(&mut at_hand, maps.last_mut(), &mut again);
    Ok((head, maps, again))
}

/// The image of the map at hand, as far as it has come.
#[derive(Default)]
pub(crate) enum AtHand {
    /// There is none.
    #[default]
    None,
    /// It grows.
    Image(Box<ImageBuilder>),
    /// It makes no sense.
    Failed(ImageError),
}

impl AtHand {
    /// Takes a line. What cannot be parsed makes no image: these lines are of one badmap for itself.
    /// `map`: the one before, to which it has to belong; `room`: bytes that images may take.
    pub(crate) fn take(&mut self, part: &Part<'_>, map: Option<Addr>, room: &mut u64) {
        let more = (part.text.len() as u64).saturating_mul(PAINTED_PER_BYTE);
        *room = room.saturating_add(more);
        let before = self.painted();
        if let AtHand::Image(builder) = self {
            builder.allow(*room);
        }
        let nonsense = |_| ImageError::Text("a line of its image");
        let done = match (part.kind, &mut *self) {
            (kind::IMAGE, _) => match part.parse().map_err(nonsense) {
                Ok(line) => ImageBuilder::new(&line).and_then(|builder| {
                    if Some(builder.map()) != map {
                        return Err(ImageError::Order("a line of another map"));
                    }
                    *self = AtHand::Image(Box::new(builder));
                    Ok(())
                }),
                Err(e) => Err(e),
            },
            (kind::FACTS, AtHand::Image(builder)) => {
                let line = part.parse().map_err(nonsense);
                line.and_then(|line| builder.facts(&line))
            }
            (kind::SLOTS, AtHand::Image(builder)) => {
                let line = part.parse().map_err(nonsense);
                line.and_then(|line| builder.slots(&line))
            }
            _ => Ok(()),
        };
        match room.checked_sub(self.painted().saturating_sub(before)) {
            Some(left) => *room = left,
            None => *self = AtHand::Failed(ImageError::TooLarge),
        }
        if let Err(e) = done {
            *self = AtHand::Failed(e);
        }
    }

    /// Bytes that the image takes.
    fn painted(&self) -> u64 {
        match self {
            AtHand::Image(builder) => builder.painted(),
            AtHand::None | AtHand::Failed(_) => 0,
        }
    }
}

/// Judges the map at hand, all of whose lines have come.
fn settle(at_hand: &mut AtHand, row: Option<&mut MapRow>, again: &mut Again) {
    let Some(row) = row else { return };
    match std::mem::take(at_hand) {
        AtHand::None => {}
        AtHand::Failed(why) => {
            again.failed = again.failed.saturating_add(1);
            let first = || format!("{}: {why}", row.addr);
            again.first_failed.get_or_insert_with(first);
        }
        // Maps that the collector has given up have no verdict.
        AtHand::Image(_) if row.verdict.is_none() => {}
        AtHand::Image(builder) => {
            let verdict = check_map(&builder.finish());
            let before = row.verdict.as_ref();
            let same = before.is_some_and(|v| {
                v.verdict == verdict.verdict && v.findings_total == verdict.findings_total
            });
            again.judged = again.judged.saturating_add(1);
            again.changed = again.changed.saturating_add(u64::from(!same));
            row.verdict = Some(verdict);
        }
    }
}
