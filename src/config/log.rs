//! What to log: levels and filters such as `warn,visavis=debug`.

use tracing_subscriber::EnvFilter;

/// Reads a list of levels and of `TARGET=LEVEL`. A word that is no level would be a target to the
/// filter, and silence everything else.
pub(super) fn parse_log(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let fits = |part: &&str| match part.rsplit_once('=') {
        Some((target, level)) => !target.trim().is_empty() && is_level(level),
        None => is_level(part),
    };
    let filter = parts.join(",");
    if parts.iter().all(fits) && EnvFilter::try_new(&filter).is_ok() {
        return Ok(filter);
    }
    Err("give error, warn, info, debug or trace, or a filter, as in visavis=debug".to_owned())
}

/// The whole filter for a value that [`parse_log`] took. `libraries` says what is usually logged of
/// some libraries.
///
/// A level alone is meant for this program; of libraries, warnings are logged. Filters are added to
/// that, with level info: a target that is mistyped, or a library's, does not silence this program.
/// A level beside filters replaces all of it.
#[must_use]
pub fn log_filter(log: &str, libraries: &str) -> String {
    let usual = |level: &str| format!("warn,{libraries},visavis={level}");
    if is_level(log) {
        usual(log)
    } else if log.split(',').any(is_level) {
        log.to_owned()
    } else {
        format!("{},{log}", usual("info"))
    }
}

fn is_level(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    ["off", "error", "warn", "info", "debug", "trace"].contains(&&*word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_log_is_a_level_or_a_filter() {
        for right in ["info", "DEBUG", "off", "visavis=debug", "warn,visavis::http=trace"] {
            assert_eq!(parse_log(right).as_deref(), Ok(right));
        }
        assert_eq!(parse_log("warn, visavis=debug").as_deref(), Ok("warn,visavis=debug"));
        for wrong in [
            "",
            "bogus",
            "visavis",
            "info,",
            "visavis=bogus",
            "=info",
            "a=debug;b=info",
            "visavis[=debug",
        ] {
            assert!(parse_log(wrong).unwrap_err().contains("as in visavis=debug"), "{wrong}");
        }
    }

    #[test]
    fn a_filter_is_added_to_the_usual_level() {
        for (log, filter) in [
            ("debug", "warn,noisy=off,visavis=debug"),
            ("mistyped=debug", "warn,noisy=off,visavis=info,mistyped=debug"),
            ("visavis=trace,hyper=info", "warn,noisy=off,visavis=info,visavis=trace,hyper=info"),
            ("off,hyper=debug", "off,hyper=debug"),
        ] {
            assert_eq!(log_filter(log, "noisy=off"), filter);
        }
    }
}
