//! What makes vectors of texts: the model in this process, a model behind an address, and the files.
#![allow(clippy::unwrap_used)]

mod address;
mod fetch;
mod files;
mod meaning;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::response::Response;
use meanwhile::embedding::Vector;
use serde_json::Value;

/// The model's directory, which `tests/setup/model` filled.
fn model() -> PathBuf {
    let directory = std::env::var_os("MEANWHILE_TEST_MODEL").map(PathBuf::from);
    directory.expect("MEANWHILE_TEST_MODEL names the directory of the model; see tests/setup/model")
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// How alike two vectors are.
fn cosine(a: &Vector, b: &Vector) -> f32 {
    let (a, b) = (a.to_f32(), b.to_f32());
    assert_eq!(a.len(), b.len());
    a.iter().zip(&b).map(|(a, b)| a * b).sum()
}

/// A key and the request that it came with.
type Asked = (Option<String>, Value);

/// A server on this machine that answers as it is told; what it was asked.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    async fn start(answer: impl Fn(&Value) -> Response + Clone + Send + Sync + 'static) -> Self {
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let seen = Arc::clone(&asked);
        let handler = move |request: axum::extract::Request| {
            let (seen, answer) = (Arc::clone(&seen), answer.clone());
            async move {
                let key = request.headers().get("authorization");
                let key = key.map(|key| key.to_str().unwrap().to_owned());
                let body = axum::body::to_bytes(request.into_body(), 64 << 20).await.unwrap();
                let body: Value = serde_json::from_slice(&body).unwrap_or_default();
                seen.lock().unwrap().push((key, body.clone()));
                answer(&body)
            }
        };
        let url = serve(Router::new().fallback(handler)).await;
        Self { url, asked }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// Serves on this machine until the test ends.
async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}
