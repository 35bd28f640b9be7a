//! What a session's kernel finds: folder, variables, virtual environments, conda's, the login shell's, and profiles of the user and of a
//! project.

use crate::common::{Running, Sshd, Terminal, World, signal};
use nix::sys::signal::Signal;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The interpreter of this world.
fn python(world: &World) -> PathBuf {
    PathBuf::from(world.run(&["exec", "--rm", "-c", "import sys; print(sys.executable)"]).ok().trim())
}

fn venv(world: &World, folder: &Path) {
    let mut command = world.command(python(world));
    command.args(["-m", "venv", "--without-pip"]).arg(folder);
    assert!(command.status().unwrap().success());
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Read by whichever shell logs this user in.
fn login(world: &World, text: &str) {
    for name in [".profile", ".bash_profile", ".zprofile"] {
        write(&world.dir().join("home").join(name), text);
    }
}

const SHOWN: &str = "import os; print(os.getcwd(), os.environ.get('A'), os.environ.get('B'))";

#[test]
fn folder_and_variables_are_said_on_the_command_line_and_kept_over_a_restart() {
    let world = World::new();
    std::fs::create_dir(world.project().join("sub")).unwrap();
    let sub = world.project().join("sub").display().to_string();
    let passed = [
        "exec",
        "-s",
        "work",
        "-k",
        "python",
        "--cwd",
        "sub",
        "--env",
        "A=1=2",
        "--env",
        "B",
        "--env",
        "S=never-on-a-disk",
        "-c",
        SHOWN,
    ];
    let mut command = world.rialto(&passed);
    command.env("B", "here");
    let said = Running::start(command).end();
    said.says(0, &format!("{sub} 1=2 here\n"), "");
    world.run(&["restart", "work"]).exits(0);
    assert_eq!(world.run(&["exec", "-s", "work", "-c", SHOWN]).ok(), format!("{sub} 1=2 here\n"));
    // What is there already stays as it was made, and that is said.
    let said = world.run(&["exec", "-s", "work", "-k", "python", "--env", "A=3", "-c", SHOWN]);
    assert!(said.err().contains("work is there already: --env would be for a new session"), "{said}");
    assert_eq!(said.ok(), format!("{sub} 1=2 here\n"));
    for (bad, word) in [("NOPE", "not set here"), ("RIALTO_STATE_DIR=x", "rialto's own"), ("=x", "a name is wanted")] {
        world.run(&["exec", "--env", bad, "-c", "1"]).complains(64, &[word]);
    }
    // No value is on the disk; the names are, so that it can be said what is missing.
    let found = world.sh("grep -rla 'never-on-a-disk' ../s; true").ok();
    assert_eq!(found, "");
    let supervisor = world.ls(false)[0]["status"]["pid"].as_i64().unwrap();
    signal(i32::try_from(supervisor).unwrap(), Signal::SIGKILL);
    let said = world.run(&["exec", "-s", "work", "-c", SHOWN]);
    assert!(said.err().contains("(A, B, S) was not kept when its supervisor ended"), "{said}");
    assert_eq!(said.ok(), format!("{sub} None None\n"));
    world.run(&["kill", "work"]).exits(0);
}

#[test]
fn the_projects_virtual_environment_is_found_used_and_said() {
    let world = World::new();
    let named = python(&world).display().to_string();
    let folder = world.project().join(".venv");
    venv(&world, &folder);
    std::fs::create_dir_all(world.project().join("src/deep")).unwrap();
    let code = "import sys, os; print(sys.prefix, os.environ['VIRTUAL_ENV'], os.environ['PATH'].split(':')[0])";
    let shown = |of: &Path| format!("{0} {0} {0}/bin\n", of.display());
    let said = format!("virtual environment {}\n", folder.display());
    world.run(&["exec", "-c", code]).says(0, &shown(&folder), &said);
    world.run(&["exec", "--cwd", "src/deep", "-c", code]).says(0, &shown(&folder), &said);
    // Another one, by its name; and none that is there.
    let other = world.dir().join("other");
    venv(&world, &other);
    world.run(&["exec", "--venv", "../other", "-c", code]).says(
        0,
        &shown(&other),
        &format!("virtual environment {}\n", other.display()),
    );
    world.run(&["exec", "--venv", "../none", "-c", "1"]).complains(70, &["no virtual environment", "none"]);
    world.run(&["exec", "--python", &named, "-c", "import sys; sys.prefix != sys.base_prefix"]).says(0, "False\n", "");
    // A terminal says it in its greeting.
    let t = Terminal::open(&world, "rialto work");
    t.wait_for(said.trim());
    t.wait_for(">>>");
    t.keys(&["C-d"]);
    t.wait_for("detached");
    // One whose interpreter is gone is named, and not used.
    std::fs::remove_file(folder.join("bin/python")).unwrap();
    let said = world.run(&["exec", "-c", "import sys; sys.prefix == sys.base_prefix"]);
    assert!(said.err().contains("has no bin/python that runs; not used"), "{said}");
    assert_eq!(said.ok(), "True\n");
    world.run(&["kill", "work"]).exits(0);
}

/// No conda is to be had without its own servers: an environment as conda leaves one behind.
#[test]
fn a_conda_environment_is_found_by_its_name_without_conda() {
    let world = World::new();
    let home = world.dir().join("home");
    let prefix = home.join("miniforge3/envs/lab");
    world.run(&["exec", "--conda", "lab", "-c", "1"]).complains(70, &["no conda environment lab", "no conda was found"]);
    let interpreter = python(&world);
    std::fs::create_dir_all(prefix.join("bin")).unwrap();
    for name in ["python", "python3"] {
        std::os::unix::fs::symlink(&interpreter, prefix.join("bin").join(name)).unwrap();
    }
    write(&prefix.join("etc/conda/env_vars.d/package.json"), r#"{"PACKAGE": "set"}"#);
    write(&prefix.join("conda-meta/state"), r#"{"env_vars": {"MINE": "too"}}"#);
    let code =
        "import os; e = os.environ.get; print(e('CONDA_PREFIX'), e('CONDA_DEFAULT_ENV'), e('PACKAGE'), e('MINE'), e('SCRIPT'))";
    let said = format!("conda environment {}\n", prefix.display());
    let shown = |script: &str| format!("{} lab set too {script}\n", prefix.display());
    world.run(&["exec", "--conda", "lab", "-c", code]).says(0, &shown("None"), &said);
    write(&prefix.join("etc/conda/activate.d/a.sh"), "echo noise; export SCRIPT=\"$CONDA_PREFIX/x\"\n");
    world.run(&["exec", "--conda", "lab", "-c", code]).says(0, &shown(&format!("{}/x", prefix.display())), &said);
    // By its folder, and for another language.
    let folder = prefix.display().to_string();
    let line = "echo $CONDA_DEFAULT_ENV ${PATH%%:*}";
    world.run(&["exec", "-k", "bash", "--conda", &folder, "-c", line]).says(0, &format!("lab {folder}/bin\n"), "");
    world.run(&["exec", "--conda", "lba", "-c", "1"]).complains(70, &["no conda environment lba", "miniforge3/envs"]);
}

#[test]
fn the_login_shells_environment_is_taken_whatever_it_prints() {
    let world = World::new();
    login(&world, "echo welcome; echo problems >&2; export A=login B=login\n");
    let project = world.project().display().to_string();
    world.run(&["exec", "--login", "-c", SHOWN]).says(0, &format!("{project} login login\n"), "");
    // What is said on the command line wins.
    world.run(&["exec", "--login", "--env", "B=said", "-c", SHOWN]).says(0, &format!("{project} login said\n"), "");
    world.run(&["exec", "-k", "bash", "--login", "-c", "echo $A"]).says(0, "login\n", "");
    // One that never ends is ended, and the session is there all the same.
    login(&world, "export A=login; sleep 1000 & cat /dev/zero\n");
    let said = world.run(&["exec", "--login", "-c", SHOWN]);
    assert!(said.err().contains("the login shell") && said.err().contains("its environment is not used"), "{said}");
    assert_eq!(said.ok(), format!("{project} None None\n"));
    world.quiet();
}

#[test]
fn paths_are_of_the_machine_behind_an_sshd() {
    let (here, there) = (World::new(), World::new());
    let sshd = Sshd::known(&here, &there);
    let at = sshd.at();
    let home = there.dir().join("home");
    std::fs::create_dir_all(home.join("data")).unwrap();
    let folder = home.join("env");
    venv(&there, &folder);
    let data = home.join("data").display().to_string();
    let run = |more: &[&str]| here.run(&[&["--at", &at, "exec"], more].concat());
    run(&["--cwd", "data", "--env", "A=x", "-c", SHOWN]).says(0, &format!("{data} x None\n"), "");
    run(&["--cwd", "~/data", "-c", SHOWN]).says(0, &format!("{data} None None\n"), "");
    run(&["--cwd", "nowhere", "-c", "1"]).complains(70, &["nowhere", "does not exist"]);
    let said = format!("virtual environment {}\n", folder.display());
    run(&["--venv", "env", "-c", "import sys; print(sys.prefix)"]).says(0, &format!("{}\n", folder.display()), &said);
    // The profiles are those of the user over there.
    write(&home.join(".config/rialto/kernels.toml"), "[kernels.lab]\nvenv = '~/env'\ncwd = '~/data'\nenv = { A = 'profile' }\n");
    run(&["-k", "lab", "-c", SHOWN]).says(0, &format!("{data} profile None\n"), &said);
    run(&["-k", "lab", "--env", "A=said", "-c", SHOWN]).says(0, &format!("{data} said None\n"), &said);
    run(&["-k", "lba", "-c", "1"]).exits(64);
}

#[test]
fn the_users_profiles_are_kernels_with_names() {
    let world = World::new();
    let file = world.dir().join("home/.config/rialto/kernels.toml");
    write(
        &file,
        "kernel = 'lab'\n[kernels.lab]\ncwd = '/tmp'\nenv = { A = 'lab' }\n[kernels.sh]\nkernel = 'bash'\nenv = { A = 'sh' }\n",
    );
    world.run(&["exec", "-k", "lab", "-c", SHOWN]).says(0, "/tmp lab None\n", "");
    world.run(&["exec", "-k", "sh", "-c", "echo $A"]).says(0, "sh\n", "");
    world.run(&["exec", "-c", SHOWN]).says(0, "/tmp lab None\n", "");
    world.run(&["exec", "-k", "lab", "--cwd", ".", "-c", SHOWN]).says(
        0,
        &format!("{} lab None\n", world.project().display()),
        "",
    );
    // A word that nobody's session has is the profile's session of this project.
    let t = Terminal::open(&world, "rialto sh");
    t.wait_for("new session sh-project-");
    t.wait_for(">>>");
    t.keys(&["C-d"]);
    t.wait_for("detached");
    // Somebody else's word is not taken.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
    world.run(&["exec", "-k", "lab", "-c", "1"]).complains(64, &["kernels.toml", "everybody may write"]);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    write(&file, "[kernels.lab]\npyton = 'x'\n");
    world.run(&["exec", "-k", "lab", "-c", "1"]).complains(64, &["kernels.toml", "\"pyton\"", "python"]);
    // A kernel's own name needs no file.
    world.run(&["exec", "-k", "python", "-c", "1"]).says(0, "1\n", "");
}

#[test]
fn a_projects_file_is_used_once_it_is_allowed() {
    let world = World::new();
    std::fs::create_dir(world.project().join("data")).unwrap();
    let file = world.file(".rialto.toml", "kernel = 'lab'\n[kernels.lab]\ncwd = 'data'\nenv = { A = 'project' }\n");
    let data = world.project().join("data").display().to_string();
    let name = file.display().to_string();
    // Not unasked, and a pipe cannot be asked.
    world.run(&["exec", "-c", SHOWN]).complains(77, &[&name, "rialto allow"]);
    world.run(&["exec", "-k", "lab", "-c", SHOWN]).complains(77, &[&name, "rialto allow"]);
    world.run(&["exec", "-k", "python", "-c", "1"]).says(0, "1\n", "");
    let t = Terminal::open(&world, "rialto lab");
    t.wait_for("Use it? It is asked about again when it changes. [y/N]");
    t.type_line("n");
    t.wait_for("is not used; -k KERNEL starts one without it");
    t.type_line("clear; rialto lab");
    t.wait_for("[y/N]");
    t.type_line("y");
    t.wait_for("new session lab-project-");
    t.wait_for(">>>");
    t.type_line("import os; os.environ['A']");
    t.shows(&["'project'", ">>>"]);
    t.keys(&["C-d"]);
    t.wait_for("detached");
    // From then on it is not asked again, and said each time.
    let said = format!("kernel lab of {name}\n");
    world.run(&["exec", "-c", SHOWN]).says(0, &format!("{data} project None\n"), &said);
    // Until it changes, or is taken back.
    world.file(".rialto.toml", "[kernels.lab]\nenv = { A = 'other' }\n");
    world.run(&["exec", "-k", "lab", "-c", SHOWN]).complains(77, &["rialto allow"]);
    world.run(&["allow"]).exits(0);
    let project = world.project().display().to_string();
    world.run(&["exec", "-k", "lab", "-c", SHOWN]).says(0, &format!("{project} other None\n"), &said);
    world.run(&["allow", "--undo"]).exits(0);
    world.run(&["exec", "-k", "lab", "-c", SHOWN]).complains(77, &["rialto allow"]);
    // Above the root of a repository it is another project's.
    let inner = world.project().join("data");
    std::fs::create_dir(inner.join(".git")).unwrap();
    let mut command = world.rialto(&["exec", "-k", "lab", "-c", "1"]);
    command.current_dir(&inner);
    let said = Running::start(command).end();
    assert!(said.err().contains("there is no kernel \"lab\""), "{said}");
    // One that everybody may write to is somebody else's by the time it is read.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
    world.run(&["allow"]).complains(64, &[".rialto.toml", "everybody may write"]);
}

#[test]
fn a_restart_changes_nothing_of_it_and_says_how_to_have_another() {
    let world = World::new();
    world.session("work", "x = 41");
    world.run(&["restart", "work", "--venv", "/v", "--env", "A=1"]).complains(64, &["--env, --venv", "rialto rm work"]);
    world.run(&["exec", "-s", "work", "-c", "x + 1"]).says(0, "42\n", "");
}
