use super::*;
use proptest::prelude::*;

fn clean(rule: Rule, parts: &[&[u8]]) -> String {
    let (mut filter, mut pen, mut out) = (Filter::default(), Pen::default(), String::new());
    parts.iter().for_each(|part| filter.clean(part, rule, &mut pen, &mut out));
    filter.finish(rule, &mut pen, &mut out);
    out
}

fn live(text: &str) -> String {
    clean(Rule::Live, &[text.as_bytes()])
}

#[test]
fn colours_bars_and_links_stay() {
    for text in [
        "\x1b[31mred\x1b[m \x1b[38;2;1;2;3mrgb\x1b[m 50%\r\x1b[K100%\tdone ü\n",
        "\x1b[4:3mcurly\x1b[58:2:1:2:3m\x1b[m",
        "\x1b[?25l\x1b[2A\x1b[1Gup\x1b[2K\x1b[?25h",
        "\x1b[H\x1b[2J",
        "\x1b7saved\x1b8",
        "a\x08b",
        "\x1b]8;id=1;https://example.org/a;b\x1b\\link\x1b]8;;\x1b\\",
    ] {
        assert_eq!(live(text), text, "{text:?}");
    }
    assert_eq!(live("\x1b]8;;http://x\x07y\x1b]8;;\x07"), "\x1b]8;;http://x\x1b\\y\x1b]8;;\x1b\\");
    let bar = "\x1b[31m50%\x1b[m\r\x1b[K";
    assert_eq!(clean(Rule::Line, &[bar.as_bytes()]), bar);
    assert_eq!(clean(Rule::Colours, &[bar.as_bytes()]), "\x1b[31m50%\x1b[m\r");
    assert_eq!(clean(Rule::Plain, &[bar.as_bytes()]), "50%\r");
}

/// Whatever acts on more than the program's own text, or makes the terminal type.
const EVIL: &[&str] = &[
    "\x1b]52;c;cm0gLXJmIC8K\x07",
    "\x1b]0;title\x1b\\",
    "\x1b]2;title\x07",
    "\x1b]1337;File=inline=1:AAAA\x07",
    "\x1b]9;9;x\x07",
    "\x1b]8;;file:///etc/passwd\x1b\\",
    "\x1b]8;;javascript:x\x1b\\",
    "\x1b]10;?\x07",
    "\x1bP$q\"p\x1b\\",
    "\x1bPq#0;2;0;0;0#0~~\x1b\\",
    "\x1b_Gf=100;AAAA\x1b\\",
    "\x1b^pm\x1b\\",
    "\x1bXsos\x1b\\",
    "\x1b[6n",
    "\x1b[c",
    "\x1b[>c",
    "\x1b[>q",
    "\x1b[?1049h",
    "\x1b[?1000h",
    "\x1b[?2004h",
    "\x1b[?25;1049h",
    "\x1b[20h",
    "\x1b[3J",
    "\x1b[21t",
    "\x1b[22;0t",
    "\x1b[!p",
    "\x1b[>4;2m",
    "\x1b[?4m",
    "\x1b[1;2r",
    "\x1b[5i",
    "\x1bc",
    "\x1b(0",
    "\x1b#8",
    "\x1b=",
    "\x1bM",
    "\x0e",
    "\x07",
    "\x05",
    "\x7f",
    "\u{9b}6n",
    "\u{9d}52;c;eA==\u{9c}",
    "\u{90}x\u{9c}",
    "\u{85}",
];

#[test]
fn what_acts_on_the_terminal_goes() {
    for evil in EVIL {
        assert_eq!(live(&format!("a{evil}b")), "ab", "{evil:?}");
    }
    // What paints over other lines has no place among them.
    for painting in ["\x1b[2J", "\x1b[5A", "\x1b[H", "\x1b7", "\x1b[?25l"] {
        assert_eq!(clean(Rule::Line, &[b"a", painting.as_bytes(), b"b"]), "ab", "{painting:?}");
    }
}

#[test]
fn a_link_has_an_end() {
    let long = format!("\x1b]8;;https://x/{}\x1b\\a", "y".repeat(3_000));
    assert_eq!(live(&long), "a");
    let many = format!("\x1b]8;;https://x/{}\x1b\\a", ";".repeat(30));
    assert_eq!(live(&many), "a");
    assert_eq!(live("\x1b]8;;https://x"), "", "one that is broken off opens nothing");
}

#[test]
fn what_is_no_text_is_shown_as_such() {
    assert_eq!(clean(Rule::Live, &[b"a\xffb\xc3\xe2\x82c\x9b6n"]), "a\u{fffd}b\u{fffd}\u{fffd}c\u{fffd}6n");
    assert_eq!(clean(Rule::Live, &[b"\xe2\x82"]), "\u{fffd}");
    assert_eq!(clean(Rule::Live, &[b"\xe2", b"\x82", b"\xac \xc2", b"\xa9 \xc2"]), "€ © \u{fffd}");
}

#[test]
fn what_was_left_on_is_known() {
    let left = |text: &str| {
        let (mut filter, mut pen, mut out) = (Filter::default(), Pen::default(), String::new());
        filter.clean(text.as_bytes(), Rule::Live, &mut pen, &mut out);
        out.clear();
        pen.put_back(&mut out);
        out
    };
    for nothing in ["", "x", "\x1b[31mx\x1b[m", "\x1b[1;31mx\x1b[22;39m", "\x1b[38;5;4mx\x1b[39m", "\x1b[?25l\x1b[?25h"] {
        assert_eq!(left(nothing), "", "{nothing:?}");
    }
    for colours in ["\x1b[7m", "\x1b[1;31mx\x1b[39m", "\x1b[48;2;0;0;0m", "\x1b[38:2::1:2:3m", "\x1b[38;5;0m"] {
        assert_eq!(left(colours), "\x1b[0m", "{colours:?}");
    }
    assert_eq!(left("\x1b[?25l"), "\x1b[?25h");
}

/// Says what is wrong with text that went out.
fn forbidden(text: &str) -> Option<String> {
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\x08')) {
        let tail = &rest[at..];
        let length = if let Some(link) = tail.strip_prefix("\x1b]8;") {
            let Some(end) = link.find("\x1b\\") else { return Some("a link without an end".to_owned()) };
            let inside = &link[..end];
            if !inside.bytes().all(|b| (0x20..0x7f).contains(&b)) || inside.len() > LONGEST_STRING + 20 {
                return Some(format!("a link with {inside:?}"));
            }
            4 + end + 2
        } else if let Some(csi) = tail.strip_prefix("\x1b[") {
            let end = csi.find(|c: char| ('@'..='~').contains(&c)).unwrap_or(csi.len() - 1);
            let (parameters, action) = (&csi[..end], csi[end..].chars().next().unwrap());
            let plain = parameters.bytes().all(|b| b.is_ascii_digit() || b == b';' || b == b':');
            let fine = match action {
                'm' | 'A'..='H' | 'K' | 'X' | 'd' | 'f' => plain,
                'J' => matches!(parameters, "" | "1" | "2"),
                's' | 'u' => parameters.is_empty(),
                'h' | 'l' => parameters == "?25",
                _ => false,
            };
            if !fine {
                return Some(format!("{:?}", &csi[..=end]));
            }
            2 + end + 1
        } else if tail.starts_with("\x1b7") || tail.starts_with("\x1b8") {
            2
        } else {
            return Some(format!("{:?}", tail.chars().take(8).collect::<String>()));
        };
        rest = &tail[length..];
    }
    None
}

fn noise() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        "[ -~]{0,8}".prop_map(String::into_bytes),
        "\\PC{0,4}".prop_map(String::into_bytes),
        proptest::sample::select(EVIL).prop_map(|evil| evil.as_bytes().to_vec()),
        proptest::sample::select(EVIL).prop_map(|evil| evil.as_bytes()[..evil.len() / 2].to_vec()),
        "\x1b\\[[?>=!]?[0-9;:]{0,6}[ -/]?[@-~]".prop_map(String::into_bytes),
        "\x1b[\\]P_^X][0-9;a-z:/]{0,12}(\x07|\x1b\\\\)?".prop_map(String::into_bytes),
        "\x1b\\]8;[a-z]?;https://[a-z;]{0,30}(\x07|\x1b\\\\)?".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..6),
        proptest::collection::vec(0x80u8..0xc8, 0..4),
        proptest::collection::vec(0u8..0x20, 0..4),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn rules() -> impl Strategy<Value = Rule> {
    proptest::sample::select(&[Rule::Live, Rule::Line, Rule::Colours, Rule::Plain][..])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_in_nothing_forbidden_goes_out(noise in noise(), rule in rules()) {
        let out = clean(rule, &[&noise]);
        prop_assert_eq!(forbidden(&out), None, "{:?}", out);
        if rule == Rule::Plain {
            prop_assert!(!out.contains('\x1b'));
        }
    }

    #[test]
    fn wherever_it_is_cut_it_is_the_same(noise in noise(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 1..5), rule in rules()) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(noise.len() + 1)).collect();
        cuts.sort_unstable();
        let mut parts = Vec::new();
        let mut from = 0;
        for cut in cuts {
            parts.push(&noise[from..cut]);
            from = cut;
        }
        parts.push(&noise[from..]);
        prop_assert_eq!(clean(rule, &parts), clean(rule, &[&noise]));
    }

    #[test]
    fn text_without_controls_is_not_changed(text in "[\\PC\n\t\r]{0,60}", rule in rules()) {
        prop_assert_eq!(clean(rule, &[text.as_bytes()]), text);
    }

    #[test]
    fn what_is_put_back_leaves_nothing_on(noise in noise()) {
        let (mut filter, mut pen, mut out) = (Filter::default(), Pen::default(), String::new());
        filter.clean(&noise, Rule::Live, &mut pen, &mut out);
        filter.finish(Rule::Live, &mut pen, &mut out);
        pen.put_back(&mut out);
        let (mut again, mut rest) = (Pen::default(), String::new());
        Filter::default().clean(out.as_bytes(), Rule::Live, &mut again, &mut rest);
        rest.clear();
        again.put_back(&mut rest);
        prop_assert_eq!(rest, "");
    }
}
