//! What is shown: results, displays, errors, and what only programs understand.

use crate::python;
use rialto_protocol::data::{Show, Stream};
use rialto_protocol::kernel::{DoneHow, KernelEvent};
use serde_json::Value;

/// What a message of Jupyter's said besides its forms.
fn said(bundle: &rialto_protocol::data::Bundle) -> Value {
    serde_json::from_slice(&bundle["application/vnd.jupyter.message+json"].0).unwrap()
}

#[test]
fn it_says_who_it_is_and_where_it_was_found() {
    let d = python();
    assert_eq!(d.info.language, "python");
    assert!(d.info.version.starts_with("3."), "{:?}", d.info);
    assert!(d.info.executable.ends_with("/bin/python") && d.info.pid > 1);
    assert!(d.info.note.as_deref().unwrap().ends_with("share/jupyter/kernels/python3"));
}

#[test]
fn the_last_value_is_the_result_whatever_its_size() {
    let mut d = python();
    assert_eq!(d.exec("x = 6 * 7").ok().result(), None);
    assert_eq!(d.exec("x").ok().result().as_deref(), Some("42"));
    let long = d.exec("b'x' * 100_000").ok();
    assert_eq!(long.result().unwrap().len(), 100_003);
    d.submit_as("x", Show::Nothing, None);
    assert_eq!(d.finish().ok().bundle(), None);
}

#[test]
fn streams_keep_their_order_among_each_other_and_with_what_is_shown() {
    let mut d = python();
    let code = "import sys\nfor i in range(50):\n    print('o', i)\n    print('e', i, file=sys.stderr)\n    display(i)";
    let events = d.exec(code).ok().events;
    let mut wanted = Vec::new();
    for i in 0..50 {
        wanted.extend([format!("o {i}\n"), format!("e {i}\n"), format!("{i}")]);
    }
    let mut seen = String::new();
    for event in &events {
        match event {
            KernelEvent::Output { runs, .. } => runs.iter().for_each(|run| seen.push_str(&run.data.lossy())),
            KernelEvent::Display { data, .. } => seen.push_str(&data["text/plain"].lossy()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seen, wanted.concat());
}

#[test]
fn children_and_threads_are_heard() {
    let mut d = python();
    let outcome = d.exec("import subprocess\n_ = subprocess.run(['sh', '-c', 'echo child; echo err >&2'])").ok();
    assert_eq!((outcome.out().as_str(), outcome.err().as_str()), ("child\n", "err\n"));
    let code = "import os\nfor i in range(30):\n    print('a', i)\n    _ = os.system(f'echo b {i}')\n    os.write(1, 'é€😀'.encode() * 5000)";
    let wanted: String = (0..30).map(|i| format!("a {i}\nb {i}\n{}", "é€😀".repeat(5000))).collect();
    let outcome = d.exec(code).ok();
    assert_eq!(outcome.out().len(), wanted.len());
    assert!(outcome.out() == wanted, "what children write keeps its place");
    // After the end it is background output.
    let n = d.submit("import threading; threading.Timer(0.2, lambda: print('late', flush=True)).start()");
    d.finish().ok();
    let KernelEvent::Output { n: of, background: true, runs } = d.next() else { panic!() };
    assert_eq!((of, runs[0].data.lossy().as_ref()), (n, "late\n"));
}

#[test]
fn errors_have_a_name_a_word_and_a_traceback_without_colours() {
    let mut d = python();
    let outcome = d.exec("print('before')\n1 / 0");
    let failure = outcome.failure();
    assert_eq!((failure.name.as_str(), failure.value.as_str()), ("ZeroDivisionError", "division by zero"));
    assert!(failure.traceback.contains("1 / 0") && !failure.traceback.contains('\x1b'), "{}", failure.traceback);
    assert_eq!(outcome.out(), "before\n");
    assert_eq!(*d.exec("import sys; sys.exit(3)").how(), DoneHow::Exit { code: 3, message: None });
    assert_eq!(*d.exec("sys.exit('no such file')").how(), DoneHow::Exit { code: 1, message: Some("no such file".to_owned()) });
    d.exec("x = 1").ok();
}

#[test]
fn pictures_are_bytes_and_large_displays_come_whole() {
    let mut d = python();
    let code = "import base64\nraw = bytes(range(256)) * 4000\n\
        display({'image/png': base64.b64encode(raw).decode(), 'text/plain': 'pic'}, raw=True)";
    let displays = d.exec(code).ok().displays();
    assert_eq!(displays.len(), 1);
    assert_eq!(displays[0].1["image/png"].0, (0..=255).cycle().take(1_024_000).collect::<Vec<u8>>());
    assert_eq!(displays[0].1["text/plain"].lossy(), "pic");
}

#[test]
fn updates_clearing_and_comms_come_in_their_places() {
    let mut d = python();
    let code = "from IPython.display import clear_output\nh = display('a', display_id='one')\nh.update('b')\nclear_output(wait=True)\n\
        from comm import create_comm\nc = create_comm(target_name='t', data={'x': 1}, buffers=[b'\\x00\\xff'])\nc.send({'y': 2})\nc.close()";
    let displays: Vec<_> = d.exec(code).ok().displays().into_iter().map(|(_, bundle)| bundle).collect();
    let kinds: Vec<_> = displays.iter().map(|bundle| said(bundle)["msg_type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["display_data", "update_display_data", "clear_output", "comm_open", "comm_msg", "comm_close"]);
    assert_eq!(said(&displays[1])["transient"]["display_id"], "one");
    assert_eq!(displays[1]["text/plain"].lossy(), "'b'");
    assert_eq!(said(&displays[2])["content"]["wait"], true);
    assert_eq!(said(&displays[3])["content"]["data"]["x"], 1);
    assert_eq!(displays[3]["application/vnd.jupyter.buffer;n=0"].0, [0, 255]);
}

#[test]
fn what_a_pager_would_show_is_shown() {
    let mut d = python();
    let displays = d.exec("len?").ok().displays();
    assert!(displays.iter().any(|(_, bundle)| bundle["text/plain"].lossy().contains("Return the number")), "{displays:?}");
}

#[test]
fn nothing_of_other_starters_and_nothing_to_read_is_there() {
    let mut d = python();
    let outcome = d.exec("import os, sys; print('JPY_PARENT_PID' in os.environ, os.read(0, 10))").ok();
    assert_eq!(outcome.out(), "False b''\n");
    assert!(outcome.bytes(Stream::Stderr).is_empty());
}
