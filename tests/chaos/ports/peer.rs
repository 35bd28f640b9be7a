//! An SSH client that says whatever it is told, right or wrong: before the keys are agreed on, between that and the proof of who
//! it is, and after it. Nothing of the library that the server is built with: what both got wrong alike would pass.

use crate::dice::Dice;
use data_encoding::BASE64;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// How it calls itself.
pub(crate) const BANNER: &[u8] = b"SSH-2.0-peer";
/// The longest packet that is read. Bytes.
const MOST: usize = 64 * 1024;

/// A key that opens, where its line is in the file.
pub(crate) fn key() -> Arc<Ed25519KeyPair> {
    Arc::new(Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap())
}

/// Its line.
pub(crate) fn line(key: &Ed25519KeyPair) -> String {
    format!("ssh-ed25519 {} peer", BASE64.encode(&blob(key)))
}

pub(crate) fn blob(key: &Ed25519KeyPair) -> Vec<u8> {
    [string(b"ssh-ed25519"), string(key.public_key().as_ref())].concat()
}

/// As SSH writes bytes: behind their length.
pub(crate) fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

fn mpint(number: &[u8]) -> Vec<u8> {
    let bare: &[u8] = &number[number.iter().position(|b| *b != 0).unwrap_or(number.len())..];
    if bare.first().is_some_and(|b| *b > 127) { string(&[&[0], bare].concat()) } else { string(bare) }
}

/// What it offers.
pub(crate) fn offer(dice: &mut Dice) -> Vec<u8> {
    let mut bytes = vec![20];
    bytes.extend(dice.bytes::<16>());
    let lists = ["curve25519-sha256", "ssh-ed25519", CIPHER, CIPHER, MAC, MAC, "none", "none", "", ""];
    lists.iter().for_each(|list| bytes.extend(string(list.as_bytes())));
    bytes.extend([0; 5]);
    bytes
}

const CIPHER: &str = "aes256-gcm@openssh.com";
const MAC: &str = "hmac-sha2-256-etm@openssh.com";

/// One direction, once keys are agreed on.
struct Seal {
    key: LessSafeKey,
    nonce: [u8; 12],
}

impl Seal {
    fn next(&mut self) -> Nonce {
        let now = Nonce::assume_unique_for_key(self.nonce);
        let count = u64::from_be_bytes(self.nonce[4..].try_into().unwrap()).wrapping_add(1);
        self.nonce[4..].copy_from_slice(&count.to_be_bytes());
        now
    }
}

pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    /// How the server calls itself, once it was read.
    theirs: Vec<u8>,
    session: Vec<u8>,
    to: Option<Seal>,
    from: Option<Seal>,
    pub(crate) dice: Dice,
}

impl Peer {
    pub(crate) async fn dial(port: u16, dice: Dice) -> Self {
        Self::dial_from(Ipv4Addr::LOCALHOST, port, dice).await
    }

    pub(crate) async fn dial_from(from: Ipv4Addr, port: u16, dice: Dice) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let stream = socket.connect((Ipv4Addr::LOCALHOST, port).into()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, theirs: Vec::new(), session: Vec::new(), to: None, from: None, dice }
    }

    /// Says who both are.
    pub(crate) async fn greet(&mut self) -> Option<()> {
        self.stream.write_all(&[BANNER, b"\r\n"].concat()).await.ok()?;
        self.hear_greeting().await
    }

    pub(crate) async fn hear_greeting(&mut self) -> Option<()> {
        while !self.theirs.ends_with(b"\r\n") {
            self.theirs.push(self.stream.read_u8().await.ok()?);
        }
        self.theirs.truncate(self.theirs.len() - 2);
        Some(())
    }

    /// A packet with this in it, as it goes over the wire.
    pub(crate) fn packet(&mut self, payload: &[u8]) -> Vec<u8> {
        let (block, head) = if self.to.is_some() { (16, 1) } else { (8, 5) };
        let mut padding = block - (payload.len() + head) % block;
        if padding < 4 {
            padding += block;
        }
        let length = u32::try_from(1 + payload.len() + padding).unwrap().to_be_bytes();
        let mut rest = vec![u8::try_from(padding).unwrap()];
        rest.extend_from_slice(payload);
        rest.extend(std::iter::repeat_n(0, padding));
        if let Some(seal) = &mut self.to {
            let nonce = seal.next();
            seal.key.seal_in_place_append_tag(nonce, Aad::from(length), &mut rest).unwrap();
        }
        [&length[..], &rest].concat()
    }

    pub(crate) async fn bytes(&mut self, bytes: &[u8]) -> Option<()> {
        self.stream.write_all(bytes).await.ok()
    }

    pub(crate) async fn say(&mut self, payload: &[u8]) -> Option<()> {
        let packet = self.packet(payload);
        self.bytes(&packet).await
    }

    /// The next packet. Nothing: the server has hung up.
    pub(crate) async fn hear(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).await.ok()?;
        let tag = if self.from.is_some() { 16 } else { 0 };
        let size = u32::from_be_bytes(length) as usize;
        assert!(size <= MOST, "the server sends nonsense");
        let mut rest = vec![0; size + tag];
        self.stream.read_exact(&mut rest).await.ok()?;
        if let Some(seal) = &mut self.from {
            let nonce = seal.next();
            seal.key.open_in_place(nonce, Aad::from(length), &mut rest).expect("what the server sends is what it sealed");
        }
        let end = size.checked_sub(rest[0] as usize).unwrap();
        Some(rest[1..end].to_vec())
    }

    /// The next packet of this kind.
    pub(crate) async fn expect(&mut self, kind: u8) -> Option<Vec<u8>> {
        loop {
            let packet = self.hear().await?;
            match packet.first() {
                Some(found) if *found == kind => return Some(packet),
                Some(1) => return None,
                _ => {}
            }
        }
    }

    /// Agrees on keys, for the first time or again.
    pub(crate) async fn agree(&mut self) -> Option<()> {
        let ours = offer(&mut self.dice);
        self.say(&ours).await?;
        let theirs = self.expect(20).await?;
        let random = SystemRandom::new();
        let secret = EphemeralPrivateKey::generate(&X25519, &random).unwrap();
        let public = secret.compute_public_key().unwrap();
        self.say(&[&[30][..], &string(public.as_ref())].concat()).await?;
        let reply = self.expect(31).await?;
        let (host, rest) = take(&reply[1..]);
        let (point, _) = take(rest);
        let shared = agree_ephemeral(secret, &UnparsedPublicKey::new(&X25519, point), mpint).unwrap();
        let all = [BANNER, &self.theirs, &ours, &theirs, host, public.as_ref(), point];
        let hashed: Vec<u8> = all.iter().flat_map(|part| string(part)).chain(shared.iter().copied()).collect();
        let hash = digest(&SHA256, &hashed).as_ref().to_vec();
        if self.session.is_empty() {
            self.session.clone_from(&hash);
        }
        let derived = |letter: u8| digest(&SHA256, &[&shared[..], &hash, &[letter], &self.session].concat()).as_ref().to_vec();
        let seal = |nonce: u8, key: u8| Seal {
            key: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &derived(key)).unwrap()),
            nonce: derived(nonce)[..12].try_into().unwrap(),
        };
        let (to, from) = (seal(b'A', b'C'), seal(b'B', b'D'));
        self.say(&[21]).await?;
        self.to = Some(to);
        self.expect(21).await?;
        self.from = Some(from);
        Some(())
    }

    /// Asks for the service that takes proofs.
    pub(crate) async fn service(&mut self) -> Option<()> {
        self.say(&[&[5][..], &string(b"ssh-userauth")].concat()).await?;
        self.expect(6).await.map(|_| ())
    }

    /// A proof by this key.
    pub(crate) fn proof(&self, user: &[u8], key: &Ed25519KeyPair) -> Vec<u8> {
        let mut packet = vec![50];
        packet.extend([string(user), string(b"ssh-connection"), string(b"publickey"), vec![1]].concat());
        packet.extend([string(b"ssh-ed25519"), string(&blob(key))].concat());
        let signed = key.sign(&[&string(&self.session)[..], &packet].concat());
        packet.extend(string(&[string(b"ssh-ed25519"), string(signed.as_ref())].concat()));
        packet
    }

    /// All of it: whoever has the key is in.
    pub(crate) async fn enter(&mut self, key: &Ed25519KeyPair) -> Option<()> {
        self.greet().await?;
        self.agree().await?;
        self.service().await?;
        let proof = self.proof(b"peer", key);
        self.say(&proof).await?;
        self.expect(52).await.map(|_| ())
    }

    /// Opens a session's channel of our number 0, and gives the server's number of it.
    pub(crate) async fn channel(&mut self) -> Option<u32> {
        self.channel_of(1 << 20, 32 * 1024).await
    }

    /// The same, with a window and packets of these sizes. Bytes.
    pub(crate) async fn channel_of(&mut self, window: u32, packet: u32) -> Option<u32> {
        self.say(&open(0, window, packet)).await?;
        let opened = self.expect(91).await?;
        Some(u32::from_be_bytes(opened[5..9].try_into().unwrap()))
    }

    /// Says that nothing more comes, and reads to the end. Gives the kinds of what came.
    pub(crate) async fn leave(&mut self) -> Vec<u8> {
        let _ = self.stream.shutdown().await;
        let mut kinds = Vec::new();
        while let Some(packet) = self.hear().await {
            kinds.extend(packet.first());
        }
        kinds
    }
}

/// A request for a session's channel.
pub(crate) fn open(number: u32, window: u32, packet: u32) -> Vec<u8> {
    [&[90][..], &string(b"session"), &number.to_be_bytes(), &window.to_be_bytes(), &packet.to_be_bytes()].concat()
}

/// A request of a channel.
pub(crate) fn request(channel: u32, name: &[u8], reply: bool, rest: &[u8]) -> Vec<u8> {
    [&[98][..], &channel.to_be_bytes(), &string(name), &[u8::from(reply)], rest].concat()
}

/// What stands behind its length, and what follows it.
fn take(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (length, rest) = bytes.split_first_chunk::<4>().unwrap();
    rest.split_at(u32::from_be_bytes(*length) as usize)
}
