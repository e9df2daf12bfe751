//! The authorization server's keys: found, exchanged, and kept while it is away.

use std::time::Duration;

use meanwhile::tenants::KeyTimes;
use meanwhile_tests::issuer::SigningKey;
use serde_json::json;

use crate::place::Place;

const LONG: Duration = Duration::from_secs(86_400);

/// Keys are asked for whenever there is a reason.
const AT_ONCE: KeyTimes = KeyTimes {
    age: LONG,
    interval: Duration::ZERO,
    retry: Duration::ZERO,
};

/// One try, and then none for long.
const ONCE: KeyTimes = KeyTimes {
    age: LONG,
    interval: LONG,
    retry: LONG,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_found_and_a_withdrawn_one_no_longer_taken() {
    let place = Place::open(SigningKey::ec("1"), AT_ONCE).await;
    let old = place.token(&json!({}));
    assert_eq!(place.list(&old).await.status, 200);
    // Known keys are not asked for again.
    assert_eq!(place.list(&old).await.status, 200);
    assert_eq!(place.issuer.keys_read(), 1);
    place.issuer.rotate(vec![SigningKey::ed("2")]);
    assert_eq!(place.list(&place.token(&json!({}))).await.status, 200);
    assert_eq!(place.list(&old).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_keys_are_asked_for_once_however_many_tokens_name_one() {
    let place = Place::open(SigningKey::ec("1"), ONCE).await;
    assert_eq!(place.list(&place.token(&json!({}))).await.status, 200);
    let key = place.issuer.key();
    for number in 0..10 {
        let mut header = key.header();
        header["kid"] = format!("guess-{number}").into();
        let answer = place.list(&key.sign(&header, &place.claims(&json!({})))).await;
        assert_eq!(answer.status, 401);
    }
    assert_eq!(place.issuer.keys_read(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_wait_for_one_answer() {
    let place = Place::open(SigningKey::rsa("1"), ONCE).await;
    let token = place.token(&json!({}));
    let asking = (0..10).map(|_| place.list(&token));
    for answer in futures_util::future::join_all(asking).await {
        assert_eq!(answer.status, 200);
    }
    assert_eq!(place.issuer.keys_read(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_never_reached_is_said_to_be_away_and_found_when_it_is_back() {
    let place = Place::open(SigningKey::ec("1"), AT_ONCE).await;
    let token = place.token(&json!({}));
    place.issuer.set_down(true);
    let answer = place.list(&token).await;
    assert_eq!(answer.status, 503);
    assert!(answer.message().contains("cannot be checked now"), "{answer:?}");
    assert_eq!(answer.challenge, None, "logging in anew would not help");
    place.issuer.set_down(false);
    assert_eq!(place.list(&token).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_server_is_away_keys_that_were_read_go_on_being_good() {
    // As old as can be: each use would have them read anew.
    let place = Place::open(
        SigningKey::ec("1"),
        KeyTimes {
            age: Duration::ZERO,
            ..AT_ONCE
        },
    )
    .await;
    let token = place.token(&json!({}));
    assert_eq!(place.list(&token).await.status, 200);
    place.issuer.set_down(true);
    for _ in 0..10 {
        assert_eq!(place.list(&token).await.status, 200);
    }
    // A key that is not known might be a new one: nobody can tell.
    let key = SigningKey::ec("2");
    let answer = place
        .list(&key.sign(&key.header(), &place.claims(&json!({}))))
        .await;
    assert_eq!(answer.status, 503);
}
