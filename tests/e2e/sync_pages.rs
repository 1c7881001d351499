//! Every page, whatever Okta's servers make of the links between them.

use std::io::ErrorKind;
use std::net::TcpListener;

use okta_sim::{Population, Quirks};

use crate::support::{World, truth};

/// More than one page of users, of groups, and of one group's members.
fn paged() -> World {
    let world = World::new(Population {
        users: 1_450,
        groups: 230,
        members_per_group: 1_100,
        empty_groups: 226,
        apps: 0,
        seed: 5,
        awkward: false,
    });
    world.configure("settings.attributes = [\"*\"]");
    world
}

/// Is what was read whole? Gives the requests.
fn sync_and_compare(world: &World) -> Vec<String> {
    world.sync();
    let requests = world.requests();
    let (mut truth, directory) = (truth(&world.sim), world.directory());
    truth.keys.clone_from(&directory.keys);
    assert!(directory == truth, "the directory is not the organisation");
    requests
}

#[test]
fn both_links_in_one_header() {
    let world = paged();
    world.sim.set_quirks(Quirks { one_link_header: true, ..Quirks::default() });
    // 8 pages of users, 2 of groups, 2 of each of 4 groups' members.
    assert_eq!(sync_and_compare(&world).len(), 8 + 2 + 4 * 2);
}

#[test]
fn a_short_page_is_not_the_last() {
    let world = paged();
    world.sim.set_quirks(Quirks { short_pages: true, ..Quirks::default() });
    // Half as much in each.
    assert_eq!(sync_and_compare(&world).len(), 15 + 3 + 4 * 3);
}

#[test]
fn an_empty_last_page_ends_a_list() {
    let world = paged();
    world.sim.set_quirks(Quirks { empty_last_page: true, ..Quirks::default() });
    // One more for each list.
    assert_eq!(sync_and_compare(&world).len(), 9 + 3 + 4 * 3);
}

/// Of a next link only path and query count: the credential goes to the configured host and nowhere else.
#[test]
fn a_next_link_on_another_host_is_followed_on_the_configured_one() {
    let world = paged();
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", elsewhere.local_addr().unwrap());
    world.sim.set_quirks(Quirks { next_origin: Some(origin), ..Quirks::default() });
    assert_eq!(sync_and_compare(&world).len(), 8 + 2 + 4 * 2);
    elsewhere.set_nonblocking(true).unwrap();
    let connection = elsewhere.accept().map(|(_, from)| from);
    assert_eq!(connection.unwrap_err().kind(), ErrorKind::WouldBlock, "somebody came to the other host");
}
