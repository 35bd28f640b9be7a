//! A name becomes a session, once, whoever asks at the same time.
//!
//! All of it happens under one lock of this user on this machine. A claim that dies half way leaves a name or a request that
//! leads to no folder: moving the folder to its place is the last step, and what leads to no folder is taken over.

use super::{Home, HomeError, SessionHome, Spec, ours};
use rialto_protocol::message::Create;
use rialto_protocol::{SessionId, SessionName};
use rialto_session::user;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// What a claim came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The session.
    pub id: SessionId,
    /// It was made by this very request (now, or when it was sent the first time).
    pub created: bool,
}

impl Home {
    /// The session of a name or of a `create`: the one that is there, else a new one, which is its maker's user's.
    ///
    /// The same request never makes two sessions. Blocks.
    ///
    /// # Errors
    /// [`HomeError::NameTaken`] and [`HomeError::Exists`] where the request wants a new one, or names an id and a name that
    /// are two sessions'.
    pub fn claim(&self, name: Option<SessionName>, create: &Create, maker: &str) -> Result<Claimed, HomeError> {
        let _held = self.hold()?;
        let request = self.requests_dir().join(create.id.to_string());
        if let Some(id) = self.follow(&request)? {
            return Ok(Claimed { id, created: true });
        }
        // A name that is another session's id would hide that session.
        if let Some(id) = name.as_ref().and_then(|name| name.as_str().parse::<SessionId>().ok())
            && create.session.as_ref() != Some(&id)
            && self.session(&id).exists()
        {
            return Err(HomeError::Exists(id));
        }
        let named = match &name {
            Some(name) => self.named(name)?.map(|id| (name, id)),
            None => None,
        };
        if let Some(id) = &create.session
            && self.session(id).exists()
        {
            return match named {
                Some((name, by)) if by != *id => Err(HomeError::NameTaken { name: name.clone(), by }),
                _ if create.must_be_new => Err(HomeError::Exists(id.clone())),
                _ => Ok(Claimed { id: id.clone(), created: false }),
            };
        }
        if let Some((name, by)) = named {
            // An id that is not the name's session is one that was deleted; its work is not this session's work.
            if create.must_be_new || create.session.is_some() {
                return Err(HomeError::NameTaken { name: name.clone(), by });
            }
            return Ok(Claimed { id: by, created: false });
        }
        let id = match &create.session {
            Some(id) => id.clone(),
            None => self.new_id()?,
        };
        let spec = Spec {
            id: id.clone(),
            name,
            kernel: create.kernel.clone(),
            program: create.program.clone(),
            cwd: if create.cwd.is_empty() { own_folder() } else { create.cwd.clone() },
            owner: user(maker).to_owned(),
            made_by: (maker != user(maker)).then(|| maker.to_owned()),
            created_ms: now_ms(),
            created_by: create.id,
            ends_when_done: create.ends_when_done,
            remove_at_end: create.remove_at_end,
            cull_after_ms: create.cull_after_ms,
            setup: create.setup.clone(),
            given: create.env.keys().filter(|name| !name.starts_with("RIALTO_")).cloned().collect(),
        };
        self.build(&spec, &request)?;
        Ok(Claimed { id, created: true })
    }

    /// Makes the session, or leaves nothing of it. The caller holds the lock.
    fn build(&self, spec: &Spec, request: &Path) -> Result<(), HomeError> {
        let place = self.session(&spec.id);
        place.socket()?;
        let aside = self.sessions_dir().join(format!(".new-{}", spec.id));
        let name = spec.name.as_ref().map(|name| self.names_dir().join(name.as_str()));
        let built = SessionHome::furnish(&aside, spec)
            .and_then(|()| name.iter().try_for_each(|name| ours::write(name, spec.id.as_str())))
            .and_then(|()| ours::write(request, spec.id.as_str()))
            .and_then(|()| std::fs::rename(&aside, place.dir()).map_err(HomeError::io("make", place.dir())));
        if built.is_err() {
            // Where this fails as well, what stays leads nowhere and is taken over.
            for file in name.iter().map(std::path::PathBuf::as_path).chain([request]) {
                let _ = ours::remove(file);
            }
            let _ = std::fs::remove_dir_all(&aside);
        }
        built
    }

    /// An id that no session here has, nor any other text means. Ten letters of dice do not repeat; this is for dice that do.
    fn new_id(&self) -> Result<SessionId, HomeError> {
        loop {
            let id = SessionId::from_bytes(super::random()?);
            if !self.session(&id).exists() && !self.names_dir().join(id.as_str()).exists() {
                return Ok(id);
            }
        }
    }

    /// The session that has the name.
    pub(super) fn named(&self, name: &SessionName) -> Result<Option<SessionId>, HomeError> {
        self.follow(&self.names_dir().join(name.as_str()))
    }

    /// The session that a file leads to, where it leads to one that is there.
    fn follow(&self, path: &Path) -> Result<Option<SessionId>, HomeError> {
        let Some(text) = ours::read(path, 64)? else { return Ok(None) };
        // Cut short by a power failure: it leads nowhere.
        let Ok(id) = text.parse::<SessionId>() else { return Ok(None) };
        Ok(Some(id).filter(|id| self.session(id).exists()))
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Where a session starts that names no folder: whoever made it is on another machine and does not know ours.
fn own_folder() -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten().map(|user| user.dir);
    let home = std::env::var_os("HOME").map(std::path::PathBuf::from).or(user).filter(|path| path.is_dir());
    home.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{create, home};
    use super::*;
    use std::collections::BTreeSet;

    fn name(text: &str) -> Option<SessionName> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn twenty_who_claim_a_name_at_once_meet_in_one_session() {
        let (_temp, home) = home();
        let claims: Vec<Claimed> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..20)
                .map(|n| {
                    let home = &home;
                    scope.spawn(move || home.claim(name("work"), &create(n), "uid:0").unwrap())
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(claims.iter().map(|claim| &claim.id).collect::<BTreeSet<_>>().len(), 1);
        assert_eq!(claims.iter().filter(|claim| claim.created).count(), 1);
        assert_eq!(home.sessions().unwrap().len(), 1);
    }

    #[test]
    fn one_request_makes_one_session_with_a_name_or_without() {
        let (_temp, home) = home();
        let first = home.claim(None, &create(1), "uid:0").unwrap();
        assert_eq!(home.claim(None, &create(1), "uid:0").unwrap(), first);
        assert_ne!(home.claim(None, &create(2), "uid:0").unwrap().id, first.id);
        let new = Create { must_be_new: true, ..create(3) };
        let made = home.claim(name("work"), &new, "uid:0").unwrap();
        assert_eq!(home.claim(name("work"), &new, "uid:0").unwrap(), made, "the retry of a create is no second create");
        let other = Create { must_be_new: true, ..create(4) };
        assert!(matches!(home.claim(name("work"), &other, "uid:0"), Err(HomeError::NameTaken { .. })));
    }

    #[test]
    fn an_id_of_the_clients_choice_is_met_and_never_mistaken() {
        let (_temp, home) = home();
        let id: SessionId = "abcdefghij".parse().unwrap();
        let with = |n: u8| Create { session: Some("abcdefghij".parse().unwrap()), ..create(n) };
        assert_eq!(home.claim(name("work"), &with(1), "uid:0").unwrap(), Claimed { id: id.clone(), created: true });
        assert_eq!(home.claim(name("work"), &with(2), "uid:0").unwrap(), Claimed { id: id.clone(), created: false });
        let other = Create { session: Some("jihgfedcba".parse().unwrap()), ..create(3) };
        assert!(matches!(home.claim(name("work"), &other, "uid:0"), Err(HomeError::NameTaken { .. })));
        let new = Create { must_be_new: true, ..with(4) };
        assert!(matches!(home.claim(None, &new, "uid:0"), Err(HomeError::Exists(_))));
    }

    #[test]
    fn a_claim_that_fails_leaves_nothing() {
        let (_temp, home) = home();
        // Where the request belongs there is a folder.
        std::fs::create_dir_all(home.requests_dir().join(create(1).id.to_string()).join("in the way")).unwrap();
        assert!(home.claim(name("work"), &create(1), "uid:0").is_err());
        assert_eq!(std::fs::read_dir(home.names_dir()).unwrap().count(), 0);
        assert_eq!(std::fs::read_dir(home.sessions_dir()).unwrap().count(), 0);
        assert!(home.claim(name("work"), &create(2), "uid:0").unwrap().created);
    }

    #[test]
    fn what_a_claim_that_died_half_way_left_is_taken_over() {
        let (_temp, home) = home();
        // A name and a request that lead nowhere, and a folder that never came to its place.
        ours::write(&home.names_dir().join("work"), "abcdefghij").unwrap();
        ours::write(&home.requests_dir().join(create(1).id.to_string()), "abcdefghij").unwrap();
        std::fs::create_dir(home.sessions_dir().join(".new-abcdefghij")).unwrap();
        ours::write(&home.names_dir().join("torn"), "").unwrap();
        assert!(home.sessions().unwrap().is_empty());
        let claim = home.claim(name("work"), &create(1), "uid:0").unwrap();
        assert!(claim.created && home.session(&claim.id).spec().is_ok());
        assert!(home.claim(name("torn"), &create(2), "uid:0").unwrap().created);
    }
}
