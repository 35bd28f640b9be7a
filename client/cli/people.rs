//! Principals, as people call them: `ada` for the user that the system calls 1001 and the bridge `uid:1001`.

use crate::exit::Failure;
use nix::unistd::{Uid, User};
use rialto_client::protocol::event::Who;

/// The user number behind a name or a number.
pub(crate) fn uid(name: &str) -> Result<u32, Failure> {
    if let Ok(uid) = name.parse() {
        return Ok(uid);
    }
    match User::from_name(name) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        Ok(None) => Err(Failure::usage(format!("no user of this machine is called {name:?}; `getent passwd` lists them"))),
        Err(why) => Err(Failure::internal(format!("the list of users cannot be read: {why}"))),
    }
}

/// The principal that is meant. `here`: the names of this machine are those of the place; elsewhere they would be somebody else's.
pub(crate) fn principal(name: &str, here: bool) -> Result<String, Failure> {
    if name.contains(':') {
        return Ok(name.to_owned());
    }
    if !here {
        let text =
            format!("{name:?} would be looked up on this machine, and the session is on another; say uid:NUMBER as it is there");
        return Err(Failure::usage(text));
    }
    Ok(format!("uid:{}", uid(name)?))
}

/// A principal with its name, where it has one here.
pub(crate) fn shown(principal: &str, here: bool) -> String {
    let user = principal.strip_prefix("uid:").filter(|_| here).and_then(|uid| uid.parse().ok()).map(Uid::from_raw);
    match user.and_then(|uid| User::from_uid(uid).ok().flatten()) {
        Some(user) => format!("{} ({principal})", user.name),
        None => principal.to_owned(),
    }
}

/// Whoever did something, in short: `uid:1001/exec`.
pub(crate) fn named(who: &Who) -> String {
    let text = if who.label.is_empty() { who.principal.clone() } else { format!("{}/{}", who.principal, who.label) };
    crate::ls::plain(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_user_and_what_has_a_colon_is_a_principal() {
        assert_eq!(principal("root", true).ok().as_deref(), Some("uid:0"));
        assert_eq!(principal("1001", true).ok().as_deref(), Some("uid:1001"));
        assert_eq!(principal("key:ada", false).ok().as_deref(), Some("key:ada"));
        assert!(principal("root", false).is_err() && principal("nobody-of-that-name", true).is_err());
        assert_eq!(shown("uid:0", true), "root (uid:0)");
        assert_eq!((shown("uid:0", false), shown("key:ada", true)), ("uid:0".to_owned(), "key:ada".to_owned()));
    }
}
