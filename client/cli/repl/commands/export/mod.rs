//! `:export FILE`: the session as a notebook, as prose, as a program, as a transcript. Read from the journal and written eval by
//! eval, so that a long session needs no more memory than its largest eval.

mod cells;
mod markdown;
mod notebook;
mod program;

use super::keep::{path, write_new};
use crate::exit::{self, Failure};
use crate::logs::{Item, Transcript};
use crate::repl::Repl;
use crate::repl::replay::{Past, stoppable};
use cells::{Cell, Cells};
use rialto_client::protocol::event::Event;
use std::fs::File;
use std::io::{self, BufWriter, Write};

/// What the whole is about.
#[derive(Debug, Default)]
pub(super) struct About {
    pub(super) session: String,
    pub(super) language: String,
    pub(super) version: String,
}

/// A form a session can be written in.
pub(super) trait Form {
    fn begin(&mut self, out: &mut dyn Write, about: &About) -> io::Result<()>;
    fn cell(&mut self, out: &mut dyn Write, cell: &Cell) -> io::Result<()>;
    fn end(&mut self, out: &mut dyn Write, about: &About) -> io::Result<()>;
}

impl Repl {
    pub(super) async fn export(&mut self, rest: &str) -> Result<(), Failure> {
        let file = path(rest);
        let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
        let form: Option<Box<dyn Form>> = match ending.as_str() {
            "ipynb" => Some(Box::new(notebook::Notebook::default())),
            "md" => Some(Box::new(markdown::Markdown::default())),
            "py" => Some(Box::new(program::Program)),
            "txt" => None,
            _ => {
                return Err(Failure::usage(
                    ":export takes a file that ends in .ipynb, .md, .py or .txt, as in :export work.ipynb",
                ));
            }
        };
        let session = self.session_id()?;
        let mut past = stoppable(async {
            let about = self.about().await?;
            Ok((about, Past::after(&self.place, &session, None).await?))
        })
        .await?;
        // Opened before anything is read, so that a name that cannot be is said at once.
        let mut made = None;
        write_new(&file, |out| {
            made = Some(out.try_clone()?);
            Ok(())
        })?;
        let Some(out) = made else { return Err(Failure::internal("a file was made and is not there".to_owned())) };
        let (about, past) = (&past.0, &mut past.1);
        let written = stoppable(async {
            match form {
                Some(form) => cells_into(out, form, about, past).await,
                None => transcript_into(out, past).await,
            }
        })
        .await;
        match written {
            Ok(evals) => {
                let evals = if evals == 1 { "1 eval".to_owned() } else { format!("{evals} evals") };
                self.say(&format!("wrote {} ({evals})", file.display()))
            }
            Err(why) => {
                // Half a notebook is none.
                let _ = std::fs::remove_file(&file);
                Err(Failure::new(exit::IO, format!("{} was not written: {}", file.display(), why.text())))
            }
        }
    }

    async fn about(&mut self) -> Result<About, Failure> {
        let status = self.session.status().await?;
        let info = status.info.unwrap_or_default();
        let language = if info.language.is_empty() { status.kernel } else { info.language };
        Ok(About { session: self.name.clone(), language, version: info.version })
    }
}

async fn cells_into(out: File, mut form: Box<dyn Form>, about: &About, past: &mut Past) -> Result<u64, Failure> {
    let mut out = BufWriter::with_capacity(64 * 1024, out);
    let (mut cells, mut count) = (Cells::default(), 0);
    form.begin(&mut out, about)?;
    while let Some(item) = past.next().await? {
        if let Item::Event(record) = item
            && let Some(cell) = cells.event(*record)
        {
            form.cell(&mut out, &cell)?;
            count += 1;
        }
    }
    for cell in cells.rest() {
        form.cell(&mut out, &cell)?;
        count += 1;
    }
    form.end(&mut out, about)?;
    out.flush()?;
    Ok(count)
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
