use std::fs;

use okta_sim::Access;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::scene::{NIGHTLY, Scene};
use crate::support::World;

/// A program that keeps each event, with what it sees of the environment.
const KEEP: &str = "#!/bin/sh\n{ cat; env | grep -E 'ROLLCALL|TOKEN' | sort; } >> ../told\n";

fn scene(lines: &str) -> Scene {
    let world = World::company(&["ann"], &[("Staff", &["ann"])]);
    let program = world.write("keep", KEEP);
    #[cfg(unix)]
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    Scene::new(world, &format!("{NIGHTLY}[notify]\n{lines}\n"))
}

/// The events that the program was given.
fn events(scene: &Scene) -> Vec<Value> {
    let told = fs::read_to_string(scene.world.whole().join("told")).unwrap_or_default();
    told.lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// From now on the provider doesn't know the token.
fn refuse(scene: &Scene) {
    scene.world.sim.set_token(scene.world.sim.token(), None);
}

fn night(day: u32) -> String {
    format!("2027-03-{day:02}T02:00:00Z")
}

#[test]
fn a_standing_problem_is_told_once_and_again_when_it_is_over() {
    let scene = scene("command = [\"./keep\"]");
    let token = scene.world.sim.token().to_owned();
    let mut serving = scene.serve();
    let forbid = |forbidden: bool| {
        let group = scene.world.group_id("Staff");
        scene.world.sim.forbid_members(&group, forbidden).unwrap();
    };
    // Problems alone are told only to those who ask for them.
    forbid(true);
    scene.run_at(&mut serving, &night(2), "acme: problems (run 1");
    refuse(&scene);
    for (run, day) in [(2, 3), (3, 4)] {
        scene.run_at(&mut serving, &night(day), &format!("acme: failed (run {run}"));
    }
    scene.waits_for(&mut serving, "acme: the command was told: failed");
    scene.stop(serving);
    // What was told is not told again by another process.
    scene.at("2027-03-04T12:00:00Z");
    let mut serving = scene.serve();
    scene.run_at(&mut serving, &night(5), "acme: failed (run 4");
    scene.world.sim.set_token(&token, Some(Access::Full));
    scene.run_at(&mut serving, &night(6), "acme: the command was told: recovered");
    // It is over, and said to be so once; when it comes back it is told again.
    scene.run_at(&mut serving, &night(7), "acme: problems (run 6");
    refuse(&scene);
    scene.run_at(&mut serving, &night(8), "acme: failed (run 7");
    scene.stop(serving);
    let told = events(&scene);
    let kinds: Vec<(&Value, &Value)> = told.iter().map(|event| (&event["event"], &event["run"])).collect();
    let expected =
        [("failed", 2), ("recovered", 5), ("failed", 7)].map(|(kind, run)| (json!(kind), json!(run)));
    assert_eq!(kinds, expected.each_ref().map(|(kind, run)| (kind, run)));
    assert_eq!(told[0]["connector"], "acme");
    let text = fs::read_to_string(scene.world.whole().join("told")).unwrap();
    assert!(text.contains("ROLLCALL_EVENT=failed\nROLLCALL_RUN=2\n"), "{text}");
    assert!(!text.contains("OKTA_TOKEN") && !text.contains(&token), "{text}");
}

#[test]
fn an_alert_on_silence_is_told_once() {
    let lines = NIGHTLY.replace(" }", ", alert-after-hours = 26 }");
    let scene = scene("command = [\"./keep\"]");
    scene.world.configure(&format!("{lines}[notify]\ncommand = [\"./keep\"]\non = []\n"));
    scene.world.sync();
    refuse(&scene);
    let mut serving = scene.serve();
    scene.run_at(&mut serving, &night(2), "acme: failed (run 2");
    scene.at(&night(3));
    scene.waits_for(&mut serving, "acme: the command was told: silent");
    scene.waits_for(&mut serving, "acme: failed (run 3");
    scene.stop(serving);
    let mut serving = scene.serve();
    scene.run_at(&mut serving, &night(4), "acme: failed (run 4");
    scene.stop(serving);
    let told = events(&scene);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["event"], "silent");
    assert_eq!(told[0]["message"], "no run of connector acme has succeeded since 2027-03-01T23:00:00Z");
}

#[test]
fn a_webhook_is_posted_to_and_its_address_is_never_shown() {
    let scene = scene("webhook = { env = \"HOOK\" }\non = [\"failed\", \"problems\"]");
    let (sender, mut posted) = mpsc::unbounded_channel();
    let listener = scene.world.runtime().block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = format!("http://{}/SeCrEt", listener.local_addr().unwrap());
    scene.world.runtime().spawn(async move {
        // The first occasion finds nobody who wants it; it is told at the next.
        for answer in ["404 Not Found", "200 OK", "200 OK"] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                let mut part = [0; 1024];
                let length = stream.read(&mut part).await.unwrap();
                request.extend_from_slice(&part[..length]);
            }
            let answer = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            let text = String::from_utf8(request).unwrap();
            let body = text.split_once("\r\n\r\n").unwrap().1;
            sender.send(serde_json::from_str::<Value>(body).unwrap()).unwrap();
        }
    });
    let mut serving = scene.start_with(&[("HOOK", &address)]);
    scene.waits_for(&mut serving, "serving ");
    refuse(&scene);
    scene.run_at(&mut serving, &night(2), "acme: the webhook could not be told: 127.0.0.1 answered HTTP 404");
    scene.run_at(&mut serving, &night(3), "acme: the webhook was told: failed");
    scene.run_at(&mut serving, &night(4), "acme: failed (run 3");
    let log = scene.stop(serving);
    assert!(!log.contains("SeCrEt"), "{log}");
    let bodies: Vec<Value> = std::iter::from_fn(|| posted.try_recv().ok()).collect();
    let runs: Vec<&Value> = bodies.iter().map(|body| &body["run"]).collect();
    assert_eq!(runs, [&json!(1), &json!(2)], "{bodies:?}");
    let shown = scene.world.run(&["config", "show"]).exits(0).stdout;
    assert!(shown.contains("webhook.env = \"HOOK\""), "{shown}");
}
