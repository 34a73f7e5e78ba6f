//! What a document is, by what is in it: PDF, JPEG or PNG. Neither its name nor what its sender calls it
//! counts.
//!
//! Guards against pages and programs that are called pictures, against files that were cut off on their way,
//! and against pictures that are small as files and huge when somebody opens them: their measures are read
//! from their headers, and nothing is decoded here.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The largest document, in bytes.
pub const LARGEST: usize = 5 * 1024 * 1024;
/// The longest side of a picture, and the most of its pixels: what a page has at 600 dots an inch, twice.
const LONGEST_SIDE: u32 = 16_000;
const MOST_PIXELS: u64 = 72_000_000;
/// A PDF ends with its mark, give or take what printers' drivers leave behind it.
const PDF_TAIL: usize = 1024;

/// What documents may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FileType {
    Pdf,
    Jpeg,
    Png,
}

impl FileType {
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }

    /// As names of files end.
    #[must_use]
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Jpeg => "jpg",
            Self::Png => "png",
        }
    }
}

/// Why a file is none that is taken. The words follow "The document".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("is empty")]
    Empty,
    #[error("is neither PDF, nor JPEG, nor PNG, whatever its name says")]
    Type,
    #[error("is damaged, or was cut off on its way")]
    Damaged,
    #[error("is a picture of more than {LONGEST_SIDE} pixels a side, or of more than {MOST_PIXELS} in all")]
    Pixels,
}

impl Unfit {
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Type => "file-type",
            Self::Damaged => "damaged",
            Self::Pixels => "pixels",
        }
    }
}

/// A picture's width and height.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Measures(u32, u32);

impl fmt::Debug for Measures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{}", self.0, self.1)
    }
}

impl Measures {
    fn check(self) -> Result<(), Unfit> {
        let Self(width, height) = self;
        if width == 0 || height == 0 {
            return Err(Unfit::Damaged);
        }
        let pixels = u64::from(width) * u64::from(height);
        if width > LONGEST_SIDE || height > LONGEST_SIDE || pixels > MOST_PIXELS {
            return Err(Unfit::Pixels);
        }
        Ok(())
    }
}

/// What the bytes are.
///
/// # Errors
/// [`Unfit`].
pub fn read(bytes: &[u8]) -> Result<FileType, Unfit> {
    if bytes.is_empty() {
        return Err(Unfit::Empty);
    }
    if bytes.starts_with(b"%PDF-") {
        let tail = bytes.get(bytes.len().saturating_sub(PDF_TAIL)..).unwrap_or_default();
        let ends = tail.windows(5).any(|five| five == b"%%EOF");
        return if ends { Ok(FileType::Pdf) } else { Err(Unfit::Damaged) };
    }
    if let Some(rest) = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n") {
        return png(rest).ok_or(Unfit::Damaged)?.check().map(|()| FileType::Png);
    }
    if bytes.starts_with(b"\xff\xd8\xff") {
        return jpeg(bytes).ok_or(Unfit::Damaged)?.check().map(|()| FileType::Jpeg);
    }
    Err(Unfit::Type)
}

/// Walks over the chunks of a PNG, behind its signature. They must end with the last byte: what else a file
/// holds is no picture. Nothing: it is damaged.
fn png(mut rest: &[u8]) -> Option<Measures> {
    let mut measures = None;
    loop {
        let length = usize::try_from(number(rest, 0)?).ok()?;
        let kind = rest.get(4..8)?;
        let data = rest.get(8..)?.get(..length)?;
        match (kind, measures) {
            // The first chunk, and once.
            (b"IHDR", None) if length == 13 => measures = Some(Measures(number(data, 0)?, number(data, 4)?)),
            (b"IHDR", _) | (_, None) => return None,
            (b"IEND", Some(found)) => return (length == 0 && rest.len() == 12).then_some(found),
            _ => {}
        }
        // Length, kind and check sum are four bytes each.
        rest = rest.get(length.checked_add(12)?..)?;
    }
}

/// Walks over the segments of a JPEG to the one that tells its measures, and on to where the picture begins:
/// a second one would be believed by some programs. Nothing: it is damaged.
fn jpeg(bytes: &[u8]) -> Option<Measures> {
    let (mut at, mut measures) = (2, None);
    loop {
        if bytes.get(at) != Some(&0xff) {
            return None;
        }
        // Any number of these may stand before a marker.
        while bytes.get(at) == Some(&0xff) {
            at += 1;
        }
        let marker = *bytes.get(at)?;
        at += 1;
        if matches!(marker, 0x01 | 0xd0..=0xd7) {
            continue;
        }
        let length = usize::from(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
        let data = bytes.get(at + 2..at.checked_add(length)?)?;
        match marker {
            // The picture begins.
            0xda => return measures,
            // It ends before it began.
            0xd8 | 0xd9 => return None,
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let side = |i: usize| Some(u32::from(u16::from_be_bytes([*data.get(i)?, *data.get(i + 1)?])));
                let found = Measures(side(3)?, side(1)?);
                if measures.replace(found).is_some() {
                    return None;
                }
            }
            _ => {}
        }
        at += length;
    }
}

/// Four bytes, the highest first.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|four| u32::from_be_bytes(*four))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        [&length[..], kind, data, b"sum!"].concat()
    }

    fn png_of(width: u32, height: u32, more: &[u8]) -> Vec<u8> {
        let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), b"\x08\x06\0\0\0"].concat();
        let chunks = [chunk(b"IHDR", &header), chunk(b"IDAT", b"x"), chunk(b"IEND", b"")].concat();
        [b"\x89PNG\r\n\x1a\n", &chunks[..], more].concat()
    }

    fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len() + 2).unwrap().to_be_bytes();
        [&[0xff, marker], &length[..], data].concat()
    }

    fn measured(width: u16, height: u16) -> Vec<u8> {
        segment(0xc2, &[&[8], &height.to_be_bytes()[..], &width.to_be_bytes(), b"\x03abcabcabc"].concat())
    }

    fn jpeg_of(segments: &[Vec<u8>]) -> Vec<u8> {
        [b"\xff\xd8", &segments.concat()[..], &segment(0xda, b"..."), b"data\xff\xd9"].concat()
    }

    #[test]
    fn what_a_file_is_stands_in_it() {
        assert_eq!(read(b"%PDF-1.7\n...\n%%EOF\n"), Ok(FileType::Pdf));
        assert_eq!(read(&png_of(640, 480, b"")), Ok(FileType::Png));
        let exif = segment(0xe1, &measured(9999, 9999));
        assert_eq!(read(&jpeg_of(&[exif, measured(640, 480)])), Ok(FileType::Jpeg));
        assert_eq!(read(b""), Err(Unfit::Empty));
        for other in
            [&b"<html><script>"[..], b" %PDF-1.7", b"GIF89a", b"PK\x03\x04", b"MZ", b"\x89PN", b"\xff\xd8"]
        {
            assert_eq!(read(other), Err(Unfit::Type), "{other:?}");
        }
        assert!(FileType::Png.media_type().ends_with(FileType::Png.ending()));
    }

    #[test]
    fn a_file_that_was_cut_off_or_added_to_is_told() {
        let (png, jpeg) = (png_of(640, 480, b""), jpeg_of(&[measured(640, 480)]));
        for end in 8..png.len() {
            assert_eq!(read(&png[..end]), Err(Unfit::Damaged), "{end}");
        }
        assert_eq!(read(&png_of(640, 480, b"<html>")), Err(Unfit::Damaged));
        for end in 3..jpeg.len() - 6 {
            assert_eq!(read(&jpeg[..end]), Err(Unfit::Damaged), "{end}");
        }
        let mut pdf = b"%PDF-1.7\n%%EOF".to_vec();
        pdf.extend([b' '; PDF_TAIL]);
        assert_eq!(read(&pdf), Err(Unfit::Damaged));
        let two = [measured(640, 480), measured(9, 9)];
        assert_eq!(read(&jpeg_of(&two)), Err(Unfit::Damaged), "whom would one believe?");
        assert_eq!(read(&jpeg_of(&[])), Err(Unfit::Damaged), "no measures");
    }

    #[test]
    fn a_picture_that_would_fill_memory_is_refused_by_its_header() {
        for (width, height, fits) in [
            (16_000, 4_500, true),
            (16_001, 1, false),
            (1, 16_001, false),
            (16_000, 4_501, false),
            (u32::MAX, u32::MAX, false),
        ] {
            let expected = if fits { Ok(FileType::Png) } else { Err(Unfit::Pixels) };
            assert_eq!(read(&png_of(width, height, b"")), expected, "{width}×{height}");
        }
        assert_eq!(read(&jpeg_of(&[measured(60_000, 60_000)])), Err(Unfit::Pixels));
        for (width, height) in [(0, 5), (5, 0)] {
            assert_eq!(read(&png_of(width, height, b"")), Err(Unfit::Damaged));
            assert_eq!(read(&jpeg_of(&[measured(5, 0)])), Err(Unfit::Damaged));
        }
    }

    #[test]
    fn no_bytes_at_all_make_it_panic() {
        use proptest::prelude::*;
        proptest!(|(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..3)| {
            let start: &[u8] = [&b"\x89PNG\r\n\x1a\n"[..], b"\xff\xd8\xff", b"%PDF-"][at];
            prop_assert!(read(&[start, &bytes[..]].concat()) != Err(Unfit::Empty));
        });
    }
}
