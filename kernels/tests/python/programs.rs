//! Code that behaves like a program: files and arguments, forks, await, and code that breaks things.

use crate::driver::{Driver, Outcome, python};
use rialto_protocol::data::Show;
use rialto_protocol::kernel::Launch;

#[test]
fn a_file_runs_as_a_program() {
    let folder = tempfile::tempdir().unwrap();
    let file = std::fs::canonicalize(folder.path()).unwrap().join("tool.py");
    std::fs::write(folder.path().join("helper.py"), "x = 'helped'").unwrap();
    let mut d = Driver::start();
    let path = file.display().to_string();
    // The code is what was sent; the file need not be there.
    d.submit_as(
        "import sys, helper\nprint(sys.argv[1:], __file__ == sys.argv[0], __name__, helper.x)\ndef f(): 1/0\nif len(sys.argv) > 2: f()\n3",
        Show::Nothing,
        Some(&[&path, "one", "two"]),
    );
    let outcome = d.finish();
    assert_eq!(outcome.out(), "['one', 'two'] True __main__ helped\n");
    let traceback = &outcome.failure().traceback;
    assert!(traceback.contains(&format!("File \"{path}\", line 3, in f")) && traceback.contains("def f(): 1/0"), "{traceback}");
    d.submit_as("import sys; (sys.argv, '__file__' in globals(), sys.path[0])", Show::Value, Some(&["-c"]));
    assert_eq!(d.finish().ok().result().as_deref(), Some("(['-c'], False, '')"));
}

#[test]
fn a_program_that_no_path_can_name_ends_its_eval_and_nothing_else() {
    let mut d = Driver::start();
    d.submit_as("1", Show::Value, Some(&["x\0"]));
    assert_eq!(d.finish().failure().name, "ValueError");
    assert_eq!(d.exec("1 + 1").ok().result().as_deref(), Some("2"));
}

#[test]
fn top_level_await_uses_one_loop() {
    let mut d = Driver::start();
    d.exec("import asyncio\nasync def f(x):\n    await asyncio.sleep(0)\n    return x").ok();
    assert_eq!(d.exec("await f(1)").ok().result().as_deref(), Some("1"));
    assert_eq!(d.exec("x = await f(2)\ny = await f(3)\nx + y").ok().result().as_deref(), Some("5"));
    assert_eq!(d.exec("async with asyncio.Lock(): print('locked')").ok().out(), "locked\n");
    assert_eq!(d.exec("[i async for i in (await f(j) for j in range(3))]").ok().result().as_deref(), Some("[0, 1, 2]"));
    d.exec("async def later(): return asyncio.ensure_future(queue.get())\nqueue = asyncio.Queue()\ntask = await later()").ok();
    assert_eq!(d.exec("await queue.put('same loop')\nawait task").ok().result().as_deref(), Some("'same loop'"));
    assert_eq!(d.exec("await f(1/0)").failure().name, "ZeroDivisionError");
    assert_eq!(d.exec("asyncio.run(f('own loop'))").ok().result().as_deref(), Some("'own loop'"));
    assert_eq!(d.exec("await f('after it')").ok().result().as_deref(), Some("'after it'"));
}

#[test]
fn a_task_of_an_earlier_eval_goes_on_while_a_later_one_awaits() {
    let mut d = Driver::start();
    d.exec("import asyncio\nsteps = []\nasync def work():\n    for i in range(3):\n        await go.wait()\n        steps.append(i)\n        await asyncio.sleep(0)\n    done.set()\nasync def begin():\n    global go, done, task\n    go, done = asyncio.Event(), asyncio.Event()\n    task = asyncio.create_task(work())\n    await asyncio.sleep(0)\nawait begin()").ok();
    assert_eq!(d.exec("steps").ok().result().as_deref(), Some("[]"));
    assert_eq!(d.exec("go.set()\nawait done.wait()\nsteps").ok().result().as_deref(), Some("[0, 1, 2]"));
    // An interrupt of the eval that awaits is none of the task's business.
    d.submit("go.clear()\nawait begin()\nprint('up')\nawait asyncio.sleep(1000)");
    let mut outcome = Outcome::default();
    d.until_out(&mut outcome, "up");
    d.interrupt();
    d.finish_into(&mut outcome);
    outcome.failure();
    d.fence();
    assert_eq!(d.exec("go.set()\nawait done.wait()\nlen(steps)").ok().result().as_deref(), Some("6"));
}

#[test]
fn a_spawned_worker_finds_the_file_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let file = std::fs::canonicalize(folder.path()).unwrap().join("tool.py");
    let code = "import multiprocessing, sys\ndef double(x): return 2 * x, __name__\nif __name__ == '__main__':\n    with multiprocessing.get_context('spawn').Pool(1) as pool:\n        print(pool.map(double, [1, 2]), sys.argv[1:])\n";
    std::fs::write(&file, code).unwrap();
    let mut d = Driver::start();
    let path = file.display().to_string();
    d.submit_as(code, Show::Nothing, Some(&[&path, "arg"]));
    assert_eq!(d.finish().ok().out(), "[(2, '__mp_main__'), (4, '__mp_main__')] ['arg']\n");
}

#[test]
fn a_fork_has_signal_handlers_of_its_own() {
    let mut d = Driver::start();
    let f = "import asyncio, os, signal\nasync def f():\n    loop = asyncio.get_running_loop()\n    heard = asyncio.Event()\n    loop.add_signal_handler(signal.SIGUSR1, heard.set)\n    os.kill(os.getpid(), signal.SIGUSR1)\n    await asyncio.wait_for(heard.wait(), 30)";
    d.exec(f).ok();
    let fork = "pid = os.fork()\nif pid == 0:\n    loop = asyncio.new_event_loop()\n    loop.run_until_complete(f())\n    loop.close()\n    os._exit(7)\nos.WEXITSTATUS(os.waitpid(pid, 0)[1])";
    let outcome = d.exec(fork).ok();
    assert_eq!(outcome.result().as_deref(), Some("7"), "{}", outcome.err());
    // And what the child did is not the kernel's.
    assert_eq!(d.exec("await f()").ok().err(), "");
}

#[test]
fn a_fork_never_becomes_a_second_kernel() {
    let mut d = Driver::start();
    d.exec("import os, sys, multiprocessing").ok();
    for (ending, status, out) in [
        ("print('child')", 0, "child\nparent\n"),
        ("print('child'); sys.exit(7)", 7, "child\nparent\n"),
        ("print('child'); 1/0", 1, "child\nparent\n"),
        ("print('child'); os._exit(9)", 9, "child\nparent\n"),
        ("display('child')", 0, "'child'\nparent\n"),
    ] {
        let code = format!(
            "pid = os.fork()\nif pid == 0:\n    {ending}\nelse:\n    status = os.waitpid(pid, 0)[1]\n    print('parent')\nos.WEXITSTATUS(status)"
        );
        let code = code.replace("\nos.WEX", "\nNone if pid == 0 else os.WEX");
        let outcome = d.exec(&code).ok();
        assert_eq!((outcome.out().as_str(), outcome.result()), (out, Some(status.to_string())), "{ending}");
        assert_eq!(outcome.err().contains("ZeroDivisionError"), ending.contains("1/0"), "{}", outcome.err());
        assert!(!outcome.err().contains("DeprecationWarning"), "{}", outcome.err());
    }
    d.exec("def double(x): return 2 * x").ok();
    let code = "with multiprocessing.get_context('fork').Pool(2) as pool:\n    print(pool.map(double, [1, 2]))";
    assert_eq!(d.exec(code).ok().out(), "[2, 4]\n");
    let code = "with multiprocessing.get_context('spawn').Pool(1) as pool:\n    print(pool.map(len, ['abc']))";
    assert_eq!(d.exec(code).ok().out(), "[3]\n");
    let code = "p = multiprocessing.get_context('fork').Process(target=print, args=('from a process',)); p.start(); p.join(); p.exitcode";
    let outcome = d.exec(code).ok();
    assert_eq!((outcome.out().as_str(), outcome.result().as_deref()), ("from a process\n", Some("0")));
}

#[test]
fn vandalism_does_not_reach_the_runner() {
    for vandalism in [
        "import os; os.closerange(3, 256)",
        "import os; os.close(0); os.close(1); os.close(2)",
        "import builtins\nfor name in ('print', 'len', 'isinstance', 'type', 'compile', 'exec', 'eval', 'map', 'bytes', 'str', 'getattr', 'sum', 'BaseException', 'repr'): delattr(builtins, name)",
        "import sys; sys.modules.clear()",
        "import sys; del sys.stdout, sys.stderr, sys.stdin",
        "import sys; sys.stdout = sys.stderr = sys.stdin = None",
        "import sys; sys.stdout = object()",
        "import sys\nclass Out:\n    def write(self, s): pass\n    def flush(self): raise SystemExit\nsys.stdout = Out()",
        "import sys; sys.settrace(lambda *a: 1/0)",
        "import sys; sys.setprofile(lambda *a: 1/0)",
        "import sys\ndef trace(*a): return trace\nsys.settrace(trace)",
        "import sys; sys.displayhook = sys.excepthook = None",
        "import os, posix, time, select; os.write = posix.write = os.read = time.sleep = select.poll = None",
        "import linecache, traceback; linecache.cache = traceback.format_exception = None",
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)",
        "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); signal.signal(signal.SIGINT, signal.default_int_handler)",
        "import gc; gc.disable(); gc.freeze()",
        "import sys; sys.setrecursionlimit(60)",
        "import os; os.chdir('/'); os.environ.clear()",
        "globals().clear()",
        "import io; io.TextIOWrapper = None; import _io; _io.TextIOWrapper = None",
        "import threading; threading.Thread = threading.current_thread = None",
        "class E(Exception):\n    def __str__(self): raise E\n    __repr__ = __str__\nraise E",
        "class E(Exception):\n    @property\n    def __class__(self): 1/0\nraise E",
        "def f(): f()\nf()",
        "class D:\n    def __del__(self): print('gone'); 1/0\nd = D(); del d",
        "import os; os.set_blocking(1, False); os.set_blocking(2, False)",
    ] {
        let mut d = Driver::start();
        d.submit(vandalism);
        d.finish();
        d.submit("6*7");
        let outcome = d.finish();
        // Some take away what even this needs; then the end says so, and the kernel is still there.
        if outcome.done.as_ref().is_some_and(|done| done.result.is_some()) {
            assert_eq!(outcome.result().as_deref(), Some("42"), "{vandalism}");
        } else {
            assert!(vandalism.contains("displayhook") || vandalism.contains("set"), "{vandalism}: {:?}", outcome.how());
        }
        d.exec("1/0").failure();
        d.fence();
    }
}

#[test]
fn the_environment_reaches_the_kernel_and_its_children() {
    let env = [("PYTHONUNBUFFERED".to_owned(), "1".to_owned()), ("OWN".to_owned(), "\u{e9}".to_owned())].into();
    let mut d = Driver::start_with(&Launch { env, ..python() });
    let code = "import os, subprocess\nprint(os.environ['OWN'], flush=True)\nsubprocess.run('echo $OWN $PYTHONUNBUFFERED', shell=True).returncode";
    assert_eq!(d.exec(code).ok().out(), "\u{e9}\n\u{e9} 1\n");
    let info = d.info.clone();
    assert_eq!(
        d.exec("import sys, os, platform; f'{platform.python_version()} {sys.executable} {os.getpid()}'").result(),
        Some(format!("'{} {} {}'", info.version, info.executable, info.pid))
    );
    assert_eq!(info.language, "python");
}

#[test]
fn an_idle_kernel_does_nothing_at_all() {
    let mut d = Driver::start();
    d.exec("print('x')").ok();
    let switches = |pid: u32| -> u64 {
        let mut sum = 0;
        for task in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
            let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            let counts = status.lines().filter(|line| line.contains("ctxt_switches"));
            sum += counts.map(|line| line.split_whitespace().last().unwrap().parse::<u64>().unwrap()).sum::<u64>();
        }
        sum
    };
    // It may tick for a second after an eval; then two seconds without a single switch must come. A kernel that never stops
    // runs into the patience below, however slow the machine is.
    let pause = || std::thread::sleep(std::time::Duration::from_secs(2));
    for _ in 0..10 {
        let before = switches(d.info.pid);
        pause();
        if switches(d.info.pid) == before {
            return;
        }
    }
    panic!("it never came to rest");
}
