//! Rich values: results, displays along the way, large ones, figures.

use crate::driver::{Driver, python};
use rialto_protocol::kernel::{DoneHow, KernelEvent, Launch};

#[test]
fn a_value_is_shown_in_all_its_forms() {
    let mut d = Driver::start();
    let code = "class Rich:\n    def __repr__(self): return 'plain'\n    def _repr_html_(self): return '<b>'\n    def _repr_markdown_(self): return '*b*'\n    def _repr_svg_(self): return '<svg/>'\n    def _repr_png_(self): return b'\\x89PNG'\n    def _repr_jpeg_(self): return 'iVBO'\n    def _repr_latex_(self): return '$b$'\n    def _repr_json_(self): return {'b': 1}\nRich()";
    let outcome = d.exec(code).ok();
    let bundle = outcome.done.unwrap().result.unwrap();
    let forms: Vec<(&str, &[u8])> = bundle.iter().map(|(mime, data)| (mime.as_str(), data.0.as_slice())).collect();
    assert_eq!(
        forms,
        [
            ("application/json", &b"{\"b\": 1}"[..]),
            ("image/jpeg", b"\x89\x50\x4e"),
            ("image/png", b"\x89PNG"),
            ("image/svg+xml", b"<svg/>"),
            ("text/html", b"<b>"),
            ("text/latex", b"$b$"),
            ("text/markdown", b"*b*"),
            ("text/plain", b"plain"),
        ]
    );
    let code = "class Bundle:\n    def _repr_mimebundle_(self, include=None, exclude=None): return {'text/plain': 'p', 'x/y': 'z'}, {}\nclass Bad:\n    def __repr__(self): return 'bad'\n    def _repr_html_(self): 1/0\n    def __getattr__(self, name): return lambda *a: 'for every name'\nBundle()";
    let bundle = d.exec(code).ok().bundle().unwrap();
    assert_eq!(bundle.len(), 2);
    assert_eq!(bundle["x/y"].lossy(), "z");
    let bundle = d.exec("Bad()").ok().bundle().unwrap();
    assert_eq!((bundle.len(), bundle["text/plain"].lossy().as_ref()), (1, "bad"));
    assert_eq!(d.exec("Rich").ok().bundle().unwrap().len(), 1, "the class is no such value");
    let outcome = d.exec("class R:\n    def __repr__(self): 1/0\nR()");
    assert_eq!(outcome.failure().name, "ZeroDivisionError");
    assert_eq!(
        d.exec("class R:\n    def __repr__(self): raise SystemExit(4)\nR()").how(),
        &DoneHow::Exit { code: 4, message: None }
    );
}

#[test]
fn displays_come_in_order_with_the_output() {
    let mut d = Driver::start();
    let outcome = d.exec("print('a'); display(1, 'x'); print('b'); display({'x/y': 'raw'}, raw=True)").ok();
    let order: Vec<&str> =
        outcome.events.iter().map(|e| if matches!(e, KernelEvent::Output { .. }) { "out" } else { "display" }).collect();
    assert_eq!(order, ["out", "display", "display", "out", "display"]);
    let displays = outcome.displays();
    assert!(displays.iter().all(|(result, _)| !result));
    assert_eq!(displays[1].1["text/plain"].lossy(), "'x'");
    assert_eq!(displays[2].1["x/y"].lossy(), "raw");
}

#[test]
fn large_values_come_in_pieces_and_too_large_ones_are_named() {
    let mut d = Driver::start();
    // Sizes around each limit: inside the end, one display, in pieces.
    for size in [100, 16_384, 16_385, 61_000, 62_000, 200_000, 5_000_000] {
        let outcome = d.exec(&format!("'x' * {}", size - 2)).ok();
        assert_eq!(outcome.result().unwrap().len(), size);
        assert_eq!(outcome.done.unwrap().result.is_some(), size <= 16_384, "{size}");
    }
    d.exec("class Two:\n    def __repr__(self): return 'p' * 100_000\n    def _repr_html_(self): return 'h' * 100_001\ndisplay(Two())").ok();
    let displays = d.exec("import os\nfor i in range(5):\n    os.write(1, b'between'); display(Two())").ok().displays();
    assert_eq!(displays.len(), 5);
    assert!(displays.iter().all(|(_, b)| b["text/plain"].0.len() == 100_000 && b["text/html"].0.len() == 100_001));
    let outcome = d
        .exec("class Huge:\n    def __repr__(self): return 'huge'\n    def _repr_png_(self): return bytes(70_000_000)\nHuge()")
        .ok();
    let bundle = outcome.bundle().unwrap();
    let text = bundle["text/plain"].lossy();
    assert!(bundle.len() == 1 && text.contains("image/png") && text.contains("70000004"), "{text}");
}

#[test]
fn figures_left_open_are_shown_at_the_end() {
    // The real library is large and mostly not there: what matters is which of its doors the runner uses.
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("matplotlib");
    std::fs::create_dir(&package).unwrap();
    std::fs::write(package.join("__init__.py"), "backend = 'window'\ndef use(name):\n    global backend\n    backend = name\n")
        .unwrap();
    let pyplot = "import matplotlib\nopen_ = []\nclass Figure:\n    def savefig(self, to, format, **_): to.write(b'PNG of ' + self.name.encode())\ndef figure(number=None):\n    if number is None:\n        f = Figure(); open_.append(f); f.name = str(len(open_)); return f\n    return open_[number - 1]\ndef get_fignums(): return [i + 1 for i, f in enumerate(open_) if f]\ndef close(number): open_[number - 1] = None\ndef get_backend(): return matplotlib.backend\ndef show(): raise RuntimeError('no window')\n";
    std::fs::write(package.join("pyplot.py"), pyplot).unwrap();
    let env = [("PYTHONPATH".to_owned(), folder.path().display().to_string()), ("MPLBACKEND".to_owned(), String::new())].into();
    let mut d = Driver::start_with(&Launch { env, ..python() });
    assert_eq!(d.exec("import sys; 'matplotlib' in sys.modules").result().as_deref(), Some("False"));
    let shown = |displays: Vec<(bool, rialto_protocol::data::Bundle)>| -> Vec<String> {
        displays.iter().map(|(_, b)| b["image/png"].lossy().into_owned()).collect()
    };
    let outcome = d.exec("import matplotlib.pyplot as plt\nplt.figure(); f = plt.figure()\nNone").ok();
    assert_eq!(shown(outcome.displays()), ["PNG of 1", "PNG of 2"]);
    assert_eq!(shown(d.exec("1").ok().displays()), Vec::<String>::new(), "each once");
    assert_eq!(shown(d.exec("_ = plt.figure(); plt.show(); 1").ok().displays()), ["PNG of 3"]);
    assert_eq!(shown(d.exec("_ = plt.figure(); 1/0").displays()), ["PNG of 4"], "also after an error");
}
