//! What a person wrote becomes a session: a name, an id, or the beginning of an id.

use super::{Home, HomeError};
use rialto_protocol::{SessionId, SessionName};

/// Letters of an id that must be written. Fewer would fit something by accident.
const LEAST: usize = 3;

impl Home {
    /// The session that `text` means. A name comes first: a person chose it. Blocks.
    ///
    /// # Errors
    /// [`HomeError::Unknown`], [`HomeError::Ambiguous`].
    pub fn resolve(&self, text: &str) -> Result<SessionId, HomeError> {
        self.resolve_among(text, &|_| true)
    }

    /// The same among the sessions that `sees` lets through: for everybody else the others are not there, not even as a reason
    /// why a beginning is ambiguous.
    pub(crate) fn resolve_among(&self, text: &str, sees: &dyn Fn(&SessionId) -> bool) -> Result<SessionId, HomeError> {
        if let Some(id) = self.exactly(text)?.filter(sees) {
            return Ok(id);
        }
        let unknown = || HomeError::Unknown(text.chars().take(80).collect());
        if text.len() < LEAST || text.len() >= SessionId::LETTERS {
            return Err(unknown());
        }
        let fits: Vec<SessionId> = self
            .sessions()?
            .into_iter()
            .map(|session| session.id().clone())
            .filter(|id| id.as_str().starts_with(text) && sees(id))
            .collect();
        match fits.as_slice() {
            [] => Err(unknown()),
            [one] => Ok(one.clone()),
            many => {
                let found: Vec<&str> = many.iter().take(4).map(SessionId::as_str).collect();
                let more = if many.len() > found.len() { ", ..." } else { "" };
                Err(HomeError::Ambiguous { text: text.to_owned(), found: found.join(", ") + more })
            }
        }
    }

    /// The session of a whole name or a whole id. Only these count where a new session would be made otherwise: `abc` is
    /// then the name of a new one and not the beginning of somebody's id.
    pub(crate) fn exactly(&self, text: &str) -> Result<Option<SessionId>, HomeError> {
        if let Ok(name) = text.parse::<SessionName>()
            && let Some(id) = self.named(&name)?
        {
            return Ok(Some(id));
        }
        Ok(text.parse::<SessionId>().ok().filter(|id| self.session(id).exists()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{create, home};
    use rialto_protocol::Code;
    use rialto_protocol::message::Create;

    #[test]
    fn a_name_an_id_and_a_beginning_all_lead_there() {
        let (_temp, home) = home();
        for (n, id) in ["abcdefghij", "abcdefghik", "abczzzzzzz"].into_iter().enumerate() {
            let create = Create { session: Some(id.parse().unwrap()), ..create(n as u8) };
            home.claim(Some(format!("n{n}").parse().unwrap()), &create, "uid:0").unwrap();
        }
        let meant = |text: &str| home.resolve(text).map(|id| id.to_string()).map_err(|error| error.code());
        assert_eq!(meant("n1"), Ok("abcdefghik".into()));
        assert_eq!(meant("abcdefghij"), Ok("abcdefghij".into()));
        assert_eq!(meant("abcz"), Ok("abczzzzzzz".into()));
        assert_eq!(meant("abc"), Err(Code::Ambiguous));
        assert_eq!(meant("ab"), Err(Code::UnknownSession));
        assert_eq!(meant("n9"), Err(Code::UnknownSession));
        let said = home.resolve("abcd").unwrap_err().to_string();
        assert!(said.contains("abcdefghij, abcdefghik"), "{said}");
    }

    #[test]
    fn no_text_leads_out_of_the_folder() {
        let (temp, home) = home();
        std::fs::write(temp.path().join("secret"), "abcdefghij").unwrap();
        for text in ["", "..", "../..", "../../secret", "/etc/passwd", "names/x", "a/../../b", "\0", "x\n", &"y".repeat(1 << 20)]
        {
            let error = home.resolve(text).unwrap_err();
            assert_eq!(error.code(), Code::UnknownSession, "{error}");
            assert!(error.to_string().len() < 500);
        }
    }
}
