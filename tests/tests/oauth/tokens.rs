//! Which tokens are good.

use meanwhile::tenants::KeyTimes;
use meanwhile_tests::issuer::SigningKey;
use meanwhile_tests::issuer::keys::{base64url, unsigned};
use ring::hmac;
use serde_json::{Value, json};

use crate::place::Place;

#[tokio::test(flavor = "multi_thread")]
async fn a_good_token_opens_its_tenant_whatever_kind_of_key_signed_it() {
    for key in [SigningKey::rsa("1"), SigningKey::ec("1"), SigningKey::ed("1")] {
        let kind = key.header()["alg"].clone();
        let place = Place::open(key, KeyTimes::default()).await;
        let token = place.token(&json!({}));
        let job =
            json!({ "title": "Stretch", "payload": "Stretch", "job_type": "ONE_OFF", "confirm_new": true });
        let made = place.ask(&token, "POST", "/api/jobs", Some(job)).await;
        assert_eq!(made.status, 200, "{kind}: {made:?}");
        let job = &made.body["job"];
        assert_eq!(
            (&job["user_id"], &job["agent_id"]),
            (&"ada".into(), &"helper".into())
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_many_kinds_is_as_good() {
    let place = Place::open(SigningKey::ec("1"), KeyTimes::default()).await;
    let now = chrono::Utc::now().timestamp();
    for claims in [
        json!({ "aud": ["https://other.test", place.resource] }),
        // Clocks differ.
        json!({ "exp": now - 5 }),
        json!({ "nbf": now + 5 }),
        json!({ "iat": null, "jti": null, "client_id": null }),
    ] {
        let answer = place.list(&place.token(&claims)).await;
        assert_eq!(answer.status, 200, "{claims}: {answer:?}");
    }
    let key = place.issuer.key();
    for (name, value) in [("typ", json!("JWT")), ("typ", Value::Null), ("kid", Value::Null)] {
        let mut header = key.header();
        if value.is_null() {
            header.as_object_mut().unwrap().remove(name);
        } else {
            header[name] = value.clone();
        }
        let answer = place.list(&key.sign(&header, &place.claims(&json!({})))).await;
        assert_eq!(answer.status, 200, "{header}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_good_is_refused_and_its_owner_told_where_to_log_in() {
    let place = Place::open(SigningKey::rsa("1"), KeyTimes::default()).await;
    let now = chrono::Utc::now().timestamp();
    let mut tokens = Vec::new();
    for (what, claims) in [
        ("expired", json!({ "exp": now - 60 })),
        ("without an end", json!({ "exp": null })),
        ("with an end that is no time", json!({ "exp": "tomorrow" })),
        ("not yet", json!({ "nbf": now + 60 })),
        ("of another issuer", json!({ "iss": "https://login.evil.test" })),
        (
            "of an issuer that is spelled otherwise",
            json!({ "iss": format!("{}/", place.issuer.url) }),
        ),
        (
            "of two issuers",
            json!({ "iss": [place.issuer.url, "https://login.evil.test"] }),
        ),
        ("of no issuer", json!({ "iss": null })),
        ("for another", json!({ "aud": "https://other.test/mcp" })),
        ("for a part of the name", json!({ "aud": place.client.url })),
        ("for nobody", json!({ "aud": [] })),
        ("for who asks", json!({ "aud": null })),
    ] {
        tokens.push((what, place.token(&claims)));
    }
    let key = place.issuer.key();
    let good = place.claims(&json!({}));
    let header = |changes: Value| {
        let mut header = key.header();
        for (name, value) in changes.as_object().unwrap() {
            header[name] = value.clone();
        }
        header
    };
    let theirs = SigningKey::ec("1");
    tokens.push(("signed by another key", theirs.sign(&header(json!({})), &good)));
    tokens.push((
        "signed by another kind of key",
        theirs.sign(&theirs.header(), &good),
    ));
    tokens.push((
        "of an unknown key",
        key.sign(&header(json!({ "kid": "2" })), &good),
    ));
    tokens.push(("with a key in it", {
        let theirs = SigningKey::ed("1");
        let mut header = theirs.header();
        header["jwk"] = theirs.published();
        theirs.sign(&header, &good)
    }));
    tokens.push((
        "critical",
        key.sign(&header(json!({ "crit": ["b64"], "b64": true })), &good),
    ));
    tokens.push((
        "of another type",
        key.sign(&header(json!({ "typ": "logout+jwt" })), &good),
    ));
    tokens.push((
        "of another algorithm",
        key.sign(&header(json!({ "alg": "RS512" })), &good),
    ));
    for algorithm in ["none", "None", "NONE", ""] {
        let message = unsigned(&header(json!({ "alg": algorithm })), &good);
        tokens.push(("unsigned", format!("{message}.")));
        tokens.push((
            "unsigned with a signature",
            format!("{message}.{}", base64url(b"x")),
        ));
    }
    // Everybody knows the public key: it must not do as a shared secret.
    for secret in [
        key.public_bytes(),
        key.published().to_string().into_bytes(),
        key.published()["n"].as_str().unwrap().as_bytes().to_vec(),
    ] {
        let message = unsigned(&header(json!({ "alg": "HS256" })), &good);
        let signed = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
        tokens.push((
            "signed with what is public",
            format!("{message}.{}", base64url(signed.as_ref())),
        ));
    }
    let signed = key.sign(&key.header(), &good);
    let (message, signature) = signed.rsplit_once('.').unwrap();
    let other = unsigned(&key.header(), &place.claims(&json!({ "sub": "eve" })));
    tokens.push(("changed", format!("{other}.{signature}")));
    tokens.push(("cut", message.to_owned()));
    tokens.push(("without a signature", format!("{message}.")));
    tokens.push(("of four parts", format!("{signed}.x")));
    tokens.push(("no token", "x".to_owned()));
    tokens.push(("nothing", ".".to_owned()));
    for (what, token) in tokens {
        let answer = place.list(&token).await;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        assert_eq!(answer.body["error"]["code"], "unauthenticated", "{what}");
        assert_eq!(answer.challenged("error"), Some("invalid_token"), "{what}");
        let metadata = format!("{}/.well-known/oauth-protected-resource/mcp", place.client.url);
        assert_eq!(
            answer.challenged("resource_metadata"),
            Some(metadata.as_str()),
            "{what}"
        );
        assert_eq!(answer.challenged("scope"), Some("jobs:read jobs:write"), "{what}");
        let expired = what == "expired";
        assert_eq!(
            answer.message().contains("expired: get a new one"),
            expired,
            "{what}"
        );
    }
    // None of it did anything to who has a good one.
    assert_eq!(place.list(&signed).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_only_late_is_never_taken_for_a_guess() {
    let place = Place::open(SigningKey::ed("1"), KeyTimes::default()).await;
    let late = place.token(&json!({ "exp": chrono::Utc::now().timestamp() - 60 }));
    while place.list("x.y.z").await.status != 429 {}
    // Its client has to hear that it needs a new one.
    assert_eq!(place.list(&late).await.status, 401);
    assert_eq!(place.list(&place.token(&json!({}))).await.status, 200);
}
