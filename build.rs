//! Builds what browsers load, and sees to it that SQLite is compiled as the program needs it.
//!
//! 1. Packages come from npm, pinned by `package-lock.json`.
//! 2. `static/` is copied to `OUT_DIR/static`, and indexes of its folders are added to the copy.
//! 3. esbuild makes one file of each script and each style sheet that a template names, with all that it
//!    imports, in `OUT_DIR/site`. Pictures are copied there, and text is compressed. `src/http/assets.rs`
//!    embeds that folder.
//! 4. A debug build adds source maps, and fills `OUT_DIR/modules` with what a browser needs to load the
//!    modules of `static/` one by one, as with `--static static`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use flate2::{Compression, GzBuilder};

/// The environment variable whose flags SQLite is compiled with, and the flag that gives access to its
/// pages: without it the texts of deleted messages could not be erased.
const SQLITE_FLAGS: &str = "LIBSQLITE3_FLAGS";
const SQLITE_PAGES: &str = "SQLITE_ENABLE_DBPAGE_VTAB";

/// The first versions of browsers that our pages run in: the style needs `:has()`.
const BROWSERS: &str = "--target=es2022,chrome111,edge111,firefox121,safari16.4";
/// Where the licences of the packages are found that a script contains, from the script's folder.
const LICENCES: &str = "licences.txt";

fn main() {
    let watched = ["package.json", "package-lock.json", "schema.sql", "templates", "static"];
    // npm writes the last one with every installation.
    for watched in watched.iter().chain(&["node_modules/.package-lock.json"]) {
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
    let folder = |name| PathBuf::from(env::var_os(name).unwrap_or_default());
    let (root, out) = (folder("CARGO_MANIFEST_DIR"), folder("OUT_DIR"));
    let is_debug = env::var("PROFILE").is_ok_and(|profile| profile == "debug");
    if let Err(reason) = build_client(&root, &out, is_debug) {
        // Cargo prints these words as they are: one line that says what to do.
        eprintln!("visavis cannot be built: {reason}");
        std::process::exit(1);
    }
}

fn build_client(root: &Path, out: &Path, is_debug: bool) -> Result<(), String> {
    if !is_installed(root)? {
        install(root)?;
    }
    let [source, site, modules] = ["static", "site", "modules"].map(|name| out.join(name));
    let failed = |error: io::Error| format!("{}: {error}", out.display());
    for made in [&source, &site, &modules] {
        // What is left from an earlier build may have no original any more.
        _ = fs::remove_dir_all(made);
        fs::create_dir_all(made).map_err(failed)?;
    }
    copy(&root.join("static"), &source, &|_| true).map_err(failed)?;
    let indexes = add_indexes(&source).map_err(failed)?;
    copy(&source, &site, &|file| !is_source(file)).map_err(failed)?;

    let entries = named_by_templates(&root.join("templates")).map_err(failed)?;
    bundle(root, out, "site", &entries, is_debug)?;
    let licences = licences(out).map_err(failed)?;
    fs::write(site.join("js").join(LICENCES), licences).map_err(failed)?;
    compress(&site).map_err(failed)?;
    if is_debug {
        copy(&source, &modules, &|file| indexes.contains(file)).map_err(failed)?;
        bundle(root, out, "modules", &packages_as_modules(&source), is_debug)?;
    }
    Ok(())
}

/// Whether npm has installed the packages of `package.json` in the versions of `package-lock.json`.
fn is_installed(root: &Path) -> Result<bool, String> {
    let read = |name: &str| {
        fs::read_to_string(root.join(name)).map_err(|error| format!("{name}: {error}"))
    };
    let (package, wanted) = (read("package.json")?, read("package-lock.json")?);
    let Ok(installed) = read("node_modules/.package-lock.json") else { return Ok(false) };
    let checksum = |lock: &str, name: &str| {
        let (_, locked) = lock.split_once(&format!("\"node_modules/{name}\": {{"))?;
        let (_, checksum) = locked.split_once("\"integrity\": \"")?;
        checksum.split_once('"').map(|(checksum, _)| checksum.to_owned())
    };
    let dependencies = package
        .split_once("\"dependencies\": {")
        .and_then(|(_, rest)| rest.split_once('}').map(|(dependencies, _)| dependencies));
    let mut names = dependencies.unwrap_or_default().split('"').skip(1).step_by(4);
    Ok(names.all(|name| {
        root.join("node_modules").join(name).is_dir()
            && checksum(&installed, name) == checksum(&wanted, name)
    }))
}

/// Installs what the pages need (not what the tests need) into `node_modules`.
fn install(root: &Path) -> Result<(), String> {
    let output = Command::new("npm")
        .args(["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(root)
        .output()
        .map_err(|_| NO_NODE)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<&str> = said.lines().filter(|line| line.contains("error")).collect();
    Err(format!("`npm ci` failed; run it by hand to see why ({})", said.join(" / ")))
}

const NO_NODE: &str =
    "install Node.js with npm first (what the pages load is made with packages of npm)";

/// Whether browsers get the file only as a part of a bundle, or not at all.
fn is_source(file: &Path) -> bool {
    file.extension().is_some_and(|kind| ["css", "js", "ts"].iter().any(|source| kind == *source))
}

/// The files below `folder`, sorted.
fn files_below(folder: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.append(&mut files_below(&path)?);
        } else {
            files.insert(path);
        }
    }
    Ok(files)
}

/// Copies the files below `from` that are `wanted` to the same places below `to`.
fn copy(from: &Path, to: &Path, wanted: &dyn Fn(&Path) -> bool) -> io::Result<()> {
    for file in files_below(from)?.iter().filter(|file| wanted(file)) {
        let copied = to.join(file.strip_prefix(from).unwrap_or(file));
        fs::create_dir_all(copied.parent().unwrap_or(to))?;
        fs::write(copied, fs::read(file)?)?;
    }
    Ok(())
}

/// Adds an index to the folders whose files are found by being there, and returns the indexes. A folder of
/// scripts asks for `index.js`, which exports the list of their defaults, by its `index.d.ts`. Each folder
/// below `css` gets `index.css`, which imports its files.
fn add_indexes(source: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let files = files_below(source)?;
    let folders: BTreeSet<&Path> = files.iter().filter_map(|file| file.parent()).collect();
    let mut indexes = BTreeSet::new();
    for folder in folders {
        let is_of_styles =
            folder.parent().is_some_and(|parent| parent.starts_with(source.join("css")));
        let index = folder.join(if is_of_styles { "index.css" } else { "index.js" });
        if !is_of_styles && !files.contains(&folder.join("index.d.ts")) {
            continue;
        }
        let listed = files.iter().filter(|file| {
            file.parent() == Some(folder)
                && file.extension() == index.extension()
                && **file != index
        });
        let names = listed.filter_map(|file| file.file_name()?.to_str());
        let text = if is_of_styles {
            let imports: Vec<String> =
                names.map(|name| format!("@import \"./{name}\";\n")).collect();
            imports.concat()
        } else {
            let names: Vec<&str> = names.collect();
            let import = |(at, name)| format!("import m{at} from \"./{name}\";\n");
            let imports: String = names.iter().enumerate().map(import).collect();
            let list: Vec<String> = (0..names.len()).map(|at| format!("m{at}")).collect();
            format!("{imports}export default [{}];\n", list.join(", "))
        };
        fs::write(&index, text)?;
        indexes.insert(index);
    }
    Ok(indexes)
}

/// The scripts and style sheets that a template names, as in `asset('js/chats.js')`.
fn named_by_templates(templates: &Path) -> io::Result<BTreeSet<String>> {
    let mut named = BTreeSet::new();
    for template in files_below(templates)? {
        let text = fs::read_to_string(template)?;
        let assets = text.split("asset('").skip(1).filter_map(|rest| rest.split('\'').next());
        named.extend(
            assets.filter(|name| is_source(Path::new(name))).map(|name| format!("static/{name}")),
        );
    }
    Ok(named)
}

/// The modules that stand for packages of npm: bundled each by itself, a browser can load them.
fn packages_as_modules(source: &Path) -> BTreeSet<String> {
    let files = files_below(&source.join("js/vendor")).unwrap_or_default();
    let names = files.iter().filter_map(|file| file.file_name()?.to_str());
    names.map(|name| format!("static/js/vendor/{name}")).collect()
}

/// Bundles each of `entries`, which are named from `out` on, into the folder `to`.
fn bundle(
    root: &Path,
    out: &Path,
    to: &str,
    entries: &BTreeSet<String>,
    is_debug: bool,
) -> Result<(), String> {
    let modules = root.join("node_modules");
    let output = Command::new("node")
        .arg(modules.join("esbuild/bin/esbuild"))
        .args(entries)
        .args(["--bundle", "--minify", "--format=esm", "--charset=utf8", BROWSERS])
        .args(["--outbase=static", &format!("--outdir={to}"), &format!("--metafile={to}.json")])
        .args(is_debug.then_some("--sourcemap"))
        .args(["--legal-comments=none", &format!("--footer:js=/* Licences: {LICENCES} */")])
        // A tsconfig.json of a folder above is nobody's business here.
        .args(["--tsconfig-raw={}", "--log-level=warning", "--color=false"])
        .current_dir(out)
        // The folder of the build may be elsewhere.
        .env("NODE_PATH", &modules)
        .output()
        .map_err(|_| NO_NODE)?;
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().filter(|line| !line.trim().is_empty());
    if output.status.success() {
        said.for_each(|line| println!("cargo:warning={line}"));
        return Ok(());
    }
    // Node adds that its child process failed, and where.
    said.take_while(|line| !line.starts_with("node:")).for_each(|line| eprintln!("{line}"));
    Err("put right what esbuild found in static/, or run `npm ci` if it did not start".into())
}

/// The licences of the packages that scripts in `site` contain, one after another.
fn licences(out: &Path) -> io::Result<String> {
    let inputs = fs::read_to_string(out.join("site.json"))?;
    let mut packages = BTreeSet::new();
    for path in inputs.split('"') {
        let Some((modules, file)) = path.rsplit_once("node_modules/") else { continue };
        let parts = if file.starts_with('@') { 2 } else { 1 };
        let name: Vec<&str> = file.split('/').take(parts).collect();
        packages.insert((name.join("/"), out.join(modules).join("node_modules")));
    }
    let mut licences = String::from("The scripts of these pages contain these packages.\n");
    for (name, modules) in packages {
        let files = fs::read_dir(modules.join(&name))?.collect::<io::Result<Vec<_>>>()?;
        let is_licence = |file: &&fs::DirEntry| {
            file.file_name().to_string_lossy().to_uppercase().starts_with("LICEN")
        };
        let licence = files.iter().find(is_licence);
        let licence = licence.ok_or_else(|| io::Error::other(format!("{name} has no licence")))?;
        let text = fs::read_to_string(licence.path())?;
        licences.extend(["\n---\n", &name, "\n\n", text.trim(), "\n"]);
    }
    Ok(licences)
}

/// Writes each text file below `folder` compressed beside itself, with `.gz` after its name.
fn compress(folder: &Path) -> io::Result<()> {
    for path in files_below(folder)? {
        let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        if ["css", "js", "svg", "txt"].contains(&kind) {
            let mut name = path.clone().into_os_string();
            name.push(".gz");
            let mut file = GzBuilder::new().write(File::create(name)?, Compression::best());
            file.write_all(&fs::read(&path)?)?;
            file.finish()?;
        }
    }
    Ok(())
}
