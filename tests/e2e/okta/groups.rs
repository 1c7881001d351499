use okta_sim::GroupType;

use crate::support::World;

#[test]
fn imported_groups_of_one_name_are_told_apart() {
    let world = World::company(&["ann", "bob"], &[("Ops", &["ann"])]);
    world.found(GroupType::AppGroup, "Ops", &["bob"]);
    world.configure("settings.groups = { app-names = \"qualified\", exclude-types = [\"BUILT_IN\"] }");
    world.sync();
    let directory = world.directory();
    assert_eq!(directory.group_names(), ["CORP\\Ops", "Ops"]);
    assert_eq!(directory.members_of("CORP\\Ops"), ["bob@acme.example"]);
    assert_eq!(directory.members_of("Ops"), ["ann@acme.example"]);
}

#[test]
fn only_groups_of_these_sources() {
    let world = World::company(&["ann"], &[("Ops", &["ann"])]);
    world.found(GroupType::AppGroup, "Imported", &["ann"]);
    for (source, expected) in [("0oaNobody", &["Ops"][..]), ("active_directory", &["Imported", "Ops"])] {
        world.configure(&format!(
            "settings.groups = {{ sources = [\"{source}\"], exclude-types = [\"BUILT_IN\"] }}\n[directory]\npath = \"{source}.db\""
        ));
        world.sync();
        assert_eq!(world.directory().group_names(), expected);
    }
}
