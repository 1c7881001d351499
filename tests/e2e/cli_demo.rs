//! `rollcall demo`: a newcomer's first command.

use std::fs;

use crate::support::{Place, assert_golden};

#[test]
fn the_demo_tells_its_story_and_leaves_nothing_behind() {
    let place = Place::new();
    let ran = place.run(&["demo"]).exits(0);
    assert_golden(&place, "demo", &ran.stdout);
    for folder in ["home", "tmp", "work"] {
        let left: Vec<_> = fs::read_dir(place.whole().join(folder)).unwrap().collect();
        assert!(left.is_empty(), "{folder}: {left:?}");
    }
}

#[test]
fn the_demo_as_json_is_one_object() {
    let place = Place::new();
    let shown = place.run(&["demo", "--json"]).exits(0).json();
    assert_eq!(
        (shown["first"]["users"]["created"].as_u64(), shown["second"]["users"]["created"].as_u64()),
        (Some(250), Some(1))
    );
    assert_eq!(shown["steps"].as_array().unwrap().len(), 5);
}

#[test]
fn what_the_demo_suggests_works() {
    let place = Place::new();
    let ran = place.run(&["demo", "--keep", "look-around"]).exits(0);
    let mut folder = place.work();
    let mut tried = 0;
    for line in ran.stdout.lines().skip_while(|line| !line.starts_with("Look around")).skip(1) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match &words[..] {
            ["cd", to] => folder = folder.join(to),
            ["rollcall", arguments @ ..] => {
                let shown = place.run_in(&folder, arguments).exits(0).stdout;
                assert!(shown.lines().count() > 3, "{line}: {shown}");
                tried += 1;
            }
            _ => break,
        }
    }
    assert_eq!(tried, 3);
    place.run(&["demo", "--keep", "look-around"]).exits(1).says(&["look-around", "hint: name a folder"]);
}
