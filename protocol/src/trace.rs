//! W3C trace context: which of somebody's traces an eval belongs to.

/// Whether a text is a `traceparent` of a version that we can pass on: `00-<32 hex digits>-<16>-<2>`, lower case, and neither id all
/// zeros. A later version may have more after that.
#[must_use]
pub fn is_traceparent(text: &str) -> bool {
    let hex = |part: &str, digits: usize| {
        part.len() == digits && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let id = |part: &str, digits: usize| hex(part, digits) && part.bytes().any(|b| b != b'0');
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next(), parts.next(), parts.next(), parts.next());
    let (Some(version), Some(trace), Some(span), Some(flags)) = (version, trace, span, flags) else { return false };
    let plain = version == "00" && parts.next().is_none();
    let later = hex(version, 2) && version != "ff" && version != "00" && text.len() <= 256 && text.is_ascii();
    (plain || later) && !text.bytes().any(|b| b.is_ascii_control()) && id(trace, 32) && id(span, 16) && hex(flags, 2)
}

#[cfg(test)]
mod tests {
    use super::is_traceparent;

    #[test]
    fn only_what_the_standard_says() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert!(is_traceparent(good) && is_traceparent(&good.replacen("00", "cc", 1)));
        assert!(is_traceparent(&format!("{}-more", good.replacen("00", "01", 1))));
        let zeros = format!("00-{}-b7ad6b7169203331-01", "0".repeat(32));
        let upper = good.to_uppercase();
        for bad in
            ["", "00", &zeros, &upper, &good[..54], &format!("{good}-more"), &good.replacen("00", "ff", 1), &format!("{good}\0")]
        {
            assert!(!is_traceparent(bad), "{bad:?}");
        }
    }
}
