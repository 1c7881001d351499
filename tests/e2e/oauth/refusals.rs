//! Whatever stands between an app and its token is told before anything is read, with what to do.

use std::fs;

use okta_sim::{Access, ServiceApp};

use super::{CLIENT_ID, SCOPES, configure, key, owner_only, public, token_answers, world, world_with};

#[test]
fn a_wrong_key_is_told_at_its_line() {
    let world = world();
    for (file, says, hint) in [
        ("encrypted.pem", "it is encrypted", "openssl pkey"),
        ("public.pem", "it is a public key", "give the private one"),
        ("rsa-1024.pem", "RSA key of 1024 bits", "openssl genpkey"),
        ("ec-p521.pem", "of the kind P-521", "P-256"),
        ("ed25519.pem", "of the kind Ed25519", "P-256"),
        ("README.md", "neither PEM nor a JWK", "-----BEGIN PRIVATE KEY-----"),
    ] {
        owner_only(&world.write("key.pem", key(file)));
        let ran = world.run(&["sync", "acme"]).exits(2);
        assert!(ran.stderr.contains("rollcall.toml:4:"), "{file}: {}", ran.stderr);
        assert!(ran.stderr.contains(says) && ran.stderr.contains(hint), "{file}: {}", ran.stderr);
    }
    assert!(world.sim.requests().is_empty(), "nothing was asked");
    fs::remove_file(world.work().join("key.pem")).unwrap();
    world.run(&["sync", "acme"]).exits(2).says(&["key.pem can't be read"]);
}

#[test]
fn an_app_that_is_not_known_or_whose_key_is_revoked_is_refused_once() {
    let world = world();
    let other = public().into_iter().filter(|key| key["kid"] != "ec").collect();
    world.sim.set_service_app(ServiceApp::new(CLIENT_ID, other, &SCOPES));
    let ran = world.run(&["sync", "acme"]).exits(1);
    for says in ["gives the app 0oaRollcall1 no access token: invalid_client", "signature", "among its keys"]
    {
        assert!(ran.stderr.contains(says), "{says}: {}", ran.stderr);
    }
    // Neither the other first requests nor a retry ask again: that is how apps are locked.
    assert_eq!(token_answers(&world), [401]);
    world.sim.remove_service_app(CLIENT_ID);
    world.run(&["connector", "test", "acme"]).exits(1).says(&["invalid_client"]);
}

#[test]
fn a_scope_that_was_not_granted_is_named_with_what_it_is_for() {
    for (strict, says) in [
        (
            false,
            "was not granted the scope okta.groups.read, without which groups and their members can't be read",
        ),
        (true, "invalid_scope"),
    ] {
        let world = world_with("ec.pem", |app| {
            app.scopes = vec![SCOPES[0].into()];
            app.strict_scopes = strict;
        });
        let ran = world.run(&["sync", "acme"]).exits(1);
        assert!(ran.stderr.contains(says), "{says}: {}", ran.stderr);
        assert!(ran.stderr.contains("`scopes` in [connector.acme.credential]"), "{}", ran.stderr);
        assert!(world.sim.requests().iter().all(|request| request.target == "/oauth2/v1/token"));
    }
    // Scopes that the admin names are asked for instead; one that the plugin knows nothing of is named too.
    let world = world();
    configure(&world, ", scopes = [\"okta.users.read\", \"okta.groups.read\", \"okta.devices.read\"]");
    let ran = world.run(&["connector", "test", "acme"]).exits(1);
    assert!(ran.stderr.contains("was not granted the scope okta.devices.read"), "{}", ran.stderr);
}

/// The scopes are there and the role is missing: Okta lists nobody, and nobody is disabled.
#[test]
fn an_app_without_a_role_empties_nothing() {
    let world = world();
    world.sync();
    let before = world.directory();
    world.sim.set_service_app(ServiceApp {
        access: Access::NoAdminRole,
        ..ServiceApp::new(CLIENT_ID, public(), &SCOPES)
    });
    world.run(&["sync", "acme"]).exits(1);
    assert!(world.directory() == before, "something changed");
}
