//! As which user of this machine something runs.

use nix::unistd::Uid;
use std::path::PathBuf;

/// A user of this machine.
#[derive(Debug, Clone)]
pub struct User {
    /// Number.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Name.
    pub name: String,
    /// Home folder, where there is one.
    pub home: PathBuf,
    /// What it is told is its shell. None is ever started.
    pub shell: PathBuf,
}

impl User {
    /// The user number of a principal: `uid:1000/laptop` is 1000.
    #[must_use]
    pub fn of(principal: &str) -> Option<u32> {
        principal.split('/').next()?.strip_prefix("uid:")?.parse().ok()
    }

    /// What the system knows of a user.
    ///
    /// # Errors
    /// It knows none of that number, or does not say.
    pub fn find(uid: u32) -> Result<Self, String> {
        match nix::unistd::User::from_uid(Uid::from_raw(uid)) {
            Ok(Some(user)) => {
                // Our own may be where our environment says, as it is for everything else that we are.
                let own = std::env::var_os("HOME").filter(|_| Uid::effective().as_raw() == uid).map(PathBuf::from);
                let home = own.filter(|home| home.is_absolute()).unwrap_or(user.dir);
                let home = if home.is_dir() { home } else { PathBuf::from("/") };
                Ok(Self { uid, gid: user.gid.as_raw(), name: user.name, home, shell: user.shell })
            }
            // A container may run as a number that no list knows.
            Ok(None) if Uid::effective().as_raw() == uid => {
                let home = std::env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from);
                let gid = nix::unistd::Gid::effective().as_raw();
                Ok(Self { uid, gid, name: uid.to_string(), home, shell: PathBuf::from("/bin/sh") })
            }
            Ok(None) => Err(format!("this machine has no user {uid}")),
            Err(why) => Err(format!("the list of users cannot be read: {why}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_names_a_user_and_maybe_a_credential() {
        assert_eq!((User::of("uid:1000"), User::of("uid:0/laptop")), (Some(1000), Some(0)));
        assert_eq!((User::of("key:ada"), User::of("uid:x"), User::of("")), (None, None, None));
    }
}
