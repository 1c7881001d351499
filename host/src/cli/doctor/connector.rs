use std::sync::Arc;

use serde_json::Value;

use super::finding::Finding;
use crate::cli::connect::fact_text;
use crate::cli::exit::Exit;
use crate::cli::human::{duration, plural};
use crate::cli::open::{self, ClientPart, NoClient};
use crate::cli::output::Output;
use crate::cli::progress::Progress;
use crate::cli::report::Failure;
use crate::config::Config;
use crate::http::{Budgets, Cause, Client, HttpError, SecretSource, Transport};
use crate::model::{Manifest, PluginError, Scope};
use crate::plugin::{CallError, Library, Source};
use crate::run::{Event, Observer, ProbeError, probe};

/// Further apart than this, tokens and the provider's rate limit are not where this machine thinks they are.
const CLOCKS_APART: u64 = 30;

/// Finds, admits and configures the connector's plugins.
pub(super) fn plugin(
    config: &Config,
    library: &Library,
    name: &str,
    findings: &mut Vec<Finding>,
) -> Option<Arc<dyn Source>> {
    match open::plugins(config, library, name) {
        Ok(plugins) => {
            let mut saw = plugins.source.identity().to_string();
            for transform in &plugins.transforms {
                saw.push_str(&format!(", then {}", transform.identity()));
            }
            findings.push(Finding::ok("plugin", format!("{saw}: settings are valid")).about(name));
            Some(plugins.source)
        }
        Err(failure) => {
            findings.push(Finding::failed("plugin", &failure).about(name));
            None
        }
    }
}

/// Whether increments of the configured kind can be made; nothing where nobody wants any.
pub(super) fn increments(config: &Config, name: &str, source: &dyn Source) -> Option<Finding> {
    config.connector(name).ok()?.schedule.as_ref().filter(|schedule| schedule.has_increments())?;
    // Of a connector that was never read: what is missing then is no matter here.
    let planned = source.plan(&Scope::Changes, &[]);
    let refused = planned.err().filter(|error| error.code() == Some(PluginError::UNSUPPORTED));
    let found = match refused.as_ref().and_then(CallError::message) {
        Some(reason) => {
            Finding::warning("increments", format!("each of them would read everything: {reason}"))
                .with_hint(format!("leave out the setting, or `changes` in [connector.{name}.schedule]"))
        }
        None => Finding::ok("increments", "the settings allow them"),
    };
    Some(found.about(name))
}

/// What is seen without a secret and without a network.
pub(super) fn offline(config: &Config, name: &str, manifest: &Manifest, findings: &mut Vec<Finding>) {
    let why = "asked to stay offline";
    findings.push(match open::credential_rule(config, name, manifest) {
        Ok(_) => Finding::skipped("credential", why).about(name),
        Err(failure) => Finding::failed("credential", &failure).about(name),
    });
    findings.push(match open::endpoint(config, name, manifest) {
        Ok(_) => Finding::skipped("connection", why).about(name),
        Err(failure) => Finding::failed("connection", &failure).about(name),
    });
    for check in ["access", "clock"] {
        findings.push(Finding::skipped(check, why).about(name));
    }
}

/// Asks the provider.
pub(super) async fn ask(
    config: &Config,
    name: &str,
    source: Arc<dyn Source>,
    output: Output,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let progress = Arc::new(Progress::start(name, output));
    let heard = Arc::clone(&progress);
    let listener = Arc::new(move |event| heard.event(Event::Http(event)));
    let opened = open::client(config, name, source.manifest(), listener, Budgets::default()).await;
    let secret = config.connector(name).map(|connector| &connector.credential.secret);
    let (client, endpoint) = match opened {
        Ok(opened) => {
            findings.extend(secret.ok().map(credential));
            opened
        }
        Err(NoClient { part, failure }) => {
            let check = match part {
                ClientPart::Endpoint | ClientPart::Network => "connection",
                ClientPart::Credential => "credential",
            };
            findings.push(Finding::failed(check, &failure));
            for other in
                ["credential", "connection", "access", "clock"].iter().filter(|other| **other != check)
            {
                findings.push(Finding::skipped(other, "nothing can be asked"));
            }
            return about(name, findings);
        }
    };
    let started = std::time::Instant::now();
    let found = probe(source, &client).await;
    let took = duration(started.elapsed());
    let requests = plural(client.totals().sent, "request", "requests");
    let answered = || Finding::ok("connection", format!("{endpoint} answers ({requests}, {took})"));
    match found {
        Ok(facts) => {
            findings.push(answered());
            let mut told = client.app_facts();
            told.extend(facts);
            findings.extend(access(&told));
        }
        // The plugin read an answer, and says what is wrong with it.
        Err(ProbeError::Call(error)) => {
            findings.push(answered());
            findings.push(Finding {
                hint: error.hint(),
                ..Finding::failed("access", &Failure::of(Exit::Failed, &error))
            });
        }
        Err(ProbeError::Http(error)) => {
            let saw = format!("{}{error}", step(&error));
            findings.push(Finding { hint: error.hint(), ..Finding::problem("connection", saw) });
            findings.push(Finding::skipped("access", "there is no connection"));
        }
        Err(error) => {
            findings.push(Finding { hint: error.hint(), ..Finding::problem("access", error.to_string()) });
        }
    }
    findings.push(clock(&client));
    about(name, findings)
}

fn about(name: &str, findings: Vec<Finding>) -> Vec<Finding> {
    findings.into_iter().map(|finding| finding.about(name)).collect()
}

fn credential(secret: &SecretSource) -> Finding {
    match secret.warning() {
        Some(warning) => Finding::warning("credential", warning),
        None => Finding::ok("credential", format!("{secret} holds one")),
    }
}

/// Which step of connecting failed.
fn step(error: &HttpError) -> &'static str {
    let HttpError::NoAnswer { cause, .. } = error else { return "" };
    match cause {
        Cause::Dns(_) => "name resolution: ",
        Cause::Refused | Cause::Connect(_) => "TCP: ",
        Cause::Proxy(_) => "proxy: ",
        Cause::UnknownIssuer | Cause::Certificate(_) | Cause::Tls(_) => "TLS: ",
        Cause::Timeout | Cause::Transfer(_) => "",
    }
}

/// What the plugin found out, and what it says is missing.
fn access(facts: &[(String, Value)]) -> Vec<Finding> {
    let is_problem = |name: &str| name == "problem" || name.starts_with("problem of ");
    let told: Vec<String> = facts
        .iter()
        .filter(|(name, _)| !is_problem(name))
        .map(|(name, value)| format!("{name} {}", fact_text(value)))
        .collect();
    let mut findings =
        vec![Finding::ok("access", format!("the credential is accepted: {}", told.join(", ")))];
    for (name, value) in facts.iter().filter(|(name, _)| is_problem(name)) {
        let text = fact_text(value);
        let saw = match name.strip_prefix("problem of ") {
            Some(subject) => format!("{subject}: {text}"),
            None => text,
        };
        findings.push(Finding::warning("access", saw));
    }
    findings
}

fn clock(client: &Client) -> Finding {
    let Some(ahead) = client.clock_ahead() else {
        return Finding::skipped("clock", "the provider said no time");
    };
    let apart = ahead.unsigned_abs();
    let told = duration(std::time::Duration::from_secs(apart));
    let which = if ahead > 0 { "ahead of" } else { "behind" };
    match apart {
        0..=2 => Finding::ok("clock", "this machine's and the provider's agree"),
        3..=CLOCKS_APART => Finding::ok("clock", format!("this machine's is {told} {which} the provider's")),
        _ => Finding::warning("clock", format!("this machine's is {told} {which} the provider's"))
            .with_hint("set it, best by a time service such as chrony: tokens and rate limits go by it"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn what_a_plugin_finds_missing_is_a_warning() {
        let facts = vec![
            ("user".to_owned(), Value::from("ann")),
            ("groups".to_owned(), Value::from(false)),
            ("problem".to_owned(), Value::from("lists no groups")),
            ("problem of group g1".to_owned(), Value::from("no members")),
        ];
        let found: Vec<(State, String)> =
            access(&facts).into_iter().map(|finding| (finding.state, finding.saw)).collect();
        assert_eq!(
            found,
            [
                (State::Ok, "the credential is accepted: user ann, groups no".to_owned()),
                (State::Warning, "lists no groups".to_owned()),
                (State::Warning, "group g1: no members".to_owned()),
            ]
        );
    }
}
