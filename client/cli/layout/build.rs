//! Tells the linker what a supervisor runs (`supervisor.txt`, written by `scripts/layout`), to be put side by side. A supervisor runs
//! for each session, and the system maps a program's code in pieces of 64 KiB around what is touched: where what runs lies strewn over
//! all of it, most of a supervisor's memory is code that it never runs.
//!
//! It is order and nothing else: a name that is not there, or not any more, costs some memory and breaks nothing.

use std::path::Path;
use std::{env, fs, io};

const LIST: &str = "client/cli/layout/supervisor.txt";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={LIST}");
    println!("cargo::rerun-if-changed=client/cli/layout/build.rs");
    println!("cargo::rerun-if-env-changed=RIALTO_LAYOUT");
    if !wanted() {
        return Ok(());
    }
    let names = fs::read_to_string(LIST)?;
    let names = names.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    // What the compiler takes for unlikely has a section of its own, and the start of a program is full of that.
    let ours: String = names.map(|name| format!("    *(.text.{name} .text.unlikely.{name})\n")).collect();
    let script = format!("SECTIONS\n{{\n  .text.supervisor :\n  {{\n{ours}  }}\n}}\nINSERT BEFORE .text;\n");
    let path = Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join("supervisor.ld");
    fs::write(&path, script)?;
    println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", path.display());
    Ok(())
}

/// Only in what is shipped, and where the linker is known to understand it: LLVM's, which the compiler brings, and GNU's.
fn wanted() -> bool {
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|is| is == value);
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let strange = flags.split("fuse-ld=").skip(1).any(|linker| !linker.starts_with("lld") && !linker.starts_with("bfd"));
    is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") && !strange && !is("RIALTO_LAYOUT", "none")
}
