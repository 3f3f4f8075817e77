//! What commands print.

use std::fmt;
use std::io::{ErrorKind, Write};

/// Prints a line. A reader that has gone away, as `head` does, is no fault of what the command did; any
/// other failure goes to the standard error.
macro_rules! say {
    ($($line:tt)*) => { $crate::commands::say::line(format_args!($($line)*)) };
}
pub(crate) use say;

/// For [`say!`].
pub fn line(line: fmt::Arguments<'_>) {
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            // There is nowhere else to say it.
            _ = writeln!(std::io::stderr(), "visavis: cannot print: {error}");
        }
        _ => {}
    }
}
