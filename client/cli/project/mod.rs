//! Which kernel is meant: by a kernel's name, or by a profile's, of the user's own file or of the project's `.rialto.toml`.
//!
//! A project's file is somebody else's text, and what it says may run any program. So it is used once the user has allowed it, as it is
//! now: `allow.rs`.

pub(crate) mod allow;

use crate::exit::Failure;
use crate::paint;
use crate::place::Place;
use rialto_client::protocol::kernel::Launch;
use rialto_kernels::profiles::{self, Profile, Profiles};
use std::path::{Path, PathBuf};

/// What a project calls it.
pub(crate) const FILE: &str = ".rialto.toml";

/// A kernel, as the user calls it, and what that stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) kernel: String,
    pub(crate) profile: Option<Profile>,
}

impl From<&str> for Chosen {
    fn from(kernel: &str) -> Self {
        Self { kernel: kernel.to_owned(), profile: None }
    }
}

/// A project's file, as it is now.
pub(crate) struct Project {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    said: Profiles,
}

impl Project {
    /// The file of the project that a folder belongs to. It is looked for up to the root of a repository, and below the home folder.
    pub(crate) fn of(folder: &Path) -> Result<Option<Self>, Failure> {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        for dir in folder.ancestors() {
            if Some(dir) == home.as_deref() && dir != folder {
                return Ok(None);
            }
            if let Some(project) = Self::read(&dir.join(FILE))? {
                return Ok(Some(project));
            }
            if dir.join(".git").exists() || dir.join(".hg").exists() {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// This file, where it is there.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, Failure> {
        let Some(text) = profiles::read(path).map_err(|why| Failure::usage(why.to_string()))? else { return Ok(None) };
        let said = profiles::parse(&text).map_err(|why| Failure::usage(format!("{}: {why}", path.display())))?;
        Ok(Some(Self { path: path.to_owned(), text, said }))
    }

    /// The names of its profiles.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.said.profiles.keys().map(String::as_str)
    }

    /// One of its profiles, once the file is allowed.
    fn profile(&self, name: &str, place: &Place) -> Result<Option<Chosen>, Failure> {
        let Some(profile) = self.said.profiles.get(name) else { return Ok(None) };
        self.must_be_allowed(place)?;
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        paint::talk(&format!("kernel {name} of {}", self.path.display()));
        Ok(Some(Chosen { kernel: name.to_owned(), profile: Some(profile.clone().at(folder)) }))
    }
}

/// The kernel of this name. Elsewhere than on this machine a name is taken as it is: the bridge there knows its user's profiles, and a
/// project here is none there.
pub(crate) fn named(name: &str, place: &Place) -> Result<Chosen, Failure> {
    if place.home().is_none() || rialto_kernels::is_kernel(name) || !profiles::is_name(name) {
        return Ok(name.into());
    }
    if let Some(project) = Project::of(&crate::start::cwd())?
        && let Some(chosen) = project.profile(name, place)?
    {
        return Ok(chosen);
    }
    let profile = profiles::named(name).map_err(|why| Failure::usage(why.to_string()))?;
    Ok(Chosen { kernel: name.to_owned(), profile })
}

/// The kernel that the project, or the user, wants where nobody names one.
pub(crate) fn default(place: &Place) -> Result<Option<Chosen>, Failure> {
    if place.home().is_none() {
        return Ok(None);
    }
    let without = |why: Failure| Failure::usage(format!("{}; -k KERNEL starts one without it", why.text()));
    if let Some(project) = Project::of(&crate::start::cwd()).map_err(without)?
        && let Some(name) = &project.said.kernel
    {
        if let Some(chosen) = project.profile(name, place)? {
            return Ok(Some(chosen));
        }
        project.must_be_allowed(place)?;
        paint::talk(&format!("kernel {name}, as {} wants", project.path.display()));
        return named(name, place).map(Some);
    }
    let own = profiles::of_user().map_err(|why| Failure::usage(why.to_string()))?;
    let Some(name) = own.kernel else { return Ok(None) };
    Ok(Some(Chosen { profile: own.profiles.get(&name).cloned(), kernel: name }))
}

/// Whether a kernel or a profile of this machine has that name. Nothing is asked for that.
pub(crate) fn is_kernel(name: &str) -> bool {
    let own = || profiles::of_user().is_ok_and(|own| own.profiles.contains_key(name));
    let project = || Project::of(&crate::start::cwd()).is_ok_and(|found| found.is_some_and(|p| p.names().any(|n| n == name)));
    let cwd = || crate::start::cwd().to_string_lossy().into_owned();
    let installed = || rialto_kernels::knows(&Launch { kernel: name.to_owned(), cwd: cwd(), ..Launch::default() });
    rialto_kernels::is_kernel(name) || own() || project() || installed()
}

/// All profiles that are known here, the project's first, and where each is from. Nothing of a project's is used by that.
pub(crate) fn known() -> Result<Vec<(String, Profile, PathBuf)>, Failure> {
    let project = Project::of(&crate::start::cwd())?.map(|project| (project.said, project.path));
    let own = profiles::of_user().map_err(|why| Failure::usage(why.to_string()))?;
    let own = profiles::user_file().map(|file| (own, file));
    let each =
        |(said, file): (Profiles, PathBuf)| said.profiles.into_iter().map(move |(name, profile)| (name, profile, file.clone()));
    Ok([project, own].into_iter().flatten().flat_map(each).collect())
}
