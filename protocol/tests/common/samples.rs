//! One full and one lean example of every message and event, in the JSON form. Their bytes are recorded in `contract1/`.

use rialto_protocol::event::{self, Event, Output, Record, Stamp};
use rialto_protocol::{Bytes, Message, Run, Stream, codec, kind};
use serde_json::{Value, json};

const ID: &str = "aaaqeayeaudaocajbifqydiob4"; // bytes 0 to 15
const ID2: &str = "777777777777777777777777ra"; // 0xff.., the other end

/// What a case is called, and the object.
pub type Case = (&'static str, Value);

fn who() -> Value {
    json!({ "principal": "uid:1000", "client": ID, "label": "terminal" })
}

fn status() -> Value {
    json!({
        "re": 5, "session": "k3vq7m2xab", "name": "work", "state": "running", "kernel": "python",
        "info": { "language": "python", "version": "3.11.7", "executable": "/usr/bin/python3", "pid": 4242, "note": "venv: .venv" },
        "epoch": 27_000_000, "head": 812, "life": 2, "running": 12, "running_eval": ID, "running_ms": 1500, "queued": 3, "evals": 15,
        "clients": [who()], "owner": "uid:1000", "created_ms": 1_790_000_000_000_u64, "cwd": "/home/ada", "stalled": "disk full", "pid": 4241
    })
}

/// The messages that are no events.
pub fn messages() -> Vec<(&'static str, Vec<Case>)> {
    let lean_status = json!({ "session": "k3vq7m2xab", "state": "idle", "kernel": "python", "epoch": 1, "head": 1, "life": 1 });
    let plain = || vec![("full", json!({ "re": 7 })), ("lean", json!({}))];
    let mutate = || vec![("full", json!({ "re": 7, "id": ID })), ("lean", json!({ "id": ID2 }))];
    let close = || vec![("full", json!({ "reason": "the session ended" })), ("lean", json!({}))];
    let at = || vec![("full", json!({ "re": 7, "code": "import o", "cursor": 8, "detail": 1 })), ("lean", json!({ "code": "" }))];
    vec![
        (
            "hello",
            vec![
                (
                    "full",
                    json!({ "magic": "rialto", "min": 1, "max": 3, "features": ["zstd"], "max_frame": 1_048_576, "app": "rialto 0.1.0",
                "cookie": { "base64": "/wABAg==" }, "on_behalf": { "principal": "key:ada", "scope": "eval" } }),
                ),
                ("lean", json!({ "magic": "rialto", "min": 1, "max": 1 })),
            ],
        ),
        (
            "welcome",
            vec![
                (
                    "full",
                    json!({ "contract": 1, "features": ["zstd"], "max_frame": 65536, "app": "rialto 0.1.0", "role": "daemon",
                "principal": "uid:1000", "scope": "admin" }),
                ),
                ("lean", json!({ "contract": 1, "max_frame": 65536 })),
            ],
        ),
        ("ping", vec![("full", json!({ "bytes": "0001020304fffefd" }))]),
        ("pong", vec![("full", json!({ "bytes": "0001020304fffefd" }))]),
        ("goaway", vec![("full", json!({ "reason": "upgrade", "retry_after_ms": 500 })), ("lean", json!({ "reason": "ended" }))]),
        (
            "error",
            vec![
                (
                    "full",
                    json!({ "re": 9, "code": 42, "name": "queue_full", "text": "the queue is full", "retryable": true, "after_ms": 250 }),
                ),
                ("lean", json!({ "code": 1, "name": "bad_frame", "text": "no frame" })),
            ],
        ),
        (
            "open",
            vec![
                (
                    "full",
                    json!({ "re": 1, "channel": 1, "session": "work", "create": { "id": ID, "kernel": "python", "session": "k3vq7m2xab",
                "program": "/usr/bin/python3", "cwd": "/home/ada", "env": { "LANG": "C.UTF-8" }, "must_be_new": true,
                "ends_when_done": true, "remove_at_end": true } }),
                ),
                ("lean", json!({ "channel": 1, "session": "k3v" })),
                ("lean create", json!({ "channel": 65535, "create": { "id": ID2, "kernel": "python" } })),
            ],
        ),
        (
            "opened",
            vec![
                ("full", json!({ "re": 1, "channel": 1, "session": "k3vq7m2xab", "name": "work", "created": true })),
                ("lean", json!({ "channel": 1, "session": "k3vq7m2xab" })),
            ],
        ),
        ("close", close()),
        ("closed", close()),
        (
            "greet",
            vec![
                ("full", json!({ "min": 1, "max": 2, "features": ["zstd"], "client": ID, "label": "terminal" })),
                ("lean", json!({ "min": 1, "max": 1, "client": ID })),
            ],
        ),
        (
            "greeted",
            vec![
                (
                    "full",
                    json!({ "contract": 1, "features": ["zstd"], "session": "k3vq7m2xab", "name": "work", "kernel": "python",
                "epoch": 27_000_000, "head": 812, "app": "rialto 0.1.0" }),
                ),
                ("lean", json!({ "contract": 1, "session": "k3vq7m2xab", "kernel": "python", "epoch": 1, "head": 0 })),
            ],
        ),
        ("credit", vec![("full", json!({ "bytes": 262_144 }))]),
        (
            "notice",
            vec![
                ("full", json!({ "what": "behind", "text": "this client is behind", "events": 400 })),
                ("lean", json!({ "what": "resumed" })),
            ],
        ),
        ("handover", vec![("full", json!({ "read": "greet and what follows" })), ("lean", json!({}))]),
        (
            "attached",
            vec![
                ("full", json!({ "re": 2, "epoch": 27_000_000, "after": 700, "head": 812 })),
                ("lean", json!({ "epoch": 1, "after": 0, "head": 1 })),
            ],
        ),
        ("detached", plain()),
        (
            "eval_info",
            vec![
                (
                    "full",
                    json!({ "re": 3, "eval": ID, "n": 12, "state": "ended", "known": true, "first": 700, "last": 705,
                "outcome": "exit", "code": 3 }),
                ),
                ("lean", json!({ "eval": ID, "n": 12, "state": "queued", "first": 700 })),
            ],
        ),
        (
            "interrupt_answer",
            vec![
                ("full", json!({ "re": 4, "eval": ID, "verdict": "interrupted", "outcome": "interrupted" })),
                ("lean", json!({ "eval": ID, "verdict": "best_effort" })),
            ],
        ),
        ("carried", vec![("full", json!({ "re": 4, "seq": 813 })), ("lean", json!({ "seq": 1 }))]),
        (
            "completions",
            vec![
                (
                    "full",
                    json!({ "re": 7, "start": 7, "end": 8, "items": [{ "text": "os", "kind": "module" }, { "text": "ö", "kind": "" }],
                "more": true }),
                ),
                ("lean", json!({ "start": 0, "end": 0, "items": [] })),
            ],
        ),
        ("inspected", vec![("full", json!({ "re": 7, "data": { "text/plain": "print(...)" } })), ("lean", json!({}))]),
        (
            "completeness",
            vec![
                ("full", json!({ "re": 7, "status": "incomplete", "indent": "    " })),
                ("lean", json!({ "status": "complete" })),
            ],
        ),
        ("status", vec![("full", status()), ("lean", lean_status)]),
        (
            "listing",
            vec![
                (
                    "full",
                    json!({ "re": 6, "sessions": [{ "session": "k3vq7m2xab", "name": "work", "kernel": "python", "state": "dead",
                "created_ms": 1_790_000_000_000_u64, "cwd": "/home/ada", "status": status(), "bytes": 123_456 }] }),
                ),
                ("lean", json!({ "sessions": [{ "session": "k3vq7m2xab", "kernel": "python", "state": "idle" }] })),
            ],
        ),
        ("gap", vec![("full", json!({ "from": 1, "to": 699 }))]),
        ("rewound", vec![("full", json!({ "epoch": 27_000_000, "seq": 500 }))]),
        (
            "screen",
            vec![
                ("full", json!({ "re": 8, "rows": 24, "columns": 80, "data": { "base64": "G1tIfg==" }, "typed": 12 })),
                ("lean", json!({ "rows": 1, "columns": 1, "data": "" })),
            ],
        ),
        ("drawn", vec![("full", json!({ "data": "\u{1b}[1mnew\u{1b}[m" }))]),
        ("unwatched", vec![("full", json!({ "re": 8, "reason": "the program has ended" })), ("lean", json!({}))]),
        ("typed", vec![("full", json!({ "re": 9, "typed": 15 })), ("lean", json!({ "typed": 0 }))]),
        (
            "attach",
            vec![
                (
                    "full",
                    json!({ "re": 2, "after": { "epoch": 27_000_000, "seq": 700 }, "tail": 10, "eval": ID, "credit": 1_000_000 }),
                ),
                ("lean", json!({})),
            ],
        ),
        ("detach", plain()),
        ("get_status", plain()),
        ("get_eval", vec![("full", json!({ "re": 3, "eval": ID, "n": 12 })), ("lean", json!({}))]),
        ("list", plain()),
        ("watch", plain()),
        ("unwatch", plain()),
        ("seen", vec![("full", json!({ "bytes": 4096 }))]),
        (
            "submit",
            vec![
                (
                    "full",
                    json!({ "re": 3, "eval": ID, "code": "print('ü')\n", "group": ID2, "on_error": "continue", "show": "nothing",
                "argv": ["job.py", "--fast"], "trace": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" }),
                ),
                ("lean", json!({ "eval": ID, "code": "1+1" })),
            ],
        ),
        (
            "interrupt",
            vec![
                (
                    "full",
                    json!({ "re": 4, "id": ID2, "eval": ID, "escalate": { "again_ms": 1000, "terminate_ms": 5000, "kill_ms": 8000,
                "answer_ms": 10_000 } }),
                ),
                ("lean", json!({ "id": ID2, "eval": ID })),
            ],
        ),
        (
            "input",
            vec![
                ("full", json!({ "re": 4, "id": ID2, "life": 2, "ask": 1, "data": { "base64": "/w==" }, "eof": true })),
                ("lean", json!({ "id": ID2, "ask": 1, "data": "yes" })),
            ],
        ),
        ("complete", at()),
        ("inspect", at()),
        ("is_complete", at()),
        ("restart", mutate()),
        (
            "keys",
            vec![("full", json!({ "re": 9, "from": 12, "data": { "base64": "G1tB/w==" } })), ("lean", json!({ "data": "q" }))],
        ),
        (
            "resize",
            vec![("full", json!({ "re": 9, "rows": 50, "columns": 132 })), ("lean", json!({ "rows": 24, "columns": 80 }))],
        ),
        ("kill", mutate()),
        ("redact", vec![("full", json!({ "re": 4, "id": ID2, "eval": ID })), ("lean", json!({ "id": ID2, "eval": ID }))]),
        (
            "share",
            vec![
                ("full", json!({ "re": 4, "id": ID2, "with": "uid:1001", "scope": "eval" })),
                ("lean", json!({ "id": ID2, "with": "uid:1001", "scope": "observe" })),
            ],
        ),
        (
            "unshare",
            vec![("full", json!({ "re": 4, "id": ID2, "with": "uid:1001" })), ("lean", json!({ "id": ID2, "with": "uid:1001" }))],
        ),
        (
            "comm",
            vec![
                ("full", json!({ "re": 4, "id": ID2, "life": 2, "message": comm() })),
                ("lean", json!({ "id": ID2, "message": { "what": "msg", "comm": "c1" } })),
            ],
        ),
    ]
}

/// A message to a comm, with everything in it.
fn comm() -> Value {
    json!({ "what": "open", "comm": "c1", "target": "jupyter.widget", "data": "{\"state\":{}}", "metadata": "{\"version\":\"2.1.0\"}",
        "buffers": [{ "base64": "/w==" }] })
}

/// The events; `output` is made in [`record`], because its form is frozen and has no map.
pub fn events() -> Vec<(&'static str, Vec<Case>)> {
    let kernel = json!({ "language": "python", "version": "3.11.7", "executable": "/usr/bin/python3", "pid": 4242 });
    let hash = json!({ "base64": "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=" });
    let by = || json!({ "principal": "uid:1000" });
    vec![
        (
            "created",
            vec![
                (
                    "full",
                    json!({ "session": "k3vq7m2xab", "name": "work", "kernel": "python", "cwd": "/home/ada", "by": who(), "id": ID,
                "ends_when_done": true, "contract": 1 }),
                ),
                ("lean", json!({ "session": "k3vq7m2xab", "kernel": "python", "by": by(), "id": ID })),
            ],
        ),
        ("epoch_started", vec![("full", json!({ "epoch": 27_000_000 }))]),
        (
            "life_started",
            vec![
                ("full", json!({ "life": 2, "kernel": kernel, "by": who(), "id": ID })),
                ("lean", json!({ "life": 1, "kernel": { "language": "python", "version": "3.11.7" } })),
            ],
        ),
        (
            "life_ended",
            vec![
                (
                    "full",
                    json!({ "life": 2, "why": "restarted", "death": { "code": 1, "signal": "SIGKILL", "failed_start": "no such file" },
                "by": who(), "id": ID }),
                ),
                ("lean", json!({ "life": 1, "why": "died" })),
            ],
        ),
        (
            "accepted",
            vec![
                (
                    "full",
                    json!({ "n": 12, "eval": ID, "started": true, "by": who(), "code": "print('ü')\n", "hash": hash, "group": ID2,
                "on_error": "continue", "show": "nothing", "argv": ["job.py", "--fast"],
                "trace": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" }),
                ),
                ("lean", json!({ "n": 12, "eval": ID })),
            ],
        ),
        ("started", vec![("full", json!({ "n": 12 }))]),
        (
            "output",
            vec![
                (
                    "full",
                    json!({ "n": 12, "background": true, "runs": [["stdout", "zwei Wörter\n"], ["stderr", "!"], ["stdout", { "base64": "/w==" }]] }),
                ),
                ("lean", json!({ "n": 12, "background": false, "runs": [["stdout", "2\n"]] })),
            ],
        ),
        (
            "display",
            vec![
                (
                    "full",
                    json!({ "n": 12, "role": "result", "data": { "image/png": { "base64": "iVBORw==" }, "text/plain": "<Figure>" } }),
                ),
                ("lean", json!({ "n": 12, "role": "display", "data": {} })),
            ],
        ),
        (
            "asked",
            vec![
                ("full", json!({ "n": 12, "ask": 1, "prompt": "password: ", "secret": true, "line": true, "of": ID })),
                ("lean", json!({ "n": 12, "ask": 1 })),
            ],
        ),
        (
            "answered",
            vec![
                ("full", json!({ "n": 12, "ask": 1, "by": who(), "id": ID2, "len": 3, "data": "yes", "eof": true })),
                ("lean", json!({ "n": 12, "ask": 1, "by": by(), "id": ID2, "len": 8 })),
            ],
        ),
        ("interrupting", vec![("full", json!({ "n": 12, "step": "terminate", "by": who(), "id": ID2 }))]),
        ("interrupt_noted", vec![("full", json!({ "eval": ID, "by": who(), "id": ID2 }))]),
        (
            "ended",
            vec![
                (
                    "full",
                    json!({ "n": 12, "outcome": "error", "result": { "text/plain": "2" },
                "failure": { "name": "ZeroDivisionError", "value": "division by zero", "traceback": "Traceback ...\n" },
                "code": 3, "why": "the kernel was restarted", "fresh_state": true, "by": who() }),
                ),
                ("lean", json!({ "n": 12, "outcome": "ok" })),
            ],
        ),
        ("redacted", vec![("full", json!({ "n": 12, "by": who(), "id": ID2 }))]),
        ("session_ended", vec![("full", json!({ "by": who(), "id": ID2 })), ("lean", json!({}))]),
        ("shared", vec![("full", json!({ "with": "uid:1001", "scope": "eval", "by": who(), "id": ID2 }))]),
        ("unshared", vec![("full", json!({ "with": "uid:1001", "by": who(), "id": ID2 }))]),
        ("comm_sent", vec![("full", json!({ "life": 2, "message": comm(), "by": who(), "id": ID2 }))]),
    ]
}

/// The message of a case: its channel is 0 for what belongs to the connection.
pub fn message(name: &str, mut body: Value) -> Message {
    body["type"] = name.into();
    codec::from_json(body).unwrap_or_else(|why| panic!("{name}: {why}"))
}

/// The event of a case, numbered 700.
pub fn record(name: &str, body: Value) -> Message {
    macro_rules! event {
        ($($text:literal $name:ident),*) => {
            match name {
                $($text => Event::$name(serde_json::from_value::<event::$name>(body).unwrap_or_else(|why| panic!("{name}: {why}"))),)*
                "output" => Event::Output(output(&body)),
                _ => panic!("{name} is no event"),
            }
        };
    }
    let event = event!(
        "created" Created, "epoch_started" EpochStarted, "life_started" LifeStarted, "life_ended" LifeEnded, "accepted" Accepted,
        "started" Started, "display" Display, "asked" Asked, "answered" Answered, "interrupting" Interrupting,
        "interrupt_noted" InterruptNoted, "ended" Ended, "redacted" Redacted, "session_ended" SessionEnded,
        "shared" Shared, "unshared" Unshared, "comm_sent" CommSent
    );
    Message::Event(Record { seq: 700, at: Stamp { wall_ms: 1_790_000_000_000, mono_us: 5_000_000 }, event })
}

fn output(body: &Value) -> Output {
    let runs = body["runs"].as_array().unwrap();
    let run = |run: &Value| Run {
        stream: serde_json::from_value::<Stream>(run[0].clone()).unwrap(),
        data: serde_json::from_value::<Bytes>(run[1].clone()).unwrap(),
    };
    Output {
        n: body["n"].as_u64().unwrap(),
        background: body["background"].as_bool().unwrap(),
        runs: runs.iter().map(run).collect(),
    }
}

/// Every example: name, number, case, message.
pub fn all() -> Vec<(&'static str, u8, &'static str, Message)> {
    let number = |name: &str| Message::KINDS.iter().chain(kind::EVENTS).find(|(_, text)| *text == name).unwrap().0;
    let mut all = Vec::new();
    for (name, cases) in messages() {
        all.extend(cases.into_iter().map(|(case, body)| (name, number(name), case, message(name, body))));
    }
    for (name, cases) in events() {
        all.extend(cases.into_iter().map(|(case, body)| (name, number(name), case, record(name, body))));
    }
    all
}
