use super::*;

fn screen() -> Screen {
    Screen::new(6, 20).unwrap()
}

/// All that can be seen of one, for comparing two.
fn seen(screen: &Screen) -> String {
    let lines: Vec<_> = screen.grid.screen().visible_lines().map(avt::Line::cells).collect();
    format!("{lines:?} {:?} {:?} {} {:?}", screen.grid.cursor(), screen.modes(), screen.is_drawn(), screen.dump())
}

/// Whatever it is in the middle of, another one is as it is, and goes on as it does.
fn is_restored_at_every_byte(bytes: &[u8]) {
    for at in 0..=bytes.len() {
        let (before, after) = bytes.split_at(at);
        let mut first = screen();
        first.feed(before);
        let mut second = screen();
        second.feed(&first.dump());
        first.feed(after);
        second.feed(after);
        assert_eq!(seen(&first), seen(&second), "cut at {at} of {:?}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn what_comes_later_finds_it_as_it_is() {
    is_restored_at_every_byte(b"one\r\ntwo \x1b[1;31mred\x1b[m\x1b[3;5Hthere\x1b[?25l");
    is_restored_at_every_byte(
        "main\r\n\u{1b}[?1049h\u{1b}[2J\u{1b}[44mfull\u{1b}[2;4r\u{1b}[4;1H\nwide \u{4e2d}\u{56fd} é".as_bytes(),
    );
    is_restored_at_every_byte(b"\x1b(0lqqk\x1b(B\x1b7\x1b[5;5H\x1b[4h\x1b8x\x1b[?7l\x1b[?1h");
    is_restored_at_every_byte(b"\x1b[?2004h\x1b[?1002;1006h\x1b=\x1b[5 q\x1b]0;a title\x07after\x1b[?1002l\x1b>");
    is_restored_at_every_byte(b"bytes \xff\xfe\xe4\xb8 of no text");
}

#[test]
fn a_title_that_does_not_end_is_no_text_for_whoever_comes_in_the_middle() {
    let mut first = screen();
    first.feed(&[b"\x1b]0;".as_slice(), &[b'x'; 5_000]].concat());
    let mut second = screen();
    second.feed(&first.dump());
    assert!(first.dump().len() < 1_000);
    for screen in [&mut first, &mut second] {
        screen.feed(b"\x1b");
    }
    let mut third = screen();
    third.feed(&first.dump());
    for screen in [&mut first, &mut second, &mut third] {
        screen.feed(b"\\seen");
        assert_eq!(screen.grid.screen().text()[0], "seen");
    }
}

#[test]
fn what_is_drawn_on_the_other_screen_is_counted_and_not_told() {
    let mut all = Vec::new();
    let mut left = Vec::new();
    let bytes = b"before\r\n\x1b[?1049hdrawn\x1b[2Jmore\x1b[?1049lafter\r\n\x1b[31mred";
    for size in [1, 3, bytes.len()] {
        let mut screen = screen();
        (all, left) = (Vec::new(), Vec::new());
        for piece in bytes.chunks(size) {
            let fed = screen.feed(piece);
            all.extend(fed.written);
            left.extend(fed.left);
        }
        assert_eq!(String::from_utf8_lossy(&all), "before\r\nafter\r\n\x1b[31mred", "in pieces of {size}");
        assert_eq!(left, [8 + 5 + 4 + 4 + 8], "in pieces of {size}");
    }
    let mut screen = screen();
    screen.feed(b"\x1b[?1049hlast");
    assert_eq!(screen.finish(), Fed { written: Vec::new(), left: Some(12) });
    assert!(!all.is_empty() && !left.is_empty());
}

#[test]
fn what_is_cut_short_is_told_once_it_is_whole_or_at_the_end() {
    let mut screen = screen();
    assert_eq!(screen.feed(b"a\xe4").written, b"a");
    assert_eq!(screen.feed(b"\xb8\xad\x1b[3").written, "\u{4e2d}".as_bytes());
    assert_eq!(screen.finish().written, b"\x1b[3");
}

#[test]
fn a_program_that_asks_is_answered() {
    let mut screen = screen();
    screen.feed(b"ab\x1b[6n\x1b[c\x1b[>c\x1b[5n");
    let answers: Vec<String> = std::iter::from_fn(|| screen.answer()).map(|a| String::from_utf8(a).unwrap()).collect();
    assert_eq!(answers, ["\x1b[1;3R", "\x1b[?1;2c", "\x1b[>0;0;0c", "\x1b[0n"]);
    for _ in 0..1_000 {
        screen.feed(b"\x1b[5n");
    }
    assert_eq!(std::iter::from_fn(|| screen.answer()).count(), ANSWERS);
}

#[test]
fn no_size_is_too_large_and_none_too_small() {
    let mut screen = Screen::new(0, 0).unwrap();
    assert_eq!(screen.size(), (1, 1));
    screen.feed("a\u{4e2d}b\x1b[2;2Hc\u{301}".as_bytes());
    screen.resize(u16::MAX, 512);
    assert_eq!(screen.size(), (256, 512));
    screen.resize(u16::MAX, u16::MAX);
    assert_eq!(screen.size(), (2, u16::MAX));
    screen.feed(b"x\x1b[65535b");
    assert!(!screen.dump().is_empty());
}

#[test]
fn nothing_that_is_written_breaks_it() {
    // Bytes as programs write them, in an order that none does.
    let words: &[&[u8]] = &[
        b"\x1b",
        b"[",
        b"?",
        b"1049",
        b"h",
        b"l",
        b";",
        b"5",
        b"r",
        b"H",
        b"m",
        b"J",
        b"K",
        b"text ",
        b"\r",
        b"\n",
        b"\t",
        b"\x08",
        b"(0",
        b"P",
        b"]",
        b"\x07",
        b"\\",
        "\u{4e2d}".as_bytes(),
        b"\xff",
        b"65535",
        b"b",
        b"@",
        b"L",
        b"M",
        b"S",
        b"T",
        b"7",
        b"8",
        b"c",
        b"\x9b",
        b"\x0e",
    ];
    let mut dice: u64 = 1;
    for _ in 0..200 {
        let mut screen = Screen::new(5, 7).unwrap();
        for _ in 0..200 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let roll = usize::try_from(dice >> 40).unwrap();
            screen.feed(words[roll % words.len()]);
            if roll % 97 == 0 {
                screen.resize(u16::try_from(roll % 9).unwrap(), u16::try_from(roll % 11).unwrap());
            }
        }
        let (rows, columns) = screen.size();
        let mut restored = Screen::new(rows, columns).unwrap();
        restored.feed(&screen.dump());
        let lines = |screen: &Screen| screen.grid.screen().visible_lines().map(avt::Line::text).collect::<Vec<_>>();
        assert_eq!(lines(&screen), lines(&restored));
    }
}
