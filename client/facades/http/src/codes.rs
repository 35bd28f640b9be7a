//! Errors and ends as the numbers that HTTP and WebSockets have for them.

use hyper::StatusCode;
use rialto_client::protocol::frame::Decoder;
use rialto_client::protocol::{Code, ErrorReply, Message, codec};
use rialto_transports::websocket::Farewell;

/// What the last frames of a connection said, for its close frame.
#[must_use]
pub fn last_word(bytes: &[u8]) -> Option<Farewell> {
    let mut decoder = Decoder::default();
    decoder.buffer().extend_from_slice(bytes);
    let mut last = None;
    // What is no whole frame is no last word.
    while let Ok(Some((header, body))) = decoder.next() {
        last = codec::decode(header, body).ok().filter(|_| header.channel == 0 && !header.more());
    }
    farewell(&last?)
}

/// What a message that ends a connection is as a close frame.
pub(crate) fn farewell(message: &Message) -> Option<Farewell> {
    let (code, reason) = match message {
        Message::Goaway(goaway) => (1001, format!("goaway: {}", goaway.reason)),
        Message::Error(error) => (close(error), error.text.clone()),
        Message::Closed(closed) => (1000, closed.reason.clone()),
        _ => return None,
    };
    Some(Farewell { code, reason })
}

/// The close code of an error: the standard's where it has one.
const fn close(error: &ErrorReply) -> u16 {
    match error.known() {
        Some(Code::Unauthenticated) => 4401,
        Some(Code::Forbidden) => 4403,
        Some(Code::TooBusy | Code::QueueFull) => 1013,
        Some(Code::Oversize | Code::CodeTooLarge) => 1009,
        Some(Code::BadFrame | Code::BadMessage | Code::NoCommonContract | Code::WrongState) => 1002,
        Some(Code::UnknownSession | Code::SessionGone | Code::SessionEnded) => 4404,
        Some(Code::Unreachable | Code::Disconnected) => 1012,
        // As the status of HTTP has it.
        Some(Code::TooSlow) => 4408,
        _ => 1011,
    }
}

/// The status of an error.
pub(crate) const fn status(error: &ErrorReply) -> StatusCode {
    match error.known() {
        Some(Code::Unauthenticated) => StatusCode::UNAUTHORIZED,
        Some(Code::Forbidden | Code::NotYourAsk | Code::NotOurs) => StatusCode::FORBIDDEN,
        Some(Code::UnknownSession | Code::UnknownEval | Code::NoSuchAsk | Code::UnknownKernel) => StatusCode::NOT_FOUND,
        Some(Code::SessionGone | Code::SessionEnded) => StatusCode::GONE,
        Some(Code::IdReused | Code::NameTaken | Code::WrongState | Code::Ambiguous | Code::NoKernel) => StatusCode::CONFLICT,
        Some(Code::Oversize | Code::CodeTooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
        Some(Code::BadMessage | Code::BadName | Code::UnknownMessage) => StatusCode::BAD_REQUEST,
        Some(Code::TooSlow) => StatusCode::REQUEST_TIMEOUT,
        Some(Code::QueueFull) => StatusCode::TOO_MANY_REQUESTS,
        Some(Code::TooBusy | Code::Unreachable | Code::Disconnected | Code::KernelBusy | Code::DiskFull | Code::OutboxFull) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_client::protocol::limits::DEFAULT_MAX_FRAME;
    use rialto_client::protocol::message::Goaway;

    #[test]
    fn the_last_frame_says_why() {
        let said = |message: &Message| {
            let mut bytes = Vec::new();
            codec::encode(&mut bytes, 0, message, DEFAULT_MAX_FRAME);
            last_word(&bytes)
        };
        let goaway = said(&Message::Goaway(Goaway { reason: "shutdown".to_owned(), retry_after_ms: Some(1) })).unwrap();
        assert_eq!((goaway.code, goaway.reason.as_str()), (1001, "goaway: shutdown"));
        let error = |code| said(&Message::Error(ErrorReply::new(0, code, "why"))).unwrap().code;
        assert_eq!((error(Code::TooBusy), error(Code::Unauthenticated), error(Code::BadFrame)), (1013, 4401, 1002));
        assert_eq!(said(&Message::Ping([0; 8])), None);
        assert_eq!(last_word(b"\x01\x02"), None);
    }
}
