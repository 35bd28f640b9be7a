//! Requests to sessions. Each is one message of the protocol, and its answer is the reply to that, as `rialto rpc` prints it.

use crate::routes::query;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use rialto_client::protocol::message::{Create, EvalState, GetEval, Open, Plain};
use rialto_client::protocol::{Code, ErrorReply, Message, Scope};
use rialto_client::{Connect, Options, Policy, Session, Start, Through};
use rialto_transports::http::Room;
use serde_json::{Map, Value};
use std::time::Duration;

/// A request's body. Code of so many megabytes, however it is escaped, is better sent over a WebSocket.
const BODY: usize = 8 * 1024 * 1024;
/// For an answer: longer than any interrupt takes to escalate.
const PATIENCE: Duration = Duration::from_secs(60);
/// For a session to be found, or made.
const REACH: Duration = Duration::from_secs(15);

/// Why there is no answer.
pub(crate) enum Not {
    /// The bridge or the session says no.
    Refused(ErrorReply),
    /// Another method is.
    Allowed(&'static str),
    /// Nothing is here.
    Here,
}

impl From<ErrorReply> for Not {
    fn from(why: ErrorReply) -> Self {
        // It answers a request of HTTP, whose sender knows of no other number.
        Self::Refused(ErrorReply { re: 0, ..why })
    }
}

pub(crate) async fn answer(
    through: &Through,
    path: &[String],
    request: Request<Incoming>,
    patience: Duration,
) -> Result<(StatusCode, Message), Not> {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    let only = |wanted: Method, name: &'static str| if method == wanted { Ok(()) } else { Err(Not::Allowed(name)) };
    // Looking makes nothing: whoever can have somebody else's browser look would have it made.
    let kernel = if method == Method::POST { query(&uri, "kernel") } else { None };
    let open = |session: &str| -> Result<Open, ErrorReply> { open(session, kernel.as_deref()) };
    let (session, message) = match parts.as_slice() {
        [] => {
            only(Method::GET, "GET")?;
            let link = through.connect(Open::default()).await?;
            let listing = rialto_client::ask(link, APP, Message::List(Plain { re: 1 }));
            return Ok((StatusCode::OK, in_time(listing).await?));
        }
        [session] => {
            only(Method::GET, "GET")?;
            (*session, Message::GetStatus(Plain::default()))
        }
        [session, "evals"] => {
            only(Method::POST, "POST")?;
            (*session, read(request, patience, "submit", &[]).await?)
        }
        [session, "evals", eval] => {
            only(Method::GET, "GET")?;
            (*session, Message::GetEval(which(eval)?))
        }
        [session, "evals", eval, "interrupt"] => {
            only(Method::POST, "POST")?;
            (*session, read(request, patience, "interrupt", &[("eval", eval)]).await?)
        }
        [session, "requests"] => {
            only(Method::POST, "POST")?;
            (*session, read(request, patience, "", &[]).await?)
        }
        [_, "events"] => return Err(Not::Allowed("GET")),
        _ => return Err(Not::Here),
    };
    let has_no_answer = matches!(message, Message::Unwatch(_) | Message::Seen(_) | Message::Resize(_));
    if matches!(message, Message::Attach(_) | Message::Detach(_) | Message::Credit(_)) || has_no_answer {
        let text = "events are followed by a GET of .../events, or on a WebSocket, where a terminal is watched, too";
        return Err(ErrorReply::new(0, Code::WrongState, text).into());
    }
    let mut handle = Session::new(through.clone(), open(session)?, options(Start::Detached)?);
    let reply = in_time(handle.request(message)).await;
    handle.leave().await;
    let reply = reply?;
    let status = match &reply {
        // What is known was submitted before: nothing new was made.
        Message::EvalInfo(info) if !info.known && info.state != EvalState::Ended && method == Method::POST => {
            StatusCode::ACCEPTED
        }
        _ => StatusCode::OK,
    };
    Ok((status, reply))
}

/// As whom a facade's clients are known.
pub(crate) const APP: &str = concat!("rialto http ", env!("CARGO_PKG_VERSION"));

/// The session of that name; one with that kernel, where it is not there.
pub(crate) fn open(session: &str, kernel: Option<&str>) -> Result<Open, ErrorReply> {
    let create = match kernel {
        None => None,
        Some(kernel) => Some(Create {
            id: rialto_client::request_id()?,
            kernel: kernel.to_owned(),
            session: None,
            program: None,
            cwd: String::new(),
            env: std::collections::BTreeMap::default(),
            must_be_new: false,
            ends_when_done: false,
            remove_at_end: false,
            cull_after_ms: None,
            setup: Default::default(),
        }),
    };
    Ok(Open { session: session.to_owned(), create, ..Open::default() })
}

/// The same, to look on.
pub(crate) fn observed(session: &str) -> Open {
    Open { session: session.to_owned(), scope: Some(Scope::Observe), ..Open::default() }
}

pub(crate) fn options(start: Start) -> Result<Options, ErrorReply> {
    let mut options = Options::new(rialto_client::client_id()?, "http");
    APP.clone_into(&mut options.app);
    options.start = start;
    options.reconnect = Policy { give_up: Some(REACH), ..Policy::default() };
    Ok(options)
}

async fn in_time(answer: impl Future<Output = Result<Message, ErrorReply>>) -> Result<Message, ErrorReply> {
    let late =
        || ErrorReply::new(0, Code::Unreachable, format!("no answer within {PATIENCE:?}; the same request may be sent again"));
    tokio::time::timeout(PATIENCE, answer).await.unwrap_or_else(|_| Err(late()))
}

fn which(eval: &str) -> Result<GetEval, ErrorReply> {
    if let Ok(n) = eval.parse() {
        return Ok(GetEval { n: Some(n), ..GetEval::default() });
    }
    let bad = |_| ErrorReply::new(0, Code::BadMessage, format!("{eval:?} names no eval: its number or its id does"));
    Ok(GetEval { eval: Some(eval.parse().map_err(bad)?), ..GetEval::default() })
}

/// A body, and the room it takes.
async fn whole(body: Incoming) -> Result<(Vec<u8>, Room), ErrorReply> {
    let mut body = Limited::new(body, BODY);
    let (mut bytes, room) = (Vec::new(), Room::default());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|why| match why.downcast_ref::<LengthLimitError>() {
            Some(_) => ErrorReply::new(0, Code::Oversize, format!("a body has at most {BODY} bytes")),
            None => ErrorReply::new(0, Code::BadMessage, format!("the body broke off: {why}")),
        })?;
        let Ok(data) = frame.into_data() else { continue };
        room.came(data.len()).map_err(|why| ErrorReply::new(0, Code::TooBusy, why.to_string()))?;
        bytes.extend_from_slice(&data);
    }
    Ok((bytes, room))
}

/// The message that a body is, or is most of.
async fn read(request: Request<Incoming>, patience: Duration, kind: &str, more: &[(&str, &str)]) -> Result<Message, ErrorReply> {
    let bad = |why: String| ErrorReply::new(0, Code::BadMessage, why);
    let late = |_| ErrorReply::new(0, Code::TooSlow, format!("the body did not come within {patience:?}; send it again"));
    let (bytes, _room) = tokio::time::timeout(patience, whole(request.into_body())).await.map_err(late)??;
    let value = if bytes.is_empty() { Ok(Value::Object(Map::new())) } else { serde_json::from_slice(&bytes) };
    let Value::Object(mut map) = value.map_err(|why| bad(format!("the body is no JSON: {why}")))? else {
        return Err(bad("an object is wanted".to_owned()));
    };
    if !kind.is_empty() {
        map.insert("type".to_owned(), kind.into());
    }
    for (key, value) in more {
        map.insert((*key).to_owned(), (*value).into());
    }
    // Its answer is the one there is: it needs no number.
    map.remove("re");
    rialto_client::json::request(Value::Object(map).to_string().as_bytes(), &mut || 1)
}
