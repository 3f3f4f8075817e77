//! Brings socket.io-client and Bootstrap from npm, pinned by `package-lock.json`, and lays the few
//! files that the pages load into `OUT_DIR/vendor`, from where they are embedded.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// What the pages load: the file in `node_modules`, and its name under `/static/vendor/`.
const FILES: [(&str, &str); 2] = [
    ("socket.io-client/dist/socket.io.min.js", "socket.io.min.js"),
    ("bootstrap/dist/css/bootstrap.min.css", "bootstrap.min.css"),
];

fn main() {
    for watched in ["package.json", "package-lock.json", "schema.sql", "templates", "static"] {
        println!("cargo:rerun-if-changed={watched}");
    }
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let vendor = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("vendor");
    if let Err(reason) = bring(&root.join("node_modules"), &root, &vendor) {
        // Cargo prints these words as they are: one line that says what to do.
        eprintln!("visavis cannot be built: {reason}");
        std::process::exit(1);
    }
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
