//! A picture in the words of each protocol, no larger than the window.

use super::tmux::wrapped;
use data_encoding::BASE64;
use icy_sixel::SixelImage;
use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, ImageReader, Limits, Rgba, RgbaImage};
use std::fmt::Write;
use std::io::Cursor;

/// Base64 in one sequence: what kitty takes.
const CHUNK: usize = 4096;
/// A picture that is sent as it is. Bytes; a larger one is made as small as it is shown.
const AS_IT_IS: usize = 1 << 20;
/// Pixels of a side, and memory, while a picture is read.
const SIDE: u32 = 16_384;
const MEMORY: u64 = 256 << 20;

/// Where it is to be shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) columns: u32,
    pub(super) rows: u32,
    /// Pixels.
    pub(super) cell: (u32, u32),
    pub(super) tmux: bool,
    /// A number of its own.
    pub(super) id: u32,
}

impl Place {
    /// The pixels that it gets, and the cells.
    pub(super) fn fit(&self, size: (u32, u32)) -> ((u32, u32), (u32, u32)) {
        self.fit_within(size, (u32::MAX, u32::MAX))
    }

    fn fit_within(&self, (width, height): (u32, u32), most: (u32, u32)) -> ((u32, u32), (u32, u32)) {
        let window = (self.columns.saturating_sub(1).max(1) * self.cell.0, self.rows.saturating_sub(2).max(1) * self.cell.1);
        let most = (window.0.min(most.0), window.1.min(most.1));
        let (width, height) = (width.max(1), height.max(1));
        let scale = (f64::from(most.0) / f64::from(width)).min(f64::from(most.1) / f64::from(height)).min(1.0);
        let scaled = |side: u32| ((f64::from(side) * scale) as u32).max(1);
        let pixels = (scaled(width), scaled(height));
        (pixels, (pixels.0.div_ceil(self.cell.0), pixels.1.div_ceil(self.cell.1)))
    }
}

/// A kernel of another make may send base64 where a picture is wanted.
fn read(data: &[u8]) -> Option<DynamicImage> {
    let decoded;
    let mut data = data;
    if data.first().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'/') {
        let text: Vec<u8> = data.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
        decoded = BASE64.decode(&text).ok()?;
        data = &decoded;
    }
    let mut reader = ImageReader::new(Cursor::new(data)).with_guessed_format().ok()?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height, limits.max_alloc) = (Some(SIDE), Some(SIDE), Some(MEMORY));
    reader.limits(limits);
    reader.decode().ok()
}

/// As PNG, and as small as it is shown.
fn png(data: &[u8], image: &DynamicImage, pixels: (u32, u32)) -> Option<Vec<u8>> {
    if data.len() <= AS_IT_IS && data.starts_with(b"\x89PNG") {
        return Some(data.to_vec());
    }
    let mut out = Cursor::new(Vec::new());
    let small = if pixels == (image.width(), image.height()) { None } else { Some(scaled(image, pixels)) };
    small.as_ref().unwrap_or(image).write_to(&mut out, ImageFormat::Png).ok()?;
    Some(out.into_inner())
}

fn scaled(image: &DynamicImage, (width, height): (u32, u32)) -> DynamicImage {
    image.resize_exact(width, height, FilterType::Triangle)
}

/// Sequences of at most [`CHUNK`], the first with `keys`.
fn chunks(keys: &str, data: &[u8]) -> Vec<String> {
    let text = BASE64.encode(data);
    let mut parts: Vec<String> = Vec::with_capacity(text.len() / CHUNK + 1);
    let pieces: Vec<&[u8]> = text.as_bytes().chunks(CHUNK).collect();
    for (i, piece) in pieces.iter().enumerate() {
        let keys = if i == 0 { format!("{keys},") } else { String::new() };
        let more = u8::from(i + 1 < pieces.len());
        parts.push(format!("\x1b_G{keys}q=2,m={more};{}\x1b\\", String::from_utf8_lossy(piece)));
    }
    parts
}

pub(super) fn kitty(data: &[u8], place: Place) -> Option<String> {
    let image = read(data)?;
    let (pixels, cells) = place.fit((image.width(), image.height()));
    let size = if pixels == (image.width(), image.height()) { String::new() } else { format!(",c={},r={}", cells.0, cells.1) };
    let data = png(data, &image, pixels)?;
    Some(chunks(&format!("a=T,f=100{size}"), &data).concat() + "\n")
}

/// tmux knows nothing of the picture: it is sent past it, and stands for itself as characters that tmux can keep and move.
pub(super) fn kitty_in_tmux(data: &[u8], place: Place) -> Option<String> {
    let image = read(data)?;
    let (pixels, (columns, rows)) = place.fit((image.width(), image.height()));
    let rows = rows.min(ROW_MARKS.len() as u32);
    let data = png(data, &image, pixels)?;
    let id = place.id;
    let mut out: String =
        chunks(&format!("a=T,f=100,U=1,i={id},c={columns},r={rows}"), &data).iter().map(|chunk| wrapped(chunk)).collect();
    for mark in ROW_MARKS.iter().take(rows as usize) {
        let _ = write!(out, "\x1b[38;2;0;{};{}m{STANDS_FOR_IT}{mark}{}", id >> 8 & 0xff, id & 0xff, ROW_MARKS[0]);
        out.extend(std::iter::repeat_n(STANDS_FOR_IT, columns.saturating_sub(1) as usize));
        out.push_str("\x1b[39m\n");
    }
    Some(out)
}

const STANDS_FOR_IT: char = '\u{10EEEE}';
/// The marks that count rows, as kitty's protocol numbers them. More rows than these are not drawn.
const ROW_MARKS: [char; 64] = [
    '\u{305}', '\u{30d}', '\u{30e}', '\u{310}', '\u{312}', '\u{33d}', '\u{33e}', '\u{33f}', '\u{346}', '\u{34a}', '\u{34b}',
    '\u{34c}', '\u{350}', '\u{351}', '\u{352}', '\u{357}', '\u{35b}', '\u{363}', '\u{364}', '\u{365}', '\u{366}', '\u{367}',
    '\u{368}', '\u{369}', '\u{36a}', '\u{36b}', '\u{36c}', '\u{36d}', '\u{36e}', '\u{36f}', '\u{483}', '\u{484}', '\u{485}',
    '\u{486}', '\u{487}', '\u{592}', '\u{593}', '\u{594}', '\u{595}', '\u{597}', '\u{598}', '\u{599}', '\u{59c}', '\u{59d}',
    '\u{59e}', '\u{59f}', '\u{5a0}', '\u{5a1}', '\u{5a8}', '\u{5a9}', '\u{5ab}', '\u{5ac}', '\u{5af}', '\u{5c4}', '\u{610}',
    '\u{611}', '\u{612}', '\u{613}', '\u{614}', '\u{615}', '\u{616}', '\u{617}', '\u{657}', '\u{658}',
];

pub(super) fn iterm(data: &[u8], place: Place) -> Option<String> {
    let image = read(data)?;
    let (pixels, (columns, rows)) = place.fit((image.width(), image.height()));
    let data = png(data, &image, pixels)?;
    let (size, text) = (data.len(), BASE64.encode(&data));
    let sequence = format!("\x1b]1337;File=inline=1;size={size};width={columns};height={rows};preserveAspectRatio=1:{text}\x07");
    if !place.tmux {
        return Some(sequence + "\n");
    }
    // tmux does not know that the cursor went anywhere: room is made first, and the cursor put back.
    let room = "\n".repeat(rows as usize);
    Some(format!("{room}\x1b[{rows}A{}\x1b[{rows}B", wrapped(&format!("\x1b7{sequence}\x1b8"))))
}

pub(super) fn sixel(data: &[u8], place: Place, most: (u32, u32)) -> Option<String> {
    let image = read(data)?;
    let (pixels, _) = place.fit_within((image.width(), image.height()), most);
    let image = if pixels == (image.width(), image.height()) { image } else { scaled(&image, pixels) };
    let flat = on_white(&image.into_rgba8());
    let (width, height) = flat.dimensions();
    let sixel = SixelImage::try_from_rgba(flat.into_raw(), width as usize, height as usize).ok()?;
    Some(sixel.encode().ok()? + "\n")
}

/// Sixel knows no half transparent pixel, and what is drawn for paper is drawn on white.
fn on_white(image: &RgbaImage) -> RgbaImage {
    let mut flat = RgbaImage::from_pixel(image.width(), image.height(), Rgba([255; 4]));
    image::imageops::overlay(&mut flat, image, 0, 0);
    flat
}
