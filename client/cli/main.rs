//! `rialto`: one bridge to every REPL, one binary for all of it.
//!
//! stdout is data, stderr is talk, the exit code means something (`exit.rs`). Each subcommand is one file.

mod args;
mod attach;
mod audit;
mod check;
mod completions;
mod debug;
mod doctor;
mod done;
mod embed;
mod exec;
mod exit;
mod export;
mod facade;
mod fork;
mod gc;
mod guess;
mod history;
mod init;
mod inspector;
mod interrupt;
mod kernels;
mod kill;
mod logs;
mod ls;
#[cfg(feature = "otlp")]
mod otlp;
mod paint;
mod past;
mod people;
mod place;
mod places;
mod project;
mod raw;
mod reach;
mod redact;
mod render;
mod repl;
mod replay;
mod restart;
mod rm;
mod rpc;
mod sanitise;
mod serve;
mod share;
mod start;
mod stdin;
mod stdio;
mod supervise;
mod target;
mod token;
mod top;
mod verify;
mod wait;

use args::{Args, Command};
use clap::Parser;
use exit::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Said by this program alone, so nobody needs its help; and what reads command lines for people would stay in the memory of
    // every supervisor.
    if !facade::is_on()
        && let Some(args) = supervise::plain(std::env::args_os())
    {
        return supervise::run(&args);
    }
    let words = match facade::commands::words() {
        Ok(words) => words,
        Err(code) => return code,
    };
    if words.is_none() {
        match completions::answer() {
            Ok(false) => {}
            Ok(true) => return ExitCode::SUCCESS,
            Err(e) => return exit::code(Err(e)),
        }
    }
    let args = match words.map_or_else(Args::try_parse, Args::try_parse_from) {
        Ok(args) => args,
        Err(e) => return exit::usage(&e),
    };
    if let Err(e) = facade::check(&args) {
        return exit::code(Err(e));
    }
    // Said here and not to clap, for which `--at PLACE ls` would be such a mixture, too.
    let args::ReplArgs { session, kernel, new, start, observe, life: _, edit_mode: _, done, raw } = &args.repl;
    if args.command.is_some()
        && (session.is_some()
            || kernel.is_some()
            || *new
            || !start.said().is_empty()
            || *observe
            || raw.raw
            || done.on_done.is_some())
    {
        let text = "what comes before a command is not for it: write the command first, as in `rialto logs SESSION`";
        return exit::code(Err(Failure::usage(text)));
    }
    if let (None, Some(session), false, None) = (&args.command, session, new, kernel)
        && let Some(meant) = guess::meant(session)
        && !guess::is_there(session, &args.place)
    {
        let text = format!(
            "{session:?} is no command and no session; did you mean `rialto {meant}`? `rialto --new {session}` makes a session of that name"
        );
        return exit::code(Err(Failure::usage(text)));
    }
    if init::is_needed() {
        return init::run();
    }
    // The supervisor is a process of its own and sets itself up.
    if let Some(Command::Supervise(args)) = &args.command {
        return supervise::run(args);
    }
    let runtime = match rialto_bridge::runtime::build() {
        Ok(runtime) => runtime,
        Err(e) => return exit::code(Err(Failure::internal(format!("the program could not set itself up: {e}")))),
    };
    let at = args.place.at.clone();
    let outcome = runtime.block_on(run(args)).map_err(|failure| failure.at(at.as_deref()));
    // A thread that waits for the keyboard must not keep a finished program.
    runtime.shutdown_background();
    exit::code(outcome)
}

async fn run(args: Args) -> Result<u8, Failure> {
    let place = args.place;
    match args.command.unwrap_or(Command::Repl(args.repl)) {
        Command::Repl(args) => repl::run(&place, args).await,
        Command::Exec(args) => exec::run(&place, args).await,
        Command::Attach(args) => attach::run(&place, args).await,
        Command::Ls(args) => ls::run(&place, &args).await,
        Command::Logs(args) => logs::run(&place, &args).await,
        Command::History(args) => history::run(&place, &args).await,
        Command::Export(args) => export::run(&place, &args).await,
        Command::Replay(args) => replay::run(&place, &args).await,
        Command::Fork(args) => fork::run(&place, &args).await,
        Command::Wait(args) => wait::run(&place, &args).await,
        Command::Interrupt(args) => interrupt::run(&place, &args).await,
        Command::Restart(args) => restart::run(&place, &args).await,
        Command::Kill(args) => kill::run(&place, &args).await,
        Command::Rm(args) => rm::run(&place, &args).await,
        Command::Gc(args) => gc::run(&place, &args),
        Command::Share(args) => share::run(&place, &args).await,
        Command::Unshare(args) => share::unshare(&place, &args).await,
        Command::Top(args) => top::run(&place, &args).await,
        Command::Verify(args) => verify::run(&place, &args),
        Command::Redact(args) => redact::run(&place, &args).await,
        Command::Places(args) => places::run(args).await,
        Command::Kernels(args) => kernels::run(&place, &args),
        Command::Allow(args) => project::allow::run(&place, &args),
        Command::Debug(args) => debug::run(&place, &args).await,
        Command::Embed(args) => embed::run(&place, &args).await,
        Command::PythonModule => embed::module(),
        Command::Doctor => doctor::run(),
        Command::Rpc(args) => rpc::run(&place, &args).await,
        Command::Serve(args) => serve::run(&args).await,
        Command::Token(args) => token::run(&place, &args),
        Command::Audit(args) => audit::run(&place, &args),
        Command::Stdio => stdio::run().await,
        Command::Completions(args) => completions::run(&args),
        Command::Man => completions::man(),
        Command::Supervise(_) => Err(Failure::internal("the supervisor starts before this".to_owned())),
    }
}

/// What hears of every eval besides the log, where this build has such a thing: an OpenTelemetry collector.
fn more() -> Option<rialto_bridge::observe::log::More> {
    #[cfg(feature = "otlp")]
    return otlp::layer().map(|layer| -> rialto_bridge::observe::log::More {
        use tracing_subscriber::Layer;
        Box::new(layer.with_filter(tracing_subscriber::filter::LevelFilter::INFO))
    });
    #[cfg(not(feature = "otlp"))]
    None
}
