//! Questions about code, answered without running it.

use crate::start;
use rialto_protocol::kernel::{Answer, Completeness, Query};

#[test]
fn open_constructs_ask_for_more() {
    let mut d = start();
    let mut judge = |code| d.judge(code);
    for code in [
        "echo hi",
        "f() { :; }",
        "for i in 1; do echo; done",
        "cat <<E\nx\nE",
        "echo 'a\nb'",
        "",
        "# x",
        "echo \\\\",
        "case x in x) ;; esac",
    ] {
        assert_eq!(judge(code), Completeness::Complete, "{code}");
    }
    for code in [
        "for i in 1 2",
        "if true; then",
        "f() {",
        "cat <<EOF",
        "cat <<EOF\nx",
        "echo 'a",
        "echo \"a",
        "a |",
        "a &&",
        "echo \\",
        "echo $(ls",
        "case x in",
        "((1 +",
        "{",
        "echo `ls",
    ] {
        assert!(matches!(judge(code), Completeness::Incomplete { .. }), "{code}: {:?}", judge(code));
    }
    for code in ["if then fi", "done", "echo )", "}", "; ;"] {
        assert_eq!(judge(code), Completeness::Invalid, "{code}");
    }
}

#[test]
fn completion_knows_commands_variables_and_files() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sub dir")).unwrap();
    std::fs::write(folder.path().join("with space.txt"), "").unwrap();
    let mut d = start();
    d.exec(&format!("cd {}; my_function() {{ :; }}; my_variable=1; alias my_alias=ls", folder.path().display())).ok();
    let mut complete = |code| d.complete(code);
    assert_eq!(complete("my_f"), (0, vec!["my_function".to_owned()]));
    assert_eq!(complete("é | my_"), (5, vec!["my_alias".to_owned(), "my_function".to_owned()]));
    assert_eq!(complete("echo $my_"), (5, vec!["$my_variable".to_owned()]));
    assert_eq!(complete("cat wi"), (4, vec!["with\\ space.txt".to_owned()]));
    assert!(complete("ec").1.contains(&"echo".to_owned()));
    assert!(complete("__rialto").1.is_empty());
}

#[test]
fn inspection_says_what_a_name_is() {
    let mut d = start();
    d.exec("f() { echo body; }; v=(1 2)").ok();
    let mut inspect = |code: &str, detail| match d.query(Query::Inspect { code: code.into(), cursor: code.len(), detail }) {
        Answer::Inspected(found) => found.map(|b| b.get("text/plain").unwrap().lossy().into_owned()),
        other => panic!("{other:?}"),
    };
    assert!(inspect("f", 0).unwrap().contains("function"));
    assert!(inspect("f", 1).unwrap().contains("echo body"));
    assert!(inspect("echo $v", 0).unwrap().contains("declare -a v="));
    assert!(inspect("cd", 0).unwrap().contains("cd ["));
    assert!(inspect("ls", 0).unwrap().contains("/ls"));
    assert_eq!(inspect("no_such_thing", 0), None);
}
