//! `rialto export SESSION`: a session as a notebook, as prose, as a program, or a JSON line for each eval. Read from the
//! supervisor or the journal and written eval by eval, so that a long session needs no more memory than its largest eval.

mod cells;
mod lines;
mod markdown;
mod notebook;
mod program;

pub(crate) use cells::Keep;

use crate::args::{ExportArgs, PlaceArgs};
use crate::exit::{self, Failure};
use crate::logs::Item;
use crate::past::Past;
use crate::place::Place;
use crate::sanitise::{Filter, Pen, Rule};
use crate::{paint, reach};
use cells::{Cell, Cells};
use rialto_client::protocol::EvalNumber;
use rialto_client::protocol::event::Event;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};

/// What a session can be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A program: the code of what ran, with marks between the cells
    Py,
    /// Prose: code and output
    Md,
    /// A Jupyter notebook, format 4.5
    Ipynb,
    /// A JSON line for each eval
    Jsonl,
}

impl Format {
    /// By the ending of a file's name.
    pub(crate) fn of(file: &Path) -> Option<Self> {
        let ending = file.extension()?.to_str()?.to_ascii_lowercase();
        Some(match ending.as_str() {
            "py" => Self::Py,
            "md" => Self::Md,
            "ipynb" => Self::Ipynb,
            "jsonl" => Self::Jsonl,
            _ => return None,
        })
    }
}

impl Keep {
    /// What a form shows of the output: programs get what was written, people what is safe to look at.
    pub(crate) const fn of(format: Format) -> Self {
        match format {
            Format::Jsonl => Self::Raw,
            Format::Py => Self::Nothing,
            Format::Md | Format::Ipynb => Self::Safe,
        }
    }
}

/// What the whole is about.
#[derive(Debug, Default)]
struct About {
    session: String,
    language: String,
    version: String,
}

/// A form a session can be written in.
trait Form {
    fn begin(&mut self, out: &mut dyn Write, about: &About) -> io::Result<()>;
    fn cell(&mut self, out: &mut dyn Write, cell: &Cell) -> io::Result<()>;
    fn end(&mut self, out: &mut dyn Write, about: &About) -> io::Result<()>;
}

/// Events in, a file out.
pub(crate) struct Exporter {
    form: Box<dyn Form + Send>,
    about: About,
    cells: Cells,
    /// The first and last eval that are wanted.
    range: (EvalNumber, EvalNumber),
    begun: bool,
    count: u64,
    /// Events that are no longer kept.
    gone: u64,
}

impl Exporter {
    /// `session`: what it is called where its journal does not say.
    pub(crate) fn new(format: Format, session: &str, keep: Keep) -> Self {
        let form: Box<dyn Form + Send> = match format {
            Format::Py => Box::new(program::Program::default()),
            Format::Md => Box::new(markdown::Markdown::default()),
            Format::Ipynb => Box::new(notebook::Notebook::default()),
            Format::Jsonl => Box::new(lines::Lines::default()),
        };
        let about = About { session: session.to_owned(), ..About::default() };
        Self { form, about, cells: Cells::new(keep), range: (0, EvalNumber::MAX), begun: false, count: 0, gone: 0 }
    }

    const fn between(mut self, from: EvalNumber, until: EvalNumber) -> Self {
        self.range = (from, until);
        self
    }

    /// Takes what happened. False: nothing that is wanted comes any more.
    pub(crate) fn item(&mut self, out: &mut dyn Write, item: Item) -> io::Result<bool> {
        let record = match item {
            Item::Event(record) => *record,
            Item::Gap(gap) => {
                self.gone += gap.to.saturating_sub(gap.from) + 1;
                self.cells.gap(gap);
                return Ok(true);
            }
            Item::Rewound(_) => return Ok(true),
        };
        match &record.event {
            Event::Created(created) => {
                self.about.language.clone_from(&created.kernel);
                self.about.session = created.name.as_ref().map_or_else(|| created.session.to_string(), ToString::to_string);
            }
            Event::LifeStarted(life) => {
                self.about.language.clone_from(&life.kernel.language);
                self.about.version.clone_from(&life.kernel.version);
            }
            _ => {}
        }
        if let Some(cell) = self.cells.event(record) {
            self.cell(out, &cell)?;
        }
        Ok(self.cells.runs().is_none_or(|n| n <= self.range.1))
    }

    /// Writes what is left; how many evals were written.
    pub(crate) fn end(&mut self, out: &mut dyn Write) -> io::Result<u64> {
        for cell in std::mem::take(&mut self.cells).rest() {
            self.cell(out, &cell)?;
        }
        self.begin(out)?;
        self.form.end(out, &self.about)?;
        Ok(self.count)
    }

    fn cell(&mut self, out: &mut dyn Write, cell: &Cell) -> io::Result<()> {
        if cell.number() < self.range.0 || cell.number() > self.range.1 {
            return Ok(());
        }
        self.begin(out)?;
        self.count += 1;
        self.form.cell(out, cell)
    }

    /// As late as possible: the language is known once a kernel has started.
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if std::mem::replace(&mut self.begun, true) { Ok(()) } else { self.form.begin(out, &self.about) }
    }
}

pub(crate) async fn run(place: &PlaceArgs, args: &ExportArgs) -> Result<u8, Failure> {
    let format = args.format.or_else(|| Format::of(args.output.as_deref()?));
    let Some(format) = format else {
        return Err(Failure::usage("say how: --format py, md, ipynb or jsonl, or -o FILE with such an ending"));
    };
    let place = Place::of(place)?;
    let mut past = Past::of(&place, &args.session, "export")?;
    let from = number(&past, args.from.as_deref()).await?.unwrap_or(0);
    let until = number(&past, args.until.as_deref()).await?.unwrap_or(EvalNumber::MAX);
    let keep = if args.no_output { Keep::Nothing } else { Keep::of(format) };
    let mut exporter = Exporter::new(format, &args.session, keep).between(from, until);
    let mut stop = signal(SignalKind::interrupt())?;
    let mut out = Out::open(args)?;
    let done = tokio::select! {
        biased;
        _ = stop.recv() => Err(Failure::new(exit::INTERRUPTED, "stopped")),
        done = write(&mut past, &mut exporter, &mut out) => done,
    };
    past.close().await;
    match done {
        Ok(evals) => {
            out.keep()?;
            if exporter.gone > 0 {
                paint::talk(&format!("{} events are no longer kept, and not in it", exporter.gone));
            }
            if let Some(file) = &args.output {
                let evals = if evals == 1 { "1 eval".to_owned() } else { format!("{evals} evals") };
                paint::talk(&format!("wrote {} ({evals})", file.display()));
            }
            Ok(0)
        }
        Err(why) => {
            out.drop_it();
            Err(why)
        }
    }
}

/// The number of an eval that was named on the command line.
pub(crate) async fn number(past: &Past, text: Option<&str>) -> Result<Option<EvalNumber>, Failure> {
    match text {
        Some(text) => Ok(Some(past.number(reach::eval(text)?).await?)),
        None => Ok(None),
    }
}

async fn write(past: &mut Past, exporter: &mut Exporter, out: &mut Out) -> Result<u64, Failure> {
    while let Some(item) = past.next().await? {
        if !exporter.item(out, item)? {
            break;
        }
    }
    let evals = exporter.end(out)?;
    out.flush()?;
    Ok(evals)
}

/// Where it goes: this program's stdout, or a file that is there only once it is whole.
enum Out {
    Stdout(BufWriter<io::Stdout>),
    /// Somebody looks at it: what was printed may not act on their terminal.
    Terminal(io::Stdout, Box<(Filter, Pen)>),
    File {
        out: BufWriter<File>,
        part: PathBuf,
        file: PathBuf,
        force: bool,
    },
}

impl Out {
    fn open(args: &ExportArgs) -> Result<Self, Failure> {
        let Some(file) = &args.output else {
            let out = io::stdout();
            return Ok(if out.is_terminal() {
                Self::Terminal(out, Box::default())
            } else {
                Self::Stdout(BufWriter::with_capacity(64 * 1024, out))
            });
        };
        let there =
            || Failure::new(exit::IO, format!("{} is there already; it is left alone (--force writes over it)", file.display()));
        if !args.force && file.symlink_metadata().is_ok() {
            return Err(there());
        }
        let mut name = file.file_name().map(std::ffi::OsStr::to_owned).unwrap_or_default();
        name.push(format!(".{}.part", std::process::id()));
        let part = file.with_file_name(name);
        let cannot = |why| Failure::new(exit::IO, format!("{} cannot be written: {why}", file.display()));
        let out = BufWriter::with_capacity(64 * 1024, File::create_new(&part).map_err(cannot)?);
        Ok(Self::File { out, part, file: file.clone(), force: args.force })
    }

    /// It is whole.
    fn keep(self) -> Result<(), Failure> {
        let Self::File { out, part, file, force } = self else { return Ok(()) };
        drop(out);
        let cannot = |why: io::Error| Failure::new(exit::IO, format!("{} cannot be written: {why}", file.display()));
        // A link, unlike a new name, is refused where somebody made a file of that name meanwhile.
        let put = if force { std::fs::rename(&part, &file) } else { std::fs::hard_link(&part, &file) };
        let _ = std::fs::remove_file(&part);
        put.map_err(cannot)
    }

    fn drop_it(self) {
        if let Self::File { part, .. } = self {
            let _ = std::fs::remove_file(part);
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(out) => out.write(bytes),
            Self::File { out, .. } => out.write(bytes),
            Self::Terminal(out, state) => {
                let mut clean = String::with_capacity(bytes.len());
                let (filter, pen) = &mut **state;
                filter.clean(bytes, Rule::Plain, pen, &mut clean);
                out.write_all(clean.as_bytes())?;
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(out) => out.flush(),
            Self::File { out, .. } => out.flush(),
            Self::Terminal(out, _) => out.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::cells::tests::{accepted, ended, printed};
    use super::*;
    use rialto_client::protocol::event::{Record, Stamp};
    use rialto_client::protocol::{Outcome, Stream};

    fn written(from: EvalNumber, until: EvalNumber, events: Vec<Event>) -> (Vec<String>, usize) {
        let mut exporter = Exporter::new(Format::Jsonl, "work", Keep::Raw).between(from, until);
        let (mut out, mut read) = (Vec::new(), 0);
        for (at, event) in events.into_iter().enumerate() {
            read += 1;
            let record = Record { seq: at as u64 + 1, at: Stamp::default(), event };
            if !exporter.item(&mut out, Item::Event(Box::new(record))).unwrap() {
                break;
            }
        }
        exporter.end(&mut out).unwrap();
        (String::from_utf8(out).unwrap().lines().map(str::to_owned).collect(), read)
    }

    #[test]
    fn a_range_is_written_and_nothing_after_it_is_read() {
        let events = || {
            let mut events = Vec::new();
            for n in 1..=9 {
                events.push(accepted(n, true, &format!("code{n}")));
                events.push(printed(n, Stream::Stdout, "x"));
                events.push(ended(n, Outcome::Ok, None, None));
            }
            events
        };
        let (lines, read) = written(2, 4, events());
        assert_eq!((lines.len(), read), (3, 13));
        assert!(lines[0].contains("code2") && lines[2].contains("code4"), "{lines:?}");
        assert_eq!(written(0, EvalNumber::MAX, events()).0.len(), 9);
    }

    #[test]
    fn an_ending_names_a_form() {
        let of = |file: &str| Format::of(Path::new(file));
        assert_eq!(
            (of("a.IPYNB"), of("x/b.jsonl"), of("c.txt"), of("d")),
            (Some(Format::Ipynb), Some(Format::Jsonl), None, None)
        );
    }
}
