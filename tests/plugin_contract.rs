//! The contract doesn't change unnoticed: `tests/golden/wit-0.1/` is a copy of `wit/0.1/`. Until the contract
//! is frozen, whoever changes it on purpose copies the files and builds every component again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn texts(folder: &str) -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap())
        })
        .collect()
}

#[test]
fn the_contract_is_the_golden_copy() {
    let (golden, now) = (texts("tests/golden/wit-0.1"), texts("wit/0.1"));
    let names = |texts: &BTreeMap<String, String>| texts.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&now), names(&golden), "files of wit/0.1");
    for (name, text) in &now {
        for (number, (now, golden)) in text.lines().zip(golden[name].lines()).enumerate() {
            assert_eq!(now, golden, "wit/0.1/{name} differs from its golden copy in line {}", number + 1);
        }
        assert_eq!(text, &golden[name], "wit/0.1/{name} differs in length");
    }
}
