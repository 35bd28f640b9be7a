//! MessagePack as a tree that can be changed in ways no serializer would: wrong types, lengths that lie, nesting without end.

use proptest::prelude::*;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Pack {
    /// Bytes of a number, a bool, nil, a float, an extension: whatever holds no other value. Also bytes that are no value at all.
    Raw(Vec<u8>),
    /// Text, which need not be UTF-8.
    Text(Vec<u8>),
    /// Bytes.
    Bin(Vec<u8>),
    /// A list.
    List(Vec<Self>),
    /// A map, in order, doubles included.
    Map(Vec<(Self, Self)>),
}

impl Pack {
    /// Text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.as_bytes().to_vec())
    }

    /// Reads what the codec writes.
    pub fn read(bytes: &[u8]) -> Self {
        let (value, rest) = value(bytes);
        assert!(rest.is_empty(), "{} bytes after the value", rest.len());
        value
    }

    /// Its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        let head = |out: &mut Vec<u8>, tag: u8, len: usize| {
            out.push(tag);
            out.extend((len as u32).to_be_bytes());
        };
        match self {
            Self::Raw(bytes) => out.extend(bytes),
            Self::Text(bytes) => {
                head(out, 0xdb, bytes.len());
                out.extend(bytes);
            }
            Self::Bin(bytes) => {
                head(out, 0xc6, bytes.len());
                out.extend(bytes);
            }
            Self::List(items) => {
                head(out, 0xdd, items.len());
                items.iter().for_each(|item| item.write(out));
            }
            Self::Map(pairs) => {
                head(out, 0xdf, pairs.len());
                for (key, value) in pairs {
                    key.write(out);
                    value.write(out);
                }
            }
        }
    }

    /// How many values it is made of, keys not counted.
    pub fn size(&self) -> usize {
        1 + match self {
            Self::List(items) => items.iter().map(Self::size).sum(),
            Self::Map(pairs) => pairs.iter().map(|(_, value)| value.size()).sum(),
            _ => 0,
        }
    }

    /// The n-th of them, itself being the first.
    pub fn at(&mut self, n: usize) -> &mut Self {
        if n == 0 {
            return self;
        }
        let mut n = n - 1;
        let inner: Vec<&mut Self> = match self {
            Self::List(items) => items.iter_mut().collect(),
            Self::Map(pairs) => pairs.iter_mut().map(|(_, value)| value).collect(),
            _ => Vec::new(),
        };
        for item in inner {
            let size = item.size();
            if n < size {
                return item.at(n);
            }
            n -= size;
        }
        panic!("no value of that number");
    }
}

fn value(bytes: &[u8]) -> (Pack, &[u8]) {
    let (tag, rest) = bytes.split_first().expect("a value");
    let number = |width: usize| rest[..width].iter().fold(0usize, |n, byte| n << 8 | usize::from(*byte));
    let raw = |len: usize| (Pack::Raw(bytes[..len].to_vec()), &bytes[len..]);
    let cut = |rest: &'_ [u8], len: usize| (rest[..len].to_vec(), len);
    match *tag {
        0x00..=0x7f | 0xe0.. | 0xc0 | 0xc2 | 0xc3 => raw(1),
        0xcc | 0xd0 => raw(2),
        0xcd | 0xd1 => raw(3),
        0xce | 0xd2 | 0xca => raw(5),
        0xcf | 0xd3 | 0xcb => raw(9),
        0xa0..=0xbf => {
            let (text, len) = cut(rest, usize::from(tag & 31));
            (Pack::Text(text), &rest[len..])
        }
        0xd9..=0xdb => {
            let width = 1 << (tag - 0xd9);
            let (text, len) = cut(&rest[width..], number(width));
            (Pack::Text(text), &rest[width + len..])
        }
        0xc4..=0xc6 => {
            let width = 1 << (tag - 0xc4);
            let (bin, len) = cut(&rest[width..], number(width));
            (Pack::Bin(bin), &rest[width + len..])
        }
        0x90..=0x9f => list(rest, usize::from(tag & 15)),
        0xdc | 0xdd => list(&rest[2 << (tag - 0xdc)..], number(2 << (tag - 0xdc))),
        0x80..=0x8f => map(rest, usize::from(tag & 15)),
        0xde | 0xdf => map(&rest[2 << (tag - 0xde)..], number(2 << (tag - 0xde))),
        other => panic!("the codec does not write {other:#04x}"),
    }
}

fn list(mut rest: &[u8], len: usize) -> (Pack, &[u8]) {
    let mut items = Vec::new();
    for _ in 0..len {
        let (item, later) = value(rest);
        items.push(item);
        rest = later;
    }
    (Pack::List(items), rest)
}

fn map(mut rest: &[u8], len: usize) -> (Pack, &[u8]) {
    let mut pairs = Vec::new();
    for _ in 0..len {
        let (key, later) = value(rest);
        let (item, later) = value(later);
        pairs.push((key, item));
        rest = later;
    }
    (Pack::Map(pairs), rest)
}

/// Something to put in a value's place.
pub fn wrong() -> impl Strategy<Value = Pack> {
    let raw = |bytes: &[u8]| Just(Pack::Raw(bytes.to_vec()));
    prop_oneof![
        raw(&[0xc0]),
        raw(&[0xc3]),
        raw(&[0xcf, 255, 255, 255, 255, 255, 255, 255, 255]),
        raw(&[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        raw(&[0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0]),
        raw(&[0xd6, 42, 1, 2, 3, 4]),
        raw(&[0xc1]),
        // Lengths that lie: four gigabytes of text, bytes, items, pairs, extension.
        raw(&[0xdb, 255, 255, 255, 255]),
        raw(&[0xc6, 255, 255, 255, 255]),
        raw(&[0xdd, 255, 255, 255, 255]),
        raw(&[0xdf, 255, 255, 255, 255]),
        raw(&[0xc9, 255, 255, 255, 255, 1]),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Pack::Raw),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Pack::Text),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Pack::Bin),
        (1usize..60_000).prop_map(|n| Pack::Text(vec![b'x'; n])),
        (0usize..2000).prop_map(|n| Pack::List(vec![Pack::Raw(vec![0xc0]); n])),
        (1usize..10_000).prop_map(|n| Pack::Raw([vec![0x91; n], vec![0xc0]].concat())),
        (1usize..5_000).prop_map(|n| Pack::Raw([[0x81, 0xa1, b'a'].repeat(n), vec![0xc0]].concat())),
        Just(Pack::Map(vec![(Pack::text("a"), Pack::text("b")), (Pack::text("a"), Pack::text("b"))])),
    ]
}
