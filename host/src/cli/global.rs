use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

use super::output::Output;
use crate::config::{Config, ConfigError, DEFAULT_FILE, Origin};

const DATABASE: &str = "ROLLCALL_DATABASE";

/// What every command understands. What can be set by an environment variable says so in its help; `ENVIRONMENT` tells
/// of the variables that have no option.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Global {
    /// The configuration.
    #[arg(long, global = true, value_name = "FILE", env = "ROLLCALL_CONFIG", hide_env_values = true, default_value = DEFAULT_FILE)]
    pub config: PathBuf,
    /// The database, whatever the configuration says.
    #[arg(long, global = true, value_name = "FILE", env = DATABASE, hide_env_values = true)]
    pub database: Option<PathBuf>,
    /// Print the result, or the error, as one JSON object.
    #[arg(long, global = true)]
    pub json: bool,
    /// Log what is done; twice for more.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Print results and errors, nothing else.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Whether to use colours.
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    pub color: Color,
    /// Print long lists at once instead of through a pager.
    #[arg(long, global = true)]
    pub no_pager: bool,
}

/// The end of `rollcall --help`.
pub(super) const ENVIRONMENT: &str = "Environment:\n  \
    ROLLCALL_CONFIG    The configuration, as --config\n  \
    ROLLCALL_DATABASE  The database, as --database\n  \
    ROLLCALL_LOG       What is logged, such as debug or rollcall::http=trace,warn\n  \
    ROLLCALL_PAGER     The pager, before PAGER; empty for none [default: less -FRX]\n  \
    NO_COLOR           No colours; CLICOLOR_FORCE=1 for colours even in a file\n  \
    HTTPS_PROXY        The proxy of connectors without one; NO_PROXY says where not";

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    Always,
    Never,
}

impl Color {
    /// For the whole process: results, errors, the log, and the help.
    pub fn apply(self) {
        match self {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }

    /// What a command line asks for that can't be understood as a whole, or asks for help.
    pub fn asked(mut words: impl Iterator<Item = String>) -> Self {
        let mut asked = Color::Auto;
        while let Some(word) = words.next().filter(|word| word != "--") {
            let value = match word.strip_prefix("--color") {
                Some("") => words.next(),
                Some(rest) => rest.strip_prefix('=').map(str::to_owned),
                None => None,
            };
            if let Some(color) = value.and_then(|value| Color::from_str(&value, false).ok()) {
                asked = color;
            }
        }
        asked
    }
}

impl Global {
    /// The configuration, with what the command line and the environment say instead.
    pub fn load(&self) -> Result<Config, ConfigError> {
        let mut config = Config::load(&self.config)?;
        if let Some(database) = &self.database {
            let variable = std::env::var_os(DATABASE).is_some_and(|value| value == database.as_os_str());
            let origin = if variable { Origin::Environment(DATABASE) } else { Origin::Option("--database") };
            config.use_database(database.clone(), origin);
        }
        Ok(config)
    }

    pub fn output(&self) -> Output {
        Output { json: self.json, quiet: self.quiet, pager: !self.no_pager }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_colour_is_found_in_a_command_line_that_is_wrong() {
        let asked = |line: &str| Color::asked(line.split(' ').map(str::to_owned));
        assert_eq!(asked("rollcall --help"), Color::Auto);
        assert_eq!(asked("rollcall --color=never --nonsense"), Color::Never);
        assert_eq!(asked("rollcall users --color always --help"), Color::Always);
        assert_eq!(asked("rollcall --color purple"), Color::Auto);
        assert_eq!(asked("rollcall user -- --color=never"), Color::Auto);
        assert_eq!(asked("rollcall --colorful=never"), Color::Auto);
    }
}
