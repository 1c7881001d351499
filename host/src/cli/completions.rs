use std::io::{self, Write};

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::arguments::Arguments;
use super::exit::Exit;
use super::pager::written;
use super::report::Failure;

/// Print what makes a shell complete the words of a command line.
///
/// Write it where the shell looks for such files, once for each version of Rollcall.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall completions bash > ~/.local/share/bash-completion/completions/rollcall\n  \
    rollcall completions zsh > ~/.zfunc/_rollcall\n  \
    rollcall completions fish > ~/.config/fish/completions/rollcall.fish")]
pub(super) struct CompletionsArguments {
    /// Which shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(arguments: &CompletionsArguments) -> Result<Exit, Failure> {
    let script = script(arguments.shell);
    written(io::stdout().lock().write_all(&script))?;
    Ok(Exit::Done)
}

fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "rollcall", &mut script);
    script
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_has_a_script_that_knows_the_commands() {
        for shell in Shell::value_variants() {
            let script = String::from_utf8(script(*shell)).unwrap();
            for word in ["doctor", "completions", "no-pager", "columns"] {
                assert!(script.contains(word), "{shell} does not know {word}");
            }
        }
    }

    /// Where the shell is there, it reads its script.
    #[test]
    fn the_scripts_are_valid() {
        for (shell, arguments) in
            [(Shell::Bash, &["-n"][..]), (Shell::Zsh, &["-n"]), (Shell::Fish, &["--no-execute"])]
        {
            let mut command = Command::new(shell.to_string());
            command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
            let Ok(mut child) = command.spawn() else { continue };
            // A shell that gives up early says why.
            let _ = child.stdin.take().unwrap().write_all(&script(shell));
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}
