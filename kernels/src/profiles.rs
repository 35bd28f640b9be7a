//! Kernels with names of the user's own: `[kernels.NAME]` of `~/.config/rialto/kernels.toml`, and of a project's `.rialto.toml`.
//! The one parser of both.
//!
//! ```toml
//! kernel = "lab"                         # what runs where nobody names a kernel
//!
//! [kernels.lab]
//! kernel = "python"                      # what it is: a kernel's name. Default: python
//! venv = "~/envs/lab"                    # or conda = "lab", or python = "/opt/py/bin/python3"
//! cwd = "notebooks"                      # relative paths begin where the file is
//! login = true                           # the environment of the login shell
//! env = { MODE = "lab", DEBUG = "1" }
//!
//! [kernels.db]
//! pty = "sqlite3 x.db"                   # instead of `kernel`: a program with a prompt
//! prompt = "sqlite> $"
//! continuation = "   \\.\\.\\.> $"
//! size = "24x80"                         # rows and columns; also echo = true, eol = "lf", exit = ".quit"
//! ```
//!
//! What a file says may run any program, so whose file it is is asked before it is read: see [`of_user`] for the user's own; a project's is
//! somebody else's text, and whoever reads that asks first.

use rialto_protocol::message::Create;
use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, Item, TableLike};

/// A file of profiles is no longer than this. Bytes.
pub const LONGEST: u64 = 256 * 1024;
/// What may be said of a profile.
const KEYS: &[&str] =
    &["kernel", "pty", "prompt", "continuation", "echo", "eol", "size", "exit", "python", "venv", "conda", "env", "cwd", "login"];

/// What a file says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profiles {
    /// The kernel, or the profile, of a session for which nobody names one.
    pub kernel: Option<String>,
    /// By name.
    pub profiles: BTreeMap<String, Profile>,
}

/// A kernel, and how it is started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// The kernel it is.
    pub kernel: Option<String>,
    /// A program with a prompt, instead.
    pub pty: Option<String>,
    /// What that shows before it reads.
    pub prompt: Option<String>,
    /// What it shows where it wants more.
    pub continuation: Option<String>,
    /// Whether it shows what is typed.
    pub echo: Option<bool>,
    /// What ends a line that is typed.
    pub eol: Option<String>,
    /// Rows and columns.
    pub size: Option<String>,
    /// What is typed to leave it.
    pub exit: Option<String>,
    /// The interpreter.
    pub python: Option<String>,
    /// The folder of a virtual environment.
    pub venv: Option<String>,
    /// A conda environment.
    pub conda: Option<String>,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// The folder to start in.
    pub cwd: Option<String>,
    /// The environment of the login shell.
    pub login: bool,
}

impl Profile {
    /// The kernel it is, as a request for a session says it.
    #[must_use]
    pub fn base(&self) -> String {
        match (&self.pty, &self.kernel) {
            (Some(command), _) => format!("pty:{command}"),
            (None, Some(kernel)) => kernel.clone(),
            (None, None) => "python".to_owned(),
        }
    }

    /// The same with whole paths: those that are relative begin in `folder`.
    #[must_use]
    pub fn at(mut self, folder: &Path) -> Self {
        let whole = |path: &mut Option<String>, is_path: bool| {
            if let Some(text) = path.as_mut().filter(|text| is_path && !text.starts_with(['~', '/'])) {
                *text = folder.join(&*text).to_string_lossy().into_owned();
            }
        };
        // A word alone is a program on the PATH, and a conda environment's name.
        let (program, conda) = (has_slash(self.python.as_ref()), has_slash(self.conda.as_ref()));
        whole(&mut self.python, program);
        whole(&mut self.conda, conda);
        whole(&mut self.venv, true);
        whole(&mut self.cwd, true);
        self
    }

    /// Fills in what the request does not say itself.
    pub fn apply(self, create: &mut Create) {
        create.kernel = self.base();
        let Self { prompt, continuation, echo, eol, size, exit, python, venv, conda, env, cwd, login, .. } = self;
        let setup = &mut create.setup;
        // Who names one interpreter means none of the others.
        if create.program.is_none() && setup.venv.is_none() && setup.conda.is_none() {
            (create.program, setup.venv, setup.conda) = (python, venv, conda);
        }
        setup.prompt = setup.prompt.take().or(prompt);
        setup.continuation = setup.continuation.take().or(continuation);
        setup.echo = setup.echo.or(echo);
        setup.eol = setup.eol.take().or(eol);
        setup.size = setup.size.take().or(size);
        setup.exit = setup.exit.take().or(exit);
        setup.login |= login;
        for (name, value) in env {
            create.env.entry(name).or_insert(value);
        }
        if let (true, Some(cwd)) = (create.cwd.is_empty(), cwd) {
            create.cwd = cwd;
        }
    }
}

fn has_slash(text: Option<&String>) -> bool {
    text.is_some_and(|text| text.contains('/'))
}

/// Why a file cannot be used: a sentence that names it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {why}", path.display())]
pub struct Unusable {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

/// The user's own file, whether it is there or not.
#[must_use]
pub fn user_file() -> Option<PathBuf> {
    let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let config = config.or_else(|| Some(crate::find::home()?.join(".config")))?;
    Some(config.join("rialto/kernels.toml"))
}

/// The user's own profiles, with whole paths. No file: none.
///
/// # Errors
/// Where there is one that somebody else may write to, or that cannot be understood.
pub fn of_user() -> Result<Profiles, Unusable> {
    let Some(path) = user_file() else { return Ok(Profiles::default()) };
    let Some(text) = read(&path)? else { return Ok(Profiles::default()) };
    let read = parse(&text).map_err(|why| Unusable { path: path.clone(), why })?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    Ok(Profiles { profiles: read.profiles.into_iter().map(|(name, profile)| (name, profile.at(folder))).collect(), ..read })
}

/// The user's own profile of this name.
///
/// # Errors
/// As [`of_user`].
pub fn named(name: &str) -> Result<Option<Profile>, Unusable> {
    // Most names are kernels' own, and no profile has one of those.
    if crate::is_kernel(name) || !is_name(name) {
        return Ok(None);
    }
    Ok(of_user()?.profiles.remove(name))
}

/// A file of this user's that nobody else may write to. None: it is not there.
///
/// # Errors
/// Where it is there and is not that.
pub fn read(path: &Path) -> Result<Option<String>, Unusable> {
    let unusable = |why: String| Unusable { path: path.to_owned(), why };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(unusable(format!("cannot be read: {why}"))),
    };
    let about = file.metadata().map_err(|why| unusable(format!("cannot be looked at: {why}")))?;
    let me = nix::unistd::geteuid().as_raw();
    if !about.is_file() {
        return Err(unusable("is no file".to_owned()));
    }
    if about.uid() != me {
        return Err(unusable(format!("belongs to user {} and not to you ({me}), so it is not used", about.uid())));
    }
    if about.mode() & 0o002 != 0 {
        return Err(unusable("everybody may write to it, so it is not used; `chmod o-w` it".to_owned()));
    }
    let mut text = String::new();
    file.take(LONGEST + 1).read_to_string(&mut text).map_err(|why| unusable(format!("cannot be read: {why}")))?;
    if text.len() as u64 > LONGEST {
        return Err(unusable(format!("is longer than {} KiB", LONGEST / 1024)));
    }
    Ok(Some(text))
}

/// What a file of profiles says.
///
/// # Errors
/// A sentence about what cannot be understood.
pub fn parse(text: &str) -> Result<Profiles, String> {
    let document = text.parse::<DocumentMut>().map_err(|why| why.to_string().trim_end().replace('\n', " "))?;
    let mut read = Profiles::default();
    for (key, item) in document.iter() {
        match key {
            "kernel" => read.kernel = Some(text_of(item).ok_or("kernel is no text; write it in quotes")?),
            "kernels" => {
                let table = item.as_table_like().ok_or("kernels is no table; write [kernels.NAME]")?;
                for (name, item) in table.iter() {
                    let table = item.as_table_like().ok_or_else(|| format!("{name} is no table; write [kernels.{name}]"))?;
                    read.profiles.insert(name.to_owned(), profile(name, table)?);
                }
            }
            other => {
                return Err(format!("{other:?} means nothing here; what may be said is kernel = \"NAME\" and [kernels.NAME]"));
            }
        }
    }
    for (name, profile) in &read.profiles {
        if let Some(base) = profile.kernel.as_ref().filter(|base| read.profiles.contains_key(*base)) {
            return Err(format!("{name} is to be {base}, which is a profile itself; name the kernel"));
        }
    }
    Ok(read)
}

/// Whether this can be a profile's name: nothing that a kernel could be called.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let first = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    first && text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

fn profile(name: &str, table: &dyn TableLike) -> Result<Profile, String> {
    if !is_name(name) {
        return Err(format!("{name:?} is no name for a profile: letters, digits, . _ and - make one"));
    }
    if crate::is_kernel(name) {
        return Err(format!("{name} is a kernel already; call the profile something else"));
    }
    let mut read = Profile::default();
    for (key, item) in table.iter() {
        let text = || text_of(item).ok_or_else(|| format!("{key} of {name} is no text; write it in quotes"));
        match key {
            "kernel" => read.kernel = Some(text()?),
            "pty" => read.pty = Some(text()?),
            "prompt" => read.prompt = Some(text()?),
            "continuation" => read.continuation = Some(text()?),
            "echo" => read.echo = Some(item.as_bool().ok_or_else(|| format!("echo of {name} is neither true nor false"))?),
            "eol" => read.eol = Some(text()?),
            "size" => read.size = Some(text()?),
            "exit" => read.exit = Some(text()?),
            "python" => read.python = Some(text()?),
            "venv" => read.venv = Some(text()?),
            "conda" => read.conda = Some(text()?),
            "cwd" => read.cwd = Some(text()?),
            "login" => read.login = item.as_bool().ok_or_else(|| format!("login of {name} is neither true nor false"))?,
            "env" => read.env = variables(name, item)?,
            other => return Err(format!("{name} has {other:?}, which means nothing; what may be said is {}", KEYS.join(", "))),
        }
    }
    let Profile { kernel, pty, prompt, continuation, echo, eol, size, exit, python, venv, conda, .. } = &read;
    if kernel.is_some() && pty.is_some() {
        return Err(format!("{name} has both kernel and pty; it can only be one of them"));
    }
    if pty.is_none() && (prompt.is_some() || continuation.is_some()) {
        return Err(format!("{name} has a prompt and no pty; only a program with a prompt has one"));
    }
    if pty.is_none() && (echo.is_some() || [eol, size, exit].into_iter().any(Option::is_some)) {
        return Err(format!("{name} has what only a program with a prompt has (echo, eol, size, exit), and no pty"));
    }
    if [python, venv, conda].into_iter().flatten().count() > 1 {
        return Err(format!("{name} has more than one of python, venv and conda; each names an interpreter"));
    }
    Ok(read)
}

fn text_of(item: &Item) -> Option<String> {
    item.as_str().map(str::to_owned)
}

fn variables(name: &str, item: &Item) -> Result<BTreeMap<String, String>, String> {
    let table = item.as_table_like().ok_or_else(|| format!("env of {name} is no table; write env = {{ NAME = \"value\" }}"))?;
    let mut read = BTreeMap::new();
    for (key, item) in table.iter() {
        let value = text_of(item).ok_or_else(|| format!("{key} in env of {name} is no text; write it in quotes"))?;
        if key.is_empty() || key.contains(['=', '\0']) || value.contains('\0') {
            return Err(format!("{key:?} in env of {name} cannot be in an environment"));
        }
        if key.starts_with("RIALTO_") {
            return Err(format!("{key} in env of {name} is rialto's own, and not set for a session"));
        }
        read.insert(key.to_owned(), value);
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_its_format_says() {
        let text = "kernel = 'lab'\n[kernels.lab]\nvenv = 'env'\nlogin = true\nenv = { A = '1' }\ncwd = '/data'\n\
                    [kernels.db]\npty = 'sqlite3 x.db'\nprompt = 'sqlite> $'\n";
        let read = parse(text).unwrap();
        let lab = read.profiles["lab"].clone().at(Path::new("/p"));
        assert_eq!((lab.base().as_str(), lab.venv.as_deref(), lab.cwd.as_deref()), ("python", Some("/p/env"), Some("/data")));
        assert!(lab.login && lab.env["A"] == "1" && read.kernel.as_deref() == Some("lab"));
        assert_eq!(read.profiles["db"].base(), "pty:sqlite3 x.db");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, word) in [
            ("[kernels.python]\nlogin=true", "is a kernel already"),
            ("[kernels.a]\nkernel='b'\n[kernels.b]", "is a profile itself"),
            ("[kernels.a]\npyton='x'", "pyton"),
            ("[kernels.a]\npython=3", "no text"),
            ("[kernels.a]\npython='x'\nconda='y'", "more than one"),
            ("[kernels.a]\nkernel='bash'\npty='gdb'", "both"),
            ("[kernels.a]\nprompt='x'", "no pty"),
            ("[kernels.a]\nsize='24x80'", "no pty"),
            ("[kernels.a]\nenv={RIALTO_X='1'}", "RIALTO_X"),
            ("[kernels.'a b']", "no name"),
            ("[kernel.a]", "no text"),
            ("x = ", "TOML"),
        ] {
            let why = parse(text).unwrap_err();
            assert!(why.contains(word), "{text}: {why}");
        }
    }

    #[test]
    fn the_request_wins() {
        let id = rialto_protocol::RequestId([1; 16]);
        let mut create = Create::new(id, "lab");
        create.program = Some("python3.12".into());
        create.env = [("A".to_owned(), "mine".to_owned())].into();
        let text = "[kernels.lab]\nvenv='v'\nenv={A='theirs', B='2'}\nlogin=true";
        parse(text).unwrap().profiles["lab"].clone().apply(&mut create);
        assert_eq!(
            (create.kernel.as_str(), create.program.as_deref(), &create.setup.venv),
            ("python", Some("python3.12"), &None)
        );
        assert!(create.env["A"] == "mine" && create.env["B"] == "2" && create.setup.login);
    }
}
