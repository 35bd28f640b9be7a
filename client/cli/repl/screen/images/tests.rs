use super::detect::{Replies, by_environment};
use super::*;

fn found(set: &'static [(&str, &str)]) -> Found {
    by_environment(&|name| set.iter().find(|(n, _)| *n == name).map_or(String::new(), |(_, v)| (*v).to_owned()))
}

fn known(protocol: Protocol) -> Found {
    Found::Known { protocol, tmux: false }
}

#[test]
fn most_terminals_say_who_they_are() {
    assert_eq!(found(&[("TERM", "xterm-kitty")]), known(Protocol::Kitty));
    assert_eq!(found(&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "ghostty")]), known(Protocol::Kitty));
    assert_eq!(found(&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "iTerm.app")]), known(Protocol::Iterm));
    assert_eq!(found(&[("TERM", "xterm-256color"), ("LC_TERMINAL", "iTerm2")]), known(Protocol::Iterm));
    assert_eq!(found(&[("TERM", "foot-extra")]), known(Protocol::Sixel));
    assert_eq!(found(&[("TERM", "xterm-256color")]), Found::Ask { tmux: false });
    assert_eq!(found(&[("TERM", "linux")]), Found::Never);
    assert_eq!(found(&[("TERM", "xterm-kitty"), ("RIALTO_IMAGES", "off")]), Found::Never);
    assert_eq!(found(&[("TERM", "xterm"), ("RIALTO_IMAGES", "sixel")]), known(Protocol::Sixel));
    // What stands behind tmux only tmux knows.
    assert_eq!(found(&[("TERM", "tmux-256color"), ("TMUX", "x"), ("KITTY_WINDOW_ID", "1")]), Found::Tmux);
    assert_eq!(tmux::of("on\txterm-kitty\t\n"), Found::Known { protocol: Protocol::Kitty, tmux: true });
    assert_eq!(tmux::of("off\txterm-kitty\tkitty 0.26\n"), Found::Ask { tmux: false });
    assert_eq!(tmux::of("all\txterm-256color\tiTerm2 3.5\n"), Found::Known { protocol: Protocol::Iterm, tmux: true });
    assert_eq!(tmux::of(""), Found::Ask { tmux: false });
}

fn replies(parts: &[&str]) -> Replies {
    let mut replies = Replies::default();
    parts.iter().for_each(|part| replies.feed(part.as_bytes()));
    replies
}

#[test]
fn the_others_answer() {
    let xterm = replies(&["\x1bP>|XTerm(379)\x1b\\\x1b[6;20;10t\x1b[?2;0;1000;800S\x1b[?63;1;2;4;6;9c"]);
    assert_eq!((xterm.best(), xterm.cell, xterm.largest), (Some(Protocol::Sixel), Some((10, 20)), Some((1000, 800))));
    let kitty = replies(&["\x1b_Gi=31;OK\x1b\\\x1bP>|kitty(0.26.5)\x1b\\\x1b[?62;c"]);
    assert_eq!((kitty.best(), kitty.over), (Some(Protocol::Kitty), true));
    let iterm = replies(&["\x1bP>|iTerm2 3.5.0\x1b\\\x1b[?64;1;2;4c"]);
    assert_eq!(iterm.best(), Some(Protocol::Iterm));
    let plain = replies(&["\x1b[?2;3;0S\x1b[?1;2c"]);
    assert_eq!((plain.best(), plain.over), (None, true));
    assert_eq!(replies(&["\x1b_Gi=31;EINVAL\x1b\\\x1b[?62c"]).best(), None);
}

#[test]
fn what_was_typed_meanwhile_is_kept() {
    let whole = "pri\x1b_Gi=31;OK\x1b\\nt(\x1b[A1\x1b[?62;4c)\n";
    for cut in 0..whole.len() {
        let mut r = replies(&[&whole[..cut], &whole[cut..]]);
        r.stop();
        assert_eq!((String::from_utf8_lossy(&r.typed).as_ref(), r.best()), ("print(\x1b[A1)\n", Some(Protocol::Kitty)), "{cut}");
    }
    // Half an answer is nobody's text.
    let mut half = replies(&["x\x1b[?62;"]);
    half.stop();
    assert_eq!(half.typed, b"x");
    let mut images = Images::new(false);
    images.typed = b"print(\x1b[A1)\n\x7f".to_vec();
    assert_eq!(images.typed(), "print([A1)\n");
}

#[test]
fn sizes_are_in_the_first_bytes() {
    let jpeg = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08\x01\xe0\x02\x80\x03";
    assert_eq!(dimensions("image/jpeg", jpeg), Some((640, 480)));
    assert_eq!(dimensions("image/gif", b"GIF89a\x0a\x00\x14\x00"), Some((10, 20)));
    for cut in 0..jpeg.len() - 1 {
        assert_eq!(dimensions("image/jpeg", &jpeg[..cut]), None);
    }
    assert_eq!(dimensions("image/png", b"\x89PNG\r\n\x1a\n"), None);
}

#[cfg(feature = "images")]
mod drawn {
    use super::super::draw::{Place, iterm, kitty, kitty_in_tmux, sixel};
    use data_encoding::BASE64;
    use icy_sixel::SixelImage;
    use image::{ImageFormat, Rgb, RgbImage};
    use std::io::Cursor;

    fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let image = RgbImage::from_fn(width, height, |x, _| if x < width / 2 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) });
        let mut out = Cursor::new(Vec::new());
        image.write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    const PLACE: Place = Place { columns: 41, rows: 12, cell: (10, 20), tmux: false, id: 258 };

    #[test]
    fn nothing_is_larger_than_the_window() {
        assert_eq!(PLACE.fit((100, 50)), ((100, 50), (10, 3)));
        assert_eq!(PLACE.fit((800, 200)), ((400, 100), (40, 5)));
        assert_eq!(PLACE.fit((400, 4_000)), ((20, 200), (2, 10)));
        assert_eq!(PLACE.fit((0, 0)), ((1, 1), (1, 1)));
    }

    /// The picture in kitty's sequences, and the keys of the first.
    fn unpacked(text: &str) -> (String, Vec<u8>) {
        let (mut data, mut keys) = (String::new(), None);
        for sequence in text.trim_end().split("\x1b\\").filter(|s| !s.is_empty()) {
            let (k, d) = sequence.strip_prefix("\x1b_G").unwrap().split_once(';').unwrap();
            assert!(d.len() <= 4096);
            data.push_str(d);
            keys.get_or_insert(k.to_owned());
        }
        (keys.unwrap(), BASE64.decode(data.as_bytes()).unwrap())
    }

    #[test]
    fn kitty_gets_png_in_pieces() {
        let png = picture(100, 50, ImageFormat::Png);
        let (keys, data) = unpacked(&kitty(&png, PLACE).unwrap());
        assert_eq!((keys.as_str(), data == png), ("a=T,f=100,q=2,m=0", true));
        let (keys, data) = unpacked(&kitty(&picture(800, 200, ImageFormat::Jpeg), PLACE).unwrap());
        assert!(keys.starts_with("a=T,f=100,c=40,r=5,q=2,"), "{keys}");
        let image = image::load_from_memory_with_format(&data, ImageFormat::Png).unwrap();
        assert_eq!((image.width(), image.height()), (400, 100));
        // Base64, as some kernels send it.
        assert!(kitty(BASE64.encode(&png).as_bytes(), PLACE).is_some());
        assert_eq!(kitty(b"not a picture", PLACE), None);
    }

    #[test]
    fn behind_tmux_characters_stand_for_it() {
        let text = kitty_in_tmux(&picture(100, 50, ImageFormat::Png), Place { tmux: true, ..PLACE }).unwrap();
        assert!(text.starts_with("\x1bPtmux;\x1b\x1b_Ga=T,f=100,U=1,i=258,c=10,r=3,q=2,"), "{text:?}");
        assert_eq!(text.matches('\u{10EEEE}').count(), 30);
        assert_eq!(text.matches("\x1b[38;2;0;1;2m").count(), 3);
    }

    #[test]
    fn sixel_is_the_same_picture() {
        let text = sixel(&picture(800, 200, ImageFormat::Png), PLACE, (1_000, 1_000)).unwrap();
        assert!(text.starts_with("\x1bP") && text.ends_with("\x1b\\\n"), "{:?}", &text[..20]);
        let image = SixelImage::decode(text.trim_end().as_bytes()).unwrap();
        assert_eq!((image.width, image.height), (400, 102), "sixels are six pixels high");
        let small = sixel(&picture(800, 200, ImageFormat::Png), PLACE, (80, 1_000)).unwrap();
        assert_eq!(SixelImage::decode(small.trim_end().as_bytes()).unwrap().width, 80);
        let pixel = |x: usize| &image.pixels[(50 * 400 + x) * 4..][..3];
        assert!(pixel(50)[0] > 240 && pixel(50)[2] < 16 && pixel(350)[2] > 240, "{:?} {:?}", pixel(50), pixel(350));
    }

    #[test]
    fn iterm_gets_a_file() {
        let text = iterm(&picture(100, 50, ImageFormat::Png), PLACE).unwrap();
        assert!(text.starts_with("\x1b]1337;File=inline=1;size="), "{text:?}");
        assert!(text.contains(";width=10;height=3;preserveAspectRatio=1:") && text.ends_with("\x07\n"));
        let wrapped = iterm(&picture(100, 50, ImageFormat::Png), Place { tmux: true, ..PLACE }).unwrap();
        assert!(wrapped.starts_with("\n\n\n\x1b[3A\x1bPtmux;\x1b\x1b7\x1b\x1b]1337;"), "{wrapped:?}");
    }
}
