//! The program itself, as an operator runs it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_visavis");

/// Runs the program to its end, or for 30 s: exit code, standard output, standard error.
pub fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new("timeout");
    let output =
        command.current_dir(folder).args(["30", PROGRAM]).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Asserts that the program ends with code 1 and one line that has all of `words`.
#[track_caller]
pub fn assert_refused(folder: &Path, arguments: &[&str], words: &[&str]) {
    let (code, _, line) = run(folder, arguments);
    assert_eq!(code, Some(1), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    for word in words {
        assert!(line.contains(word), "{word:?} is not in {line}");
    }
}

/// The exit code and what was said to standard error.
pub fn said(output: Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// A started program that does not outlive its test.
pub struct Running(pub Child);

impl Running {
    pub fn signal(&self, signal: &str) {
        let mut kill = Command::new("kill");
        assert!(kill.args([signal, &self.0.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

pub fn address_when_it_listens(child: &mut Child) -> String {
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut found = lines.filter_map(|line| {
        line.unwrap()
            .split_once("visavis listens on http://")
            .map(|(_, address)| address.to_owned())
    });
    found.next().unwrap()
}

/// The program, started in that folder on a free port, once it listens.
pub fn started(dir: &Path, arguments: &[&str]) -> (Running, String) {
    let mut command = Command::new(PROGRAM);
    command.current_dir(dir).args(["--listen", "127.0.0.1:0"]).args(arguments);
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut running = Running(child);
    let address = address_when_it_listens(&mut running.0);
    (running, address)
}

/// The names of the files in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
