//! Brings socket.io-client and Bootstrap from npm, pinned by `package-lock.json`, and lays the few
//! files that the pages load into `OUT_DIR/vendor`, from where they are embedded; and compresses
//! every static file that is text into `OUT_DIR/compressed`. Sees to it that SQLite is compiled as
//! the program needs it.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use flate2::{Compression, GzBuilder};

/// What the pages load: the file in `node_modules`, and its name under `/static/vendor/`.
const FILES: [(&str, &str); 2] = [
    ("socket.io-client/dist/socket.io.min.js", "socket.io.min.js"),
    ("bootstrap/dist/css/bootstrap.min.css", "bootstrap.min.css"),
];

/// The environment variable whose flags SQLite is compiled with, and the flag that gives access to its
/// pages: without it the texts of deleted messages could not be erased.
const SQLITE_FLAGS: &str = "LIBSQLITE3_FLAGS";
const SQLITE_PAGES: &str = "SQLITE_ENABLE_DBPAGE_VTAB";

fn main() {
    for watched in ["package.json", "package-lock.json", "schema.sql", "templates", "static"] {
        println!("cargo:rerun-if-changed={watched}");
    }
    println!("cargo:rerun-if-env-changed={SQLITE_FLAGS}");
    if !env::var(SQLITE_FLAGS).is_ok_and(|flags| flags.contains(SQLITE_PAGES)) {
        eprintln!(
            "visavis cannot be built: {SQLITE_FLAGS} lacks {SQLITE_PAGES}; run cargo in the folder of the \
             source, whose .cargo/config.toml sets it, or add it to the {SQLITE_FLAGS} of your environment"
        );
        std::process::exit(1);
    }
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let vendor = out.join("vendor");
    let compressed = out.join("compressed");
    let brought = bring(&root.join("node_modules"), &root, &vendor).and_then(|()| {
        // What is left from an earlier build may have no original any more.
        _ = fs::remove_dir_all(&compressed);
        compress(&root.join("static"), &compressed)
            .and_then(|()| compress(&vendor, &compressed.join("vendor")))
            .map_err(|error| format!("{}: {error}", compressed.display()))
    });
    if let Err(reason) = brought {
        // Cargo prints these words as they are: one line that says what to do.
        eprintln!("visavis cannot be built: {reason}");
        std::process::exit(1);
    }
}

/// Writes each text file below `from` to the same place below `to`, with `.gz` after its name.
fn compress(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if path.is_dir() {
            compress(&path, &to.join(name))?;
        } else if path
            .extension()
            .is_some_and(|kind| kind == "css" || kind == "js" || kind == "svg")
        {
            let mut name = name;
            name.push(".gz");
            let mut file =
                GzBuilder::new().write(File::create(to.join(name))?, Compression::best());
            file.write_all(&fs::read(&path)?)?;
            file.finish()?;
        }
    }
    Ok(())
}

fn bring(modules: &Path, root: &Path, vendor: &Path) -> Result<(), String> {
    for (file, _) in FILES {
        println!("cargo:rerun-if-changed={}", modules.join(file).display());
    }
    if !FILES.iter().all(|(file, _)| modules.join(file).is_file()) {
        install(root)?;
    }
    fs::create_dir_all(vendor).map_err(|error| format!("{}: {error}", vendor.display()))?;
    for (file, name) in FILES {
        let source = modules.join(file);
        // The maps that these files point to are not embedded; the pointer would only make
        // browsers' tools ask for them.
        let text = fs::read_to_string(&source)
            .map_err(|error| format!("{}: {error}", source.display()))?;
        let text: Vec<&str> =
            text.lines().filter(|line| !line.contains("sourceMappingURL=")).collect();
        fs::write(vendor.join(name), text.join("\n"))
            .map_err(|error| format!("{}: {error}", vendor.display()))?;
    }
    Ok(())
}

/// Installs what the pages need (not what the tests need) into `node_modules`.
fn install(root: &Path) -> Result<(), String> {
    let output = Command::new("npm")
        .args(["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(root)
        .output()
        .map_err(
            |_| "install Node.js with npm first (socket.io-client and Bootstrap come from there)",
        )?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<&str> = said.lines().filter(|line| line.contains("error")).collect();
    Err(format!("`npm ci` failed; run it by hand to see why ({})", said.join(" / ")))
}
