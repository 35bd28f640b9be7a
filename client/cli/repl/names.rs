//! What people and terminals are called here: this user is "you", and each of a user's terminals has a name of its own.

use super::Repl;
use crate::ls::plain;
use crate::people::named;
use nix::unistd::ttyname;
use rialto_client::protocol::event::Who;

/// What the label of each terminal begins with.
const TERMINAL: &str = "terminal";

/// What this terminal calls itself: `terminal@pts/3`, to a session elsewhere `terminal@laptop:pts/3`.
pub(super) fn label(elsewhere: bool) -> String {
    let Ok(tty) = ttyname(std::io::stdin()) else { return TERMINAL.to_owned() };
    let tty = tty.strip_prefix("/dev").unwrap_or(&tty).display().to_string();
    let machine = if elsewhere { rustix::system::uname().nodename().to_string_lossy().into_owned() + ":" } else { String::new() };
    plain(&format!("{TERMINAL}@{machine}{tty}"))
}

/// Whether somebody sits there.
pub(super) fn is_terminal(label: &str) -> bool {
    label.strip_prefix(TERMINAL).is_some_and(|rest| rest.is_empty() || rest.starts_with('@'))
}

/// Whoever did something, as this user would say it: `you/exec`, `anna/mcp`.
pub(super) fn name_of(who: &Who, principal: &str) -> String {
    if who.principal != principal {
        return named(who);
    }
    if who.label.is_empty() { "you".to_owned() } else { plain(&format!("you/{}", who.label)) }
}

/// It is this user's own.
pub(super) fn is_you(author: Option<&str>) -> bool {
    author.is_none_or(|author| author == "you" || author.starts_with("you/"))
}

impl Repl {
    pub(super) fn named(&self, who: &Who) -> String {
        name_of(who, &self.principal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_this_user_is_you_wherever() {
        let who = |principal: &str, label: &str| Who { principal: principal.into(), client: None, label: label.into() };
        assert_eq!(name_of(&who("uid:1", "terminal@pts/3"), "uid:1"), "you/terminal@pts/3");
        assert_eq!(name_of(&who("uid:1", ""), "uid:1"), "you");
        assert_eq!(name_of(&who("anna", "mcp"), "uid:1"), "anna/mcp");
        assert!(is_you(None) && is_you(Some("you")) && is_you(Some("you/exec")) && !is_you(Some("youssef/exec")));
        assert!(is_terminal("terminal") && is_terminal("terminal@pts/3") && !is_terminal("terminals"));
    }
}
