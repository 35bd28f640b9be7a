//! Where things live: found from the user's number, so that a desktop, an ssh login and a cron job of one user meet.

use super::{HomeError, ours};
use sha2::{Digest, Sha256};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The two folders, and what the user should know about them.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) state: PathBuf,
    pub(super) runtime: PathBuf,
    pub(super) notice: Option<String>,
}

/// Finds and makes both.
pub(super) fn find() -> Result<Places, HomeError> {
    let (state, notice) = match named("RIALTO_STATE_DIR") {
        Some(path) => {
            ours::parents(&path)?;
            ours::folder(&path)?;
            (path, None)
        }
        None => state()?,
    };
    Ok(Places { state, runtime: runtime()?, notice })
}

/// A folder that tests name by hand. A relative one would mean another place in every working folder.
fn named(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// Sockets: gone after a reboot, as they should be, and with short paths.
pub(super) fn runtime() -> Result<PathBuf, HomeError> {
    let path = named("RIALTO_RUNTIME_DIR").unwrap_or_else(|| {
        let user = PathBuf::from(format!("/run/user/{}", ours::uid()));
        let there = std::fs::symlink_metadata(&user).is_ok_and(|meta| meta.is_dir() && meta.uid() == ours::uid());
        if there { user.join("rialto") } else { PathBuf::from(format!("/tmp/rialto-{}", ours::uid())) }
    });
    ours::folder(&path)?;
    Ok(path)
}

/// What survives. The machine's id is in the path: a home on a network is many machines' home, and none of them may take
/// another's sessions for dead ones of its own.
fn state() -> Result<(PathBuf, Option<String>), HomeError> {
    let base = match named("XDG_STATE_HOME") {
        Some(path) => path,
        None => user_home()?.join(".local/state"),
    };
    let rialto = base.join("rialto");
    ours::parents(&rialto)?;
    let (rialto, notice) = if on_a_network(&base) {
        let local = local_folder();
        ours::folder(&local)?;
        let notice = format!(
            "{} is on a network file system, where locks and journals cannot be trusted; sessions of this machine are kept in {}",
            base.display(),
            local.display()
        );
        (local.join("state"), Some(notice))
    } else {
        (rialto, None)
    };
    ours::folder(&rialto)?;
    let state = rialto.join(machine()?);
    ours::folder(&state)?;
    Ok((state, notice))
}

/// The home folder as the system's list of users has it: `HOME` differs under sudo, cron and in services.
fn user_home() -> Result<PathBuf, HomeError> {
    let uid = nix::unistd::Uid::effective();
    if let Ok(Some(user)) = nix::unistd::User::from_uid(uid)
        && user.dir.is_absolute()
    {
        return Ok(user.dir);
    }
    // A container may run as a number that no list knows.
    named("HOME").ok_or_else(|| {
        HomeError::NoHome(format!("user {uid} has no home folder; set XDG_STATE_HOME to a folder for its sessions"))
    })
}

/// On this machine's own disk, whatever the home is on.
fn local_folder() -> PathBuf {
    PathBuf::from(format!("/var/tmp/rialto-{}", ours::uid()))
}

/// Twelve letters that are this machine's, and say nothing about it.
fn machine() -> Result<String, HomeError> {
    let known = ["/etc/machine-id", "/var/lib/dbus/machine-id"].iter().find_map(|path| {
        let text = std::fs::read_to_string(path).ok()?;
        Some(text.trim().to_owned()).filter(|id| id.len() >= 16)
    });
    let id = match known {
        Some(id) => id,
        None => made_up(&local_folder())?,
    };
    Ok(short_hash("rialto machine", id.as_bytes(), 12))
}

/// A machine without an id gets one of ours, kept where no other machine reads it.
fn made_up(folder: &Path) -> Result<String, HomeError> {
    ours::folder(folder)?;
    let path = folder.join("machine-id");
    let _held = super::lock::wait(&folder.join("machine-id.lock"))?;
    if let Some(id) = ours::read(&path, 100)? {
        return Ok(id);
    }
    let id = super::random_hex::<16>()?;
    ours::write(&path, &id)?;
    Ok(id)
}

/// The first letters of a hash, for names that must differ and need not be read.
pub(super) fn short_hash(what: &str, bytes: &[u8], letters: usize) -> String {
    let mut hash = Sha256::new();
    hash.update(what.as_bytes());
    hash.update([0]);
    hash.update(bytes);
    let mut text = data_encoding::BASE32_NOPAD.encode(&hash.finalize()).to_ascii_lowercase();
    text.truncate(letters);
    text
}

/// File systems that other machines write to. (FUSE may be one, too, but is as often a local encrypted home.)
#[cfg(target_os = "linux")]
fn on_a_network(path: &Path) -> bool {
    // From linux/magic.h and the file systems' own headers: nfs, smb, cifs, smb2, afs, ceph, coda, lustre, gpfs, ocfs2.
    const NETWORK: [i64; 10] =
        [0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x5346_414f, 0x00c3_6400, 0x7375_7245, 0x0bd0_0bd0, 0x4750_4653, 0x7461_636f];
    nix::sys::statfs::statfs(path).is_ok_and(|fs| {
        let magic = fs.filesystem_type().0;
        NETWORK.iter().any(|known| i128::from(*known) & 0xffff_ffff == i128::from(magic) & 0xffff_ffff)
    })
}

#[cfg(not(target_os = "linux"))]
fn on_a_network(path: &Path) -> bool {
    nix::sys::statfs::statfs(path).is_ok_and(|fs| ["nfs", "smbfs", "afpfs", "webdav"].contains(&fs.filesystem_type_name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_one_short_name() {
        let name = machine().unwrap();
        assert_eq!((name.len(), &name), (12, &machine().unwrap()));
        assert!(name.bytes().all(|b| b.is_ascii_alphanumeric()));
    }

    #[test]
    fn a_machine_without_an_id_makes_one_and_keeps_it() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("local");
        let id = made_up(&folder).unwrap();
        assert_eq!((id.len(), made_up(&folder).unwrap()), (32, id.clone()));
    }

    #[test]
    fn this_disk_is_no_network() {
        assert!(!on_a_network(Path::new("/proc")));
    }
}
