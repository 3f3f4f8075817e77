//! The limit on open files: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the program opens beside connections: the database, its readers, the log, static files.
const OTHER_FILES: u64 = 64;

/// Raises the soft limit to the hard one: it is low only for programs that cannot do with more.
/// Gives the limit that holds now; `None` when there is none.
pub fn raise() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::warn!(%error, "the limit on open files stays as it is: {error}");
            limit.current
        }
    }
}

/// Whether that many connections can be open at once after [`raise`]; otherwise says how many can, and
/// the way out.
///
/// # Errors
/// A sentence for the operator.
pub fn check(connections_max: usize) -> Result<String, String> {
    compare(connections_max, getrlimit(Resource::Nofile).maximum)
}

fn compare(connections_max: usize, limit: Option<u64>) -> Result<String, String> {
    let needed = connections_max as u64 + OTHER_FILES;
    match limit {
        Some(limit) if limit < needed => Err(format!(
            "--max-connections {connections_max} needs {needed} open files, but the hard limit is \
             {limit} (ulimit -Hn, LimitNOFILE= of systemd): raise it, or set --max-connections {}",
            limit.saturating_sub(OTHER_FILES).max(1)
        )),
        Some(limit) => {
            Ok(format!("{connections_max} connections fit the limit of {limit} open files"))
        }
        None => Ok("the number of open files is not limited".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn connections_are_compared_with_the_limit_on_open_files() {
        let error = compare(16_384, Some(1024)).unwrap_err();
        assert!(error.contains("1024") && error.contains("--max-connections 960"), "{error}");
        assert!(compare(16_384, Some(524_288)).is_ok());
        assert!(compare(16_384, None).is_ok());
    }
}
