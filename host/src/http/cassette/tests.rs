use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use jiff::Timestamp;

use super::*;
use crate::http::fixture::{get, header};
use crate::model::{Attribute, Method, Request, Response};

const TOKEN: &str = "00hunter2-hunter2";

fn provenance() -> Provenance {
    Provenance {
        connector: "acme".into(),
        plugin: PluginUsed { name: "okta".into(), version: "0.1.0".into(), sha256: "ab".repeat(32) },
        endpoint: "https://acme.example".into(),
        settings: "one".into(),
        transforms: "two".into(),
    }
}

fn recorder(path: &Path, overwrite: bool) -> Result<Recorder, CassetteError> {
    Recorder::create(path, overwrite, Scrub::new([TOKEN]).unwrap(), provenance())
}

fn known() -> Vec<Attribute> {
    vec![Attribute::new("now", "2026-01-31T12:00:00Z")]
}

fn response(body: &[u8]) -> Response {
    Response { status: 200, headers: vec![header("link", "<a>"), header("link", "<b>")], body: body.into() }
}

fn exchanges() -> Vec<(Request, Response)> {
    let post = Request {
        method: Method::Post,
        body: Some(b"\x00\xff".to_vec()),
        headers: vec![header("accept", "application/json")],
        ..get("/api/users?q=\"x\"")
    };
    vec![
        (get("/api/users"), response("[\"Ünï\\n\"]".as_bytes())),
        (get("/api/users"), Response { status: 0, headers: vec![], body: vec![] }),
        (post, response(b"\xfe binary")),
    ]
}

fn record(path: &Path, failed: Option<&str>) {
    let recorder = recorder(path, true).unwrap();
    recorder.begin(Timestamp::UNIX_EPOCH, &known()).unwrap();
    for (request, response) in exchanges() {
        recorder.exchange(&request, &response).unwrap();
    }
    recorder.finish(failed).unwrap();
}

fn why(path: &Path) -> String {
    let error = Cassette::open(path).unwrap_err();
    assert!(error.hint().is_some());
    error.to_string().replace(&format!("{}/", path.parent().unwrap().display()), "")
}

#[test]
fn what_was_recorded_is_played_in_order_compressed_or_not() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.jsonl", "a.jsonl.gz"] {
        let path = folder.path().join(name);
        record(&path, None);
        let cassette = Cassette::open(&path).unwrap();
        assert_eq!((cassette.recorded(), cassette.known()), (Timestamp::UNIX_EPOCH, &known()[..]));
        let mut played = cassette.exchanges().unwrap();
        for (request, response) in exchanges() {
            let exchange = played.next_exchange().unwrap().unwrap();
            assert!(exchange.request.is(&request));
            assert_eq!(exchange.response, response);
        }
        assert!(played.next_exchange().unwrap().is_none());
    }
    let plain = fs::read(folder.path().join("a.jsonl")).unwrap();
    let packed = fs::read(folder.path().join("a.jsonl.gz")).unwrap();
    assert!(plain.starts_with(b"{\"header\":{\"format\":1,") && packed.starts_with(&[0x1f, 0x8b]));
    // The name doesn't matter for reading.
    fs::write(folder.path().join("renamed"), packed).unwrap();
    Cassette::open(&folder.path().join("renamed")).unwrap();
}

#[test]
fn a_request_is_the_same_when_the_provider_can_not_tell_it_from_the_recorded_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    record(&path, None);
    let played = Cassette::open(&path).unwrap().exchanges().unwrap().next_exchange().unwrap().unwrap();
    let same = Request { context: "other".into(), bucket: "other".into(), ..get("/api/users") };
    assert!(played.request.is(&same));
    for other in [
        get("/api/users?limit=1"),
        Request { method: Method::Put, ..get("/api/users") },
        Request { headers: vec![header("accept", "x")], ..get("/api/users") },
        Request { body: Some(Vec::new()), ..get("/api/users") },
    ] {
        assert!(!played.request.is(&other), "{other:?}");
    }
}

#[test]
fn an_echoed_credential_is_taken_out_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gz");
    let recorder = recorder(&path, false).unwrap();
    recorder.begin(Timestamp::UNIX_EPOCH, &[]).unwrap();
    let request = Request {
        headers: vec![header("accept", TOKEN)],
        body: Some(TOKEN.as_bytes().to_vec()),
        ..get(&format!("/api/users?token={TOKEN}"))
    };
    let mut answer = response(&[b"\xff", TOKEN.as_bytes(), b"\xff"].concat());
    answer.headers.push(header("x-echo", &format!("SSWS {TOKEN}")));
    recorder.exchange(&request, &answer).unwrap();
    recorder.exchange(&get("/"), &response(format!("{{\"token\":\"{TOKEN}\"}}").as_bytes())).unwrap();
    recorder.finish(Some(&format!("echoed {TOKEN}"))).unwrap();

    let mut text = String::new();
    flate2::read::GzDecoder::new(fs::File::open(&path).unwrap()).read_to_string(&mut text).unwrap();
    assert!(!text.contains(TOKEN), "{text}");
    // A body that is no text, in base64, wherever in it the token began.
    let mut played = Cassette::open(&path).unwrap().exchanges().unwrap();
    let body = played.next_exchange().unwrap().unwrap().response.body;
    assert_eq!(body, b"\xff[credential removed]\xff");
    assert_eq!(text.matches("[credential removed]").count(), 6, "and one in base64: {text}");
}

#[test]
fn a_torn_file_is_told_wherever_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    for name in ["whole", "whole.gz"] {
        let whole = folder.path().join(name);
        record(&whole, None);
        let bytes = fs::read(&whole).unwrap();
        for end in 15..bytes.len() {
            fs::write(&path, &bytes[..end]).unwrap();
            assert_eq!(why(&path), "a is incomplete: its end is missing", "{name} cut at {end}");
        }
    }
}

#[test]
fn a_changed_file_is_not_played() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, path) = (folder.path().join("whole"), folder.path().join("a"));
    record(&whole, None);
    let text = fs::read_to_string(&whole).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let changed = "a is not as it was recorded: its checksum is wrong";
    for other in [
        text.replacen("[\\\"", "[\\\"x", 1),
        text.replace("\"status\":200", "\"status\":201"),
        text.replace("12:00", "12:01"),
        text.replace("\"exchanges\":3", "\"exchanges\":2"),
        format!("{text}{text}"),
        // Lines that are out of order, missing, or there twice.
        [lines[0], lines[2], lines[1], lines[3], lines[4], ""].join("\n"),
        [lines[0], lines[2], lines[3], lines[4], ""].join("\n"),
        [lines[0], lines[1], lines[1], lines[2], lines[3], lines[4], ""].join("\n"),
        [lines[0], lines[0], lines[1], lines[2], lines[3], lines[4], ""].join("\n"),
    ] {
        assert_ne!(other, text);
        fs::write(&path, other).unwrap();
        assert_eq!(why(&path), changed);
    }
}

#[test]
fn what_is_no_recording_or_a_newer_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, path) = (folder.path().join("whole"), folder.path().join("a"));
    for other in [&b""[..], b"[]", b"{}\n", b"\x1f\x8bno", b"\xff\x00", &[b' '; 2 << 20]] {
        fs::write(&path, other).unwrap();
        let why = why(&path);
        assert!(
            why == "a is no recording of a run" || other.starts_with(&[0x1f]),
            "{why}: {:?}",
            &other[..other.len().min(9)]
        );
    }
    record(&whole, None);
    let newer = fs::read_to_string(&whole).unwrap().replace("\"format\":1", "\"format\":2");
    // Whatever else changed with it.
    fs::write(&path, newer.replace("\"known\"", "\"what\"")).unwrap();
    assert_eq!(
        why(&path),
        concat!(
            "a was recorded by rollcall ",
            env!("CARGO_PKG_VERSION"),
            " in format 2, and this one knows format 1"
        )
    );
    assert_eq!(why(&folder.path().join("nowhere")), "the recording nowhere could not be opened");
}

#[test]
fn another_connector_plugin_or_endpoint_is_refused_and_other_differences_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    record(&path, Some("no answer"));
    let cassette = Cassette::open(&path).unwrap();
    cassette.check(&provenance()).unwrap();
    assert_eq!(cassette.differences(&provenance()), Vec::<String>::new());
    type Change = fn(&mut Provenance);
    let others: [(Change, &str); 3] = [
        (|p| p.connector = "b".into(), "is a recording of connector acme, not of b"),
        (|p| p.plugin.name = "b".into(), "is a recording of plugin okta, not of b"),
        (
            |p| p.endpoint = "https://b".into(),
            "is a recording of endpoint https://acme.example, not of https://b",
        ),
    ];
    for (change, says) in others {
        let mut wanted = provenance();
        change(&mut wanted);
        let error = cassette.check(&wanted).unwrap_err();
        assert_eq!(error.to_string(), format!("{} {says}", path.display()));
    }
    let mut now = provenance();
    now.plugin.version = "0.2.0".into();
    now.settings = "x".into();
    now.transforms = "x".into();
    cassette.check(&now).unwrap();
    let differs = cassette.differences(&now);
    assert_eq!(differs.len(), 3);
    assert_eq!(differs[0], "plugin (okta 0.1.0 (abababab) then, okta 0.2.0 (abababab) now)");
    let missing = cassette.missing(&get("/api/x?y=1"), differs);
    assert!(missing.to_string().ends_with(" has no answer to GET /api/x?y=1"));
    assert_eq!(missing.hint().unwrap(), "the recorded run came no further: no answer");
}

#[test]
fn a_file_is_there_when_it_is_whole_is_its_owners_and_is_not_overwritten_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let names = || -> Vec<String> {
        let entries = fs::read_dir(folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let first = recorder(&path, false).unwrap();
    first.begin(Timestamp::UNIX_EPOCH, &[]).unwrap();
    assert!(matches!(&names()[..], [name] if name.starts_with(".a.") && name.ends_with(".part")));
    first.discard();
    first.finish(None).unwrap();
    assert!(names().is_empty());

    let late = recorder(&path, false).unwrap();
    record(&path, None);
    assert_eq!(names().len(), 2, "the late one, and the finished one");
    assert!(matches!(recorder(&path, false), Err(CassetteError::Exists { .. })));
    late.begin(Timestamp::UNIX_EPOCH, &[]).unwrap();
    assert!(matches!(late.finish(None), Err(CassetteError::Exists { .. })));
    assert_eq!(names(), ["a"]);
    assert_eq!(Cassette::open(&path).unwrap().exchanges().unwrap().left(), 3);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let nowhere = recorder(&folder.path().join("nowhere/a"), false).map(drop).unwrap_err();
    assert!(nowhere.to_string().ends_with("nowhere/a could not be created"), "{nowhere}");
}

#[test]
fn a_line_without_end_is_not_read_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gz");
    let mut packed =
        flate2::write::GzEncoder::new(fs::File::create(&path).unwrap(), flate2::Compression::fast());
    for _ in 0..64 {
        packed.write_all(&[b'x'; 1 << 20]).unwrap();
    }
    packed.finish().unwrap();
    assert_eq!(why(&path), "a.gz is no recording of a run");
}
