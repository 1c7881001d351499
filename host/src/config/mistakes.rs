//! Every mistake that an admin can make in the file, with the whole answer, in one golden file.

use std::fmt::Write;

use super::{Config, ConfigError};

/// `[connector.acme]` with everything that it needs.
const GOOD: &str = "[connector.acme]\nplugin = \"okta\"\nendpoint = \"acme.okta.com\"\ncredential = { env = \"OKTA_TOKEN\" }\n";

fn with(lines: &str) -> String {
    format!("{GOOD}{lines}\n")
}

/// [`GOOD`] with another credential.
fn credential(value: &str) -> String {
    GOOD.replace("{ env = \"OKTA_TOKEN\" }", value)
}

fn answer(text: &str) -> String {
    let error = match Config::parse("rollcall.toml".as_ref(), text) {
        Ok(_) => return "no mistake\n".to_owned(),
        Err(error) => error,
    };
    assert!(matches!(error, ConfigError::Wrong { .. }));
    let mut out = format!("error: {error}\n");
    if let Some(detail) = error.detail() {
        writeln!(out, "{detail}").unwrap();
    }
    if let Some(hint) = error.hint() {
        writeln!(out, "hint: {hint}").unwrap();
    }
    assert!(!out.contains("SeCrEt"), "{out}");
    out
}

/// Each with its name.
pub(super) fn mistakes() -> Vec<(&'static str, String)> {
    vec![
        ("not TOML", "[connector.acme\nplugin = \"okta\"".to_owned()),
        ("no value", with("plugin-version =")),
        ("quotes forgotten", GOOD.replace("\"okta\"", "okta")),
        ("a quote forgotten", GOOD.replace("\"okta\"", "\"okta")),
        ("typographic quotes", GOOD.replace("\"okta\"", "“okta”")),
        ("a colon for an equals sign", "connector:\n  acme:\n    plugin: okta\n".to_owned()),
        ("JSON", "{ \"connector\": {} }".to_owned()),
        ("a space in a key", with("http.time out = 5")),
        ("a key twice", with("plugin = \"okta\"")),
        ("a table twice", with("[connector.acme]")),
        ("table mistyped", GOOD.replace("[connector", "[connectors")),
        ("key mistyped", GOOD.replace("endpoint", "end-point")),
        ("key in snake case", with("plugin_version = \"1.0.0\"")),
        ("key unknown", with("cadence = \"hourly\"")),
        ("key of another table", format!("share = 0.5\n{GOOD}")),
        ("table of another table", with("[http]\nshare = 0.5")),
        ("setting beside the settings", with("groups.include = [\"a\"]")),
        ("key cut short", with("limits.memory = 5")),
        ("key mistyped in a table", with("[connector.acme.http]\nparalel = 4")),
        ("key mistyped in the directory", "[directory]\nfile = \"a.db\"".to_owned()),
        (
            "only-at-creation of what never changes",
            with("entries.only-at-creation = [\"email\", \"active\"]"),
        ),
        ("keep-local of what is the provider's", with("entries.keep-local = [\"Email\", \"active\", \"\"]")),
        ("directory named like a key", "[directory.path]\npath = \"a.db\"".to_owned()),
        ("directory with a wrong name", "[directory.Portal]\npath = \"a.db\"".to_owned()),
        ("directory without a file", "[directory.portal]".to_owned()),
        ("directory that is not there", with("directory = \"portl\"\n[directory.portal]\npath = \"a.db\"")),
        ("directory that is nowhere", with("directory = \"portal\"")),
        ("key mistyped in a named directory", "[directory.portal]\npth = \"a.db\"".to_owned()),
        (
            "two directories in one file",
            "[directory]\npath = \"a.db\"\n[directory.portal]\npath = \"a.db\"".to_owned(),
        ),
        (
            "order of another directory",
            with("[directory.portal]\npath = \"a.db\"\norder = [\"acme\", \"akme\"]"),
        ),
        ("group-names mistyped", with("entries.group-names = \"fallow\"")),
        ("group-names unknown", with("entries.group-names = \"rename\"")),
        ("plugin missing", GOOD.replace("plugin = \"okta\"\n", "")),
        ("endpoint missing", GOOD.replace("endpoint = \"acme.okta.com\"\n", "")),
        (
            "credential missing",
            "[connector.acme]\nplugin = \"okta\"\nendpoint = \"acme.okta.com\"\n".to_owned(),
        ),
        ("transform without plugin", with("[[connector.acme.transform]]\nsettings = {}")),
        ("connector in two brackets", GOOD.replace("[connector.acme]", "[[connector.acme]]")),
        ("connectors as a list", "[[connector]]\nname = \"acme\"\n".to_owned()),
        ("number too large", with("http.parallel = 99999999999999999999999")),
        ("date for a number", with("http.parallel = 2026-01-01")),
        ("number as text", with("http.parallel = \"8\"")),
        ("fraction for a whole number", with("http.attempts = 2.5")),
        ("text as number", GOOD.replace("\"okta\"", "1")),
        ("list as text", with("http.allow = \"POST /a\"")),
        ("reference as yes", with("references.manager = true")),
        ("reference without a key", with("references.manager = \" \"")),
        ("reference in another case", with("references.manager = \"username\"")),
        ("references as text", with("references = \"id\"")),
        ("table as list", with("settings = []")),
        ("connector as text", "[connector]\nacme = \"okta\"".to_owned()),
        ("path as number", "[directory]\npath = 1".to_owned()),
        ("path empty", "[directory]\npath = \"\"".to_owned()),
        ("the name of local entries", GOOD.replace("connector.acme", "connector.local")),
        ("connector name", GOOD.replace("acme]", "\"Acme Inc\"]")),
        ("plugin is a file", GOOD.replace("\"okta\"", "\"plugins/okta.wasm\"")),
        ("plugin version", with("plugin-version = \">= 1\"")),
        ("plugin hash", with("plugin-sha256 = \"abc\"")),
        ("endpoint empty", GOOD.replace("acme.okta.com", "")),
        ("endpoint with a password", GOOD.replace("acme.okta.com", "https://mia:SeCrEt@acme.okta.com")),
        ("token in the credential", credential("{ token = \"00SeCrEt\" }")),
        ("token in the connector", with("api_token = \"00SeCrEt\"")),
        ("token as the credential", credential("\"00SeCrEt\"")),
        ("token without quotes", credential("00SeCrEt")),
        ("token as the variable", credential("{ env = \"00SeCrEtSeCrEtSeCrEtSeCrEtSeCrEtSeCrEtSeCr\" }")),
        ("variable name", credential("{ env = \"OKTA-TOKEN\" }")),
        ("no secret", credential("{ scheme = \"header\" }")),
        ("two secrets", credential("{ env = \"OKTA_TOKEN\", file = \"token.txt\" }")),
        ("command as text", credential("{ command = \"pass okta\" }")),
        ("command empty", credential("{ command = [] }")),
        ("command without program", credential("{ command = [\"\", \"okta\"] }")),
        ("token file empty", credential("{ file = \"\" }")),
        ("scheme unknown", credential("{ env = \"OKTA_TOKEN\", scheme = \"oauth\" }")),
        ("scheme without user name", credential("{ env = \"OKTA_TOKEN\", scheme = \"basic\" }")),
        (
            "user name without scheme",
            credential("{ env = \"OKTA_TOKEN\", scheme = \"bearer\", username = \"mia\" }"),
        ),
        ("user name empty", credential("{ env = \"OKTA_TOKEN\", username = \"\" }")),
        ("app without key", credential("{ client-id = \"0oa1\" }")),
        ("app without id", credential("{ private-key = { file = \"key.pem\" } }")),
        ("app by its scheme alone", credential("{ env = \"KEY\", scheme = \"oauth2-client-credentials\" }")),
        ("app with a secret", credential("{ client-id = \"0oa1\", env = \"OKTA_KEY\" }")),
        (
            "app with two keys",
            credential("{ client-id = \"0oa1\", private-key = { env = \"A\", file = \"b\" } }"),
        ),
        ("app with a key nowhere", credential("{ client-id = \"0oa1\", private-key = {} }")),
        (
            "key as text",
            credential("{ client-id = \"0oa1\", private-key = \"-----BEGIN PRIVATE KEY-----SeCrEt\" }"),
        ),
        (
            "key as the variable",
            credential(
                "{ client-id = \"0oa1\", private-key = { env = \"-----BEGIN PRIVATE KEY-----SeCrEt\" } }",
            ),
        ),
        (
            "app as another scheme",
            credential("{ client-id = \"0oa1\", private-key = { env = \"K\" }, scheme = \"bearer\" }"),
        ),
        (
            "app with a user name",
            credential("{ client-id = \"0oa1\", private-key = { env = \"K\" }, username = \"mia\" }"),
        ),
        (
            "app with wrong words",
            credential(
                "{ client-id = \"\", key-id = \"a b\", scopes = [\"a b\"], private-key = { env = \"K\" } }",
            ),
        ),
        (
            "app with no scopes",
            credential("{ client-id = \"0oa1\", private-key = { env = \"K\" }, scopes = [] }"),
        ),
        ("scopes of a token", credential("{ env = \"OKTA_TOKEN\", scopes = [\"okta.users.read\"] }")),
        ("share of nothing", with("http.share = 0")),
        ("share in percent", with("http.share = 80")),
        ("parallel out of range", with("http.parallel = 65")),
        ("parallel negative", with("http.parallel = -1")),
        ("timeout of nothing", with("http.timeout-seconds = 0")),
        ("deadline out of range", with("http.deadline-minutes = 20_000")),
        ("attempts out of range", with("http.attempts = 0")),
        ("response limit out of range", with("http.response-limit-mib = 4096")),
        ("proxy", with("http.proxy = \"proxy:3128\"")),
        ("proxy with a password", with("http.proxy = \"http://mia:SeCrEt@proxy:3128\"")),
        ("proxy with a broken password", with("http.proxy = \"http://mia:SeCrEt@proxy:port\"")),
        ("bundle empty", with("http.ca-bundle = \"\"")),
        ("grant", with("http.allow = [\"POST /a\", \"post /b\", \"POST b\", \"POST\"]")),
        ("cleanup of another kind", with("cleanup.users = \"remove\"")),
        ("inactivity without days", with("cleanup.inactivity = { users = \"keep\" }")),
        ("grace out of range", with("cleanup.grace-days = -1\ncleanup.grace-runs = 20_000")),
        ("rule of cleanup for nobody", with("cleanup.rule = [{ users = \"delete\" }]")),
        ("pattern of cleanup empty", with("cleanup.keep-memberships-of = [\"\"]")),
        ("condition of cleanup", with("cleanup.except = ['isMember(\"a\") && usrName == \"b\"']")),
        ("conflict of another kind", with("conflicts.users = \"share\"")),
        ("match by something else", with("conflicts.match = [\"username\", \"id\"]")),
        ("all members never read", with("reading.all-members-every-days = 0")),
        ("skipping in words", with("reading.skip-unchanged-members = \"yes\"")),
        ("match by nothing", with("conflicts.match = []")),
        ("suffix of nothing", with("conflicts.suffix = \" \"")),
        ("local groups without a name", with("conflicts.local-groups = [{ memberships = \"managed\" }]")),
        (
            "local groups of another kind",
            with("conflicts.local-groups = [{ name = \"\", memberships = \"all\" }]"),
        ),
        ("setting that is no number", with("settings.ratios = [1.0, nan]")),
        ("schedule with four fields", with("schedule = \"0 3 * *\"")),
        ("schedule name mistyped", with("schedule = \"@dayly\"")),
        ("schedule as number", with("schedule = 3")),
        ("schedule without time", with("schedule = { time-zone = \"UTC\" }")),
        ("schedule with a wrong hour", with("[connector.acme.schedule]\nfull = \"0 24 * * *\"")),
        (
            "schedule of changes with a wrong minute",
            with("schedule = { full = \"@daily\", changes = \"*/75 * * * *\" }"),
        ),
        ("schedule with two wrong times", with("schedule = { full = \"@dayly\", changes = \"* * *\" }")),
        ("age of a full run out of range", with("schedule.full-every-hours = 0")),
        ("schedule with a wrong day", with("schedule = { full = '0 3 * * mon-frie' }")),
        ("schedule that never comes", with("schedule = \"0 3 31 feb,apr *\"")),
        ("schedule key mistyped", with("schedule = { full = \"@daily\", timezone = \"UTC\" }")),
        ("time zone unknown", with("schedule = { full = \"@daily\", time-zone = \"Europe/Berln\" }")),
        ("time zone as offset", with("schedule = { full = \"@daily\", time-zone = \"+02:00\" }")),
        ("jitter out of range", with("schedule = { full = \"@daily\", jitter-seconds = 100_000 }")),
        ("alert out of range", with("schedule = { full = \"@daily\", alert-after-hours = 0 }")),
        ("runs kept for no time", with("[runs]\nkeep-days = 0\nkeep-runs = 0")),
        ("notify command empty", with("[notify]\ncommand = []")),
        ("notify on a mistyped word", with("[notify]\non = [\"failed\", \"problem\"]")),
        ("webhook without address", with("[notify]\nwebhook = {}")),
        ("webhook with two addresses", with("[notify]\nwebhook = { env = \"HOOK\", file = \"hook\" }")),
        ("webhook not encrypted", with("[notify]\nwebhook = { url = \"http://hooks.example.com/SeCrEt\" }")),
        ("webhook as text", with("[notify]\nwebhook = \"https://hooks.example.com/SeCrEt\"")),
        ("limit", with("safety.disables = \"5\"\nsafety.deletes = { percent = 101 }\nsafety.renames = {}")),
        ("on-limit unknown", with("safety.on-limit = \"stop\"")),
        ("group pattern empty", with("safety.protect-groups = [\"\"]")),
        ("protect misspelt", with("safety.protect = [\"usrName == 'ann'\"]")),
        ("protect groups misspelt", with("safety.protect-groups-when = [\"name != '' && typ == 'x'\"]")),
        (
            "several",
            with("plugin-sha256 = \"\"\nhttp.share = 2.0\nhttp.attempts = 0").replace("acme]", "Acme]"),
        ),
    ]
}

#[test]
fn every_mistake() {
    let mut all = String::new();
    for (name, text) in mistakes() {
        writeln!(all, "## {name}\n\n{}", answer(&text)).unwrap();
    }
    insta::assert_snapshot!(all);
}

pub(super) const EVERYTHING: &str = r#"
        [directory]
        path = "people.db"
        [directory.acme]
        path = "acme.db"
        order = ["acme"]
        [plugins]
        path = "plugins"
        [plugins.limits]
        memory-mib = 64
        [notify]
        command = ["/usr/local/bin/page", "rollcall"]
        webhook = { env = "ROLLCALL_WEBHOOK" }
        on = ["failed", "problems"]
        [runs]
        keep-days = 365
        keep-runs = 100
        [connector.acme]
        plugin = "okta"
        plugin-version = "0.1.0"
        plugin-sha256 = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        endpoint = "https://acme.okta.com"
        credential = { command = ["pass", "okta"], scheme = "basic", username = "svc" }
        directory = "acme"
        [connector.acme.schedule]
        full = "0 3 * * mon-fri"
        changes = "*/5 * * * *"
        full-every-hours = 48
        time-zone = "Europe/Berlin"
        jitter-seconds = 300
        alert-after-hours = 48
        [connector.acme.entries]
        group-names = "pin"
        only-at-creation = ["displayName", "profile.title"]
        keep-local = ["profile.mobile*"]
        [connector.acme.settings]
        since = 2026-01-01
        [connector.acme.references]
        manager = "profile.employeeNumber"
        buddy = false
        [connector.acme.http]
        parallel = 1
        share = 1
        timeout-seconds = 30
        deadline-minutes = 10
        attempts = 1
        response-limit-mib = 1
        proxy = "http://proxy:3128"
        ca-bundle = "ca.pem"
        allow = ["POST /api/v1/logs"]
        [connector.acme.reading]
        skip-unchanged-members = true
        all-members-every-days = 3
        [connector.acme.limits]
        memory-mib = 128
        [connector.acme.conflicts]
        users = "adopt"
        match = ["email"]
        groups = "share"
        suffix = ".{connector}"
        [[connector.acme.conflicts.local-groups]]
        name = "jira-*"
        memberships = "managed"
        [connector.acme.cleanup]
        users = "anonymize"
        groups = "empty"
        memberships = "remove"
        keep-memberships-of = ["staff", "jira-*"]
        grace-runs = 3
        grace-days = 7
        confirm = 50
        except = ['isMember("break-glass")']
        [[connector.acme.cleanup.rule]]
        when = 'isMember("portal")'
        users = "delete"
        memberships = "remove"
        grace-runs = 1
        grace-days = 30
        [connector.acme.cleanup.inactivity]
        days = 90
        never-signed-in-days = 30
        sign-in = "lastLogin"
        created = "created"
        users = "disable"
        spare = 'isMember("admins")'
        [connector.acme.safety]
        disables = { count = 50, percent = 5 }
        deletes = "none"
        removals = "20%"
        renames = 100
        on-limit = "hold"
        protect = ["'break-glass' in groups"]
        protect-groups = ["admins-*"]
        protect-groups-when = ["type == 'APP_GROUP'"]
        [[connector.acme.transform]]
        plugin = "rules"
        settings = { strict = true }
        [[connector.acme.transform]]
        plugin = "more"
"#;

#[test]
fn a_file_with_everything_is_no_mistake() {
    let config = Config::parse("rollcall.toml".as_ref(), EVERYTHING).unwrap();
    insta::assert_debug_snapshot!(config.connectors["acme"]);
}
