//! The entry in the person's own editor.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;

/// Opens it on the text and gives what was written. The terminal is the editor's meanwhile.
pub(super) fn edit(text: &str, extension: &str) -> io::Result<String> {
    crate::facade::may_touch("an editor").map_err(|why| io::Error::other(why.text().to_owned()))?;
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let name = format!("rialto-{}.{extension}", u64::from_ne_bytes(random));
    let path = std::env::temp_dir().join(name);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    let edited = written.and_then(|()| run(&path)).and_then(|()| std::fs::read_to_string(&path));
    let _ = std::fs::remove_file(&path);
    edited.map(|text| text.trim_end_matches('\n').to_owned())
}

fn run(path: &std::path::Path) -> io::Result<()> {
    let wanted = ["VISUAL", "EDITOR"].into_iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.trim().is_empty()));
    let editors = wanted.map_or_else(|| vec!["vi".to_owned(), "nano".to_owned()], |editor| vec![editor]);
    for editor in &editors {
        // By a shell: the variable may hold arguments.
        let status = Command::new("sh").args(["-c", &format!("{editor} \"$1\""), "sh"]).arg(path).status()?;
        match status.code() {
            Some(0) => return Ok(()),
            Some(126 | 127) => {}
            _ => return Err(io::Error::other(format!("{editor} ended with {status}; the entry is as it was"))),
        }
    }
    Err(io::Error::other(format!("there is no {} here: set VISUAL or EDITOR to an editor that is", editors.join(" or "))))
}
