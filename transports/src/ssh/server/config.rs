//! What is spoken: algorithms that have no known weakness, and every current client has.

use super::HostKey;
use russh::keys::Algorithm;
use russh::server::Config;
use russh::{Limits, MethodKind, MethodSet, Preferred, SshId, cipher, compression, kex, mac};
use std::borrow::Cow;
use std::time::Duration;

/// What a client may send on a channel before it is told that we take more. Bytes.
pub(super) const WINDOW: u32 = 256 * 1024;
/// The largest packet, as every SSH has it. Bytes.
const PACKET: u32 = 32 * 1024;
/// Messages of a channel that wait for its task.
const CHANNEL: usize = 8;
/// Messages of all channels that wait to be sent. The library takes all of them into one buffer at once and keeps that: a connection that is
/// not read costs them twice. Where it is read they wait for nothing but the other task's turn.
const EVENTS: usize = 1;
/// New keys after so many bytes, in either direction, and after an hour.
const REKEY: usize = 1 << 30;

pub(super) fn config(key: HostKey, own: &super::Limits) -> Config {
    Config {
        // No version of anything: that would say what it is weak against. OpenSSH's client says that nobody reads its output any
        // more (`deaf.rs`) only to those that call themselves so.
        server_id: SshId::Standard(crate::ssh::OURS.into()),
        methods: MethodSet::from([MethodKind::PublicKey].as_slice()),
        // A key cannot be guessed, so there is nothing to slow down; but each wrong signature costs a moment.
        auth_rejection_time: Duration::from_millis(50),
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![key.0],
        limits: Limits::new(REKEY, REKEY, Duration::from_secs(3600)),
        window_size: WINDOW,
        maximum_packet_size: PACKET,
        channel_buffer_size: CHANNEL,
        event_buffer_size: EVENTS,
        preferred: preferred(own.post_quantum),
        max_auth_attempts: 3,
        // Whoever thinks for an hour is no fault. Whoever is gone does not answer keepalives.
        inactivity_timeout: None,
        keepalive_interval: Some(own.keepalive),
        keepalive_max: 3,
        nodelay: true,
        ..Config::default()
    }
}

fn preferred(only_new: bool) -> Preferred {
    // The first holds against a quantum computer, too; OpenSSH has it since 9.9. What came before has no known weakness today,
    // but who records it now may read it then.
    const ALL: &[kex::Name] = &[
        kex::MLKEM768X25519_SHA256,
        kex::CURVE25519,
        kex::CURVE25519_PRE_RFC_8731,
        kex::EXTENSION_SUPPORT_AS_SERVER,
        kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
    ];
    const NEW: &[kex::Name] =
        &[kex::MLKEM768X25519_SHA256, kex::EXTENSION_SUPPORT_AS_SERVER, kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER];
    const CIPHERS: &[cipher::Name] = &[
        cipher::AES_256_GCM,
        cipher::AES_128_GCM,
        cipher::CHACHA20_POLY1305,
        cipher::AES_256_CTR,
        cipher::AES_192_CTR,
        cipher::AES_128_CTR,
    ];
    const MACS: &[mac::Name] = &[mac::HMAC_SHA512_ETM, mac::HMAC_SHA256_ETM];
    Preferred {
        kex: Cow::Borrowed(if only_new { NEW } else { ALL }),
        key: Cow::Borrowed(&[Algorithm::Ed25519]),
        cipher: Cow::Borrowed(CIPHERS),
        mac: Cow::Borrowed(MACS),
        compression: Cow::Borrowed(&[compression::NONE]),
        ..Preferred::DEFAULT
    }
}
