//! Folders and small files that are ours alone: made so, and checked to be so each time before they are trusted.
//!
//! A folder of ours is looked at without following a symbolic link. Between that look and the use of it, only its owner can
//! put another in its place, because what it stands in is either ours or a folder with the sticky bit (`/tmp`).

use super::HomeError;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Our user's number.
#[must_use]
pub(crate) fn uid() -> u32 {
    nix::unistd::Uid::effective().as_raw()
}

/// Makes the folder where it is missing, and checks it.
pub(crate) fn folder(path: &Path) -> Result<(), HomeError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
        Err(why) => return Err(HomeError::io("make the folder", path)(why)),
    }
    check(path)
}

/// Makes the folders above ours that belong to nobody in particular, such as `~/.local/state`.
pub(crate) fn parents(path: &Path) -> Result<(), HomeError> {
    let Some(parent) = path.parent() else { return Ok(()) };
    DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(HomeError::io("make the folder", parent))
}

/// A folder, not a link to one; ours; closed to everybody else.
pub(crate) fn check(path: &Path) -> Result<(), HomeError> {
    let meta = std::fs::symlink_metadata(path).map_err(HomeError::io("look at", path))?;
    let wrong = |why: String, next: String| Err(HomeError::NotOurs { path: path.to_owned(), why, next });
    let shown = path.display();
    if meta.file_type().is_symlink() {
        return wrong("is a symbolic link".into(), format!("remove it: rm '{shown}'"));
    }
    if !meta.is_dir() {
        return wrong("is not a folder".into(), format!("move it away: mv '{shown}' '{shown}.old'"));
    }
    if meta.uid() != uid() {
        let why = format!("belongs to user {}, and we are user {}", meta.uid(), uid());
        return wrong(why, "somebody else made it; have it removed by its owner or an administrator".into());
    }
    let mode = meta.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return wrong(format!("is open to other users (mode {mode:o})"), format!("close it: chmod 700 '{shown}'"));
    }
    Ok(())
}

/// A file that is ours, and that nobody else can read or write.
pub(crate) fn only_ours(path: &Path) -> Result<(), HomeError> {
    let meta = std::fs::symlink_metadata(path).map_err(HomeError::io("look at", path))?;
    let wrong = |why: String, next: String| Err(HomeError::NotOurs { path: path.to_owned(), why, next });
    if meta.uid() != uid() {
        let why = format!("belongs to user {}, and we are user {}", meta.uid(), uid());
        return wrong(why, "somebody else made it; have it removed by its owner or an administrator".into());
    }
    if meta.mode() & 0o077 != 0 {
        let why = format!("is open to other users (mode {:o})", meta.mode() & 0o7777);
        return wrong(why, format!("close it: chmod 600 '{}'", path.display()));
    }
    Ok(())
}

/// Makes a folder of ours that others may enter and look into, and checks that they can do no more.
pub(crate) fn open_folder(path: &Path) -> Result<(), HomeError> {
    match DirBuilder::new().mode(0o755).create(path) {
        Ok(()) => {}
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
        Err(why) => return Err(HomeError::io("make the folder", path)(why)),
    }
    only_writes(path, uid())?;
    // The umask of whoever started us may have taken away what this folder is for.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(path, mode).map_err(HomeError::io("open the folder", path))
}

/// A folder, not a link to one, in which that user alone can put anything.
pub(crate) fn only_writes(path: &Path, owner: u32) -> Result<(), HomeError> {
    let meta = std::fs::symlink_metadata(path).map_err(HomeError::io("look at", path))?;
    let wrong = |why: String, next: &str| Err(HomeError::NotOurs { path: path.to_owned(), why, next: next.to_owned() });
    if !meta.is_dir() {
        return wrong("is not a folder".into(), "somebody put something else in its place; have an administrator look at it");
    }
    if meta.uid() != owner {
        let why = format!("belongs to user {}, and should be user {owner}'s", meta.uid());
        return wrong(why, "somebody else made it; have it removed by its owner or an administrator");
    }
    if meta.mode() & 0o022 != 0 {
        return wrong(
            format!("can be written to by others (mode {:o})", meta.mode() & 0o7777),
            "its owner must close it: chmod 755",
        );
    }
    Ok(())
}

/// Opens a file of ours to lock it, making it where it is missing. A link in its place is refused.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(NOFOLLOW).open(path)
}

const NOFOLLOW: i32 = nix::fcntl::OFlag::O_NOFOLLOW.bits();

/// The text of a small file. None: it is not there. What is longer than `most` bytes is an error.
pub(crate) fn read(path: &Path, most: u64) -> Result<Option<String>, HomeError> {
    let file = match OpenOptions::new().read(true).custom_flags(NOFOLLOW).open(path) {
        Ok(file) => file,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(HomeError::io("read", path)(why)),
    };
    let mut text = String::new();
    let read = file.take(most + 1).read_to_string(&mut text).map_err(HomeError::io("read", path))?;
    if read as u64 > most {
        return Err(HomeError::Corrupt { path: path.to_owned(), why: format!("it is longer than {most} bytes") });
    }
    Ok(Some(text))
}

/// Writes a small file: its readers see the old text or the new one.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), HomeError> {
    // No name of a session begins with a dot, so this is never one of them.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.new"));
    let put = || {
        match std::fs::remove_file(&beside) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        std::fs::rename(&beside, path)
    };
    put().map_err(HomeError::io("write", path))
}

/// Removes a file; that it is gone already is fine.
pub(crate) fn remove(path: &Path) -> Result<(), HomeError> {
    match std::fs::remove_file(path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(HomeError::io("remove", path)(why)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn said(path: &Path) -> String {
        folder(path).unwrap_err().to_string()
    }

    #[test]
    fn a_folder_that_is_not_ours_alone_is_named_with_what_to_do() {
        let temp = tempfile::tempdir().unwrap();
        let ours = temp.path().join("ours");
        folder(&ours).unwrap();
        folder(&ours).unwrap();
        let link = temp.path().join("link");
        symlink(&ours, &link).unwrap();
        assert!(said(&link).contains("is a symbolic link; remove it: rm '"), "{}", said(&link));
        let file = temp.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(said(&file).contains("is not a folder"), "{}", said(&file));
        std::fs::set_permissions(&ours, std::fs::Permissions::from_mode(0o750)).unwrap();
        assert!(said(&ours).contains("mode 750") && said(&ours).contains("chmod 700"), "{}", said(&ours));
    }

    #[test]
    fn a_folder_for_others_to_enter_is_written_by_its_owner_alone() {
        let temp = tempfile::tempdir().unwrap();
        let door = temp.path().join("door");
        open_folder(&door).unwrap();
        open_folder(&door).unwrap();
        assert_eq!(std::fs::metadata(&door).unwrap().mode() & 0o7777, 0o755);
        only_writes(&door, uid()).unwrap();
        assert!(only_writes(&door, uid() + 1).unwrap_err().to_string().contains("should be user"));
        std::fs::set_permissions(&door, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(open_folder(&door).unwrap_err().to_string().contains("chmod 755"));
        let link = temp.path().join("link");
        symlink(temp.path(), &link).unwrap();
        assert!(open_folder(&link).is_err(), "what is a link could lead anywhere");
    }

    #[test]
    fn a_folder_of_another_user_is_refused() {
        // Only root can give a folder away; for everybody else the root folder is somebody else's.
        let temp = tempfile::tempdir().unwrap();
        let theirs = temp.path().join("theirs");
        folder(&theirs).unwrap();
        let path = if uid() == 0 {
            std::os::unix::fs::chown(&theirs, Some(12345), None).unwrap();
            theirs.as_path()
        } else {
            Path::new("/")
        };
        assert!(said(path).contains("belongs to user"), "{}", said(path));
    }

    #[test]
    fn a_small_file_is_replaced_whole_and_no_link_is_followed() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("note");
        assert_eq!(read(&path, 10).unwrap(), None);
        write(&path, "one").unwrap();
        write(&path, "two").unwrap();
        assert_eq!(read(&path, 3).unwrap().as_deref(), Some("two"));
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(read(&path, 2).is_err());
        let link = temp.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(read(&link, 10).is_err() && open(&link).is_err());
    }
}
