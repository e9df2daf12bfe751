//! Requests that a proxy in front could understand otherwise than the host (request smuggling):
//! refused, or the last of their connection.

use meanwhile::http::Bounds;

use crate::edge::{Edge, HEALTH};

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_a_request_with_two_lengths_is_never_read() {
    let edge = Edge::open(Bounds::default()).await;
    for lengths in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        // One length only, but in the way that makes the trick possible.
        "Transfer-Encoding: chunked\r\n",
    ] {
        let mut wire = edge.wire().await;
        let head = format!("POST /api/jobs HTTP/1.1\r\nHost: localhost\r\n{lengths}\r\n");
        wire.send(format!("{head}2\r\n{{}}\r\n0\r\n\r\n{HEALTH}")).await;
        let answer = wire.answer().await;
        assert_eq!((answer.status, answer.header("connection")), (400, Some("close")));
        assert_eq!(wire.rest().await, "", "{lengths:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_malformed_is_refused_and_ends_the_connection() {
    let edge = Edge::open(Bounds::default()).await;
    for headers in [
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Content-Length: +4\r\n",
        "Content-Length: 4, 5\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Content-Length : 4\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "X-Folded: a\r\n b\r\n",
        "X-Nul: a\0b\r\n",
        "no header\r\n",
    ] {
        let mut wire = edge.wire().await;
        wire.send(format!(
            "POST /api/jobs HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n{{}}\r\n{HEALTH}"
        ))
        .await;
        assert_eq!(wire.answer().await.status, 400, "{headers:?}");
        assert_eq!(wire.rest().await, "", "{headers:?}");
    }
    let mut wire = edge.wire().await;
    let old = "POST /api/jobs HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    wire.send(format!("{old}{HEALTH}")).await;
    assert_eq!(wire.answer().await.status, 400);
    assert_eq!(wire.rest().await, "");
    // Chunks that are none.
    let mut wire = edge.wire().await;
    let head = "POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    wire.send(format!("{head}-1\r\n{HEALTH}")).await;
    assert_eq!(wire.answer().await.status, 400);
    assert_eq!(wire.rest().await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_for_one_host() {
    let edge = Edge::open(Bounds::default()).await;
    for (request, status) in [
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\n", 200),
        (
            "GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n",
            200,
        ),
        ("GET /healthz HTTP/1.1\r\n", 403),
        ("GET /healthz HTTP/1.0\r\n", 403),
        ("GET /healthz HTTP/1.1\r\nHost: evil.test\r\n", 403),
        (
            "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.test\r\n",
            403,
        ),
        (
            "GET http://evil.test/healthz HTTP/1.1\r\nHost: localhost\r\n",
            403,
        ),
        (
            "GET http://localhost/healthz HTTP/1.1\r\nHost: evil.test\r\n",
            403,
        ),
    ] {
        let mut wire = edge.wire().await;
        wire.send(format!("{request}\r\n")).await;
        assert_eq!(wire.answer().await.status, status, "{request:?}");
    }
}
