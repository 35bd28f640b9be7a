//! Places that have a name.

use crate::completions;
use clap::Subcommand;
use clap::ValueHint;
use clap_complete::engine::ArgValueCandidates;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rialto places add gpu ssh://me@gpu.example.org            then: rialto --at gpu
  rialto places add gpu ssh://me@gpu/work --command /opt/rialto/bin/rialto
  rialto places add team wss://repl.example.org --token-command 'pass show team'
  rialto places test gpu                                    can it be reached? if not, why
  rialto places install gpu                                 copies this program to its ~/.local/bin
  rialto places                                             what there is

They are kept in ~/.config/rialto/places.toml, which may be written by hand.
")]
pub(crate) struct PlacesArgs {
    #[command(subcommand)]
    pub(crate) what: Option<PlacesCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PlacesCommand {
    /// Show the places that have a name (the default)
    List {
        /// Print JSON lines
        #[arg(long)]
        json: bool,
    },
    /// Give a place a name
    Add(Box<AddPlaceArgs>),
    /// Connect, and say step by step how far that comes
    Test {
        /// A name or a URL
        #[arg(add = ArgValueCandidates::new(completions::places))]
        place: String,
        /// Print one line of JSON
        #[arg(long)]
        json: bool,
    },
    /// Copy this program to a machine behind SSH, where that is of the same kind
    Install {
        /// A name, or an ssh:// URL
        #[arg(add = ArgValueCandidates::new(completions::places))]
        place: String,
    },
    /// Forget a name
    Rm {
        #[arg(add = ArgValueCandidates::new(completions::places))]
        name: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct AddPlaceArgs {
    /// What to call it
    pub(crate) name: String,
    /// Its URL
    #[arg(value_name = "URL")]
    pub(crate) at: String,
    /// The session that is meant where none is named
    #[arg(long, value_name = "SESSION")]
    pub(crate) session: Option<String>,
    /// The kernel of new sessions
    #[arg(short, long, value_name = "KERNEL")]
    pub(crate) kernel: Option<String>,
    /// ssh: what runs rialto there, where it is not on the path
    #[arg(long, value_name = "COMMAND")]
    pub(crate) command: Option<String>,
    /// wss: a file with the token, which nobody else may read
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(crate) token_file: Option<String>,
    /// wss: the environment variable that holds the token
    #[arg(long, value_name = "NAME", conflicts_with = "token_file")]
    pub(crate) token_env: Option<String>,
    /// wss: a command that prints the token
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["token_file", "token_env"])]
    pub(crate) token_command: Option<String>,
    /// wss: a file with the certificate authority of that machine
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(crate) ca: Option<String>,
    /// wss: a file with our certificate
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, requires = "key")]
    pub(crate) cert: Option<String>,
    /// wss: a file with its key
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, requires = "cert")]
    pub(crate) key: Option<String>,
    /// Change it where it is there already
    #[arg(long)]
    pub(crate) replace: bool,
}
