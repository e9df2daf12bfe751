//! A model behind an address, which answers well, wrongly, or not at all.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use meanwhile::embedding::{Embedder, EmbeddingError, Http, Vector, VectorError};
use meanwhile::wit::types::ErrorClass;
use serde_json::{Value, json};

use crate::{Server, cosine, texts};

const KEY: &str = "key-of-nobody-else";

fn input(request: &Value) -> Vec<String> {
    serde_json::from_value(request["input"].clone()).unwrap()
}

/// For each text one vector, which tells its length.
fn well(request: &Value) -> Response {
    let embeddings = input(request).iter().enumerate().rev().map(|(index, text)| {
        json!({"object": "embedding", "index": index, "embedding": [1.0, text.len(), 0.0]})
    }).collect::<Vec<_>>();
    axum::Json(json!({"object": "list", "data": embeddings, "model": "m"})).into_response()
}

async fn asked(server: &Server) -> EmbeddingError {
    let embedder = Http::new(&server.url, "m", Some(KEY)).unwrap();
    let error = embedder.embed(texts(&["one", "two"])).await.unwrap_err();
    assert!(!error.to_string().contains(KEY), "{error}");
    error
}

#[tokio::test]
async fn vectors_come_in_the_texts_order_and_the_key_goes_along() {
    let server = Server::start(well).await;
    let embedder = Http::new(&server.url, "m", Some(KEY)).unwrap();
    let many: Vec<String> = (0..150).map(|length| "x".repeat(length)).collect();
    let vectors = embedder.embed(many).await.unwrap();
    assert_eq!(vectors.len(), 150);
    for (length, vector) in vectors.iter().enumerate() {
        // Empty texts are refused by some: another one stands for them.
        let expected = Vector::of(&[1.0, length.max(1) as f32, 0.0]).unwrap();
        assert!(cosine(vector, &expected) > 0.999, "{length}");
    }
    let asked = server.asked();
    assert_eq!(asked.len(), 3);
    for (key, request) in asked {
        assert_eq!(key, Some(format!("Bearer {KEY}")));
        assert_eq!(request["model"], "m");
        assert!(input(&request).iter().all(|text| !text.trim().is_empty()));
    }
    assert_eq!(embedder.model(), format!("m@{}/v1/embeddings", server.url));
    assert_eq!(embedder.embed(Vec::new()).await, Ok(Vec::new()));
}

#[tokio::test]
async fn no_key_is_sent_where_there_is_none_or_where_others_can_read_it() {
    let server = Server::start(well).await;
    let embedder = Http::new(&server.url, "m", None).unwrap();
    embedder.embed(texts(&["one"])).await.unwrap();
    assert_eq!(server.asked()[0].0, None);
    let error = Http::new("http://ai.example.com/v1", "m", Some(KEY))
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("https") && !error.to_string().contains(KEY),
        "{error}"
    );
    assert!(Http::new("https://ai.example.com/v1", "m", Some(KEY)).is_ok());
}

#[tokio::test]
async fn one_that_is_down_may_be_asked_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let embedder = Http::new(&url, "m", Some(KEY)).unwrap();
    let error = embedder.embed(texts(&["one"])).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient);
    assert!(error.to_string().contains("cannot be reached"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_slow_is_not_waited_for() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // Connections are taken by the system, and nobody answers.
    let embedder = Http::new(&url, "m", Some(KEY)).unwrap();
    let error = embedder.embed(texts(&["one"])).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient);
    assert!(error.to_string().contains("30 s"), "{error}");
    drop(listener);
}

#[tokio::test]
async fn what_is_no_vector_is_an_error() {
    for (embedding, why) in [
        ("[1, null, 3]", "no finite number"),
        ("[1, 1e39, 3]", "no finite number"),
        ("[0, 0.0, -0]", "zero"),
        ("[]", "dimensions"),
        ("[1, NaN, 3]", "no list of embeddings"),
        ("\"AAAA\"", "no list of embeddings"),
    ] {
        let body = format!(
            r#"{{"data": [{{"index": 0, "embedding": [1]}}, {{"index": 1, "embedding": {embedding}}}]}}"#
        );
        let server = Server::start(move |_| body.clone().into_response()).await;
        let error = asked(&server).await;
        assert_eq!(error.class(), ErrorClass::Permanent);
        assert!(error.to_string().contains(why), "{embedding}: {error}");
    }
}

#[tokio::test]
async fn all_vectors_have_as_many_dimensions() {
    let answer = |request: &Value| {
        let dimensions = input(request)[0].len();
        axum::Json(json!({"data": [{"index": 0, "embedding": vec![1; dimensions]}]})).into_response()
    };
    let server = Server::start(answer).await;
    let embedder = Http::new(&server.url, "m", None).unwrap();
    embedder.embed(texts(&["four"])).await.unwrap();
    let error = embedder.embed(texts(&["three"])).await.unwrap_err();
    let expected = VectorError::Dimensions {
        found: 5,
        expected: 4,
    };
    assert!(
        matches!(&error, EmbeddingError::Vector { error, .. } if *error == expected),
        "{error}"
    );
    embedder.embed(texts(&["five"])).await.unwrap();
}

#[tokio::test]
async fn answers_of_something_else_are_errors_that_say_so() {
    let one = json!({"data": [{"index": 0, "embedding": [1]}]}).to_string();
    let server = Server::start(move |_| one.clone().into_response()).await;
    assert!(
        asked(&server)
            .await
            .to_string()
            .contains("1 embeddings for 2 texts")
    );
    let server = Server::start(|_| Html("<html>Welcome!</html>").into_response()).await;
    assert!(
        asked(&server)
            .await
            .to_string()
            .contains("is that the address of a model?")
    );
    let server = Server::start(|_| vec![b' '; 17 << 20].into_response()).await;
    assert!(asked(&server).await.to_string().contains("answered more than"));
    let server = Server::start(|_| (StatusCode::FOUND, [("location", "/elsewhere")]).into_response()).await;
    assert!(asked(&server).await.to_string().contains("302"));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn refusals_say_whether_they_pass() {
    for (status, class, why) in [
        (400, ErrorClass::Permanent, "no such model: ***"),
        (401, ErrorClass::Permanent, "MEANWHILE_EMBEDDER_KEY"),
        (403, ErrorClass::Permanent, "MEANWHILE_EMBEDDER_KEY"),
        (404, ErrorClass::Permanent, "no such model: ***"),
        (429, ErrorClass::Transient, "429"),
        (500, ErrorClass::Transient, "500"),
        (503, ErrorClass::Transient, "503"),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let server = Server::start(move |_| {
            let told = json!({"error": {"message": format!("no such model: {KEY}\u{1b}[2J")}});
            (status, axum::Json(told)).into_response()
        })
        .await;
        let error = asked(&server).await;
        assert_eq!(error.class(), class, "{error}");
        let told = error.to_string();
        assert!(told.contains(why) && !told.contains('\u{1b}'), "{told}");
    }
}

#[tokio::test]
async fn a_long_text_is_cut_to_what_the_model_takes() {
    for window in [8_000, 1_500, 500] {
        let server = Server::start(move |request| {
            if input(request).iter().any(|text| text.len() > window) {
                return (StatusCode::BAD_REQUEST, "too long").into_response();
            }
            well(request)
        })
        .await;
        let embedder = Http::new(&server.url, "m", None).unwrap();
        let long = ["账单 ".repeat(4_700), "bills ".repeat(5_500), "bills".into()];
        assert!(long[0].len() > 32 << 10);
        let vectors = embedder.embed(long.into()).await.unwrap();
        assert_eq!(vectors.len(), 3);
        let tries = server.asked();
        let used = input(&tries.last().unwrap().1);
        assert!(
            used[..2]
                .iter()
                .all(|text| (window - 10..=window).contains(&text.len()))
        );
        assert_eq!(used[2], "bills");
    }
    // Where that does not help the refusal is told.
    let server = Server::start(|_| (StatusCode::BAD_REQUEST, "never").into_response()).await;
    assert!(asked(&server).await.to_string().contains("never"));
    assert_eq!(server.asked().len(), 1);
}
