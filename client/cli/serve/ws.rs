//! `rialto serve --ws`: a port for WebSockets, JSON, requests of HTTP and who looks after machines.

use super::Doors;
use crate::exit::{self, Failure};
use crate::paint;
use clap::ValueHint;
use rialto_bridge::auth::certificates::Certificates;
use rialto_bridge::auth::{Identity, Network};
use rialto_bridge::daemon::{Daemon, Limits};
use rialto_bridge::home::Home;
use rialto_bridge::observe::{self, Count, Counters};
use rialto_bridge::router::Spawn;
use rialto_client::protocol::Scope;
use rialto_http::{Facade, Machine, last_word};
use rialto_transports::http::{self, Names, Settings, WebListener, tls};
use rialto_transports::{Boxed, memory};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct WsArgs {
    /// Listen here for WebSockets and HTTP: ADDRESS:PORT, or a port of this machine alone. Who comes shows a token (`rialto token create`)
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) ws: Option<String>,
    /// The certificate for --ws, PEM
    #[arg(long, value_name = "FILE", requires_all = ["ws", "tls_key"], value_hint = ValueHint::FilePath)]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Its key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert", value_hint = ValueHint::FilePath)]
    pub(crate) tls_key: Option<PathBuf>,
    /// Make a certificate once and keep it; clients pin the fingerprint that is printed
    #[arg(long, requires = "ws", conflicts_with = "tls_cert")]
    pub(crate) tls_self_signed: bool,
    /// Let in who shows a certificate of this authority (PEM), with the scope `eval`; others still may show a token
    #[arg(long, value_name = "FILE", requires = "ws", value_hint = ValueHint::FilePath)]
    pub(crate) tls_client_ca: Option<PathBuf>,
    /// Listen without TLS where other machines can reach it, because something in front of it has TLS
    #[arg(long, requires = "ws", conflicts_with_all = ["tls_cert", "tls_self_signed"])]
    pub(crate) plain: bool,
    /// A name of this machine that requests may be meant for, besides localhost and addresses; may be repeated
    #[arg(long, value_name = "NAME", requires = "ws")]
    pub(crate) host: Vec<String>,
    /// A page's origin that may come, as in `https://app.example.org`; may be repeated
    #[arg(long, value_name = "ORIGIN", requires = "ws")]
    pub(crate) allow_origin: Vec<String>,
    /// The address of a proxy that says in X-Forwarded-For for whom it comes, so that it is the client who is logged and whose failures count; may be repeated
    #[arg(long, value_name = "ADDRESS", requires = "ws")]
    pub(crate) trusted_proxy: Vec<IpAddr>,
}

/// What is behind the port, where one is wanted.
pub(super) async fn doors(args: &WsArgs, limits: Limits, home: &Home, spawn: &Spawn) -> Result<Option<Doors>, Failure> {
    let Some(at) = &args.ws else { return Ok(None) };
    let address = resolved(at).await?;
    let secure = args.tls_cert.is_some() || args.tls_self_signed;
    if args.tls_client_ca.is_some() && !secure {
        return Err(Failure::usage("--tls-client-ca needs TLS: --tls-cert and --tls-key, or --tls-self-signed"));
    }
    if !secure && !args.plain && !address.ip().is_loopback() {
        let text = format!(
            "{address} can be reached from other machines, and without TLS tokens could be read on the way: say --tls-cert and --tls-key, or --tls-self-signed; or --plain, where a proxy in front of it has TLS"
        );
        return Err(Failure::usage(text));
    }
    let (tls, fingerprint) = tls_of(args, home)?;
    let mut network = Network::new(home);
    if args.tls_client_ca.is_some() {
        network = network.with(Box::new(Certificates { scope: Scope::Eval }));
    }
    let authenticator = Arc::new(network);
    let daemon = Daemon::with(home.clone(), spawn.clone(), authenticator.clone(), limits);
    let door = Arc::new(http::Counters::default());
    let machine = Here { home: home.clone(), counters: daemon.counters(), door: Arc::clone(&door) };
    let (dialer, facade) = memory::pair();
    let settings = Settings {
        authenticator,
        tls,
        proxies: args.trusted_proxy.clone(),
        names: Names { hosts: args.host.clone(), origins: args.allow_origin.clone() },
        routes: Arc::new(Facade::new(dialer, Arc::new(machine))),
        last_word,
        limits: http::Limits::default(),
        counters: door,
    };
    let cannot = |why| Failure::new(exit::UNAVAILABLE, format!("cannot listen on {address}: {why}"));
    let listener = WebListener::bind(address, settings).await.map_err(cannot)?;
    said(&listener.address().map_err(cannot)?, secure, fingerprint.as_deref(), args.host.first());
    Ok(Some(Doors { daemon, listeners: vec![Box::new(listener), Box::new(facade)], held: None }))
}

/// An address, a name with a port, or a port of this machine alone.
async fn resolved(at: &str) -> Result<SocketAddr, Failure> {
    if let Ok(port) = at.parse::<u16>() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    let bad = |why: String| Failure::usage(format!("--ws {at} is no address: {why}; as in 127.0.0.1:8443, [::]:443 or 8443"));
    let mut found = tokio::net::lookup_host(at).await.map_err(|why| bad(why.to_string()))?;
    found.next().ok_or_else(|| bad("nothing has that name".to_owned()))
}

type Tls = (Option<Arc<tls::ServerConfig>>, Option<String>);

fn tls_of(args: &WsArgs, home: &Home) -> Result<Tls, Failure> {
    let wrong = |why: std::io::Error| Failure::usage(why.to_string());
    let ca = args.tls_client_ca.as_deref();
    if let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) {
        return Ok((Some(tls::server(certificate, key, ca).map_err(wrong)?), None));
    }
    if !args.tls_self_signed {
        return Ok((None, None));
    }
    let own = tls::self_signed(&home.state().join("tls"), &args.host).map_err(wrong)?;
    Ok((Some(tls::server(&own.certificate, &own.key, ca).map_err(wrong)?), Some(own.fingerprint)))
}

fn said(address: &SocketAddr, secure: bool, fingerprint: Option<&str>, host: Option<&String>) {
    let scheme = if secure { "wss" } else { "ws" };
    let name = host.map_or_else(|| address.to_string(), |host| format!("{host}:{}", address.port()));
    let pin = fingerprint.map_or_else(String::new, |fingerprint| format!("#sha256={fingerprint}"));
    paint::talk(&format!(
        "listening on {scheme}://{address}; from elsewhere, with RIALTO_TOKEN set: rialto --at '{scheme}://{name}{pin}' ls"
    ));
}

/// What the facade asks of this machine.
struct Here {
    home: Home,
    counters: Arc<Counters>,
    door: Arc<http::Counters>,
}

impl Machine for Here {
    fn ready(&self) -> Boxed<'static, Result<(), String>> {
        let home = self.home.clone();
        Box::pin(async move {
            let looked =
                rialto_bridge::tasks::blocking(move || home.sessions().map(drop).and_then(|()| home.mend_runtime())).await;
            looked.map_err(|why| why.to_string())?.map_err(|why| why.to_string())
        })
    }

    fn metrics(&self, who: &Identity) -> Boxed<'static, String> {
        let (home, counters, door, who) = (self.home.clone(), Arc::clone(&self.counters), Arc::clone(&self.door), who.clone());
        Box::pin(async move {
            let door = [
                ("rialto_http_accepted_total", "Connections of the port.", &door.accepted),
                ("rialto_http_refused_total", "Requests refused: unproved, or for another name or page.", &door.refused),
                ("rialto_http_dropped_total", "Connections dropped before they had shown anything.", &door.dropped),
            ];
            let door = door.map(|(name, help, count)| Count { name, help, value: count.load(Ordering::Relaxed) });
            observe::metrics(&home, &who, &counters, &door).await
        })
    }
}
