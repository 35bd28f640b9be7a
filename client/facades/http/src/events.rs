//! Server-Sent Events: a session's events, each with its cursor as `id`, so that whoever comes back with that as
//! `Last-Event-ID` misses nothing and sees nothing twice.

use crate::routes::{query, refusal};
use crate::sessions::{observed, options};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming as Asked};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};
use rialto_client::protocol::{Code, Cursor, ErrorReply, Message, codec};
use rialto_client::{Incoming, Session, Start, Through};
use rialto_transports::http::Body;
use std::io;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// A stream that says nothing for so long says that it lives: what is in between closes silent ones.
const SILENCE: Duration = Duration::from_secs(15);

/// Answers with the events of a session, as long as the client stays.
pub(crate) async fn follow(
    through: Through,
    session: &str,
    request: &Request<Asked>,
    seat: OwnedSemaphorePermit,
) -> Response<Body> {
    let start = match start(request) {
        Ok(start) => start,
        Err(why) => return refusal(&why),
    };
    let options = match options(start) {
        Ok(options) => options,
        Err(why) => return refusal(&why),
    };
    let mut session = Session::new(through, observed(session), options);
    // A session that is not there is a status, and not the first event.
    if let Err(why) = session.connected().await {
        return refusal(&why);
    }
    let stream = stream::unfold(Some(Following { session, _seat: seat }), |following| async {
        let mut following = following?;
        let (text, over) = following.next().await;
        Some((Ok::<_, io::Error>(Frame::data(Bytes::from(text))), (!over).then_some(following)))
    });
    let mut response = Response::new(StreamBody::new(stream).boxed_unsync());
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    // What nginx would gather until there is a page of it.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// Where it begins: after what the client has seen; with so many of the last ones; or with the first.
fn start(request: &Request<Asked>) -> Result<Start, ErrorReply> {
    let bad = |why: String| ErrorReply::new(0, Code::BadMessage, why);
    let seen = request.headers().get("last-event-id").map(|id| id.to_str().unwrap_or_default().to_owned());
    if let Some(seen) = seen.or_else(|| query(request.uri(), "after")) {
        let cursor: Cursor = seen.parse().map_err(|why| bad(format!("{why}")))?;
        return Ok(Start::After(Some(cursor)));
    }
    match query(request.uri(), "tail") {
        Some(tail) => Ok(Start::Tail(tail.parse().map_err(|_| bad(format!("tail={tail} is no number of events")))?)),
        None => Ok(Start::After(None)),
    }
}

struct Following {
    session: Session,
    _seat: OwnedSemaphorePermit,
}

impl Following {
    /// The next lines, and whether they are the last.
    async fn next(&mut self) -> (String, bool) {
        loop {
            let Ok(incoming) = tokio::time::timeout(SILENCE, self.session.next()).await else {
                return (":\n\n".to_owned(), false);
            };
            let message = match incoming {
                Incoming::Event(record) => Message::Event(record),
                Incoming::Gap(gap) => Message::Gap(gap),
                Incoming::Rewound(rewound) => Message::Rewound(rewound),
                Incoming::Connected(connected) => match connected.attached {
                    Some(attached) => return (data(None, &Message::Attached(attached)), false),
                    None => continue,
                },
                Incoming::Closed(why) => return (data(None, &Message::Error(why)), true),
                _ => continue,
            };
            return (data(self.session.cursor(), &message), false);
        }
    }
}

fn data(id: Option<Cursor>, message: &Message) -> String {
    let id = id.map_or_else(String::new, |cursor| format!("id: {cursor}\n"));
    // JSON has no line breaks of its own.
    format!("{id}data: {}\n\n", codec::to_json(message))
}
