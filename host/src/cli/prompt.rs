//! Questions to a person. Every question has an option that answers it, and is never asked when stdin or stderr
//! is no terminal.

use std::io::{self, ErrorKind, IsTerminal};

use dialoguer::theme::SimpleTheme;
use dialoguer::{Confirm, Input};

use super::exit::Exit;
use super::human;
use super::report::Failure;

/// Whether an answer will do, and if not, why.
pub(super) type Check<'a> = &'a dyn Fn(&str) -> Result<(), String>;

pub(super) struct Question<'a> {
    pub label: &'a str,
    /// Printed before the question.
    pub help: &'a str,
    pub default: Option<String>,
    pub check: Check<'a>,
}

pub(super) trait Ask {
    /// Whether there is somebody to ask.
    fn is_possible(&self) -> bool;
    fn text(&self, question: &Question<'_>) -> Result<String, Failure>;
    fn confirm(&self, question: &str, default: bool) -> Result<bool, Failure>;
    /// Told to the person who is asked.
    fn say(&self, text: &str);
}

pub(super) struct Terminal;

impl Ask for Terminal {
    fn is_possible(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    fn text(&self, question: &Question<'_>) -> Result<String, Failure> {
        if !question.help.is_empty() {
            let width = terminal_size::terminal_size_of(io::stderr()).map_or(80, |(width, _)| width.0);
            // A line as wide as a page is hard to read.
            self.say(&human::wrap(question.help, usize::from(width).min(100)));
        }
        let mut input = Input::<String>::with_theme(&SimpleTheme).with_prompt(question.label);
        if let Some(default) = &question.default {
            input = input.default(default.clone());
        }
        let answer = input.validate_with(|text: &String| (question.check)(text.trim())).interact_text();
        answer.map(|text| text.trim().to_owned()).map_err(unanswered)
    }

    fn confirm(&self, question: &str, default: bool) -> Result<bool, Failure> {
        Confirm::with_theme(&SimpleTheme)
            .with_prompt(question)
            .default(default)
            .interact()
            .map_err(unanswered)
    }

    fn say(&self, text: &str) {
        anstream::eprintln!("{text}");
    }
}

fn unanswered(error: dialoguer::Error) -> Failure {
    let dialoguer::Error::IO(error) = error;
    match error.kind() {
        ErrorKind::Interrupted | ErrorKind::UnexpectedEof => {
            Failure::new(Exit::Interrupted, "stopped; nothing was written")
        }
        _ => Failure::new(Exit::Failed, "failed to read the answer").because(&error),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::RefCell;
    use std::collections::VecDeque;

    use super::*;

    /// A person who types these lines. Without any there is nobody to ask.
    pub(in crate::cli) struct Scripted {
        lines: RefCell<VecDeque<&'static str>>,
        possible: bool,
        /// Everything that the person was shown, and what they typed.
        pub screen: RefCell<String>,
    }

    impl Scripted {
        pub fn new(lines: &[&'static str]) -> Self {
            Self {
                lines: RefCell::new(lines.iter().copied().collect()),
                possible: !lines.is_empty(),
                screen: RefCell::default(),
            }
        }

        fn line(&self) -> Result<&'static str, Failure> {
            let line = self.lines.borrow_mut().pop_front();
            line.ok_or_else(|| {
                Failure::new(Exit::Interrupted, format!("no more lines:\n{}", self.screen.borrow()))
            })
        }
    }

    impl Ask for Scripted {
        fn is_possible(&self) -> bool {
            self.possible
        }

        fn text(&self, question: &Question<'_>) -> Result<String, Failure> {
            if !question.help.is_empty() {
                self.say(question.help);
            }
            let default = question.default.as_deref().unwrap_or_default();
            loop {
                let typed = self.line()?;
                self.say(&format!("{} [{default}]: {typed}", question.label));
                let answer = if typed.is_empty() { default } else { typed };
                match (question.check)(answer) {
                    Ok(()) => return Ok(answer.to_owned()),
                    Err(why) => self.say(&why),
                }
            }
        }

        fn confirm(&self, question: &str, default: bool) -> Result<bool, Failure> {
            let typed = self.line()?;
            self.say(&format!("{question} [{default}]: {typed}"));
            Ok(typed == "yes")
        }

        fn say(&self, text: &str) {
            self.screen.borrow_mut().push_str(&format!("{}\n", anstream::adapter::strip_str(text)));
        }
    }
}
