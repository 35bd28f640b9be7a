//! What the runner keeps of its compiled self: it makes a start faster, and no start fail.

use crate::driver::{Driver, python};
use rialto_protocol::kernel::Launch;
use std::fs::{Permissions, read_dir, remove_file, set_permissions, write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// The largest file of the folder: the part that every start needs.
fn kept(folder: &Path) -> PathBuf {
    let files = read_dir(folder).unwrap().map(|entry| entry.unwrap());
    files.max_by_key(|entry| entry.metadata().unwrap().len()).expect("something is kept").path()
}

#[test]
fn what_is_kept_is_believed_where_it_is_whole_and_nobody_else_can_have_written_it() {
    let folder = tempfile::tempdir().unwrap();
    let how = Launch { cache: Some(folder.path().display().to_string()), ..python() };
    let mut d = Driver::start_with(&how);
    let file = kept(folder.path());
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    // Bytecode of another kind crashes an interpreter, whatever its version.
    let kind = d.exec("import importlib.util; importlib.util.MAGIC_NUMBER.hex()").ok().result().unwrap();
    assert!(file.to_string_lossy().contains(kind.trim_matches('\'')), "{} is not for {kind}", file.display());
    let runs = |what: &str| assert_eq!(Driver::start_with(&how).exec("6*7").ok().result().as_deref(), Some("42"), "{what}");
    runs("from what is kept");
    // Something else in its place, so that it is seen whether it is believed.
    let other = "import marshal, _imp\ndata = marshal.dumps(compile('import posix; posix._exit(7)', 'other', 'exec'))\n(_imp.source_hash(7, data) + data).hex()";
    let other = d.exec(other).ok().result().unwrap();
    let other: Vec<u8> = (1..other.len() - 1).step_by(2).map(|at| u8::from_str_radix(&other[at..at + 2], 16).unwrap()).collect();
    write(&file, &other).unwrap();
    assert_eq!(Driver::try_start(&how).map(|_| ()).unwrap_err().code, Some(7));
    set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    runs("others may write it");
    let place = folder.path().join("elsewhere");
    write(&place, &other).unwrap();
    remove_file(&file).unwrap();
    symlink(&place, &file).unwrap();
    runs("it is a link");
    for (what, data) in [("cut short", &other[..other.len() - 1]), ("no code at all", b"12345678nothing"), ("empty", b"")] {
        write(&file, data).unwrap();
        runs(what);
    }
    // Each of these starts has put it right.
    assert!(file.metadata().unwrap().len() > 10_000);
    let nowhere = Launch { cache: Some("/no/such/folder".into()), ..python() };
    assert_eq!(Driver::start_with(&nowhere).exec("1").ok().result().as_deref(), Some("1"));
}

#[test]
fn what_is_kept_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..40 {
        write(folder.path().join(format!("of an older version {n}")), "").unwrap();
    }
    Driver::start_with(&Launch { cache: Some(folder.path().display().to_string()), ..python() });
    assert_eq!(read_dir(folder.path()).unwrap().count(), 1);
}
