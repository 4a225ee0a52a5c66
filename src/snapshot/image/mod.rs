//! A map's image as lines, and made again from them, so that every rule says of it what it said of the first.
//! In: an image, and what shows its entries. Out: one `image` line, `facts` lines, `slots` lines; or from those an image
//! that is good for the rules and for nothing else: it has no keys and elems (`paint.rs`).

mod facts;
pub(crate) mod header;
mod lines;
mod paint;
mod read;
#[cfg(test)]
mod tests;
mod words;
mod write;

pub use crate::snapshot::image::header::header_of;
pub use crate::snapshot::image::lines::*;
pub use crate::snapshot::image::read::ImageBuilder;
pub use crate::snapshot::image::write::Rendered;
pub use crate::snapshot::image::write::write_image;

/// Why no image can be made of lines: the rules cannot be applied again to this map.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ImageError {
    /// Text that no badmap writes.
    #[error("{0} is not readable")]
    Text(&'static str),
    /// A field without which nothing makes sense.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A number that cannot be.
    #[error("{0} is impossible")]
    Lie(&'static str),
    /// A line that does not belong to the map, or not there.
    #[error("{0} is out of place")]
    Order(&'static str),
    /// Lines of a badmap that writes them in another form.
    #[error("its slots are written in form {0}, and this badmap reads another")]
    Form(u32),
    /// More than badmap is willing to keep.
    #[error("the map's storage is larger than what is made again from a snapshot")]
    TooLarge,
}
