use okta_sim::Status;

use crate::support::{World, profile};

#[test]
fn only_people_whom_a_search_finds() {
    let world = World::company(&["ann", "bob"], &[("Eng", &["ann", "bob"])]);
    let mut cy = profile("cy");
    cy.insert("department".into(), "Sales".into());
    let cy = world.sim.create_user(Status::Active, cy).unwrap();
    world.configure("settings.users.search = 'profile.department eq \"Sales\"'");
    world.sync();
    assert_eq!(world.directory().user_names(), ["cy@acme.example"]);
    // Those who leave are found too, and so are disabled and not absent.
    world.sim.set_status(&cy, Status::Deprovisioned).unwrap();
    assert_eq!(world.sync()["users"]["disabled"], 1);
}

#[test]
fn a_search_that_okta_refuses_is_told_with_oktas_own_words() {
    let world = World::company(&["ann"], &[]);
    world.configure("settings.users.search = 'profile.department like \"Sales\"'");
    world.failed_sync().says(&[
        "okta does not accept the request",
        "E0000031",
        "users.search",
        "hint: correct the expression in users.search",
    ]);
    assert!(world.directory().users.is_empty());
}
