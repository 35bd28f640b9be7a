//! `rialto debug PID`: a Python program that runs, and that nobody prepared for it, becomes a session. From 3.14 on Python lets the same user
//! have code run in another process at its next safe moment (`sys.remote_exec`); that code is the module of `rialto python-module`.

use crate::args::{PlaceArgs, seconds};
use crate::embed;
use crate::exit::{self, Failure};
use crate::inspector;
use crate::paint;
use crate::place::Place;
use clap::ValueHint;
use rialto_client::protocol::SessionName;
use serde_json::{Value, json};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// Between two looks for the program's answer.
const LOOK: Duration = Duration::from_millis(20);
/// How long the interpreter may take that asks for it.
const ASKING: Duration = Duration::from_secs(20);
/// What may be asked for, said by an interpreter of that kind.
const ABLE: &str = "import sys; print('%d.%d' % sys.version_info[:2], hasattr(sys, 'remote_exec'))";
const ASK: &str = "import sys; sys.remote_exec(int(sys.argv[1]), sys.argv[2])";

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rialto debug 4711                              and then: rialto debug-4711
  rialto debug 4711 --name web                   under a name of its own

It needs Node 18, or Python 3.14 or newer, in that process, which must be yours. Other programs do it themselves:
import rialto; rialto.embed(\"web\") (rialto python-module prints that module).
")]
pub(crate) struct DebugArgs {
    /// The process
    pub(crate) pid: u32,
    /// What the session is to be called. Default: debug-PID
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// How long to wait for the program, which answers when its main thread next runs Python
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "15")]
    pub(crate) wait: Duration,
    /// The interpreter that asks. Default: the one that the process runs
    #[arg(long, value_name = "PATH", value_hint = ValueHint::ExecutablePath)]
    pub(crate) python: Option<PathBuf>,
}

pub(crate) async fn run(place: &PlaceArgs, args: &DebugArgs) -> Result<u8, Failure> {
    let place = Place::of(place)?;
    let home = place.home().ok_or_else(|| Failure::usage("a process is of the machine where this runs; leave --at away"))?;
    let pid = args.pid;
    let python = match &args.python {
        Some(python) => python.clone(),
        None => interpreter(pid)?,
    };
    let name = args.name.clone().unwrap_or_else(|| format!("debug-{pid}"));
    if args.python.is_none() && is_node(&python) {
        node(&place, pid, &name).await?;
        return done(pid, &name);
    }
    able(pid, &python).await?;
    let (script, answer) = (home.runtime().join(format!("debug-{pid}.py")), home.runtime().join(format!("debug-{pid}.json")));
    let _ = std::fs::remove_file(&answer);
    let cannot = |why: std::io::Error| Failure::new(exit::IO, format!("{} cannot be written: {why}", script.display()));
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&script).map_err(cannot)?;
    file.write_all(text(&name, &answer)?.as_bytes()).map_err(cannot)?;
    let asked = ask(pid, &python, &script).await;
    let said = match asked {
        Ok(()) => answered(&answer, args.wait).await,
        Err(why) => Err(why),
    };
    let Some(said) = said.inspect_err(|_| drop(std::fs::remove_file(&script)))? else {
        let text = format!(
            "process {pid} has not answered: its main thread runs no Python at the moment. It becomes session {name} as soon as it does"
        );
        return Err(Failure::new(exit::TIMEOUT, text));
    };
    for file in [&script, &answer] {
        let _ = std::fs::remove_file(file);
    }
    let failed = said.get("error").and_then(Value::as_str);
    if let Some(why) = failed {
        return Err(Failure::new(exit::ERROR, format!("process {pid}: {why}")));
    }
    done(pid, &name)
}

fn done(pid: u32, name: &str) -> Result<u8, Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{name}").and_then(|()| out.flush())?;
    paint::talk(&format!(
        "process {pid} is session {name}; get into it with: rialto {name}. `rialto kill {name}` leaves the process as it is"
    ));
    Ok(0)
}

fn is_node(program: &Path) -> bool {
    program.file_name().is_some_and(|name| name.to_string_lossy().starts_with("node"))
}

/// Brings a kernel into a running Node, by its inspector, and makes it a session.
async fn node(place: &Place, pid: u32, name: &str) -> Result<(), Failure> {
    let home = place.home().ok_or_else(|| Failure::usage("a process is of the machine where this runs; leave --at away"))?;
    let name = name.parse::<SessionName>().map_err(|why| Failure::usage(why.to_string()))?;
    let socket = embed::socket(home, &name);
    embed::must_be_free(&socket, &name)?;
    let cookie = embed::cookie(&socket)?;
    let source = format!("{NODE}\nworker();\n");
    let it = json!({ "socket": socket, "cookie": cookie, "source": source });
    let said = inspector::evaluate(pid, &format!("(() => {{ {NODE}\nreturn main(require, {it}); }})()")).await?;
    if said != "begun" {
        return Err(Failure::new(exit::ERROR, format!("process {pid} is a session already, under another name")));
    }
    let until = tokio::time::Instant::now() + Duration::from_secs(10);
    while std::os::unix::net::UnixStream::connect(&socket).is_err() {
        if tokio::time::Instant::now() > until {
            return Err(Failure::new(exit::TIMEOUT, format!("process {pid} did not listen within 10 s")));
        }
        tokio::time::sleep(LOOK).await;
    }
    embed::session(place, &name, &socket).await.map(drop)
}

/// What comes into a Node.
const NODE: &str = include_str!("../../contrib/node/live.js");

/// The interpreter of a process of ours.
fn interpreter(pid: u32) -> Result<PathBuf, Failure> {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let about = std::fs::metadata(&process).map_err(|_| Failure::usage(format!("there is no process {pid} here")))?;
    let me = nix::unistd::geteuid().as_raw();
    if about.uid() != me && me != 0 {
        let text = format!("process {pid} is of user {}, and you are {me}", about.uid());
        return Err(Failure::new(exit::FORBIDDEN, text));
    }
    let program = std::fs::read_link(process.join("exe"));
    program.map_err(|why| Failure::usage(format!("what process {pid} runs cannot be found out ({why}); --python says it")))
}

/// Whether an interpreter like this can ask another one.
async fn able(pid: u32, python: &Path) -> Result<(), Failure> {
    let name = python.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if !name.contains("py") {
        return Err(Failure::usage(format!("process {pid} runs {}, which is no Python", python.display())));
    }
    let said = said(Command::new(python).args(["-I", "-c", ABLE])).await?;
    match said.split_once(' ') {
        Some((_, "True")) => Ok(()),
        Some((version, _)) => Err(Failure::usage(format!(
            "process {pid} is Python {version}; only 3.14 and newer let code come in from outside. In the program itself: import rialto; rialto.embed(\"{pid}\")"
        ))),
        None => Err(Failure::usage(format!("{} does not say which Python it is", python.display()))),
    }
}

async fn ask(pid: u32, python: &Path, script: &Path) -> Result<(), Failure> {
    said(Command::new(python).args(["-I", "-c", ASK]).arg(pid.to_string()).arg(script)).await.map(drop)
}

async fn said(command: &mut Command) -> Result<String, Failure> {
    let ran = command.stdin(std::process::Stdio::null()).kill_on_drop(true).output();
    let ran = tokio::time::timeout(ASKING, ran)
        .await
        .map_err(|_| Failure::new(exit::TIMEOUT, "the interpreter that asks did not end"))??;
    if ran.status.success() {
        return Ok(String::from_utf8_lossy(&ran.stdout).trim().to_owned());
    }
    let err = String::from_utf8_lossy(&ran.stderr);
    let last = err.trim().lines().last().unwrap_or("it said nothing");
    Err(Failure::new(exit::ERROR, format!("the process could not be asked: {last}")))
}

/// What the program answers, once it is there whole.
async fn answered(answer: &Path, wait: Duration) -> Result<Option<Value>, Failure> {
    let until = tokio::time::Instant::now() + wait;
    while tokio::time::Instant::now() < until {
        if let Ok(text) = std::fs::read_to_string(answer) {
            return serde_json::from_str(&text)
                .map(Some)
                .map_err(|why| Failure::internal(format!("the program's answer: {why}")));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(None)
}

/// The code that comes in. What takes time happens on a thread, so that the program is not held up.
fn text(name: &str, answer: &Path) -> Result<String, Failure> {
    let own = std::env::current_exe().map_err(|why| Failure::internal(format!("which program this is: {why}")))?;
    // It looks for the folders where we do.
    let variables = ["RIALTO_STATE_DIR", "RIALTO_RUNTIME_DIR", "XDG_STATE_HOME"];
    let set = variables.iter().filter_map(|name| Some(format!("{name}={}", std::env::var(name).ok()?)));
    let command: Vec<String> =
        std::iter::once("/usr/bin/env".to_owned()).chain(set).chain([own.to_string_lossy().into_owned()]).collect();
    Ok(INJECTED
        .replace("@NAME@", &json!(name).to_string())
        .replace("@ANSWER@", &json!(answer).to_string())
        .replace("@COMMAND@", &json!(command).to_string())
        .replace("@SOURCE@", &json!(embed::MODULE).to_string()))
}

const INJECTED: &str = r#"
def __rialto():
    import sys, threading

    def begin():
        import json, os, types
        try:
            module = sys.modules.get("rialto")
            if not hasattr(module, "embed"):
                module = types.ModuleType("rialto")
                module.__file__ = "<rialto>"
                exec(compile(@SOURCE@, "<rialto>", "exec", 0, True), module.__dict__)
                sys.modules["rialto"] = module
            one = module.embed(@NAME@, sys.modules["__main__"].__dict__, rialto=@COMMAND@)
            said = {"session": one.session}
        except BaseException as error:
            said = {"error": str(error) or type(error).__name__}
        beside = @ANSWER@ + ".part"
        with open(beside, "w") as out:
            json.dump(said, out)
        os.rename(beside, @ANSWER@)

    threading.Thread(target=begin, name="rialto", daemon=True).start()


__rialto()
del __rialto
"#;
