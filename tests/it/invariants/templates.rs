//! What holds for every template that a deployment may write: it is drawn, or refused in a line, and
//! neither takes long.

use std::fs;
use std::time::{Duration, Instant};

use arbitrary::{Result, Unstructured};
use axum::http::Request;
use clap::Parser;
use serde_json::json;
use visavis::config::Config;
use visavis::domain::{User, UserId};
use visavis::http::{Views, Visit, check_templates};

/// What no page takes longer than, by far, so that whoever waits for one is answered.
const DRAWN_WITHIN: Duration = Duration::from_secs(20);

/// Makes a template of `bytes`, puts it into a deployment's folder, and draws it.
pub fn hold(bytes: &[u8]) {
    let Ok(source) = source(bytes) else { return };
    let dir = tempfile::tempdir().unwrap();
    for name in ["login.html", "layout.html"] {
        fs::write(dir.path().join(name), &source).unwrap();
    }
    let began = Instant::now();
    for problem in check_templates(dir.path()) {
        assert!(!problem.contains('\n') && problem.len() < 10_000, "{problem}");
    }
    let mut config = Config::parse_from(["visavis"]);
    config.templates = Some(dir.path().to_owned());
    let user = User { id: UserId(1), username: "o'brien <b>".into() };
    let request = Request::builder().uri("/login?a=1").body(()).unwrap().into_parts().0;
    let known = json!({ "chats": [{ "id": 1, "username": "<i>", "new_message_count": 3 }] });
    let page = Views::new(&config).unwrap().page(
        "login.html",
        &Visit::by(Some(&user), &request, None, "visavis_session"),
        known,
    );
    assert!([200, 500].contains(&page.status().as_u16()), "{page:?}");
    let took = began.elapsed();
    assert!(took < DRAWN_WITHIN, "{took:?}: {:?}", String::from_utf8_lossy(&source));
}

/// A template: any text, or pieces of which templates are made.
fn source(bytes: &[u8]) -> Result<Vec<u8>> {
    if let Some((0..=63, text)) = bytes.split_first() {
        return Ok(text.to_vec());
    }
    let mut input = Unstructured::new(bytes);
    let mut source = String::new();
    for _ in 0..input.int_in_range(1..=40)? {
        source.push_str(input.choose(&PIECES)?);
        if input.ratio(1, 8)? {
            source.push_str(&input.arbitrary::<i64>()?.to_string());
        }
    }
    Ok(source.into_bytes())
}

const PIECES: [&str; 64] = [
    "{{ ",
    " }}",
    "{% ",
    " %}",
    "{# ",
    " #}",
    "(",
    ")",
    "[",
    "]",
    ", ",
    "|",
    ".",
    " ~ ",
    " * ",
    "'<b>'",
    "{{ chats|",
    "{{ 'text'|",
    "{{ 1e300|",
    "{{ 7|",
    "{{ session.",
    "{{ request.",
    "{{ 'a<b'.",
    "{{ none|",
    "center(",
    "indent(",
    "tojson(",
    "round(",
    "wordwrap(",
    "truncate(",
    "batch(",
    "slice(",
    "format(",
    "replace('', ",
    "int(",
    "filesizeformat(",
    "join('",
    "sort",
    "reverse",
    "unique",
    "safe",
    "list",
    "ljust(",
    "zfill(",
    "split(",
    "rsplit('a', ",
    "index(",
    "99999999999",
    "0",
    "-1",
    "lipsum(n=",
    "range(",
    "{% for x in range(99999) %}",
    "{% endfor %}",
    "{% set x = x ~ x %}",
    "{% if ",
    "{% endif %}",
    "{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(",
    "{% include 'login.html' %}",
    "{% extends 'layout.html' %}",
    "{% block main %}",
    "{% endblock %}",
    "{{ super() }}",
    "url_for('find', a=",
];
