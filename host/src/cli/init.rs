use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use super::answers::{ConnectorArguments, Situation, collect};
use super::connect::{Connections, ProbeReport};
use super::exit::Exit;
use super::output::Output;
use super::prompt::Ask;
use super::report::Failure;
use crate::config::edit::{EditError, create};
use crate::config::{Config, NewConnector, Plugins, new_file};
use crate::http::SecretSource;

/// Make a rollcall.toml with a first connector.
///
/// Asks for what no option answers, tests the connection, and writes the file. A token is never written: only
/// where it is.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall init\n  \
    rollcall init --endpoint acme.okta.com --token-env OKTA_TOKEN\n  \
    rollcall init --endpoint acme.okta.com --token-command 'pass okta' --no-test --yes")]
pub(super) struct InitArguments {
    #[command(flatten)]
    connector: ConnectorArguments,
}

pub(super) fn run(
    arguments: &InitArguments,
    path: &Path,
    output: Output,
    connections: &dyn Connections,
    ask: &dyn Ask,
) -> Result<Exit, Failure> {
    let (connector, test) = make(&arguments.connector, path, output, connections, ask)?;
    written(path, &connector, &test, output)
}

fn make(
    arguments: &ConnectorArguments,
    path: &Path,
    output: Output,
    connections: &dyn Connections,
    ask: &dyn Ask,
) -> Result<(NewConnector, Test), Failure> {
    // Before anybody answers questions for nothing.
    if path.symlink_metadata().is_ok() {
        return Err(EditError::Exists { path: path.to_owned() }.into());
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    if !folder.as_os_str().is_empty() && !folder.is_dir() {
        return Err(Failure::usage(format!("there is no folder {}", folder.display()))
            .with_hint(Some("make it, or name another `--config`")));
    }
    let plugins = Plugins::default();
    let situation = Situation { connections, plugins: &plugins, taken: Vec::new(), folder };
    let connector = collect(arguments, &situation, ask)?;
    let text = new_file(&connector);
    let config = Config::parse(path, &text)?;
    let test = test(&config, &connector, arguments, output, connections, ask)?;
    create(path, &text)?;
    Ok((connector, test))
}

/// How the connection was found to be before anything was written.
#[derive(Debug, PartialEq)]
pub(super) enum Test {
    Passed(ProbeReport),
    /// The variable is not set here.
    NotSet(String),
    /// The person who was asked goes on all the same.
    Failed,
    NotWanted,
}

pub(super) fn test(
    config: &Config,
    connector: &NewConnector,
    arguments: &ConnectorArguments,
    output: Output,
    connections: &dyn Connections,
    ask: &dyn Ask,
) -> Result<Test, Failure> {
    if arguments.no_test {
        return Ok(Test::NotWanted);
    }
    if let SecretSource::Env(variable) = &connector.secret
        && std::env::var_os(variable).is_none_or(|value| value.is_empty())
    {
        return Ok(Test::NotSet(variable.clone()));
    }
    output.note(&format!("Testing the connection to {} …", connector.endpoint));
    let failure = match connections.test(config, &connector.name) {
        Ok(report) => return Ok(Test::Passed(report)),
        Err(failure) => failure,
    };
    if failure.exit() == Exit::Interrupted {
        return Err(failure.with_hint(Some("nothing was written")));
    }
    if !ask.is_possible() || arguments.yes {
        let also = "nothing was written; `--no-test` writes without a test";
        let hint = failure.hint().map_or_else(|| also.to_owned(), |hint| format!("{hint}; {also}"));
        return Err(failure.with_hint(Some(hint)));
    }
    ask.say(&failure.text());
    match ask.confirm("Write the configuration all the same?", false)? {
        true => Ok(Test::Failed),
        false => Err(Failure::silent(failure.exit())),
    }
}

/// The result of `init` and `connector add`.
pub(super) fn written(
    path: &Path,
    connector: &NewConnector,
    test: &Test,
    output: Output,
) -> Result<Exit, Failure> {
    output.result(|| text(path, connector, test), || json(path, connector, test))?;
    Ok(Exit::Done)
}

fn text(path: &Path, connector: &NewConnector, test: &Test) -> String {
    let name = &connector.name;
    let mut text = String::new();
    if let Test::Passed(report) = test {
        text.push_str(&report.text(name));
        text.push('\n');
    }
    text.push_str(&format!("Wrote connector {name} to {}.\n", path.display()));
    text.push_str(&match test {
        Test::Passed(_) => format!("Next: `rollcall plan {name}` shows what a sync would do."),
        Test::NotSet(variable) => format!(
            "The connection is not tested: {variable} is not set here. Next:\n  \
             export {variable}=…\n  rollcall connector test {name}"
        ),
        Test::Failed | Test::NotWanted => {
            format!("The connection is not tested. Next: `rollcall connector test {name}`.")
        }
    });
    text
}

fn json(path: &Path, connector: &NewConnector, test: &Test) -> Value {
    let probe = match test {
        Test::Passed(report) => report.json(&connector.name),
        _ => Value::Null,
    };
    json!({
        "file": path.display().to_string(),
        "connector": connector.name,
        "plugin": connector.plugin,
        "endpoint": connector.endpoint,
        "tested": matches!(test, Test::Passed(_)),
        "probe": probe,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use crate::cli::connect::tests::{Known, okta, other};
    use crate::cli::prompt::tests::Scripted;

    const QUIET: Output = Output { json: false, quiet: true, pager: false };
    /// A variable that is set wherever tests run.
    const SET: &str = "PATH";
    const TOKEN: &str = "00SeCrEtSeCrEtSeCrEtSeCrEtSeCrEtSeCrEt1234";

    struct Folder {
        _folder: tempfile::TempDir,
        path: PathBuf,
    }

    impl Folder {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            Self { path: folder.path().join("rollcall.toml"), _folder: folder }
        }

        fn written(&self) -> Option<Config> {
            self.path.exists().then(|| Config::load(&self.path).unwrap())
        }
    }

    fn acme(variable: &str) -> ConnectorArguments {
        ConnectorArguments {
            endpoint: Some("https://acme.okta.com/".into()),
            token_env: Some(variable.into()),
            ..ConnectorArguments::default()
        }
    }

    #[test]
    fn options_answer_everything() {
        let (folder, known) = (Folder::new(), Known::new(vec![okta(), other()]));
        let (connector, test) = make(&acme(SET), &folder.path, QUIET, &known, &Scripted::new(&[])).unwrap();
        assert!(matches!(test, Test::Passed(_)));
        assert_eq!(*known.tested.borrow(), ["acme"]);
        let written = &folder.written().unwrap().connectors["acme"];
        assert_eq!((written.plugin.name.as_str(), written.endpoint.as_str()), ("okta", "acme.okta.com"));
        insta::assert_snapshot!(text("rollcall.toml".as_ref(), &connector, &test));
    }

    #[test]
    fn a_missing_option_is_named() {
        let (folder, known) = (Folder::new(), Known::new(vec![okta()]));
        for (arguments, named) in [
            (ConnectorArguments::default(), "`--endpoint` and one of `--token-env`"),
            (ConnectorArguments { endpoint: None, ..acme(SET) }, "`--endpoint` is missing"),
            (ConnectorArguments { token_env: None, ..acme(SET) }, "one of `--token-env`, `--token-file`"),
        ] {
            let failure = make(&arguments, &folder.path, QUIET, &known, &Scripted::new(&[])).unwrap_err();
            assert_eq!(failure.exit(), Exit::Usage);
            assert!(failure.text().contains(named), "{}", failure.text());
            assert!(failure.text().contains("no terminal"), "{}", failure.text());
        }
        let yes = ConnectorArguments { yes: true, ..ConnectorArguments::default() };
        let failure = make(&yes, &folder.path, QUIET, &known, &Scripted::new(&["never typed"])).unwrap_err();
        assert!(failure.text().contains("`--yes`"), "{}", failure.text());
        assert!(folder.written().is_none());
    }

    #[test]
    fn an_existing_file_is_refused_before_any_question() {
        let (folder, known) = (Folder::new(), Known::new(vec![okta()]));
        fs::write(&folder.path, "# mine\n").unwrap();
        let ask = Scripted::new(&["never typed"]);
        let failure = make(&ConnectorArguments::default(), &folder.path, QUIET, &known, &ask).unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(failure.text().contains("rollcall connector add"), "{}", failure.text());
        assert_eq!(*ask.screen.borrow(), "");
        assert_eq!(fs::read_to_string(&folder.path).unwrap(), "# mine\n");
    }

    #[test]
    fn a_person_is_asked_and_a_pasted_token_is_refused() {
        let (folder, known) = (Folder::new(), Known::new(vec![okta(), other()]));
        let ask = Scripted::new(&[
            "octa",
            "",
            "acme",
            "acme.okta.com",
            "Acme",
            "",
            TOKEN,
            "vault",
            "",
            TOKEN,
            "OKTA-TOKEN",
            "ROLLCALL_NOT_SET",
        ]);
        let made = make(&ConnectorArguments::default(), &folder.path, QUIET, &known, &ask);
        let (connector, test) = made.map_err(|failure| failure.text()).unwrap();
        assert_eq!(connector.secret, SecretSource::Env("ROLLCALL_NOT_SET".into()));
        assert_eq!(test, Test::NotSet("ROLLCALL_NOT_SET".into()));
        assert!(known.tested.borrow().is_empty());
        assert!(!fs::read_to_string(&folder.path).unwrap().contains(TOKEN));
        let screen = ask.screen.borrow().replace(TOKEN, "<token>");
        insta::assert_snapshot!(format!("{screen}\n{}", text("rollcall.toml".as_ref(), &connector, &test)));
    }

    #[test]
    fn a_token_in_an_option_is_refused_and_not_repeated() {
        let (folder, known) = (Folder::new(), Known::new(vec![okta()]));
        let failure = make(&acme(TOKEN), &folder.path, QUIET, &known, &Scripted::new(&[])).unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(failure.text().contains("looks like the API token itself"), "{}", failure.text());
        assert!(!failure.text().contains("SeCrEt"), "{}", failure.text());
        assert!(folder.written().is_none());
    }

    #[test]
    fn a_file_and_a_command_are_written_as_given() {
        for (arguments, secret) in [
            (
                ConnectorArguments { token_file: Some("/run/okta".into()), ..acme(SET) },
                SecretSource::File("/run/okta".into()),
            ),
            (ConnectorArguments { token_command: Some("pass 'my okta'".into()), ..acme(SET) }, {
                SecretSource::Command(vec!["pass".into(), "my okta".into()])
            }),
        ] {
            let (folder, known) = (Folder::new(), Known::new(vec![okta()]));
            let arguments = ConnectorArguments { token_env: None, ..arguments };
            make(&arguments, &folder.path, QUIET, &known, &Scripted::new(&[])).unwrap();
            assert_eq!(folder.written().unwrap().connectors["acme"].credential.secret, secret);
        }
        let (folder, known) = (Folder::new(), Known::new(vec![okta()]));
        let open =
            ConnectorArguments { token_env: None, token_command: Some("pass 'okta".into()), ..acme(SET) };
        let failure = make(&open, &folder.path, QUIET, &known, &Scripted::new(&[])).unwrap_err();
        assert!(failure.text().contains("a quote has no end"), "{}", failure.text());
    }

    #[test]
    fn nothing_is_written_when_the_test_fails_unless_the_person_says_so() {
        let known = Known { answers: false, ..Known::new(vec![okta()]) };
        let folder = Folder::new();
        let failure = make(&acme(SET), &folder.path, QUIET, &known, &Scripted::new(&[])).unwrap_err();
        assert_eq!(failure.exit(), Exit::Failed);
        assert!(failure.hint().unwrap().contains("`--no-test`"));
        assert!(folder.written().is_none());

        let failure = make(&acme(SET), &folder.path, QUIET, &known, &Scripted::new(&["", "no"])).unwrap_err();
        assert!(failure.is_silent(), "it was told before the question");
        assert!(folder.written().is_none());

        let ask = Scripted::new(&["", "yes"]);
        let (_, test) = make(&acme(SET), &folder.path, QUIET, &known, &ask).unwrap();
        assert_eq!(test, Test::Failed);
        assert!(ask.screen.borrow().contains("error: no answer from acme.okta.com"));
        assert!(folder.written().is_some());
    }

    #[test]
    fn no_test_means_none() {
        let (folder, known) = (Folder::new(), Known::new(vec![okta()]));
        let arguments = ConnectorArguments { no_test: true, ..acme(SET) };
        let (connector, test) = make(&arguments, &folder.path, QUIET, &known, &Scripted::new(&[])).unwrap();
        assert_eq!(test, Test::NotWanted);
        assert!(known.tested.borrow().is_empty());
        let expected = json!({
            "file": "rollcall.toml",
            "connector": "acme",
            "plugin": "okta",
            "endpoint": "acme.okta.com",
            "tested": false,
            "probe": null,
        });
        assert_eq!(json("rollcall.toml".as_ref(), &connector, &test), expected);
    }

    #[test]
    fn the_scheme_is_one_of_the_plugins() {
        let arguments = |scheme: Option<&str>, username: Option<&str>| ConnectorArguments {
            plugin: Some("other".into()),
            scheme: scheme.map(str::to_owned),
            username: username.map(str::to_owned),
            ..acme(SET)
        };
        let run = |arguments: &ConnectorArguments, lines: &[&'static str]| {
            let folder = Folder::new();
            let known = Known::new(vec![okta(), other()]);
            make(arguments, &folder.path, QUIET, &known, &Scripted::new(lines)).map(|(connector, _)| {
                assert_eq!(folder.written().unwrap().connectors["acme"].credential.scheme, connector.scheme);
                (connector.scheme, connector.username)
            })
        };
        assert_eq!(run(&arguments(None, None), &[]).unwrap(), (None, None));
        let basic = (Some("basic".to_owned()), Some("mia".to_owned()));
        assert_eq!(run(&arguments(Some("basic"), Some("mia")), &[]).unwrap(), basic);
        assert_eq!(run(&arguments(None, None), &["", "digest", "basic", "", "mia"]).unwrap(), basic);
        for (scheme, username, named) in [
            ("basic", None, "`--username`"),
            ("bearer", None, "no scheme"),
            ("header", Some("mia"), "only the scheme"),
        ] {
            let failure = run(&arguments(Some(scheme), username), &[]).unwrap_err();
            assert!(failure.text().contains(named), "{}", failure.text());
        }
    }
}
