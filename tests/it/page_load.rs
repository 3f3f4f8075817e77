//! What our pages load: one style sheet, at most one script, few bytes; and from a folder of sources,
//! the modules one by one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use reqwest::Url;

use super::support::site::{Browser, Site};

const PAGES: [&str; 7] = ["/", "/find", "/chats", "/account", "/nowhere", "/register", "/login"];

/// The values of the attribute `name` in the tags of `page` that begin with `tag`.
fn attributes<'a>(page: &'a str, tag: &str, name: &str) -> Vec<&'a str> {
    let tags = page.split(tag).skip(1).filter_map(|rest| rest.split('>').next());
    let (open, close) = (format!("{name}=\""), '"');
    tags.filter_map(|tag| tag.split_once(&open)?.1.split_once(close).map(|(value, _)| value))
        .collect()
}

const SHEET: &str = "<link rel=\"stylesheet\"";
const SCRIPT: &str = "<script";

#[tokio::test]
async fn every_page_of_ours_loads_one_style_sheet_and_at_most_one_script() {
    let site = Site::start().await;
    let browser = site.user("ann").await;
    for path in PAGES {
        let page = browser.get(path).await.text().await.unwrap();
        let (sheets, scripts) =
            (attributes(&page, SHEET, "href"), attributes(&page, SCRIPT, "src"));
        assert_eq!(sheets.len(), 1, "{path}: {sheets:?}");
        assert!(scripts.len() <= 1, "{path}: {scripts:?}");
        assert!(!page.contains("preload"), "{path}");
        for file in sheets.iter().chain(&scripts) {
            let text = browser.get(file).await.text().await.unwrap();
            assert_eq!(imports(&text), [""; 0], "{file}");
        }
    }
}

#[tokio::test]
async fn a_page_is_light() {
    let site = Site::start().await;
    let browser = site.user("ann").await;
    let client = reqwest::Client::new();
    let bytes_of = async |path: &str| {
        let url = format!("http://{}{path}", site.address);
        let answer = client.get(url).header("accept-encoding", "gzip").send().await.unwrap();
        assert_eq!(answer.headers()["content-encoding"], "gzip", "{path}");
        answer.bytes().await.unwrap().len()
    };
    for path in PAGES {
        let page = browser.get(path).await.text().await.unwrap();
        let (mut sheets, mut scripts) = (0, 0);
        for file in attributes(&page, SHEET, "href") {
            sheets += bytes_of(file).await;
        }
        for file in attributes(&page, SCRIPT, "src") {
            scripts += bytes_of(file).await;
        }
        let sizes = format!("{path}: {} + {sheets} + {scripts} bytes", page.len());
        assert!(sheets <= 12_000 && scripts <= 45_000, "{sizes}");
        assert!(page.len() + sheets + scripts <= 80_000, "{sizes}");
    }
}

#[test]
fn no_list_of_modules_or_style_sheets_is_kept_by_hand() {
    let (mut templates, mut sheets) = (0, 0);
    for template in fs::read_dir("templates").unwrap() {
        let path = template.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let files: Vec<&str> = text.split("asset(").skip(1).collect();
        // The build looks for this spelling.
        assert!(files.iter().all(|file| file.starts_with('\'')), "{}: {files:?}", path.display());
        let count = |folder| files.iter().filter(|file| file.starts_with(folder)).count();
        assert!(count("'js/") <= 1, "{}: {files:?}", path.display());
        assert!(!text.contains("preload"), "{}", path.display());
        templates += 1;
        sheets += count("'css/");
    }
    assert!(templates > 8, "only {templates} templates found");
    assert_eq!(sheets, 1);
}

#[tokio::test]
async fn the_licences_of_packages_that_scripts_contain_are_served_beside_them() {
    let site = Site::start().await;
    let browser = site.user("ann").await;
    let page = browser.get("/chats").await.text().await.unwrap();
    let script = Url::parse("http://visavis.test").unwrap();
    let script = script.join(attributes(&page, SCRIPT, "src")[0]).unwrap();
    let text = browser.get(script.path()).await.text().await.unwrap();
    let (_, licences) = text.rsplit_once("/* Licences: ").unwrap();
    let licences = script.join(licences.split(' ').next().unwrap()).unwrap();
    let licences = browser.get(licences.path()).await;
    assert_eq!(licences.headers()["content-type"], "text/plain; charset=utf-8");
    let licences = licences.text().await.unwrap();
    for part in ["socket.io-client", "engine.io-client", "Permission is hereby granted"] {
        assert!(licences.contains(part), "{part}: {licences}");
    }
}

/// What `text`, a module or a style sheet, imports.
fn imports(text: &str) -> Vec<&str> {
    let statements = ["from \"", "from\"", "import \"", "import\"", "import(\""];
    let named = statements.iter().flat_map(|statement| text.split(statement).skip(1));
    named.filter_map(|rest| rest.split_once('"').map(|(name, _)| name)).collect()
}

/// Loads `address` and what it imports, as a browser does, and returns the paths.
async fn load(browser: &Browser, address: Url) -> BTreeSet<String> {
    let (mut loaded, mut waiting) = (BTreeSet::new(), vec![address]);
    while let Some(address) = waiting.pop() {
        if !loaded.insert(address.path().to_owned()) {
            continue;
        }
        let answer = browser.get(address.path()).await;
        assert_eq!(answer.status(), 200, "{address}");
        let text = answer.text().await.unwrap();
        for name in imports(&text) {
            let is_sheet = Path::new(address.path()).extension().is_some_and(|kind| kind == "css");
            // Browsers know no packages.
            assert!(is_sheet || name.starts_with('.'), "{address} imports {name}");
            waiting.push(address.join(name).unwrap());
        }
    }
    loaded
}

/// The features of the chats page, as in `features/block.js`.
fn features() -> Vec<String> {
    let files = fs::read_dir("static/js/features").unwrap().map(|file| file.unwrap().file_name());
    let names = files.map(|name| format!("features/{}", name.to_str().unwrap()));
    let features: Vec<String> = names.filter(|name| !name.contains("index")).collect();
    assert!(features.len() > 4, "{features:?}");
    features
}

/// A release build has nothing but the bundles.
#[cfg(debug_assertions)]
#[tokio::test]
async fn a_folder_of_our_sources_is_served_module_by_module() {
    let site = Site::with_flags(&["--static", "static"]).await;
    let browser = site.user("ann").await;
    let page = browser.get("/chats").await.text().await.unwrap();
    let root = Url::parse("http://visavis.test").unwrap();
    let script = root.join(attributes(&page, SCRIPT, "src")[0]).unwrap();
    let sheet = root.join(attributes(&page, SHEET, "href")[0]).unwrap();
    let sheets = load(&browser, sheet).await;
    assert!(sheets.len() > 10, "{sheets:?}");
    let loaded = load(&browser, script).await;
    for feature in features() {
        assert!(loaded.iter().any(|path| path.ends_with(&feature)), "{feature}: {loaded:?}");
    }
}

#[cfg(debug_assertions)]
#[tokio::test]
async fn bundles_of_a_debug_build_lead_to_their_sources() {
    let site = Site::start().await;
    for name in ["js/chats.js", "js/find.js", "css/visavis.css"] {
        let text = site.browser().get(&format!("/static/{name}")).await.text().await.unwrap();
        let map = format!("{}.map", name.rsplit('/').next().unwrap());
        assert!(text.contains(&format!("# sourceMappingURL={map}")), "{name}");
        let map = site.browser().get(&format!("/static/{name}.map")).await;
        assert_eq!(map.status(), 200, "{name}");
        let map: serde_json::Value = map.json().await.unwrap();
        let sources = map["sources"].to_string();
        assert!(sources.contains("static/"), "{name}: {sources}");
        // A file in the folder of features is part of the page, and is named nowhere.
        let missing =
            |feature: &String| name == "js/chats.js" && !sources.contains(feature.as_str());
        assert_eq!(features().into_iter().filter(missing).collect::<Vec<_>>(), [""; 0]);
    }
}
