//! `:export FILE`: the session as a notebook, as prose, as a program, as a transcript. `rialto export` writes the same.

use super::keep::{Made, path};
use crate::exit::{self, Failure};
use crate::export::{Exporter, Format, Keep};
use crate::logs::{Item, Transcript};
use crate::past::Past;
use crate::repl::Repl;
use crate::repl::replay::{LABEL, stoppable};
use rialto_client::protocol::event::Event;
use std::fs::File;
use std::io::{BufWriter, Write};

impl Repl {
    pub(super) async fn export(&mut self, rest: &str, over: bool) -> Result<(), Failure> {
        let file = path(rest);
        let form = match (Format::of(&file), file.extension().and_then(|ending| ending.to_str())) {
            (Some(format), _) => Some(format),
            (None, Some("txt" | "TXT")) => None,
            (None, _) => {
                return Err(Failure::usage(
                    ":export takes a file that ends in .ipynb, .md, .py, .jsonl or .txt, as in :export work.ipynb",
                ));
            }
        };
        let session = self.session_id()?;
        let mut past = Past::of(&self.place, session.as_str(), LABEL)?;
        // Opened before anything is read, so that a name that cannot be is said at once.
        let (out, made) = Made::create(&file, over.then_some(()).ok_or(":export!"))?;
        let written = stoppable(async {
            match form {
                Some(format) => cells_into(out, Exporter::new(format, &self.name, Keep::of(format)), &mut past).await,
                None => transcript_into(out, &mut past).await,
            }
        })
        .await;
        past.close().await;
        match written {
            Ok(evals) => {
                made.keep()?;
                let evals = if evals == 1 { "1 eval".to_owned() } else { format!("{evals} evals") };
                self.say(&format!("wrote {} ({evals})", file.display()))
            }
            Err(why) => {
                made.discard();
                Err(Failure::new(exit::IO, format!("{} was not written: {}", file.display(), why.text())))
            }
        }
    }
}

async fn cells_into(out: File, mut exporter: Exporter, past: &mut Past) -> Result<u64, Failure> {
    let mut out = BufWriter::with_capacity(64 * 1024, out);
    while let Some(item) = past.next().await? {
        exporter.item(&mut out, item)?;
    }
    let evals = exporter.end(&mut out)?;
    out.flush()?;
    Ok(evals)
}

async fn transcript_into(out: File, past: &mut Past) -> Result<u64, Failure> {
    let (mut transcript, mut count) = (Transcript::new(false, false, out), 0);
    while let Some(item) = past.next().await? {
        count += u64::from(matches!(&item, Item::Event(record) if matches!(record.event, Event::Accepted(_))));
        transcript.item(&item)?;
    }
    transcript.finish()?;
    Ok(count)
}
