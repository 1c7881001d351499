//! The built-in transform `rules`: who syncs, as what, in which groups.

use serde_json::{Value, json};

use crate::support::World;

/// Rules as they stand under `[[connector.acme.transform]]`.
fn ruled(people: &[&str], groups: &[(&str, &[&str])], rules: &str) -> World {
    let world = World::company(people, groups);
    rule(&world, rules);
    world
}

fn rule(world: &World, rules: &str) {
    let rules = rules.replace("[[groups]]", "[[connector.acme.transform.settings.groups]]");
    let rules = rules.replace("[[people]]", "[[connector.acme.transform.settings.people]]");
    world.configure(&format!("[[connector.acme.transform]]\nplugin = \"rules\"\n{rules}"));
}

fn left_out(report: &Value) -> Vec<String> {
    let entries = report["left_out"].as_array().unwrap().iter();
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
    entries
        .map(|entry| format!("{} {}: {}", text(entry, "kind"), text(entry, "name"), text(entry, "reason")))
        .collect()
}

#[test]
fn only_people_in_these_groups_and_whoever_is_left_out_is_named_with_the_reason() {
    let world = ruled(
        &["ann", "bob", "cy"],
        &[("staff", &["ann"]), ("interns", &["bob"]), ("tmp-1", &["ann"])],
        "[[groups]]\ndrop = ['tmp-*']\nreason = 'temporary'\n[[groups]]\nhide = ['interns']\n\
         [[people]]\nkeep = 'isMember(\"staff\", \"interns\")'\nreason = 'neither staff nor intern'\n",
    );
    let expected = [
        "group interns: hidden: only rules see who is in it",
        "group tmp-1: rules: temporary",
        "user cy@acme.example: rules: neither staff nor intern",
    ];
    let planned = world.run(&["plan", "acme", "--json"]).exits(0).json();
    assert_eq!(left_out(&planned["report"]), expected);
    assert_eq!(left_out(&world.sync()), expected);
    let directory = world.directory();
    assert_eq!(directory.user_names(), ["ann@acme.example", "bob@acme.example"]);
    assert_eq!(directory.group_names(), ["Everyone", "staff"]);
    // Nothing changes, and it is told again, in words too.
    let again = world.sync();
    assert_eq!(
        (&again["users"]["unchanged"], left_out(&again)),
        (&json!(2), expected.map(str::to_owned).to_vec())
    );
    let words = world.run(&["sync", "acme"]).exits(0).stdout;
    assert!(words.contains("1 user and 2 groups are left out:\n  group interns ("), "{words}");
    assert!(words.contains("): rules: neither staff nor intern"), "{words}");
    // A new one gets the next key, whoever was looked at again.
    world.hire("dee");
    world.sim.add_member(&world.group_id("staff"), "dee@acme.example").unwrap();
    world.sync();
    let after = world.directory();
    let key = |name: &str| after.keys[&world.user_id(name)];
    assert_eq!(key("dee@acme.example"), key("ann@acme.example").max(key("bob@acme.example")).max(3) + 1);
}

#[test]
fn custom_attributes_and_a_mapping_hook_that_works() {
    let world = ruled(
        &["Ann", "bob"],
        &[("eng-core", &["Ann"]), ("Sales EMEA", &["bob"]), ("Sales US", &["Ann"])],
        r#"[[groups]]
replace = '^eng-(.*)$'
with = "Engineering $1"
[[groups]]
merge = ["Sales EMEA", "Sales US"]
into = "Sales"
[[people]]
set = "userName"
steps = ["lower", { before = "@" }]
[[people]]
set = "displayName"
template = "{familyName}, {givenName}"
[[people]]
set = "profile.office"
when = 'isMember("Sales")'
value = "Oslo"
[[people]]
add-groups = "All Staff"
[[people]]
when = 'givenName == "bob"'
add-groups = ["Bobs"]
"#,
    );
    world.sync();
    let directory = world.directory();
    assert_eq!(directory.user_names(), ["ann", "bob"]);
    assert_eq!(directory.user("ann")["displayName"], "Test, Ann");
    assert_eq!(directory.user("bob")["attributes"]["profile.office"], "Oslo");
    assert_eq!(directory.members_of("Sales"), ["ann", "bob"]);
    assert_eq!(directory.members_of("Engineering core"), ["ann"]);
    assert_eq!(directory.members_of("All Staff"), ["ann", "bob"]);
    assert_eq!(directory.members_of("Bobs"), ["bob"]);
    assert!(!directory.group_names().iter().any(|name| name.starts_with("Sales ")));
    let again = world.sync();
    assert_eq!(
        (&again["users"]["unchanged"], &again["memberships"]["created"], &again["memberships"]["removed"]),
        (&json!(2), &json!(0), &json!(0))
    );
}

#[test]
fn status_rules_deactivated_suspended_and_staged() {
    use okta_sim::Status;
    let world = ruled(
        &["ann", "bob", "cy", "dee", "eve"],
        &[],
        "[[people]]\ndrop = 'status == \"STAGED\"'\nreason = 'not started yet'\n\
         [[people]]\nset = 'active'\nvalue = true\nwhen = 'status == \"SUSPENDED\" && profile.costCenter == \"leave\"'\n",
    );
    let leave = serde_json::Map::from_iter([("costCenter".to_owned(), json!("leave"))]);
    world.sim.update_profile("eve@acme.example", leave).unwrap();
    for (name, status) in [
        ("bob", Status::Deprovisioned),
        ("cy", Status::Suspended),
        ("dee", Status::Staged),
        ("eve", Status::Suspended),
    ] {
        world.sim.set_status(&format!("{name}@acme.example"), status).unwrap();
    }
    let report = world.sync();
    assert_eq!(left_out(&report), ["user dee@acme.example: rules: not started yet"]);
    let directory = world.directory();
    let active = |name: &str| directory.user(&format!("{name}@acme.example"))["active"].clone();
    assert_eq!(["ann", "bob", "cy", "eve"].map(active), [true, false, false, true].map(Value::Bool));
    // Who is let go of, and who begins, is seen by the next run.
    world.sim.set_status("dee@acme.example", Status::Active).unwrap();
    world.sim.set_status("ann@acme.example", Status::Suspended).unwrap();
    let report = world.sync();
    assert_eq!(
        (&report["users"]["created"], &report["users"]["disabled"]),
        (&json!(1), &json!(1)),
        "{report}"
    );
}

#[test]
fn a_person_without_a_required_attribute_is_skipped_or_fails_the_run() {
    let world = ruled(&["ann"], &[], "[[people]]\nrequire = 'profile.department'\n");
    let report = world.run(&["sync", "acme", "--json"]).exits(4).json();
    assert_eq!(report["problems"][0]["name"], "ann@acme.example");
    assert_eq!((&report["users"]["skipped"], &report["users"]["created"]), (&json!(1), &json!(0)));
    rule(&world, "[[people]]\nrequire = 'profile.department'\notherwise = 'fail'\n");
    let failed = world.failed_sync();
    assert!(failed.stdout.contains("profile.department"), "{}", failed.stdout);
}

#[test]
fn a_mistake_in_an_expression_is_shown_at_its_line_and_column() {
    let world = ruled(&["ann"], &[], "[[people]]\ndrop = 'active && usrName == \"x\"'\n");
    world.run(&["sync", "acme"]).exits(2).says(&[
        "rollcall.toml:8:19: ",
        "8 | drop = 'active && usrName == \"x\"'\n  |                   ^^^^^^^\n",
        "hint: did you mean `userName`?",
    ]);
    rule(&world, "[[people]]\ndrop = \"\"\"\n  active &&\n  size(grops) > 3\"\"\"\n");
    world.run(&["plan", "acme"]).exits(2).says(&[
        "rollcall.toml:10:8: ",
        "size(grops) > 3",
        "hint: did you mean `groups`?",
    ]);
    rule(&world, "[[people]]\nset = 'displayName'\ntemplate = \"\\\"{givenNme}\\\"\"\n");
    world.run(&["plan", "acme"]).exits(2).says(&["rollcall.toml:9:16: ", "did you mean `givenName`?"]);
    assert_eq!(world.sim.stats().total, 0);
}

const STAFF: &str = r#"[[groups]]
name = "no temporary groups"
drop = ['tmp-*']
reason = 'temporary'
[[groups]]
replace = '^eng-(.*)$'
with = "Engineering $1"
[[people]]
name = "login"
set = "userName"
steps = ["lower", { before = "@" }]
[[people]]
when = 'isMember("Engineering core")'
add-groups = "Engineers"
[[people]]
name = "no robots"
drop = 'givenName == "robot"'
reason = "robots need no account"
"#;

#[test]
fn a_trial_shows_what_each_rule_did_and_asks_the_provider_nothing() {
    let world = ruled(&["Ann", "robot"], &[("eng-core", &["Ann"]), ("tmp-1", &["Ann"])], STAFF);
    // Before the first sync the settings alone can be tried.
    let alone = world.run(&["rules", "try", "acme"]).exits(0).stdout;
    assert!(
        alone.contains("the settings of 1 transform are fine") && alone.contains("rollcall sync acme"),
        "{alone}"
    );
    world
        .run(&["rules", "try", "acme", "--user", "ann"])
        .exits(1)
        .says(&["nothing of connector `acme` was read yet"]);
    world.sync();
    world.sim.reset_stats();
    let words = world.run(&["rules", "try", "acme", "--user", "ann@acme.example"]).exits(0).stdout;
    for line in [
        "acme: what the rules make of Ann@acme.example (",
        "  eng-core  kept as Engineering core [groups.1]\n",
        "   1  login: changed\n      userName  \"Ann@acme.example\" → \"ann\"\n",
        "   2  people.1: changed\n      groups  + \"Engineers\"\n",
        "   3  no robots: nothing to do\n",
        "  userName",
        "  in groups (3):\n    Engineering core\n    Engineers\n    Everyone\n",
        "note: the members of these groups were not read, since rules dropped them at the\n      last sync: tmp-1\n",
    ] {
        assert!(words.contains(line), "no {line:?} in\n{words}");
    }
    assert!(words.lines().all(|line| line.chars().count() <= 80), "{words}");
    let robot = world.user_id("robot@acme.example");
    let robot = world.run(&["rules", "try", "acme", "--user", &robot, "--json"]).exits(0).json();
    assert_eq!(robot["outcome"], json!({ "result": "dropped", "reason": "rules: robots need no account" }));
    assert_eq!(robot["steps"].as_array().unwrap().last().unwrap()["rule"], "no robots");
    // Without a person: the groups, and everybody, counted.
    let all = world.run(&["rules", "try", "acme"]).exits(0).stdout;
    for line in [
        "Groups (3):",
        "Everyone  kept\n",
        "tmp-1     dropped, rules: temporary [no temporary groups]",
        "\nPeople (2):\n  come into the directory (1): Ann@acme.example\n  out of scope (1): robot@acme.example\n",
        "   1  login\n      changed (2): ",
        "   2  people.1\n      changed (1): Ann@acme.example\n      into the group Engineers (1): Ann@acme.example\n",
        "   3  no robots\n      out of scope, robots need no account (1): robot@acme.example",
        "note: the members of these groups were not read",
    ] {
        assert!(all.contains(line), "no {line:?} in\n{all}");
    }
    let all = world.run(&["rules", "try", "acme", "--json"]).exits(0).json();
    let ann = json!({ "people": 1, "first": ["Ann@acme.example"] });
    assert_eq!(all["people"]["kept"], ann);
    assert_eq!(all["people"]["rules"][1]["given"], json!({ "Engineers": ann }));
    assert_eq!(
        all["people"]["rules"][2]["dropped"]["robots need no account"]["first"],
        json!(["robot@acme.example"])
    );
    world
        .run(&["rules", "try", "acme", "--user", "nobody"])
        .exits(1)
        .says(&["has read nobody like \"nobody\""]);
    assert_eq!(world.sim.stats().total, 0);
}

#[test]
fn a_trial_of_a_person_in_a_file_needs_no_directory() {
    let world = ruled(&[], &[], STAFF);
    let ann =
        json!({ "user": { "userName": "ANN@acme.example", "givenName": "Ann" }, "groups": ["eng-core"] });
    world.write("ann.json", ann.to_string());
    let tried = world.run(&["rules", "try", "acme", "--person", "ann.json", "--json"]).exits(0).json();
    assert_eq!(tried["outcome"]["user"]["userName"], "ann");
    assert_eq!(tried["outcome"]["groups"], json!(["Engineering core", "Engineers"]));
    world.write("ann.json", "{\"user\": {}}");
    world.run(&["rules", "try", "acme", "--person", "ann.json"]).exits(2).says(&[
        "ann.json is not a person",
        "missing field `userName`",
        "hint: it has the form that `rollcall user NAME --json` prints",
    ]);
    // A mistake in the rules is shown at its place, and a rule that fails the run says so.
    rule(&world, "[[people]]\ndrop = 'usrName == \"x\"'\n");
    world.run(&["rules", "try", "acme"]).exits(2).says(&["rollcall.toml:8:9: ", "did you mean `userName`?"]);
    rule(&world, "[[people]]\nrequire = 'profile.department'\notherwise = 'fail'\n");
    world.write("ann.json", ann.to_string());
    let failed = world.run(&["rules", "try", "acme", "--person", "ann.json"]).exits(1).stdout;
    assert!(
        failed.contains("Result: a run would fail here:") && failed.contains("profile.department"),
        "{failed}"
    );
    assert!(!world.whole().join("rollcall.db").exists());
}

#[test]
fn a_renamed_group_keeps_its_name_until_somebody_lets_it_go_since_permissions_refer_to_names() {
    let world = World::company(&["ann"], &[("eng", &["ann"])]);
    world.sync();
    world.sim.rename_group(&world.group_id("eng"), "Engineering").unwrap();
    // The default.
    world.write("rollcall.toml", world.connector("acme", "{ env = \"OKTA_TOKEN\" }"));
    let planned = world.run(&["plan", "acme", "--json"]).exits(0).json();
    let held = world.sync();
    assert_eq!(planned["report"]["notices"], held["notices"]);
    assert_eq!(
        (&held["notices"][0]["code"], &held["notices"][0]["name"], &held["groups"]["renamed"]),
        (&json!("rename-held"), &json!("eng"), &json!(0))
    );
    let words = world.run(&["sync", "acme"]).exits(0).stdout;
    for text in ["1 notice:", "\"Engineering\"", "permission schemes", "hint: `group-names = \"follow\"`"] {
        assert!(words.contains(text), "no {text:?} in\n{words}");
    }
    assert_eq!(world.directory().members_of("eng"), ["ann@acme.example"]);
    // Pinned: without a word.
    world.configure("entries.group-names = \"pin\"");
    assert!(world.sync().get("notices").is_none());
    assert_eq!(world.directory().group_names(), ["Everyone", "eng"]);
    world.configure("entries.group-names = \"follow\"");
    let followed = world.sync();
    assert_eq!((&followed["groups"]["renamed"], followed.get("notices")), (&json!(1), None));
    assert_eq!(world.directory().group_names(), ["Engineering", "Everyone"]);
    world.configure("entries.group-names = \"fallow\"");
    world.run(&["plan", "acme"]).exits(2).says(&["rollcall.toml:5:23: ", "did you mean `follow`?"]);
}

#[test]
fn a_value_set_only_at_creation_stays_as_somebody_left_it() {
    let world = World::company(&["ann"], &[]);
    world.configure("entries.only-at-creation = ['displayName', 'profile.title']");
    let ann = world.user_id("ann@acme.example");
    let update = |title: &str, first: &str| {
        let profile = json!({ "title": title, "displayName": title, "firstName": first });
        world.sim.update_profile(&ann, profile.as_object().cloned().unwrap()).unwrap();
    };
    update("Clerk", "Ann");
    world.sync();
    update("Chief", "Anna");
    assert_eq!(world.sync()["users"]["updated"], 1);
    let user = world.directory().user("ann@acme.example").clone();
    assert_eq!(
        (&user["displayName"], &user["attributes"]["profile.title"]),
        (&json!("Clerk"), &json!("Clerk"))
    );
    assert_eq!(user["givenName"], "Anna");
    // Taken away, the provider's values come although nobody changed since.
    world.configure("");
    assert_eq!(world.sync()["users"]["updated"], 1);
    assert_eq!(world.directory().user("ann@acme.example")["attributes"]["profile.title"], "Chief");
    world.configure("entries.only-at-creation = ['displayname']");
    world.run(&["plan", "acme"]).exits(2).says(&["`displayname` is no field", "did you mean `displayName`?"]);
}

#[test]
fn each_kind_of_mapping_ends_in_the_directory() {
    let world = ruled(
        &["ann", "bob"],
        &[("team-red", &["ann"]), ("team-blue", &["ann"]), ("license-x", &["ann", "bob"])],
        r#"[[people]]
set = "email"
from = ["profile.division", "email"]
[[people]]
set = "givenName"
steps = ["upper"]
[[people]]
set = "familyName"
steps = [{ replace = { pattern = "^(T)(.*)$", with = "$2$1" } }]
[[people]]
set = "profile.country"
from = "profile.countryCode"
steps = ["upper", { lookup = "countries" }]
default = "unknown"
[[people]]
set = "profile.since"
value = "2024-03-01T10:00:00.000Z"
steps = [{ format-date = "dd.MM.yyyy" }]
[[people]]
set = "profile.teams"
expression = "groups"
steps = [{ filter = "^team-" }, { after = "-" }, "unique", { join = ", " }]
[[people]]
when = 'profile.countryCode == "de"'
remove-groups = ["license-*"]
[[people]]
set = "active"
expression = 'active && status != "LOCKED_OUT"'
[connector.acme.transform.settings.lookup.countries]
DE = "Germany"
"#,
    );
    let ann = json!({ "division": "ann@home.example", "countryCode": "de" });
    world.sim.update_profile(&world.user_id("ann@acme.example"), ann.as_object().cloned().unwrap()).unwrap();
    world.sim.set_status(&world.user_id("bob@acme.example"), okta_sim::Status::LockedOut).unwrap();
    world.sync();
    let directory = world.directory();
    let (ann, bob) = (directory.user("ann@acme.example"), directory.user("bob@acme.example"));
    assert_eq!((&ann["email"], &bob["email"]), (&json!("ann@home.example"), &json!("bob@acme.example")));
    assert_eq!((&ann["givenName"], &ann["familyName"]), (&json!("ANN"), &json!("estT")));
    let attribute = |user: &Value, name: &str| user["attributes"][format!("profile.{name}")].clone();
    assert_eq!((attribute(ann, "country"), attribute(bob, "country")), (json!("Germany"), json!("unknown")));
    assert_eq!(attribute(ann, "since"), "01.03.2024");
    let teams = attribute(ann, "teams");
    let mut teams: Vec<&str> = teams.as_str().unwrap().split(", ").collect();
    teams.sort_unstable();
    assert_eq!(teams, ["blue", "red"]);
    assert_eq!(directory.members_of("license-x"), ["bob@acme.example"]);
    assert_eq!((&ann["active"], &bob["active"]), (&json!(true), &json!(false)));
}

#[test]
fn each_kind_of_group_rule_ends_in_the_directory() {
    let groups: &[(&str, &[&str])] = &[("Ops", &["ann"]), ("Eng-1", &["ann"]), ("Other", &["ann"])];
    let world = ruled(
        &["ann"],
        groups,
        "[[groups]]\nrename = { \"ops\" = \"Operations\" }\n[[groups]]\nreplace = '^Eng-'\nwith = 'Team '\n\
         [[groups]]\ndrop-unmatched = true\nreason = 'nobody asked for it'\n[[groups]]\ncase = 'lower'\n",
    );
    let report = world.sync();
    assert_eq!(
        left_out(&report),
        ["group Everyone: rules: nobody asked for it", "group Other: rules: nobody asked for it"]
    );
    assert_eq!(world.directory().group_names(), ["operations", "team 1"]);
    let world = ruled(&["ann"], groups, "[[groups]]\nkeep = ['eng-*', '/^Op.$/']\n");
    world.requests();
    world.sync();
    assert_eq!(world.directory().group_names(), ["Eng-1", "Ops"]);
    // The members of those that are not kept were never asked for.
    let other = format!("/groups/{}/users", world.group_id("Other"));
    assert!(!world.requests().iter().any(|request| request.contains(&other)));
}
