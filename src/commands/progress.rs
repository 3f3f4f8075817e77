//! Shows how far a long piece of work has come: a bar on a terminal, a line of the log now and then
//! elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use visavis::store::{Progress, Stage};

/// Less work than this is done before anybody wonders.
const WORTH_A_LINE: u64 = 200_000;

pub struct Display {
    bar: Option<ProgressBar>,
    stage: Option<Stage>,
    tenths: u64,
}

impl Display {
    pub fn new() -> Self {
        Self { bar: None, stage: None, tenths: 0 }
    }

    pub fn show(&mut self, progress: Progress) {
        let begins = self.stage.replace(progress.stage) != Some(progress.stage);
        if std::io::stderr().is_terminal() {
            self.draw(progress, begins);
        } else {
            self.log(progress, begins);
        }
    }

    fn draw(&mut self, progress: Progress, begins: bool) {
        if begins {
            self.finish();
            let bar = ProgressBar::new(progress.total);
            let look = match progress.total {
                0 => "{msg} {spinner}",
                _ => "{msg} {wide_bar} {percent}% {eta}",
            };
            if let Ok(style) = ProgressStyle::with_template(look) {
                bar.set_style(style);
            }
            bar.set_message(words(progress.stage));
            bar.enable_steady_tick(Duration::from_millis(200));
            self.bar = Some(bar);
        }
        if let Some(bar) = &self.bar {
            bar.set_position(progress.done);
        }
    }

    fn log(&mut self, progress: Progress, begins: bool) {
        if begins {
            self.tenths = 0;
        }
        let tenths = (progress.done * 10).checked_div(progress.total).unwrap_or(0);
        if progress.total >= WORTH_A_LINE && tenths > self.tenths {
            self.tenths = tenths;
            tracing::info!("{}: {}0 %", words(progress.stage), tenths);
        }
    }

    fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.finish();
    }
}

fn words(stage: Stage) -> &'static str {
    match stage {
        Stage::Checking => "checking the file",
        Stage::BackingUp => "copying the database",
        Stage::Messages => "copying messages",
        Stage::Indexing => "making indexes",
        Stage::Chats => "copying chats",
    }
}
