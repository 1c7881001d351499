//! The file's shape as a JSON Schema, for editors that complete and check while somebody types.
//!
//! It is written by hand beside the parser, because what the parser says about a mistake is for people and can't be
//! made of a schema. So that the two don't drift apart, the tests compare them: they know the same keys of the same
//! types within the same ranges, and a file that the parser refuses is refused by the schema, unless no schema could
//! see what is wrong with it.

use crate::directory::LOCAL;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::cleanup::{CONFIRM, GRACE_DAYS, GRACE_RUNS, GROUPS, INACTIVE_DAYS, MEMBERSHIPS, USERS};
use super::connector::HttpOptions;
use super::load::DEFAULT_DATABASE;
use super::notify::{Notify, Occasion};
use super::schedule::Schedule;
use crate::directory::UserEntry;
use crate::model::{CredentialRule, Manifest, PluginKind};
use crate::plugin::{Limit, Limits};
use crate::run::safety::LimitKind;
use crate::run::{Cleanup, Entries, GroupNames, Inactivity, Keep};

/// The JSON Schema (2020-12) of a configuration; `plugins` are those whose settings it knows. A connector of another
/// plugin may have any settings.
pub fn schema(plugins: &[&Manifest]) -> Value {
    let mut directory = table(
        "The directory: a database of users and groups. [directory.NAME] is another one, with a file of its own.",
        json!({
            "path": file("The database; the first sync makes it.", Some(DEFAULT_DATABASE)),
            "order": order(),
        }),
        &[],
    );
    directory["additionalProperties"] = table(
        "Another directory: connectors with this name as `directory` fill it.",
        json!({ "path": file("Its database; the first sync makes it.", None), "order": order() }),
        &["path"],
    );
    directory["propertyNames"] = json!({ "pattern": NAME });
    let own_plugins = table(
        "Plugins besides those that are built in, and what plugins may use.",
        json!({
            "path": file("A folder of .wasm files.", None),
            "limits": limits("What a plugin may use, unless its connector says otherwise.", true),
        }),
        &[],
    );
    let mut whole = table(
        "Rollcall's configuration. Relative paths are relative to the folder of the file.",
        json!({
            "directory": directory,
            "plugins": own_plugins,
            "notify": notify(),
            "runs": runs(),
            "connector": {
                "description": "The providers that are read, by name.",
                "type": "object",
                "propertyNames": { "pattern": NAME, "not": { "const": LOCAL } },
                "additionalProperties": connector(plugins),
            },
        }),
        &[],
    );
    whole["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    whole["title"] = "rollcall.toml".into();
    whole
}

fn order() -> Value {
    json!({
        "description": "Which connector goes before which when several bring the same new name; those not named follow by name.",
        "type": "array",
        "items": { "type": "string", "pattern": NAME },
        "uniqueItems": true,
    })
}

const NAME: &str = "^[a-z][a-z0-9-]*$";

/// Of semver.org, without its groups.
const VERSION: &str = r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$";

fn connector(plugins: &[&Manifest]) -> Value {
    let sources: Vec<&Manifest> =
        plugins.iter().copied().filter(|plugin| plugin.kind == PluginKind::Source).collect();
    let transforms: Vec<&Manifest> =
        plugins.iter().copied().filter(|plugin| plugin.kind == PluginKind::Transform).collect();
    let mut transform =
        table("A step between what the provider gave and the directory.", used(&transforms), &["plugin"]);
    by_plugin(&mut transform, &transforms);

    let mut properties = used(&sources);
    properties["endpoint"] = json!({
        "description": "Where the provider is: a host name, or an https URL.",
        "type": "string",
        "minLength": 1,
        // What is before the first `://`, if anything, and then no `@` before the path.
        "pattern": r"^(((?!://)\S)*://|(?!.*://))[^\s@/?#]*([/?#]\S*)?$",
        "examples": examples(sources.iter().filter_map(|plugin| Some(plugin.endpoint.as_ref()?.example.as_str()))),
    });
    properties["credential"] = credential();
    properties["directory"] = json!({
        "description": "The directory that it fills, by name; without it that of [directory].",
        "type": "string",
        "pattern": NAME,
    });
    properties["schedule"] = schedule();
    properties["references"] = json!({
        "description": "What the references between people that the plugin knows hold here, by their name; false: they \
            are not resolved.",
        "type": "object",
        "additionalProperties": {
            "description": "What it holds of the other person: `id`, `userName`, `email`, or the name of an attribute.",
            "anyOf": [{ "const": false }, {
                "type": "string",
                "pattern": r"\S",
                "not": { "anyOf": [
                    // Only written so are they a person's own fields.
                    { "pattern": "^(I[dD]|iD)$" },
                    { "pattern": "^[Uu][Ss][Ee][Rr][Nn][Aa][Mm][Ee]$", "not": { "const": "userName" } },
                    { "pattern": "^[Ee][Mm][Aa][Ii][Ll]$", "not": { "const": "email" } },
                ] },
            }],
            "examples": ["id", "userName", "email", "profile.employeeNumber"],
        },
    });
    properties["entries"] = entries();
    properties["http"] = http();
    properties["reading"] = super::reading::schema();
    properties["limits"] =
        limits("What this connector's plugins may use, where that is not what [plugins.limits] says.", false);
    properties["cleanup"] = cleanup();
    properties["conflicts"] = super::conflicts::schema();
    properties["safety"] = safety();
    properties["transform"] = json!({
        "description": "Transforms, in the order in which they shape.",
        "type": "array",
        "items": transform,
    });
    let mut connector =
        table("One configured use of a source plugin.", properties, &["plugin", "endpoint", "credential"]);
    by_plugin(&mut connector, &sources);
    connector
}

/// The keys that say which plugin and how.
fn used(plugins: &[&Manifest]) -> Value {
    json!({
        "plugin": {
            "description": "The name in the plugin's manifest; `rollcall plugin list` lists them.",
            "type": "string",
            "pattern": NAME,
            "examples": examples(plugins.iter().map(|plugin| plugin.name.as_str())),
        },
        "plugin-version": {
            "description": "The version that the plugin has to have.",
            "type": "string",
            "pattern": VERSION,
        },
        "plugin-sha256": {
            "description": "The hash that the plugin's file has to have; `rollcall plugin inspect` prints it.",
            "type": "string",
            "pattern": "^[0-9A-Fa-f]{64}$",
        },
        "settings": { "description": "The plugin's own settings.", "type": "object" },
    })
}

/// The settings of each plugin that is known.
fn by_plugin(table: &mut Value, plugins: &[&Manifest]) {
    let conditions = plugins.iter().map(|plugin| {
        let mut settings = plugin.settings.clone();
        let required = settings["required"].as_array().is_some_and(|required| !required.is_empty());
        if let Value::Object(settings) = &mut settings {
            // Its references are to its own parts.
            settings.entry("$id").or_insert_with(|| format!("urn:rollcall:plugin:{}", plugin.name).into());
        }
        let mut then = json!({ "properties": { "settings": settings } });
        if required {
            then["required"] = json!(["settings"]);
        }
        json!({
            "if": { "properties": { "plugin": { "const": plugin.name } }, "required": ["plugin"] },
            "then": then,
        })
    });
    let conditions: Vec<Value> = conditions.collect();
    if !conditions.is_empty() {
        table["allOf"] = conditions.into();
    }
}

/// The places of a secret, of which there is one.
fn places(what: &str) -> Value {
    json!({
        "env": {
            "description": format!("The environment variable that holds the {what}."),
            "type": "string",
            "pattern": "^[A-Za-z_][A-Za-z0-9_]*$",
            // As long and as mixed as only a secret is.
            "not": { "pattern": "^(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9]).{20,}$" },
        },
        "file": file(&format!("The file whose whole content is the {what}."), None),
        "command": {
            "description": format!("The program, with its arguments, that prints the {what}. No shell is used."),
            "type": "array",
            "items": { "type": "string" },
            "prefixItems": [{ "type": "string", "minLength": 1 }],
            "minItems": 1,
        },
    })
}

fn credential() -> Value {
    let mut key = table("Where the private key of the app is: PEM or JWK.", places("private key"), &[]);
    let of_secrets = json!([{ "required": ["env"] }, { "required": ["file"] }, { "required": ["command"] }]);
    key["oneOf"] = of_secrets.clone();
    let mut properties = places("secret");
    properties["scheme"] = json!({
        "description": "How to authenticate; without it the plugin's first, or an app's where there is a `client-id`.",
        "enum": ["header", "bearer", "basic", CredentialRule::SERVICE_APP],
    });
    properties["username"] =
        json!({ "description": "For the scheme `basic`.", "type": "string", "minLength": 1 });
    properties["client-id"] = json!({
        "description": "The app that signs in with its key, by the provider's id of it.",
        "type": "string",
        "minLength": 1,
        "pattern": r"^\S+$",
    });
    properties["private-key"] = key;
    properties["key-id"] = json!({
        "description": "Which of the app's keys it is, where neither the key nor the provider tells.",
        "type": "string",
        "minLength": 1,
        "pattern": r"^\S+$",
    });
    properties["scopes"] = json!({
        "description": "The scopes to ask for; without it those that the plugin needs.",
        "type": "array",
        "items": { "type": "string", "pattern": r#"^[!#-\[\]-~]+$"# },
        "minItems": 1,
    });
    let mut credential = table("Where the secret is; never the secret itself.", properties, &[]);
    let mut ways = of_secrets;
    if let Some(ways) = ways.as_array_mut() {
        ways.push(json!({ "required": ["private-key"] }));
    }
    credential["oneOf"] = ways;
    credential["dependentRequired"] = json!({
        "client-id": ["private-key"],
        "private-key": ["client-id"],
        "key-id": ["client-id"],
        "scopes": ["client-id"],
    });
    credential["allOf"] = json!([
        {
            "if": { "required": ["client-id"] },
            "then": {
                "properties": { "scheme": { "const": CredentialRule::SERVICE_APP } },
                "not": { "required": ["username"] },
            },
        },
        {
            "if": { "properties": { "scheme": { "const": CredentialRule::SERVICE_APP } }, "required": ["scheme"] },
            "then": { "required": ["client-id"] },
        },
        {
            "if": { "properties": { "scheme": { "const": "basic" } }, "required": ["scheme"] },
            "then": { "required": ["username"] },
        },
        {
            "if": { "properties": { "scheme": { "enum": ["header", "bearer"] } }, "required": ["scheme"] },
            "then": { "not": { "required": ["username"] } },
        },
    ]);
    credential
}

fn schedule() -> Value {
    let default = Duration::ZERO;
    // Where the times are wrong only the parser sees.
    let cron = r"^\s*(@(hourly|daily|midnight|weekly|monthly|yearly|annually)|[^\s@]\S*(\s+\S+){4})\s*$";
    let mut schedule = table(
        "When `rollcall serve` syncs it: a cron expression, or a table.",
        json!({
            "full": {
                "description": "When everything is read: minute, hour, day of month, month and day of week, or @daily and the like.",
                "type": "string",
                "pattern": cron,
                "examples": ["0 3 * * *", "@daily"],
            },
            "changes": {
                "description": "When what changed is read, which takes a few requests; in the same form.",
                "type": "string",
                "pattern": cron,
                "examples": ["*/5 * * * *", "*/15 6-20 * * mon-fri"],
            },
            "full-every-hours": {
                "description": "How old the last full run may be: then an increment reads everything instead. With \
                    it or `changes`, `rollcall sync NAME` decides by itself, by 24 hours without it; where `full` has \
                    times, the service's increments leave it to these without it.",
                "type": "integer",
                "minimum": Schedule::FULL_EVERY_HOURS.start(),
                "maximum": Schedule::FULL_EVERY_HOURS.end(),
                "examples": [24],
            },
            "time-zone": {
                "description": "The IANA time zone that the times are in; without it the machine's.",
                "type": "string",
                "minLength": 1,
                "examples": ["Europe/Berlin", "America/New_York", "UTC"],
            },
            "jitter-seconds": {
                "description": "How much later than its time a run may begin, so that not all begin in one second.",
                "type": "integer",
                "default": default.as_secs(),
                "minimum": Schedule::JITTER_SECONDS.start(),
                "maximum": Schedule::JITTER_SECONDS.end(),
            },
            "alert-after-hours": {
                "description": "How long no run may have succeeded before [notify] tells of it.",
                "type": "integer",
                "minimum": Schedule::ALERT_AFTER_HOURS.start(),
                "maximum": Schedule::ALERT_AFTER_HOURS.end(),
            },
        }),
        &[],
    );
    schedule["anyOf"] = json!([
        { "type": "string" },
        { "required": ["full"] },
        { "required": ["changes"] },
        { "required": ["full-every-hours"] },
    ]);
    schedule["type"] = json!(["string", "object"]);
    schedule["pattern"] = cron.into();
    schedule
}

fn notify() -> Value {
    let mut webhook = table(
        "Where what is to be told is posted as JSON. Whoever knows the address may post to it: keep it out of this file.",
        json!({
            "url": {
                "description": "The address itself, https only.",
                "type": "string",
                "pattern": r"^([Hh][Tt][Tt][Pp][Ss]://|[Hh][Tt][Tt][Pp]://(localhost|127\.|\[::1\]))\S+$",
            },
            "env": {
                "description": "The environment variable that holds the address.",
                "type": "string",
                "pattern": "^[A-Za-z_][A-Za-z0-9_]*$",
                "not": { "pattern": "^(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9]).{20,}$" },
            },
            "file": file("The file whose whole content is the address.", None),
        }),
        &[],
    );
    webhook["oneOf"] = json!([{ "required": ["url"] }, { "required": ["env"] }, { "required": ["file"] }]);
    table(
        "Who is told of what `rollcall serve` meets, once for each standing problem.",
        json!({
            "command": {
                "description": "The program, with its arguments, that gets it as JSON on its input. No shell is used.",
                "type": "array",
                "items": { "type": "string" },
                "prefixItems": [{ "type": "string", "minLength": 1 }],
                "minItems": 1,
            },
            "webhook": webhook,
            "on": {
                "description": "What is told.",
                "type": "array",
                "default": Notify::default().on,
                "items": { "enum": Occasion::ALL },
            },
        }),
        &[],
    )
}

fn runs() -> Value {
    let number = |help: &str, range: RangeInclusive<u64>| json!({ "description": help, "type": "integer", "minimum": range.start(), "maximum": range.end() });
    table(
        "What `rollcall serve` keeps of the history; without this table everything. A run keeps its changes and its report as long as one of these keeps it.",
        json!({
            "keep-days": number("Runs that began in so many last days.", Keep::DAYS),
            "keep-runs": number("So many runs of each connector, the latest.", Keep::RUNS),
        }),
        &[],
    )
}

fn entries() -> Value {
    let kept_anyway: Vec<&str> =
        UserEntry::FIELDS.into_iter().filter(|field| !Entries::FIELDS.contains(field)).collect();
    table(
        "How far entries follow the provider.",
        json!({
            "group-names": {
                "description": "What a group is called that got another name: hold keeps the old one and tells of it, \
                    follow renames it, pin keeps the first one. Applications' permission schemes refer to names.",
                "default": GroupNames::default(),
                "enum": GroupNames::ALL,
            },
            "only-at-creation": {
                "description": "Fields and attributes of users that are set when an entry is made and kept from then on.",
                "type": "array",
                "default": [],
                "items": {
                    "type": "string",
                    "minLength": 1,
                    "not": { "enum": kept_anyway },
                    "examples": ["displayName", "profile.title"],
                },
            },
            "keep-local": {
                "description": "Fields and attributes of users that `rollcall local set` may set, which a run then leaves \
                    as they are; `*` stands for any text.",
                "type": "array",
                "default": [],
                "items": {
                    "type": "string",
                    "minLength": 1,
                    "not": { "enum": kept_anyway },
                    "examples": ["displayName", "profile.*"],
                },
            },
        }),
        &[],
    )
}

fn http() -> Value {
    let default = HttpOptions::default();
    let number = |help: &str, default: u64, range: RangeInclusive<u64>| {
        json!({
            "description": help,
            "type": "integer",
            "default": default,
            "minimum": range.start(),
            "maximum": range.end(),
        })
    };
    table(
        "How requests are made.",
        json!({
            "parallel": number("Requests in flight at once.", default.parallel.into(), HttpOptions::PARALLEL),
            "share": {
                "description": "The part of the provider's rate limit that may be used; the rest is left to others.",
                "type": "number",
                "default": default.share,
                "exclusiveMinimum": 0,
                "maximum": 1,
            },
            "timeout-seconds": number(
                "The longest silence of the provider before an attempt counts as failed.",
                default.timeout.as_secs(),
                HttpOptions::TIMEOUT_SECONDS,
            ),
            "deadline-minutes": number(
                "How long the requests of one run may take in all.",
                default.deadline.as_secs() / 60,
                HttpOptions::DEADLINE_MINUTES,
            ),
            "attempts": number(
                "How often one request is sent before it counts as failed.",
                default.attempts.into(),
                HttpOptions::ATTEMPTS,
            ),
            "response-limit-mib": number(
                "The largest answer that is read, in MiB.",
                default.response_limit >> 20,
                HttpOptions::RESPONSE_LIMIT_MIB,
            ),
            "proxy": {
                "description": "The proxy; without it HTTPS_PROXY and NO_PROXY count. No user name, no password.",
                "type": "string",
                "pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s@/?#:]+(:\d+)?([/?#]\S*)?$",
                "examples": ["http://proxy.example.com:3128"],
            },
            "ca-bundle": file("A PEM file of certificates to trust besides the system's.", None),
            "allow": {
                "description": "What the plugin may do beyond GET, as far as its manifest asks for it.",
                "type": "array",
                "default": [],
                "items": {
                    "type": "string",
                    "pattern": r"^(GET|POST|PUT|PATCH|DELETE) /\S*$",
                    "examples": ["POST /api/v1/logs"],
                },
            },
        }),
        &[],
    )
}

fn cleanup() -> Value {
    let default = Cleanup::default();
    let number = |help: &str, range: RangeInclusive<u64>| json!({ "description": help, "type": "integer", "minimum": range.start(), "maximum": range.end() });
    let defaulted = |mut property: Value, default: Value| {
        property["default"] = default;
        property
    };
    let users = || json!({ "description": "What becomes of a person who leaves.", "enum": words(&USERS) });
    let memberships =
        || json!({ "description": "What becomes of their memberships.", "enum": words(&MEMBERSHIPS) });
    let grace_runs = || number("Complete full runs that have to miss an entry first.", GRACE_RUNS);
    let grace_days = || number("Days for which an entry has to be missing first.", GRACE_DAYS);
    let condition = |help: &str| json!({ "description": help, "type": "string", "minLength": 1 });
    let mut rule = table(
        "For some people other than the table says; the first that holds counts.",
        json!({
            "when": condition("Whom it is about, in CEL."),
            "users": users(),
            "memberships": memberships(),
            "grace-runs": grace_runs(),
            "grace-days": grace_days(),
        }),
        &[],
    );
    rule["required"] = json!(["when"]);
    let attribute = |help: &str| json!({ "description": help, "type": "string", "minLength": 1 });
    let mut inactivity = table(
        "People who don't sign in any more.",
        json!({
            "days": number("Since the last sign-in.", INACTIVE_DAYS),
            "never-signed-in-days": number("Since the creation of someone who never signed in.", INACTIVE_DAYS),
            "sign-in": defaulted(attribute("The attribute with the time of the last sign-in."), Inactivity::SIGN_IN.into()),
            "created": defaulted(attribute("The attribute with the time of creation."), Inactivity::CREATED.into()),
            "users": defaulted(users(), "disable".into()),
            "spare": defaulted(condition("Who is spared, in CEL."), Inactivity::SPARE.into()),
        }),
        &[],
    );
    inactivity["anyOf"] = json!([{ "required": ["days"] }, { "required": ["never-signed-in-days"] }]);
    table(
        "What becomes of people and groups that the provider no longer returns, or that transforms drop.",
        json!({
            "users": defaulted(users(), "disable".into()),
            "groups": {
                "description": "What becomes of a group that leaves.",
                "enum": words(&GROUPS),
                "default": "keep",
            },
            "memberships": defaulted(memberships(), "keep".into()),
            "keep-memberships-of": {
                "description": "Groups, `*` for anything, that whoever leaves stays in.",
                "type": "array",
                "default": [],
                "items": { "type": "string", "minLength": 1 },
            },
            "grace-runs": defaulted(grace_runs(), 0.into()),
            "grace-days": defaulted(grace_days(), 0.into()),
            "confirm": defaulted(
                number("How many absent people a run asks for by id before it changes them.", CONFIRM),
                default.confirm.into(),
            ),
            "except": {
                "description": "Whom cleanup never touches, in CEL.",
                "type": "array",
                "default": [],
                "items": { "type": "string", "minLength": 1 },
            },
            "rule": { "description": "Rules for some people.", "type": "array", "items": rule },
            "inactivity": inactivity,
        }),
        &[],
    )
}

pub(super) fn words<T>(words: &[(&'static str, T)]) -> Vec<&'static str> {
    words.iter().map(|(word, _)| *word).collect()
}

fn safety() -> Value {
    let mut properties = json!({
        "on-limit": {
            "description": "What happens when a plan is over a limit: only what is over it is held, or all of it.",
            "enum": ["withhold", "hold"],
            "default": "withhold",
        },
        "protect": {
            "description": "Conditions, in CEL: people whom no run may disable, delete or anonymise.",
            "type": "array",
            "items": { "type": "string" },
            "default": [],
        },
        "protect-groups": {
            "description": "Names of groups that no run may delete or empty; `*` stands for any text.",
            "type": "array",
            "items": { "type": "string", "minLength": 1 },
            "default": [],
        },
        "protect-groups-when": {
            "description": "Conditions, in CEL: groups that no run may delete or empty.",
            "type": "array",
            "items": { "type": "string" },
            "default": [],
        },
    });
    for kind in LimitKind::ALL {
        let bound = kind.default_bound();
        let mut default = Map::new();
        default.extend(bound.count.map(|count| ("count".to_owned(), count.into())));
        default.extend(bound.percent.map(|percent| ("percent".to_owned(), percent.into())));
        properties[kind.key()] = json!({
            "description": format!("{} A number, a percentage, both, or \"none\".", kind.help()),
            "default": default,
            "oneOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": "^(none|(100|[0-9]{1,2})%)$" },
                {
                    "type": "object",
                    "properties": {
                        "count": { "type": "integer", "minimum": 0 },
                        "percent": { "type": "integer", "minimum": 0, "maximum": 100 },
                    },
                    "additionalProperties": false,
                    "minProperties": 1,
                },
            ],
        });
    }
    table("How much a run may do without asking, and to whom never anything.", properties, &[])
}

fn limits(help: &str, defaults: bool) -> Value {
    let default = Limits::default();
    let properties: Map<String, Value> = Limit::ALL
        .iter()
        .map(|limit| {
            let help = format!("{} In {}.", limit.help(), limit.unit());
            let mut property = json!({ "description": help, "type": "integer", "minimum": 0 });
            if defaults {
                property["default"] = default.get(*limit).into();
            }
            (limit.key().to_owned(), property)
        })
        .collect();
    table(help, properties.into(), &[])
}

pub(super) fn table(help: &str, properties: Value, required: &[&str]) -> Value {
    let mut table = json!({
        "description": help,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        table["required"] = required.into();
    }
    table
}

fn file(help: &str, default: Option<&str>) -> Value {
    let mut file = json!({ "description": help, "type": "string", "minLength": 1 });
    if let Some(default) = default {
        file["default"] = default.into();
    }
    file
}

fn examples<'a>(of: impl Iterator<Item = &'a str>) -> Value {
    of.collect::<Vec<_>>().into()
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
