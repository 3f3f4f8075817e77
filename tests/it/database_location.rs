//! `--database` as a path and as a URL, and what becomes of one that names no database of ours.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use super::support::program::{PROGRAM, names, run, started};

#[test]
fn a_url_and_a_path_name_the_same_database_to_every_command() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("my chat.db");
    let (relative, absolute) =
        ("sqlite:my%20chat.db", format!("sqlite://{}", path.display()).replace(' ', "%20"));
    let add = ["user", "add", "ann", "--create", "--database", relative];
    let (code, _, line) = run(dir.path(), &add);
    assert_eq!((code, names(dir.path())), (Some(0), vec!["my chat.db".to_owned()]), "{line}");
    for database in ["my chat.db", "./my chat.db", relative, &absolute] {
        let (_, people, line) = run(dir.path(), &["user", "list", "--database", database]);
        assert!(people.contains("ann"), "{database}: {people}{line}");
        let checking = ["check", "--listen", "127.0.0.1:0", "--database", database];
        let (code, lines, _) = run(dir.path(), &checking);
        assert_eq!(code, Some(0), "{database}: {lines}");
        assert!(lines.contains("my chat.db is a database of visavis"), "{lines}");
        for (command, copy) in [(&["backup"][..], "copy.db"), (&["export", "--flask"], "back.db")] {
            let arguments = [command, &[copy, "--database", database]].concat();
            let (code, _, line) = run(dir.path(), &arguments);
            assert_eq!(code, Some(0), "{arguments:?}: {line}");
        }
        let import = ["import", "back.db", "--database", "sqlite:imported.db"];
        assert_eq!(run(dir.path(), &import).0, Some(0));
        for made in ["copy.db", "back.db", "imported.db"] {
            fs::remove_file(dir.path().join(made)).unwrap();
        }
    }
    let (server, _) = started(dir.path(), &["--database", &absolute]);
    server.signal("-TERM");
}

#[test]
fn a_path_with_a_colon_is_a_path() {
    for (database, name) in
        [("./a:b.sqlite", "a:b.sqlite"), ("c:chat.db", "c:chat.db"), ("x:a.db", "x:a.db")]
    {
        let dir = tempfile::tempdir().unwrap();
        let add = ["user", "add", "ann", "--create", "--database", database];
        let (code, _, line) = run(dir.path(), &add);
        assert_eq!((code, names(dir.path())), (Some(0), vec![name.to_owned()]), "{line}");
        let list = run(dir.path(), &["user", "list", "--database", database]);
        assert!(list.1.contains("ann"), "{list:?}");
    }
}

/// What the program prints, and its code.
fn printed(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

fn program(dir: &TempDir) -> Command {
    let mut command = Command::new(PROGRAM);
    command.current_dir(dir.path());
    command
}

#[test]
fn a_database_of_another_kind_is_refused_by_its_name_and_with_what_there_is() {
    for url in ["postgres://db.example/chat", "mysql://db.example/chat", "sqlite://messenger.db"] {
        let dir = tempfile::tempdir().unwrap();
        for command in [&[][..], &["check"], &["user", "list"], &["import", "flask.db"]] {
            let (code, line) = printed(program(&dir).args(command).args(["--database", url]));
            assert_eq!((code, line.lines().count()), (Some(2), 1), "{line}");
            let example = "sqlite:///srv/visavis/messenger.db";
            for words in [url, "--database", "VISAVIS_DATABASE", example] {
                assert!(line.contains(words), "{words}: {line}");
            }
        }
        assert_eq!(names(dir.path()), [""; 0], "something was made");
    }
}

#[test]
fn a_password_in_a_url_is_printed_nowhere() {
    let is_silent = |(code, line): (Option<i32>, String), shown: &str| {
        assert!(!line.contains("secret") && line.contains(shown), "{code:?}: {line}");
        assert_eq!(line.lines().count(), 1, "{line}");
        code
    };
    for url in [
        "postgres://chat:secret@db.example/chat",
        "postgres://chat:se'cret secret@db.example/chat",
        "postgres://db.example/chat?password=secret",
        "sqlite://chat:secret@db.example/chat",
    ] {
        let (dir, with_file) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (scheme, _) = url.split_once(':').unwrap();
        let shown = format!("{scheme}://…");
        let by_flag = printed(program(&dir).arg("--database").arg(url));
        assert_eq!(is_silent(by_flag, &shown), Some(2));
        let by_variable = printed(program(&dir).env("VISAVIS_DATABASE", url));
        assert_eq!(is_silent(by_variable, &shown), Some(2));
        assert_eq!(is_silent(printed(program(&dir).arg(url)), &shown), Some(2));
        let files = ["database = URL", "database = [URL]", "database = {url = URL}", "URL = 1"];
        for file in files.map(|file| file.replace("URL", &format!("{url:?}"))) {
            fs::write(with_file.path().join("visavis.toml"), &file).unwrap();
            assert_eq!(is_silent(printed(&mut program(&with_file)), &shown), Some(2));
        }
        for help in [&["--help"][..], &["-h"], &["user", "list", "--help"]] {
            let (code, page) = printed(program(&dir).args(help).env("VISAVIS_DATABASE", url));
            assert_eq!(code, Some(0));
            assert!(page.contains("VISAVIS_DATABASE") && !page.contains("secret"), "{page}");
        }
    }
}

#[test]
fn a_url_of_sqlalchemy_for_the_working_directory_makes_no_file_in_the_root_folder() {
    let dir = tempfile::tempdir().unwrap();
    let (code, line) = printed(program(&dir).args(["--database", "sqlite:///visavis-none.db"]));
    assert_eq!(code, Some(2), "{line}");
    assert!(line.contains("sqlite:messenger.db for a file in the working directory"), "{line}");
    assert!(!Path::new("/visavis-none.db").exists());
}
