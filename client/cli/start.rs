//! From what the command line says of a new session's surroundings to a request for one.

use crate::args::{LifeArgs, StartArgs};
use crate::exit::Failure;
use crate::place::Place;
use crate::project::Chosen;
use rialto_client::protocol::message::Create;
use std::path::{Path, PathBuf};

/// The folder this process is in, as text.
pub(crate) fn cwd() -> PathBuf {
    std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"))
}

/// A request for a session of this kernel.
pub(crate) fn create(chosen: &Chosen, start: &StartArgs, life: &LifeArgs, place: &Place) -> Result<Create, Failure> {
    let there = Where { far: place.is_far() };
    let mut create = Create::new(rialto_client::request_id()?, chosen.kernel.clone());
    create.cull_after_ms = life.cull_after_ms();
    create.program = start.python.as_deref().map(|program| there.program(program));
    create.cwd = start.cwd.as_deref().map(|folder| there.path(folder)).unwrap_or_default();
    create.setup.venv = start.venv.as_deref().map(|folder| there.path(folder));
    create.setup.conda = start.conda.as_deref().map(|name| there.conda(name));
    create.setup.login = start.login;
    for said in &start.env {
        let (name, value) = variable(said)?;
        create.env.insert(name, value);
    }
    if let Some(profile) = chosen.profile.clone() {
        profile.apply(&mut create);
    }
    // Our folder is none of another machine's. There it is the home folder.
    if create.cwd.is_empty() && !there.far {
        create.cwd = cwd().to_string_lossy().into_owned();
    }
    Ok(create)
}

/// `NAME=VALUE`, or `NAME` for what it is here.
fn variable(said: &str) -> Result<(String, String), Failure> {
    let (name, value) = match said.split_once('=') {
        Some((name, value)) => (name, value.to_owned()),
        None => match std::env::var(said) {
            Ok(value) => (said, value),
            Err(std::env::VarError::NotPresent) => {
                return Err(Failure::usage(format!(
                    "--env {said}: it is not set here; --env {said}=VALUE says what it is to be"
                )));
            }
            Err(std::env::VarError::NotUnicode(_)) => {
                return Err(Failure::usage(format!("--env {said}: its value is no text and cannot be passed on")));
            }
        },
    };
    if name.is_empty() || name.contains('\0') {
        return Err(Failure::usage(format!("--env {said}: a name is wanted before the =")));
    }
    if name.starts_with("RIALTO_") {
        return Err(Failure::usage(format!("--env {name}: names that begin with RIALTO_ are rialto's own and not a session's")));
    }
    Ok((name.to_owned(), value))
}

/// Whose paths they are.
struct Where {
    far: bool,
}

impl Where {
    fn path(&self, path: &Path) -> String {
        let whole = match (self.far, path.is_absolute() || path.starts_with("~")) {
            (_, true) => path.to_owned(),
            // As with scp: what is not whole begins in the home folder there; here, where the user stands.
            (true, false) => Path::new("~").join(path),
            (false, false) => straight(&cwd().join(path)),
        };
        // `.` and a slash at the end say nothing.
        whole.components().collect::<PathBuf>().to_string_lossy().into_owned()
    }

    /// A word alone is looked for on the PATH there.
    fn program(&self, program: &Path) -> String {
        if program.components().count() > 1 { self.path(program) } else { program.to_string_lossy().into_owned() }
    }

    fn conda(&self, name: &str) -> String {
        if name.contains('/') { self.path(Path::new(name)) } else { name.to_owned() }
    }
}

/// Without `..`, where that leads somewhere; a link at the end stays one, as that is how an environment knows itself.
fn straight(path: &Path) -> PathBuf {
    let Some(name) = path.file_name() else { return std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()) };
    let folder = path.parent().map(std::fs::canonicalize);
    folder.and_then(Result::ok).map_or_else(|| path.to_owned(), |folder| folder.join(name))
}

/// What to say where the session is there already, so that what was said of a new one has no effect.
pub(crate) fn without_effect(said: &[&str], session: &str) -> Option<String> {
    (!said.is_empty()).then(|| {
        let options = said.join(", ");
        format!("{session} is there already: {options} would be for a new session (--new makes one)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_of_the_machine_where_the_session_will_be() {
        let (here, there) = (Where { far: false }, Where { far: true });
        assert_eq!(here.path(Path::new("x")), cwd().join("x").to_string_lossy());
        assert_eq!(there.path(Path::new("x")), "~/x");
        for whole in ["/x", "~/x"] {
            assert!(here.path(Path::new(whole)) == whole && there.path(Path::new(whole)) == whole);
        }
        assert_eq!((there.program(Path::new("python3.12")).as_str(), there.conda("lab").as_str()), ("python3.12", "lab"));
    }

    #[test]
    fn a_variable_is_said_or_passed_on() {
        assert_eq!(variable("A=b=c").unwrap(), ("A".into(), "b=c".into()));
        assert_eq!(variable("PATH").unwrap().1, std::env::var("PATH").unwrap());
        for (bad, word) in [("NO_SUCH_VARIABLE", "not set"), ("=x", "name is wanted"), ("RIALTO_X=1", "rialto's own")] {
            assert!(variable(bad).unwrap_err().text().contains(word), "{bad}");
        }
    }
}
