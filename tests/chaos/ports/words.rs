//! Words that no honest peer says, and changes to those that it does.

use crate::dice::Dice;

/// A name, a path, a variable, a command: whatever somebody might read, print, log or open.
pub(crate) fn hostile(dice: &mut Dice) -> Vec<u8> {
    const SAID: [&[u8]; 20] = [
        b"",
        b".",
        b"..",
        b"../../../../etc/passwd",
        b"/etc/passwd",
        b"work/../../x",
        b"work\0x",
        b"\0",
        b"a\r\nSet-Cookie: x=1\r\n\r\n",
        b"a\nERROR forged line of a log",
        b"\x1b]0;title\x07\x1b[2J\x1b[31m",
        "\u{202e}drowssap\u{202c}".as_bytes(),
        "\u{feff}\u{200b}work".as_bytes(),
        b"\xff\xfe\xc0\x80",
        b"$(touch /tmp/never)`id`;|&",
        b"%00%2e%2e%2f%s%n",
        b"-oProxyCommand=id",
        b"--at=exec:id",
        b"rlt_",
        "\u{1f980}".as_bytes(),
    ];
    match dice.below(24) {
        n @ 0..20 => SAID[usize::try_from(n).unwrap()].to_vec(),
        20 => vec![b'a'; 10_000],
        21 => "../".repeat(3_000).into_bytes(),
        22 => "\u{202e}".repeat(3_000).into_bytes(),
        _ => (0..dice.below(400)).map(|_| dice.bytes::<1>()[0]).collect(),
    }
}

/// Changes, cuts or adds some bytes.
pub(crate) fn mutate(dice: &mut Dice, bytes: &mut Vec<u8>) {
    for _ in 0..1 + dice.below(4) {
        if bytes.is_empty() {
            return;
        }
        let at = usize::try_from(dice.below(bytes.len() as u64)).unwrap();
        match dice.below(5) {
            0 => bytes[at] = dice.bytes::<1>()[0],
            1 => bytes[at] ^= 1 << dice.below(8),
            2 => bytes.truncate(at),
            3 => bytes.insert(at, dice.bytes::<1>()[0]),
            // A length, perhaps.
            _ => bytes[at] = [0, 0x7f, 0x80, 0xff][usize::try_from(dice.below(4)).unwrap()],
        }
    }
}
