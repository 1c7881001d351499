use okta_sim::Status;

use crate::support::World;

#[test]
fn a_deactivated_person_whom_a_rule_keeps_in_a_group_is_no_member() {
    let world = World::company(&["ann", "bob"], &[("Legal", &[])]);
    let legal = world.group_id("Legal");
    for name in ["ann", "bob"] {
        world.sim.add_member_by_rule(&legal, &format!("{name}@acme.example")).unwrap();
    }
    world.sync();
    assert_eq!(world.directory().members_of("Legal").len(), 2);
    world.sim.set_status("bob", Status::Deprovisioned).unwrap();
    let report = world.sync();
    assert_eq!(report["users"]["disabled"], 1);
    assert_eq!(report["memberships"]["removed"], 2, "of Legal and of Everyone");
    let directory = world.directory();
    assert_eq!(directory.members_of("Legal"), ["ann@acme.example"]);
    assert_eq!(directory.members_of("Everyone"), ["ann@acme.example"]);
    assert_eq!(directory.user("bob@acme.example")["active"], false);
    // Someone who is suspended is a member still.
    world.sim.set_status("ann", Status::Suspended).unwrap();
    assert_eq!(world.sync()["memberships"]["removed"], 0);
}
