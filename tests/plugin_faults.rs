//! Whatever a plugin does wrong has its own clear error, and leaves the host running.

#[path = "fixtures/component.rs"]
mod component;
#[path = "plugin_faults/packed.rs"]
mod packed;

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use component::{assembled, built, contract, library, manifest, sandbox, wat, with_manifest};
use rollcall::model::{GroupVerdict, Person, Subject, User, Verdict};
use rollcall::plugin::{
    AdmissionError, Admitted, Cache, CallError, Expected, Library, Limit, LimitOverrides, Limits, LoadError,
    ManifestError, NotAComponent, Origin, Refusal, Sandbox, Setup, StopReason, Transform, shape_people,
};
use serde_json::json;

fn person(id: &str, username: &str) -> Person {
    let user = User {
        id: id.into(),
        username: username.into(),
        display_name: Some(username.into()),
        active: true,
        ..User::default()
    };
    Person { user, groups: vec![] }
}

fn limits(overrides: &str) -> Limits {
    Limits::default().with(&toml::from_str::<LimitOverrides>(overrides).unwrap())
}

fn load(library: &Library, name: &str, limits: &Limits) -> Result<Arc<dyn Transform>, LoadError> {
    let plugin = library.find(name, None, None).unwrap();
    library.transform(plugin, Setup { connector: "acme", settings: &json!({}), limits })
}

/// The host still works: another plugin of the same library, in the same sandbox, does its job.
fn assert_running(library: &Library) {
    let upper = load(library, "upper", &Limits::default()).unwrap();
    match &upper.shape_people(&[person("1", "ann")]).unwrap()[..] {
        [Verdict::Keep(person)] => assert_eq!(person.user.display_name.as_deref(), Some("ANN")),
        other => panic!("{other:?}"),
    }
}

/// The plugin stops when it shapes people, still answers other calls, and the host still works.
fn stop_of(
    name: &str,
    bytes: &[u8],
    limits: &Limits,
    people: &[Person],
) -> (String, Option<String>, StopReason) {
    let upper = built("upper");
    let library = library(&[("fixture.wasm", bytes), ("upper.wasm", &upper)]);
    let transform = load(&library, name, limits).unwrap();
    let error = transform.shape_people(people).unwrap_err();
    // A new instance takes the place of the one that was thrown away.
    assert!(transform.shape_groups(&[]).is_ok());
    assert_running(&library);
    let (text, hint) = (error.to_string(), error.hint());
    match error {
        CallError::Stopped { plugin, function, reason } => {
            assert_eq!((plugin.name.as_str(), function), (name, "shape-people"));
            (text, hint, reason)
        }
        CallError::Answered { .. } => panic!("{text}"),
    }
}

fn limit_of(reason: &StopReason) -> Limit {
    match reason {
        StopReason::Limit { reached, .. } => reached.limit,
        other => panic!("{other}"),
    }
}

/// Admission refuses the bytes, and then admits good ones.
fn refusal_of(bytes: &[u8]) -> AdmissionError {
    let sandbox = sandbox();
    let error = admit(&sandbox, bytes).map(|admitted| admitted.identity).unwrap_err();
    admit(&sandbox, &built("upper")).unwrap();
    assert!(error.hint().is_some(), "{error}");
    error
}

fn admit(sandbox: &Sandbox, bytes: &[u8]) -> Result<Admitted, AdmissionError> {
    sandbox.admit(bytes, Expected { origin: "fixture.wasm", sha256: None }, &Limits::default())
}

#[test]
fn trap() {
    let (text, hint, reason) = stop_of("trap", &assembled("trap"), &Limits::default(), &[]);
    assert_eq!(text, "plugin trap 1.0.0 stopped in shape-people: trapped: wasm trap: integer divide by zero");
    assert!(matches!(reason, StopReason::Trap(_)));
    assert!(hint.unwrap().contains("a fault of the plugin"));
}

#[test]
fn fuel_spent() {
    let limits = limits("fuel-per-call = 1000000");
    let (text, hint, reason) = stop_of("fuel-spent", &assembled("fuel_spent"), &limits, &[]);
    assert_eq!(limit_of(&reason), Limit::Fuel);
    assert!(text.ends_with("over its limit fuel-per-call of 1000000 fuel"), "{text}");
    assert!(hint.unwrap().contains("`fuel-per-call = 2000000` under `[connector.acme.limits]`"));
}

#[test]
fn memory_refused() {
    let (text, hint, reason) =
        stop_of("memory-refused", &assembled("memory_refused"), &Limits::default(), &[]);
    assert_eq!(limit_of(&reason), Limit::Memory);
    assert!(text.ends_with("over its limit memory-mib of 256 MiB (513 MiB)"), "{text}");
    assert!(hint.unwrap().contains("`memory-mib = 641` under `[connector.acme.limits]`"));
}

#[test]
fn memory_refused_at_the_start() {
    let library = library(&[("fixture.wasm", &assembled("too_much_output"))]);
    let error = load(&library, "too-much-output", &limits("memory-mib = 5")).map(drop).unwrap_err();
    assert_eq!(
        error.to_string(),
        "plugin too-much-output 1.0.0 is refused: it doesn't start: over its limit memory-mib of 5 MiB (13 MiB)"
    );
}

#[test]
fn too_much_output() {
    let bytes = assembled("too_much_output");
    let (text, _, reason) = stop_of("too-much-output", &bytes, &limits("output-mib-per-call = 1"), &[]);
    assert_eq!(limit_of(&reason), Limit::OutputPerCall);
    assert!(text.ends_with("over its limit output-mib-per-call of 1 MiB"), "{text}");
    // Within that limit, 50,000 verdicts for nobody are wrong in another way.
    let (text, _, reason) = stop_of("too-much-output", &bytes, &Limits::default(), &[]);
    assert!(matches!(reason, StopReason::Broke(_)), "{text}");
    assert!(text.ends_with("broke the contract: it gave 50000 verdicts for 0 people"), "{text}");
}

#[test]
fn log_flood() {
    let limits = limits("log-lines-per-run = 10");
    let upper = built("upper");
    let library = library(&[("fixture.wasm", &assembled("log_flood")), ("upper.wasm", &upper)]);
    let flood = load(&library, "log-flood", &limits).unwrap();
    let error = flood.shape_people(&[]).unwrap_err().to_string();
    assert!(error.ends_with("over its limit log-lines-per-run of 10 lines (1001 lines)"), "{error}");
    assert_running(&library);
}

#[test]
fn too_many_instances() {
    let library = library(&[("fixture.wasm", &assembled("good"))]);
    let error = load(&library, "good", &limits("instances = 0")).map(drop).unwrap_err().to_string();
    assert!(error.contains("over its limit instances of 0 instances (1 instances)"), "{error}");
}

#[test]
fn panic() {
    let people = [person("1", "ann"), person("2", "boom")];
    let (text, _, reason) = stop_of("panic", &built("panic"), &Limits::default(), &people);
    let StopReason::Panic { message, location } = reason else { panic!("{text}") };
    assert!(message.contains("nobody is called that"), "{message}");
    assert_eq!(location.as_deref(), Some("panic/src/lib.rs:20:9"));
    assert!(text.contains("panicked at panic/src/lib.rs:20:9: "), "{text}");
}

#[test]
fn a_panic_at_one_person_skips_that_person() {
    let library = library(&[("panic.wasm", &built("panic"))]);
    let panics = load(&library, "panic", &Limits::default()).unwrap();
    let people: Vec<Person> =
        (0..100).map(|id: u32| person(&id.to_string(), if id == 71 { "boom" } else { "ann" })).collect();
    let verdicts = shape_people(&*panics, &people).unwrap();
    assert_eq!(verdicts.len(), 100);
    let skipped: Vec<_> = verdicts
        .iter()
        .filter_map(|verdict| match verdict {
            Verdict::Skip(problem) => Some(problem),
            _ => None,
        })
        .collect();
    assert_eq!(skipped.len(), 1);
    assert_eq!(skipped[0].subject, Some(Subject::User("71".into())));
    assert!(skipped[0].error.message.contains("plugin panic 1.0.0 stopped: panicked at"));
}

#[test]
fn wrong_api_version() {
    let error = refusal_of(&with_manifest(assembled_without_manifest("good"), &manifest("good", "0.2")));
    assert!(
        matches!(&error.refusal, Refusal::Manifest(ManifestError::Api { found }) if found == "0.2"),
        "{error}"
    );
    assert_eq!(
        error.to_string(),
        "plugin fixture.wasm is refused: it was built for API 0.2, and this host speaks 0.1"
    );
    // The manifest may lie; the exports don't.
    let newer: Vec<_> =
        contract().into_iter().map(|(name, text)| (name, text.replace("@0.1.0", "@0.2.0"))).collect();
    let bytes = component::component(&wat("good").replace("@0.1.0", "@0.2.0"), &newer);
    let error = refusal_of(&with_manifest(bytes, &manifest("good", "0.1")));
    assert!(matches!(&error.refusal, Refusal::WrongApi { found } if found.ends_with("@0.2.0")), "{error}");
}

#[test]
fn missing_export() {
    let smaller: Vec<_> =
        contract().into_iter().map(|(name, text)| (name, text.replace("export transform;", ""))).collect();
    let bytes = component::component(&wat("missing_export"), &smaller);
    let error = refusal_of(&with_manifest(bytes, &manifest("good", "0.1")));
    assert_eq!(
        error.to_string(),
        "plugin good 1.0.0 is refused: it doesn't export rollcall:plugin/transform@0.1.0, which a transform has to"
    );
}

#[test]
fn wrong_type() {
    let other: Vec<_> = contract()
        .into_iter()
        .map(|(name, text)| {
            (name, text.replace("-> result<list<verdict>, error>", "-> result<list<string>, error>"))
        })
        .collect();
    let error =
        refusal_of(&with_manifest(component::component(&wat("good"), &other), &manifest("good", "0.1")));
    let Refusal::WrongType { name, .. } = &error.refusal else { panic!("{error}") };
    assert_eq!(name, "rollcall:plugin/transform@0.1.0#shape-people");
}

#[test]
fn not_a_component() {
    let module = wat::parse_str(wat("good")).unwrap();
    for (bytes, expected) in [
        (&module[..], NotAComponent::CoreModule),
        (wat("good").as_bytes(), NotAComponent::Text),
        (b"\x7fELF\x02\x01\x01\x00", NotAComponent::Other),
        (b"", NotAComponent::Empty),
    ] {
        let error = refusal_of(bytes);
        assert!(matches!(&error.refusal, Refusal::NotAComponent(found) if *found == expected), "{error}");
    }
    // Garbage in the middle of a good one.
    let mut bytes = built("upper");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 64].fill(0xff);
    let error = refusal_of(&bytes);
    assert!(matches!(&error.refusal, Refusal::Compile(_) | Refusal::NotAComponent(_)), "{error}");
}

#[test]
fn truncated_file() {
    let whole = built("upper");
    for length in [4, 7, 9, 100, whole.len() / 2, whole.len() - 1] {
        let error = refusal_of(&whole[..length]);
        let truncated = matches!(&error.refusal, Refusal::NotAComponent(NotAComponent::Truncated { .. }));
        assert!(truncated, "{length}: {error}");
        assert!(
            error.to_string().starts_with("plugin fixture.wasm is refused: it ends in the middle"),
            "{error}"
        );
    }
}

#[test]
fn manifest_missing() {
    let error = refusal_of(&assembled_without_manifest("good"));
    assert!(matches!(error.refusal, Refusal::Manifest(ManifestError::Missing)), "{error}");
    assert!(error.hint().unwrap().contains("rollcall plugin build DIR"));
}

#[test]
fn manifest_wrong() {
    for (manifest, expected) in [
        (&b"{"[..], "its manifest can't be read: EOF while parsing"),
        (br#"{"api":"0.1","colour":1}"#, "its manifest can't be read: unknown field `colour`"),
        (br#"{"name":"x"}"#, "its manifest is wrong: `api` is missing"),
        (
            br#"{"api":"0.1","name":"X","version":"1","kind":"transform","summary":"s"}"#,
            "its manifest is wrong: `name` is \"X\"",
        ),
    ] {
        let error = refusal_of(&with_manifest(assembled_without_manifest("good"), manifest));
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn forbidden_import() {
    let with_clock: Vec<_> = contract()
        .into_iter()
        .map(|(name, text)| {
            let import = "world transform-plugin {\n  import wall-clock: func() -> u64;";
            (name, text.replace("world transform-plugin {", import))
        })
        .collect();
    let bytes = component::component(&wat("forbidden_import"), &with_clock);
    let error = refusal_of(&with_manifest(bytes, &manifest("clocked", "0.1")));
    assert_eq!(
        error.to_string(),
        "plugin clocked 1.0.0 is refused: it imports wall-clock, which plugins may not"
    );
}

#[test]
fn too_large() {
    let bytes = built("upper");
    let expected = Expected { origin: "upper.wasm", sha256: None };
    let error = sandbox().admit(&bytes, expected, &limits("component-mib = 0")).map(drop).unwrap_err();
    assert!(error.to_string().ends_with("over its limit component-mib of 0 MiB (1 MiB)"), "{error}");
    assert!(error.hint().unwrap().contains("component-mib = 1"));
}

#[test]
fn another_sha256() {
    let bytes = built("upper");
    let expected = Expected { origin: "upper.wasm", sha256: Some("00ff") };
    let error = sandbox().admit(&bytes, expected, &Limits::default()).map(drop).unwrap_err();
    assert!(matches!(error.refusal, Refusal::Pin { .. }), "{error}");
}

#[test]
fn flipped_cache_byte() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("compiled");
    let origin = || {
        let sandbox = Sandbox::new(Cache::in_folder(&place)).unwrap();
        admit(&sandbox, &built("upper")).unwrap().origin
    };
    assert_eq!(origin(), Origin::Compiler);
    assert_eq!(origin(), Origin::Cache);
    let entry = fs::read_dir(&place).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&entry).unwrap();
    for at in [0, whole.len() / 2, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        fs::write(&entry, flipped).unwrap();
        assert_eq!(origin(), Origin::Compiler, "byte {at}");
        assert_eq!(origin(), Origin::Cache, "it was written again");
    }
    fs::write(&entry, &whole[..10]).unwrap();
    assert_eq!(origin(), Origin::Compiler);
}

#[test]
fn wasi() {
    let library = library(&[("wasi.wasm", &built("wasi")), ("upper.wasm", &built("upper"))]);
    let plugin = library.find("wasi", None, None).unwrap();
    assert!(library.admit(plugin, &Limits::default()).unwrap().wasi);
    let shape = || {
        let wasi = load(&library, "wasi", &Limits::default()).unwrap();
        match &wasi.shape_people(&[person("1", "ann")]).unwrap()[..] {
            [Verdict::Keep(person)] => person.user.display_name.clone().unwrap(),
            other => panic!("{other:?}"),
        }
    };
    let found = shape();
    let expected = "arguments 0, environment 0, folder false, file false, network false, clock 0, first ";
    assert!(found.starts_with(expected), "{found}");
    assert_eq!(shape(), found, "its random numbers are the same in each run");
    // Its panics go to its standard error stream, or through the SDK's hook.
    let wasi = load(&library, "wasi", &Limits::default()).unwrap();
    let error = wasi.shape_people(&[person("1", "boom")]).unwrap_err().to_string();
    assert!(error.contains("panicked at wasi/src/lib.rs:"), "{error}");
    // The host's async code may let go of it.
    wasi.shape_people(&[person("1", "ann")]).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async { drop(wasi) });
    assert_running(&library);
}

#[test]
fn wasi_sleeps() {
    let begin = Instant::now();
    let (text, hint, reason) = stop_of(
        "wasi-sleeps",
        &built("wasi-sleeps"),
        &limits("call-timeout-seconds = 1"),
        &[person("1", "ann")],
    );
    assert_eq!(limit_of(&reason), Limit::CallTimeout);
    assert!(text.ends_with("over its limit call-timeout-seconds of 1 seconds"), "{text}");
    assert!(hint.unwrap().contains("call-timeout-seconds = 2"));
    assert!(begin.elapsed() < Duration::from_secs(20));
}

#[test]
fn wasi_runs_for_ever() {
    // Fuel stops it just as it stops others.
    let library = library(&[("wasi.wasm", &built("wasi"))]);
    let wasi = load(&library, "wasi", &limits("fuel-per-call = 2000000")).unwrap();
    let people: Vec<Person> = (0..1000u32).map(|id| person(&id.to_string(), "ann")).collect();
    let error = wasi.shape_people(&people).unwrap_err();
    assert!(error.to_string().ends_with("over its limit fuel-per-call of 2000000 fuel"), "{error}");
}

#[test]
fn good() {
    let library = library(&[("upper.wasm", &built("upper"))]);
    let plugin = library.find("upper", Some("1.0.0"), None).unwrap();
    let settings = json!({
        "drop-attribute": "contractor",
        "drop-groups": ["Everyone"],
        "hide-groups": ["Secret"],
        "extra-group": "staff",
    });
    let limits = Limits::default();
    let upper =
        library.transform(plugin, Setup { connector: "acme", settings: &settings, limits: &limits }).unwrap();
    let group =
        |name: &str| rollcall::model::Group { id: name.into(), name: name.into(), ..Default::default() };
    let groups = upper.shape_groups(&[group("Everyone"), group("Secret"), group("Sales")]).unwrap();
    assert!(matches!(&groups[..], [GroupVerdict::Drop(_), GroupVerdict::Hide(_), GroupVerdict::Keep(_)]));
    let mut contractor = person("2", "bob");
    contractor.user.attributes.push(rollcall::model::Attribute::new("contractor", "yes"));
    let people = upper.shape_people(&[person("1", "zoë"), contractor]).unwrap();
    let [Verdict::Keep(zoe), Verdict::Drop(reason)] = &people[..] else { panic!("{people:?}") };
    assert_eq!(zoe.user.display_name.as_deref(), Some("ZOË"));
    assert_eq!(zoe.groups[0].name, "staff");
    assert_eq!(reason, "contractor says so");
}

fn assembled_without_manifest(name: &str) -> Vec<u8> {
    component::component(&wat(name), &contract())
}
