//! One map of a snapshot, from header to slots.
//! In: a path, which map, which part of it. Out: what `badmap show` prints.

use crate::base::limits::MAX_PAINTED;
use crate::maps::image::MapImage;
use crate::schema::number;
use crate::snapshot::error::SnapshotError;
use crate::snapshot::judge::AtHand;
use crate::snapshot::line::EntryOut;
use crate::snapshot::line::MapKey;
use crate::snapshot::line::SlotsLine;
use crate::snapshot::line::kind;
use crate::snapshot::load::Head;
use crate::snapshot::load::read_with_head;
use crate::snapshot::read::Line;
use crate::snapshot::rows::map_row;
use crate::survey::detail::MapDetail;
use crate::survey::request::Target;
use crate::survey::request::Window;
use crate::survey::result::EntryText;
use crate::survey::result::MapRow;
use crate::survey::result::Shown;
use crate::survey::show;
use std::path::Path;

/// What a snapshot has of one map.
#[derive(Debug)]
pub struct FromSnapshot {
    /// What the header says.
    pub head: Head,
    /// The map, as far as it is in the file.
    pub shown: Shown,
    /// Its slots are in the file.
    pub has_slots: bool,
}

/// Shows one map.
/// # Errors
/// Whatever keeps the file from being a whole snapshot, and `Lacks` if it has no such map.
pub fn show_map(
    path: &Path,
    target: &Target,
    parts: Window,
    entries: Option<Window>,
) -> Result<FromSnapshot, SnapshotError> {
    let mut found: Option<(MapRow, MapDetail)> = None;
    let mut taking = false;
    let mut image = AtHand::None;
    let mut room = MAX_PAINTED;
    let mut taken = Taken::new(entries);
    let (mut maps, mut has_slots) = (0u64, false);
    let (head, _) = read_with_head(path, &mut |_, line| {
        match line {
            Line::Head(_) => {}
            Line::Map(line) => {
                maps = maps.saturating_add(1);
                let key: MapKey<'_> = line.parse()?;
                let is_it = match target {
                    Target::Addr(addr) => number(&key.addr) == Some(addr.0),
                    Target::Path(path) => key.owner.as_deref() == Some(path),
                };
                taking = is_it && found.is_none();
                if taking {
                    has_slots = key.entries.is_some();
                    taken.is_classic = key.kind == "classic";
                    found = Some(map_row(line.parse()?));
                }
            }
            Line::Part(part) if taking => {
                if part.kind == kind::SLOTS {
                    taken.line(&part.parse()?);
                }
                image.take(&part, found.as_ref().map(|(row, _)| row.addr), &mut room);
            }
            Line::Part(_) => {}
        }
        Ok(())
    })?;
    let Some((row, detail)) = found else {
        return Err(no_such(path, target, maps));
    };
    let image: Option<MapImage<'static>> = match image {
        AtHand::Image(builder) => Some(builder.finish()),
        AtHand::None | AtHand::Failed(_) => None,
    };
    let listed = image.as_ref().map(|image| show::parts(image, parts));
    let (part_list, parts_total) = listed.unwrap_or_default();
    let shown = Shown {
        process: head.process.clone(),
        row,
        header: show::header(&detail.header),
        parts: part_list,
        parts_total,
        entries: taken.entries,
        entries_total: taken.total,
        lookup: None,
    };
    Ok(FromSnapshot {
        head,
        shown,
        has_slots,
    })
}

fn no_such(path: &Path, target: &Target, maps: u64) -> SnapshotError {
    let target = match target {
        Target::Addr(addr) => format!("at {addr}"),
        Target::Path(path) => path.clone(),
    };
    SnapshotError::Lacks {
        path: path.to_path_buf(),
        what: format!("looking for the map {target}: none of its {maps} maps is it"),
        hint: "badmap list shows every map with its address and owner path, keys as the snapshot has them"
            .into(),
    }
}

/// Takes the entries that the window holds, counts all of them.
struct Taken {
    window: Window,
    is_classic: bool,
    total: u64,
    entries: Vec<EntryText>,
}

impl Taken {
    fn new(window: Option<Window>) -> Taken {
        Taken {
            window: window.unwrap_or(Window {
                offset: 0,
                limit: 0,
            }),
            is_classic: false,
            total: 0,
            entries: Vec::new(),
        }
    }

    fn line(&mut self, line: &SlotsLine<'_>) {
        let end = self.window.offset.saturating_add(self.window.limit);
        for e in &line.entries {
            if (self.window.offset..end).contains(&self.total) {
                self.entries.push(self.text(line, e));
            }
            self.total = self.total.saturating_add(1);
        }
    }

    fn text(&self, line: &SlotsLine<'_>, e: &EntryOut<'_>) -> EntryText {
        let cell = if self.is_classic { "cell" } else { "slot" };
        let at = usize::from(e.slot).saturating_mul(2);
        let mark = line.marks.get(at..at.saturating_add(2));
        let half = |text: &Option<_>, digest: &Option<_>| -> String {
            let text: Option<&std::borrow::Cow<'_, str>> = text.as_ref().or(digest.as_ref());
            text.map_or_else(|| "?".to_owned(), |t| t.to_string())
        };
        EntryText {
            place: format!("{}.{cell}[{}]", line.part, e.slot),
            mark: mark
                .and_then(|m| u8::from_str_radix(m, 16).ok())
                .unwrap_or(0),
            hash: e.hash.as_deref().and_then(number),
            key: half(&e.key_text, &e.key),
            elem: half(&e.elem_text, &e.elem),
        }
    }
}
