//! What the rules say of a painted map they say of its image made again from lines as well.
//! In: an image. Out: its verdict; it is an error if the two differ.

use badmap::check::registry;
use badmap::check::rule::MapVerdict;
use badmap::maps::image::EntryRef;
use badmap::maps::image::MapImage;
use badmap::snapshot::image::ImageBuilder;
use badmap::snapshot::image::ImageError;
use badmap::snapshot::image::Line;
use badmap::snapshot::image::Rendered;
use badmap::snapshot::image::write_image;

/// Applies every rule, to the image itself and to what becomes of it in a snapshot.
pub fn check_map(image: &MapImage<'_>) -> MapVerdict {
    let verdict = registry::check_map(image);
    let again = made_again(image).expect("an image of lines");
    assert_eq!(
        format!("{:#?}", registry::check_map(&again)),
        format!("{verdict:#?}"),
        "what becomes of the map in a snapshot"
    );
    verdict
}

fn made_again(image: &MapImage<'_>) -> Result<MapImage<'static>, ImageError> {
    let mut builder: Option<ImageBuilder> = None;
    let mut failed = None;
    let mut render = |_: &EntryRef<'_>| Rendered::default();
    let mut take = |line: Line<'_>| {
        let taken = match (line, &mut builder) {
            (Line::Image(line), none) => ImageBuilder::new(&line).map(|b| *none = Some(b)),
            (Line::Facts(line), Some(b)) => b.facts(&line),
            (Line::Slots(line), Some(b)) => b.slots(&line),
            _ => Err(ImageError::Order("a line")),
        };
        failed = failed.or(taken.err());
        Ok(())
    };
    write_image(image, &mut render, &mut take).expect("lines");
    match (failed, builder) {
        (None, Some(b)) => Ok(b.finish()),
        (Some(e), _) => Err(e),
        (None, None) => Err(ImageError::Missing("the image")),
    }
}
