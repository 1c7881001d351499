//! The rules of what runs unattended: schedules, and who is told.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::check::{Checker, under};
use super::cron::Cron;
use super::load::list;
use super::notify::{Notify, Occasion};
use super::position::{At, Step};
use super::schedule::{Schedule, Zone};
use super::written;
use crate::http::{SecretSource, WebhookUrl};
use crate::plugin::nearest;
use crate::run::Keep;

impl Checker<'_> {
    pub fn schedule(&mut self, path: &[Step], written: written::Schedule) -> Option<Schedule> {
        let (at, table) = match written {
            written::Schedule::Table(table) => (under(path, "full"), table),
            written::Schedule::Short(full) => (
                path.to_vec(),
                written::ScheduleTable { full: Some(full), ..written::ScheduleTable::default() },
            ),
        };
        if table.full.is_none() && table.changes.is_none() && table.full_every_hours.is_none() {
            let hint = "say when everything is read, `full = \"0 3 * * *\"`, or when what changed is, \
                `changes = \"*/5 * * * *\"`, or both";
            let message = "the schedule has no time".to_owned();
            self.faults.push(self.source.fault(path, At::Key, message, Some(hint.to_owned())));
        }
        let full = self.cron(&at, table.full);
        let changes = self.cron(&under(path, "changes"), table.changes);
        let every = self.number(path, "full-every-hours", table.full_every_hours, Schedule::FULL_EVERY_HOURS);
        let hours = |hours: u64| Duration::from_secs(hours * 60 * 60);
        let zone = self.zone(&under(path, "time-zone"), table.time_zone);
        let jitter = self.number(path, "jitter-seconds", table.jitter_seconds, Schedule::JITTER_SECONDS);
        let alert =
            self.number(path, "alert-after-hours", table.alert_after_hours, Schedule::ALERT_AFTER_HOURS);
        Some(Schedule {
            full: full?,
            changes: changes?,
            full_every: every.map(hours),
            zone: zone?,
            jitter: Duration::from_secs(jitter.unwrap_or_default()),
            alert_after: alert.map(hours),
        })
    }

    /// What is not written is no mistake.
    fn cron(&mut self, path: &[Step], written: Option<String>) -> Option<Option<Cron>> {
        let Some(text) = written else { return Some(None) };
        match Cron::parse(&text) {
            Ok(cron) => Some(Some(cron)),
            Err(mistake) => {
                let place = (text.as_str(), mistake.part);
                self.faults.push(self.source.fault_within(path, place, mistake.message, Some(mistake.hint)));
                None
            }
        }
    }

    fn zone(&mut self, path: &[Step], written: Option<String>) -> Option<Zone> {
        let Some(name) = written else {
            return Some(Zone { written: None, zone: TimeZone::system() });
        };
        match TimeZone::get(&name) {
            Ok(zone) => Some(Zone { written: Some(name), zone }),
            Err(_) => {
                let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
                let hint = match nearest(&name, known.iter().map(String::as_str)) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None if known.is_empty() => {
                        "this machine has no time zone database: install the package tzdata".to_owned()
                    }
                    None => "the IANA name, such as `Europe/Berlin`, `America/New_York` or `UTC`".to_owned(),
                };
                self.wrong(path, format!("there is no time zone `{name}`"), Some(&hint));
                None
            }
        }
    }

    pub fn runs(&mut self, path: &[Step], written: written::Runs) -> Keep {
        let days = self.number(path, "keep-days", written.keep_days, Keep::DAYS);
        let runs = self.number(path, "keep-runs", written.keep_runs, Keep::RUNS);
        Keep {
            age: days.map(|days| Duration::from_secs(days * 24 * 3600)),
            runs: runs.map(|runs| u32::try_from(runs).unwrap_or(u32::MAX)),
        }
    }

    pub fn notify(&mut self, path: &[Step], written: written::Notify) -> Notify {
        let default = Notify::default();
        if written.command.as_ref().is_some_and(|command| command.first().is_none_or(String::is_empty)) {
            let hint =
                "the program and its arguments, such as `command = [\"/usr/local/bin/page\", \"rollcall\"]`";
            self.wrong(&under(path, "command"), "`command` has to name a program", Some(hint));
        }
        let command = written.command.unwrap_or_default();
        let webhook = written.webhook.and_then(|webhook| self.webhook(&under(path, "webhook"), webhook));
        let on = match written.on {
            None => default.on,
            Some(words) => {
                let at = under(path, "on");
                let known = || Occasion::ALL.iter().map(|occasion| occasion.as_str());
                let meant = words.iter().enumerate().filter_map(|(index, word)| {
                    let found = Occasion::ALL.into_iter().find(|occasion| occasion.as_str() == word);
                    if found.is_none() {
                        let hint = match nearest(word, known()) {
                            Some(meant) => format!("did you mean `{meant}`?"),
                            None => format!("it is some of {}", list(known())),
                        };
                        self.wrong(&under(&at, index), format!("nothing is told on `{word}`"), Some(&hint));
                    }
                    found
                });
                meant.collect()
            }
        };
        Notify { command, webhook, on }
    }

    fn webhook(&mut self, path: &[Step], written: written::Webhook) -> Option<WebhookUrl> {
        match (written.url, written.env, written.file) {
            (Some(url), None, None) => match WebhookUrl::parse(&url) {
                Ok(url) => Some(WebhookUrl::Written(url)),
                Err(reason) => {
                    let hint = "such as `url = \"https://hooks.example.com/rollcall\"`".to_owned();
                    let fault =
                        self.source.concealed(&under(path, "url"), format!("`url` {reason}"), Some(hint));
                    self.faults.push(fault);
                    None
                }
            },
            (None, Some(name), None) => {
                self.variable(&under(path, "env"), &name);
                Some(WebhookUrl::Secret(SecretSource::Env(name)))
            }
            (None, None, Some(file)) => {
                let file = self.path(&under(path, "file"), Some(file))?;
                Some(WebhookUrl::Secret(SecretSource::File(file)))
            }
            (None, None, None) => {
                let hint = "`webhook = { env = \"ROLLCALL_WEBHOOK\" }`, `{ file = \"webhook-url\" }` or \
                    `{ url = \"https://hooks.example.com/rollcall\" }`";
                self.wrong(path, "`webhook` does not say where to", Some(hint));
                None
            }
            _ => {
                self.wrong(path, "`webhook` can have only one of `url`, `env` and `file`", None);
                None
            }
        }
    }
}
