//! What `users`, `groups`, `runs`, `run` and `plan` list, and in which form.

use std::time::Duration;

use okta_sim::{GroupType, Population, Status};

use crate::support::{Place, Ran, World, assert_golden, profile};

/// Five people and three groups, of whom everything is told here.
fn world() -> World {
    let world = World::company(&["zoe", "Ann", "bob"], &[("Sales", &["ann", "bob"]), ("Archive", &[])]);
    let with = |name: &str, more: &[(&str, &str)]| {
        let mut profile = profile(name);
        profile.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())));
        world.sim.create_user(Status::Active, profile).unwrap()
    };
    with("cy", &[("department", "Sales"), ("displayName", "=HYPERLINK(\"https://evil.example\",\"Cy\")")]);
    let id = with("dee", &[("department", "Support"), ("title", "Head, of \"it\"")]);
    world.sim.set_status(&id, Status::Suspended).unwrap();
    world.found(GroupType::OktaGroup, "eng", &["dee", "zoe"]);
    world.sync();
    world
}

/// The first column, without the head.
fn names(ran: &Ran) -> Vec<String> {
    let names = ran.stdout.lines().skip(1).map(|line| line.split([' ', ',']).next().unwrap());
    names.map(|name| name.trim_end_matches("@acme.example").to_owned()).collect()
}

#[test]
fn every_filter_narrows_and_names_are_in_order() {
    let world = world();
    for (arguments, wanted) in [
        (&["users"][..], &["Ann", "bob", "cy", "dee", "zoe"][..]),
        (&["users", "--limit", "2"], &["Ann", "bob"]),
        (&["users", "--limit", "0"], &[]),
        (&["users", "ANN@"], &["Ann"]),
        (&["users", "--active"], &["Ann", "bob", "cy", "zoe"]),
        (&["users", "--inactive"], &["dee"]),
        (&["users", "--group", "sales"], &["Ann", "bob"]),
        (&["users", "--group", "eng", "--active"], &["zoe"]),
        (&["users", "--group", "archive"], &[]),
        (&["users", "--attribute", "department=SALES"], &["cy"]),
        (&["users", "--attribute", "profile.department=support", "--attribute", "active=false"], &["dee"]),
        (&["users", "--attribute", "department="], &["Ann", "bob", "zoe"]),
        (&["users", "--connector", "acme", "bob"], &["bob"]),
        (&["groups"], &["Archive", "eng", "Everyone", "Sales"]),
        (&["groups", "e", "--limit", "2"], &["Archive", "eng"]),
        (&["groups", "--empty"], &["Archive"]),
        (&["groups", "--member", "ANN@acme.example"], &["Everyone", "Sales"]),
    ] {
        assert_eq!(names(&world.run(arguments).exits(0)), wanted, "{arguments:?}");
        let csv = world.run(&[arguments, &["--csv"]].concat()).exits(0);
        assert_eq!(names(&csv), wanted, "{arguments:?}");
        let json = world.run(&[arguments, &["--json"]].concat()).exits(0).json();
        assert_eq!(json.as_array().unwrap().len(), wanted.len(), "{arguments:?}");
    }
}

#[test]
fn what_is_asked_of_a_list_has_to_make_sense() {
    let world = world();
    for (arguments, code, said) in [
        (&["users", "--group", "nothing"][..], 1, "there is no group \"nothing\""),
        (&["groups", "--member", "nobody"], 1, "there is no user \"nobody\""),
        (&["users", "--connector", "akme"], 2, "did you mean `acme`?"),
        (&["groups", "--connector", "akme"], 2, "did you mean `acme`?"),
        (&["users", "--attribute", "department"], 2, "it is written as KEY=VALUE"),
        (&["users", "--active", "--inactive"], 2, "cannot be used with"),
        (&["users", "--columns", "userName,departmant"], 0, "No user of these has `departmant`"),
    ] {
        world.run(arguments).exits(code).says(&[said]);
    }
    let both = world.run(&["users", "--csv", "--json"]).exits(2).json();
    assert!(both["error"]["message"].as_str().unwrap().contains("cannot be used with"), "{both}");
}

#[test]
fn comma_separated_values() {
    let world = world();
    for (name, arguments) in [
        ("users-csv", &["users", "--csv"][..]),
        (
            "users-csv-columns",
            &["users", "--csv", "--columns", "userName,displayName,Department,profile.title"],
        ),
        ("users-columns", &["users", "--columns", "displayName,active,title"]),
        ("groups-csv", &["groups", "--csv"]),
        ("runs-csv", &["runs", "--csv"]),
        ("run-csv", &["run", "1", "--csv"]),
    ] {
        assert_golden(&world, name, &world.run(arguments).exits(0).stdout);
    }
    let id = world.user_id("cy@acme.example");
    // Else the second of the change is now and then the one that the world began in.
    world.sim.advance(Duration::from_secs(60));
    world.sim.rename_login(&id, "cyrus@acme.example").unwrap();
    world.sim.set_status(&id, Status::Suspended).unwrap();
    let plan = world.run(&["plan", "acme", "--csv", "--quiet"]).exits(0);
    assert_golden(&world, "plan-csv", &plan.stdout);
}

/// More than are laid out together.
#[test]
fn a_long_list_is_whole_in_every_form() {
    let world = World::new(Population { users: 1_234, groups: 0, awkward: false, ..Population::default() });
    world.sync();
    let table = world.run(&["users"]).exits(0).stdout;
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!((lines.len(), lines.iter().filter(|line| line.starts_with("USER NAME")).count()), (1_235, 1));
    let mut sorted = lines[1..].to_vec();
    sorted.sort_unstable();
    assert_eq!(lines[1..], sorted);
    // The columns of the second thousand are below those of the first.
    let column = lines[0].find("ACTIVE").unwrap();
    for line in &lines[1..] {
        let active = &line[column..];
        assert!(active.starts_with("yes ") || active.starts_with("no "), "{line}");
    }
    let json = world.run(&["users", "--json"]).exits(0).json();
    assert_eq!(json.as_array().unwrap().len(), 1_234);
    assert_eq!(world.run(&["users", "--csv"]).exits(0).stdout.lines().count(), 1_235);
}

#[test]
fn what_is_no_terminal_gets_no_pager() {
    let mut world = world();
    world.place.variables.push(("ROLLCALL_PAGER".into(), "touch paged".into()));
    assert_eq!(world.run(&["users"]).exits(0).stdout.lines().count(), 6);
    assert!(!world.work().join("paged").exists());
}

#[test]
fn colours_are_for_terminals_and_whoever_asks() {
    let mut place = Place::new();
    let coloured = |place: &Place, arguments: &[&str]| {
        let ran = place.run(arguments).exits(2);
        (ran.stdout + &ran.stderr).contains('\u{1b}')
    };
    for arguments in [&["status"][..], &["doctor"], &["users", "--nonsense"]] {
        let with = |word| [&["--color", word], arguments].concat();
        assert!(!coloured(&place, arguments), "{arguments:?}");
        assert!(coloured(&place, &with("always")), "{arguments:?}");
        place.variables = vec![("CLICOLOR_FORCE".into(), "1".into())];
        assert!(coloured(&place, arguments), "{arguments:?}");
        assert!(!coloured(&place, &with("never")), "{arguments:?}");
        place.variables.push(("NO_COLOR".into(), "1".into()));
        assert!(!coloured(&place, arguments), "{arguments:?}");
        place.variables.clear();
    }
}
