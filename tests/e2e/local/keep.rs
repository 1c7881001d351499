use serde_json::{Map, Value, json};

use crate::support::World;

fn title(world: &World, title: &str) {
    let Value::Object(profile) = json!({ "title": title }) else { unreachable!() };
    world.sim.update_profile("ann@acme.example", profile).unwrap();
}

fn shown(world: &World) -> Map<String, Value> {
    let directory = world.directory();
    directory.user("ann@acme.example")["attributes"].as_object().unwrap().clone()
}

#[test]
fn what_was_set_here_stays_until_it_is_unset_and_then_the_providers_comes_back() {
    let world = World::company(&["ann"], &[]);
    world.configure("[connector.acme.entries]\nkeep-local = [\"profile.title\", \"phone\"]\n");
    title(&world, "Engineer");
    world.sync();
    world.run(&["local", "set", "ann@acme.example", "title", "Boss"]).exits(0);
    world.run(&["local", "set", "ann@acme.example", "phone", "1"]).exits(0);
    let text = world.run(&["user", "ann@acme.example"]).exits(0).stdout;
    assert!(text.contains("Boss (set here)") && text.contains("1 (set here)"), "{text}");
    let user = world.run(&["user", "ann@acme.example", "--json"]).exits(0).json();
    assert_eq!(user["setHere"], json!(["phone", "profile.title"]));

    // The plan doesn't fight it, whether or not the provider's changes.
    let changes = |world: &World| world.run(&["plan", "acme", "--json"]).exits(0).json()["changes"].clone();
    assert_eq!(changes(&world), json!([]));
    title(&world, "Director");
    assert_eq!(changes(&world), json!([]));
    world.sync();
    assert_eq!((&shown(&world)["profile.title"], &shown(&world)["phone"]), (&json!("Boss"), &json!("1")));

    world.run(&["local", "set", "ann@acme.example", "--unset", "title"]).exits(0);
    assert_eq!(shown(&world)["profile.title"], "Boss", "only a sync knows the provider's");
    let plan = world.run(&["plan", "acme", "--json"]).exits(0).json();
    assert_eq!(plan["changes"][0]["after"]["attributes"], json!({ "profile.title": "Director" }));
    world.sync();
    assert_eq!((&shown(&world)["profile.title"], &shown(&world)["phone"]), (&json!("Director"), &json!("1")));
    assert_eq!(world.sync()["users"]["unchanged"], 1);

    // What the configuration no longer lets be kept is the provider's again, too.
    world.configure("[connector.acme.entries]\nkeep-local = []\n");
    let text = world.run(&["user", "ann@acme.example"]).exits(0).stdout;
    assert!(!text.contains("set here"), "{text}");
    world.sync();
    assert_eq!(shown(&world).get("phone"), None);
}
