//! The grammar of header values, as Werkzeug reads them: lists, values with options, cookies.

use percent_encoding::percent_decode_str;

/// The elements of a list that is separated by commas.
pub fn list(value: &str) -> Vec<String> {
    let elements = split(value, ',').into_iter().map(str::trim).filter(|part| !part.is_empty());
    elements.map(|part| quoted(part).unwrap_or_else(|| part.to_owned())).collect()
}

/// A value, and what follows it as `; name=value`. Parts that are no such pair are skipped.
pub fn options(value: &str) -> (String, Vec<(String, String)>) {
    let (value, rest) = value.split_once(';').unwrap_or((value, ""));
    if value.trim().is_empty() {
        return (String::new(), Vec::new());
    }
    let mut options: Vec<(String, String)> = Vec::new();
    for part in split(rest, ';') {
        let Some((name, value)) = part.trim_start().split_once('=') else { continue };
        if name.is_empty() || !name.bytes().all(is_token) {
            continue;
        }
        let value = match quoted(value.trim_end()) {
            Some(value) => value.replace("%22", "\""),
            None => value.bytes().take_while(|byte| is_token(*byte)).map(char::from).collect(),
        };
        let (name, value) = match name.strip_suffix('*') {
            // As in `filename*=UTF-8''na%C3%AFve`.
            Some(name) => {
                let encoded = value.rsplit('\'').next().unwrap_or_default();
                (name, percent_decode_str(encoded).decode_utf8_lossy().into_owned())
            }
            None => (name, value),
        };
        let name = name.to_ascii_lowercase();
        if value.is_empty() || name.is_empty() {
            continue;
        }
        match options.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => options.push((name, value)),
        }
    }
    (value.trim().to_owned(), options)
}

/// A value with its options, in quotation marks where they are no tokens.
pub fn with_options(value: &str, options: &[(String, String)]) -> String {
    let options = options.iter().map(|(name, value)| format!("; {name}={}", in_quotes(value)));
    value.to_owned() + &options.collect::<String>()
}

pub fn in_quotes(value: &str) -> String {
    if !value.is_empty() && value.bytes().all(is_token) {
        return value.to_owned();
    }
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Names and values of the cookies in a `Cookie` header.
pub fn cookies(header: &str) -> Vec<(String, String)> {
    let pairs = split_cookies(header).into_iter().map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.trim().to_owned(), cookie_value(value.trim()))
    });
    pairs.filter(|(name, _)| !name.is_empty()).collect()
}

/// Splits at semicolons, but for those within a quoted value.
fn split_cookies(header: &str) -> Vec<&str> {
    let mut pairs = Vec::new();
    let mut rest = header;
    while !rest.is_empty() {
        let end = rest.find(';').unwrap_or(rest.len());
        let value = rest[..end].find('=').map(|equals| {
            let behind = &rest[equals + 1..];
            equals + 1 + (behind.len() - behind.trim_start().len())
        });
        let end = value.and_then(|value| end_of_quoted(rest, value)).unwrap_or(end);
        pairs.push(&rest[..end]);
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    pairs
}

/// Where the pair ends whose value begins with a quotation mark at `start`: at the first semicolon
/// behind the closing mark, where nothing else is between them.
fn end_of_quoted(text: &str, start: usize) -> Option<usize> {
    let inner = text.get(start..)?.strip_prefix('"')?;
    let mut escaped = false;
    let close = inner.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })?;
    let behind = &inner[close + 1..];
    let blank = behind.len() - behind.trim_start().len();
    let rest = &behind[blank..];
    (rest.is_empty() || rest.starts_with(';')).then_some(text.len() - rest.len())
}

/// A cookie's value without its quotation marks and escapes (`\"`, `\073`).
fn cookie_value(value: &str) -> String {
    let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    let Some(inner) = inner else { return value.to_owned() };
    let mut bytes = Vec::new();
    let mut rest = inner.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        match (first, behind) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', behind @ ..]) => {
                bytes.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                rest = behind;
            }
            (b'\\', [other, behind @ ..]) => {
                bytes.push(*other);
                rest = behind;
            }
            _ => bytes.push(first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Splits at `separator`, but for those between quotation marks.
fn split(value: &str, separator: char) -> Vec<&str> {
    let (mut inside, mut escaped) = (false, false);
    let parts = value.split(|character| {
        if escaped {
            escaped = false;
        } else if inside && character == '\\' {
            escaped = true;
        } else if character == '"' {
            inside = !inside;
        } else {
            return character == separator && !inside;
        }
        false
    });
    parts.collect()
}

/// What stands between the quotation marks of `value`, where it has them.
fn quoted(value: &str) -> Option<String> {
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    let mut unescaped = String::new();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        let escaped = (character == '\\').then(|| characters.next()).flatten();
        unescaped.push(escaped.unwrap_or(character));
    }
    Some(unescaped)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    // What Werkzeug 3.1 makes of the same headers.
    #[test]
    fn cookies_are_split_as_by_werkzeug() {
        for (header, expected) in [
            ("a=1; b=2", &[("a", "1"), ("b", "2")][..]),
            ("a=1;b=2;", &[("a", "1"), ("b", "2")][..]),
            ("a = 1 ;; =x; c", &[("a", "1"), ("c", "")][..]),
            (r#"a="x; y"; b=2"#, &[("a", "x; y"), ("b", "2")][..]),
            (r#"a="x; b=2"#, &[("a", r#""x"#), ("b", "2")][..]),
            (r#"a="x"y; b=2"#, &[("a", r#""x"y"#), ("b", "2")][..]),
            (r#"a="\"\\\073\303\274"; b"#, &[("a", r#""\;ü"#), ("b", "")][..]),
            (r#"a=x"y"; b="";"#, &[("a", r#"x"y""#), ("b", "")][..]),
            ("=;a==b", &[("a", "=b")][..]),
            (r#"a="x" ; b="y\\"; c=3""#, &[("a", "x"), ("b", r"y\"), ("c", r#"3""#)][..]),
            ("", &[][..]),
        ] {
            assert_eq!(cookies(header), named(expected), "{header}");
        }
    }

    #[test]
    fn options_are_read_as_by_werkzeug() {
        for (header, value, expected) in [
            ("text/html", "text/html", &[][..]),
            ("text/html; charset=utf-8", "text/html", &[("charset", "utf-8")][..]),
            (
                r#"text/html;Charset="a;b"; x; y=1"#,
                "text/html",
                &[("charset", "a;b"), ("y", "1")][..],
            ),
            ("a; q = 1; z=2", "a", &[("z", "2")][..]),
            (r#"a; x="q\"\\"; y=%22"#, "a", &[("x", r#"q"\"#), ("y", "%22")][..]),
            ("", "", &[][..]),
            ("; a=b", "", &[][..]),
            ("a; f*=UTF-8''na%C3%AFve; g=h i", "a", &[("f", "naïve"), ("g", "h")][..]),
        ] {
            assert_eq!(options(header), (value.to_owned(), named(expected)), "{header}");
        }
    }

    #[test]
    fn lists_are_read_as_by_werkzeug() {
        for (header, expected) in [
            ("a, b", &["a", "b"][..]),
            (r#""a, b", c"#, &["a, b", "c"][..]),
            (" a ,,b ", &["a", "b"][..]),
            (r#"a;q="x,y",b"#, &[r#"a;q="x,y""#, "b"][..]),
            ("", &[][..]),
            (r#""a\"b", c"#, &[r#"a"b"#, "c"][..]),
        ] {
            assert_eq!(list(header), expected, "{header}");
        }
    }
}
