//! README.md taken apart: its fenced blocks, the commands in them, and the rows of its tables.

use std::fs;
use std::path::{Path, PathBuf};

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

pub fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

/// What stands between two lines of three backticks.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Of the opening line, from 1.
    pub line: usize,
    /// The first word after the backticks, which GitHub colours by.
    pub language: String,
    /// What follows it, for the tests: which file it is, or what happens before it is run.
    pub note: String,
    pub lines: Vec<String>,
}

impl Block {
    pub fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in page.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(""), Some(_)) => blocks.extend(open.take()),
            (Some(info), None) => {
                let (language, note) = info.split_once(' ').unwrap_or((info, ""));
                let (language, note) = (language.to_owned(), note.to_owned());
                open = Some(Block { line: index + 1, language, note, lines: Vec::new() });
            }
            (Some(_), Some(block)) => panic!("the block of line {} has no end", block.line),
            (None, Some(block)) => block.lines.push(line.to_owned()),
            (None, None) => {}
        }
    }
    assert_eq!(open, None, "a block has no end");
    blocks
}

/// One `$ …` line of a `console` block.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// In the README, from 1.
    pub line: usize,
    pub text: String,
    /// What the README shows that it prints.
    pub shown: Vec<String>,
    /// What a following `echo $?` shows; 0 without.
    pub code: i32,
}

pub fn commands(block: &Block) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    for (index, line) in block.lines.iter().enumerate() {
        let at = block.line + 1 + index;
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(text), _) => {
                commands.push(Command { line: at, text: text.to_owned(), shown: Vec::new(), code: 0 })
            }
            (None, Some(command)) => command.shown.push(line.clone()),
            (None, None) => panic!("line {at}: a console block begins with a command"),
        }
    }
    // `echo $?` is about the command before it, and not one of its own.
    let mut with_codes: Vec<Command> = Vec::new();
    for command in commands {
        match with_codes.last_mut() {
            Some(before) if command.text == "echo $?" => {
                before.code = command.shown.join("").parse().unwrap()
            }
            _ => with_codes.push(command),
        }
    }
    with_codes
}

/// The texts between backticks in the first cells of all rows of tables.
pub fn named_in_tables(page: &str) -> Vec<String> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| "));
    rows.filter_map(|row| row.split(" | ").next()).flat_map(in_backticks).collect()
}

pub fn in_backticks(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn blocks_and_commands_are_taken_apart() {
    let page = "a\n```console later\n$ one\nout\n\nmore\n$ two\n$ echo $?\n4\n```\nb\n```toml\nx = 1\n```\n";
    let blocks = blocks(page);
    assert_eq!(
        (blocks[0].line, blocks[0].language.as_str(), blocks[0].note.as_str()),
        (2, "console", "later")
    );
    assert_eq!((blocks[1].language.as_str(), blocks[1].text().as_str()), ("toml", "x = 1\n"));
    let commands = commands(&blocks[0]);
    assert_eq!(commands.len(), 2);
    assert_eq!(commands[0].shown, ["out", "", "more"]);
    assert_eq!((commands[0].line, commands[0].code), (3, 0));
    assert_eq!((commands[1].text.as_str(), commands[1].code), ("two", 4));
    assert_eq!(named_in_tables("| `a`, `b` | `c` |\ntext `d`"), ["a", "b"]);
}
