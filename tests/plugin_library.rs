//! Finding, overriding and configuring plugins.

#[path = "fixtures/component.rs"]
mod component;

use std::fs;
use std::path::Path;
use std::thread;

use component::{assembled, built, fixtures, library, sandbox};
use rollcall::model::{Header, Members, Request, Response, Scope};
use rollcall::plugin::{
    CallError, FindError, Library, LibraryError, LimitOverrides, Limits, LoadError, Place, Setup, StopReason,
};
use serde_json::json;

#[test]
fn the_built_ins_are_those_of_plugins_dist() {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/dist");
    let files = fs::read_dir(dist).into_iter().flatten().filter(|entry| {
        entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "wasm")
    });
    let library = Library::open(None, sandbox()).unwrap();
    assert_eq!(library.list().count(), files.count());
    assert!(library.list().all(|listed| listed.place == Place::BuiltIn));
}

#[test]
fn an_unknown_name_tells_what_there_is() {
    let library = library(&[("a.wasm", &built("upper")), ("b.wasm", &built("pages"))]);
    let error = library.find("uper", None, None).unwrap_err();
    assert!(error.to_string().starts_with("there is no plugin uper; there is "), "{error}");
    assert!(error.to_string().contains("pages, rules, upper"), "{error}");
    assert_eq!(error.hint().as_deref(), Some("did you mean `upper`?"));
}

#[test]
fn version_and_sha256_are_exact() {
    let library = library(&[("upper.wasm", &built("upper"))]);
    let sha256 = library.find("upper", Some("1.0.0"), None).unwrap().sha256.clone();
    assert!(library.find("upper", None, Some(&sha256.to_uppercase())).is_ok());
    let error = library.find("upper", Some("1.0.1"), None).unwrap_err();
    assert!(matches!(&error, FindError::Version { .. }), "{error}");
    let error = library.find("upper", None, Some("00")).unwrap_err();
    assert!(error.to_string().contains(&sha256), "{error}");
}

#[test]
fn two_files_of_one_name_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["one.wasm", "two.wasm", "not-a-plugin.txt"] {
        fs::write(folder.path().join(name), built("upper")).unwrap();
    }
    let error = Library::open(Some(folder.path()), sandbox()).map(drop).unwrap_err();
    assert!(matches!(&error, LibraryError::TwoFiles { name, .. } if name == "upper"), "{error}");
    assert!(error.to_string().contains("one.wasm") && error.to_string().contains("two.wasm"), "{error}");
}

#[test]
fn a_broken_file_is_told_and_does_not_stop_the_others() {
    let library = library(&[("upper.wasm", &built("upper")), ("pages.wasm", b"broken")]);
    assert_eq!(library.unusable().len(), 1);
    assert!(library.find("upper", None, None).is_ok());
    let error = library.find("pages", None, None).unwrap_err();
    assert!(matches!(&error, FindError::Unusable { .. }), "{error}");
}

#[test]
fn a_missing_folder_is_an_error() {
    let error = Library::open(Some(Path::new("/nowhere/at/all")), sandbox()).map(drop).unwrap_err();
    assert!(error.to_string().starts_with("read the plugin folder /nowhere/at/all: "), "{error}");
}

#[test]
fn a_file_that_changed_since_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("upper.wasm");
    fs::write(&file, built("upper")).unwrap();
    let library = Library::open(Some(folder.path()), sandbox()).unwrap();
    fs::write(&file, assembled("good")).unwrap();
    let listed = library.find("upper", None, None).unwrap();
    let (settings, limits) = (json!({}), Limits::default());
    let setup = Setup { connector: "acme", settings: &settings, limits: &limits };
    let error = library.transform(listed, setup).map(drop).unwrap_err();
    assert!(error.to_string().contains("its sha256 is "), "{error}");
}

#[test]
fn kind_and_settings_are_checked_before_any_code_runs() {
    let library = library(&[("upper.wasm", &built("upper"))]);
    let listed = library.find("upper", None, None).unwrap();
    let limits = Limits::default();
    let settings = json!({ "extra-grup": "x", "drop-groups": "Everyone" });
    let setup = Setup { connector: "acme", settings: &settings, limits: &limits };
    let error = library.source(listed, setup).map(drop).unwrap_err();
    assert_eq!(error.to_string(), "plugin upper 1.0.0 is a transform, and a source is needed here");
    let LoadError::Settings { errors, .. } = library.transform(listed, setup).map(drop).unwrap_err() else {
        panic!("the settings are wrong")
    };
    let mut errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    errors.sort();
    assert_eq!(
        errors,
        [
            "`drop-groups` is \"Everyone\", and has to be a list",
            "`extra-grup` is not a setting of this plugin; did you mean `extra-group`?",
        ]
    );
}

fn source(limits: &str) -> std::sync::Arc<dyn rollcall::plugin::Source> {
    let library = library(&[("pages.wasm", &built("pages"))]);
    let listed = library.find("pages", None, None).unwrap();
    let limits = Limits::default().with(&toml::from_str::<LimitOverrides>(limits).unwrap());
    let settings = json!({ "size": 7 });
    library.source(listed, Setup { connector: "acme", settings: &settings, limits: &limits }).unwrap()
}

fn response(body: &str) -> Response {
    let headers = vec![Header { name: "link".into(), value: "x".into() }];
    Response { status: 200, headers, body: body.into() }
}

#[test]
fn a_source_plans_and_decodes_on_several_threads() {
    let source = source("");
    assert_eq!(source.manifest().name, "pages");
    let requests: Vec<Request> = source.plan(&Scope::Full, &[]).unwrap();
    assert_eq!(requests[0].path, "/people?size=7");
    thread::scope(|scope| {
        for thread in 0..8 {
            let (source, request) = (&source, &requests[0]);
            scope.spawn(move || {
                for number in 0..50 {
                    let body = format!(
                        r#"{{"users":[{{"id":"{thread}-{number}","username":"zoë"}}],
                            "groups":[{{"id":"g","name":"G","members":["a","b"]}}],"next":"/people?page=2"}}"#
                    );
                    let page = source.decode(request, response(&body)).unwrap();
                    assert_eq!(page.users[0].id, format!("{thread}-{number}"));
                    assert_eq!(page.memberships[0].members, Members::Some(vec!["a".into(), "b".into()]));
                    assert_eq!(page.next[0].path, "/people?page=2");
                }
            });
        }
    });
}

#[test]
fn an_error_of_the_plugin_is_its_own_and_keeps_the_instance() {
    let source = source("");
    let request = source.plan(&Scope::Full, &[]).unwrap().remove(0);
    for _ in 0..3 {
        let error = source.decode(&request, response("<html>")).unwrap_err();
        assert!(matches!(&error, CallError::Answered { error, .. } if error.code == "unexpected"), "{error}");
        assert!(error.to_string().starts_with("the page can't be read: "), "{error}");
    }
}

#[test]
fn the_limits_of_a_run_and_of_a_page_hold() {
    let reason = |limits: &str, body: &str| {
        let source = source(limits);
        let request = source.plan(&Scope::Full, &[]).unwrap().remove(0);
        let mut last = None;
        for _ in 0..5 {
            last = source.decode(&request, response(body)).err();
        }
        match last {
            Some(CallError::Stopped { reason: StopReason::Limit { reached, .. }, .. }) => reached.to_string(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        reason("requests-per-run = 4", r#"{"next":"/people?again"}"#),
        "over its limit requests-per-run of 4 requests (6 requests)"
    );
    let members = format!(r#"{{"groups":[{{"id":"g","name":"G","members":{}}}]}}"#, json!(vec!["x"; 9]));
    assert_eq!(
        reason("records-per-page = 9", &members),
        "over its limit records-per-page of 9 records (10 records)"
    );
    let long = format!(r#"{{"users":[{{"id":"1","username":"{}"}}]}}"#, "x".repeat(600_000));
    assert_eq!(reason("output-mib-per-run = 1", &long), "over its limit output-mib-per-run of 1 MiB (3 MiB)");
}

#[test]
fn nothing_of_the_builder_is_in_a_component() {
    for entry in fs::read_dir(fixtures().join("dist")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        for needle in [&b"/root/"[..], b"/home/", b"/tmp/", b"/Users/"] {
            let found = bytes.windows(needle.len()).any(|window| window == needle);
            assert!(!found, "{} holds {}", path.display(), String::from_utf8_lossy(needle));
        }
    }
}
