//! Pictures in the terminal.

/// How large a picture is, by its first bytes.
pub(super) fn dimensions(mime: &str, data: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| Some(u32::from_be_bytes(*data.get(at..)?.first_chunk::<4>()?));
    (mime == "image/png" && data.starts_with(b"\x89PNG\r\n\x1a\n")).then(|| Some((number(16)?, number(20)?)))?
}
