//! Every bound of connections and requests, over a raw connection.

use std::time::Duration;

use meanwhile::http::Bounds;
use tokio::io::AsyncWriteExt as _;

use crate::edge::{Edge, HEALTH, SHORT, post, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_come_ends_the_connection() {
    let edge = Edge::open(Bounds {
        head_time: SHORT,
        ..Bounds::default()
    })
    .await;
    for sent in ["", "GET /healthz HTTP/1.1\r\nHost: local"] {
        let mut wire = edge.wire().await;
        wire.send(sent).await;
        assert_eq!(wire.rest().await, "", "{sent:?}");
    }
    // Nor does one that was answered stay open for nothing.
    let mut wire = edge.wire().await;
    wire.send(HEALTH).await;
    assert_eq!(wire.answer().await.status, 200);
    assert_eq!(wire.rest().await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_has_a_number_of_headers_and_of_bytes() {
    let bounds = Bounds {
        headers: 8,
        head_bytes: 8_192,
        ..Bounds::default()
    };
    let edge = Edge::open(bounds).await;
    let health = |headers: &str| format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    let many = "X-Filler: x\r\n".repeat(8);
    let long = format!("X-Filler: {}\r\n", "x".repeat(8_192));
    for (headers, status) in [
        (&many[..many.len() - "X-Filler: x\r\n".len()], 200),
        (many.as_str(), 431),
        (long.as_str(), 431),
    ] {
        let mut wire = edge.wire().await;
        wire.send(health(headers)).await;
        assert_eq!(wire.answer().await.status, status);
    }
    let mut wire = edge.wire().await;
    let target = "x".repeat(8_192);
    wire.send(format!("GET /{target} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        .await;
    assert!(matches!(wire.answer().await.status, 414 | 431));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_its_limit_is_refused_however_it_comes() {
    let bounds = Bounds {
        body_bytes: 100,
        ..Bounds::default()
    };
    let edge = Edge::open(bounds).await;
    for path in ["/api/jobs", "/mcp", "/nowhere"] {
        // Announced: not a byte of it is waited for.
        let mut wire = edge.wire().await;
        wire.send(post(path, 101)).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, 413, "{path}");
        assert!(answer.body.contains("more than 100 bytes"), "{}", answer.body);
        assert_eq!(wire.rest().await, "");
        // Not announced.
        let mut wire = edge.wire().await;
        let chunk = format!("65\r\n{}\r\n", "x".repeat(0x65));
        let head = post(path, 0).replace("Content-Length: 0", "Transfer-Encoding: chunked");
        wire.send(format!("{head}{chunk}")).await;
        assert_eq!(wire.answer().await.status, 413, "{path}");
        assert_eq!(wire.rest().await, "");
    }
    let mut wire = edge.wire().await;
    wire.send(format!("{}{}", post("/api/jobs", 100), " ".repeat(100)))
        .await;
    assert_eq!(
        wire.answer().await.status,
        400,
        "the body was read: it lacks a title"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_trickles_is_not_waited_for() {
    let bounds = Bounds {
        body_time: SHORT,
        ..Bounds::default()
    };
    let edge = Edge::open(bounds).await;
    for path in ["/api/jobs", "/mcp"] {
        let mut wire = edge.wire().await;
        wire.send(format!("{}{{\"title\"", post(path, 1_000))).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, 408, "{path}");
        assert!(answer.body.contains("send it again"), "{}", answer.body);
        assert_eq!(wire.rest().await, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_takes_too_long_is_told_so() {
    let bounds = Bounds {
        answer_time: Duration::ZERO,
        ..Bounds::default()
    };
    let edge = Edge::open(bounds).await;
    // A component that is new to the host, by an empty section at its end: it has to compile it.
    let mut component = meanwhile::COMPONENT.to_vec();
    component.extend([0, 2, 1, b'x']);
    let mut wire = edge.wire().await;
    wire.send(post("/api/components", component.len())).await;
    wire.send(component).await;
    let answer = wire.answer().await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("no answer in time"), "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_no_answers_is_left_alone() {
    let bounds = Bounds {
        write_time: SHORT,
        ..Bounds::default()
    };
    let edge = Edge::open(bounds).await;
    let mut wire = edge.wire().await;
    let many = HEALTH.repeat(1_000);
    // Until every buffer between the two is full, and then until the host has had enough.
    soon("the connection's end", async {
        while wire.stream.write_all(many.as_bytes()).await.is_ok() {}
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_connections_than_there_are_places_wait() {
    let bounds = Bounds {
        connections: 1,
        ..Bounds::default()
    };
    let edge = Edge::open(bounds).await;
    let (mut first, mut second) = (edge.wire().await, edge.wire().await);
    second.send(HEALTH).await;
    for _ in 0..100 {
        first.send(HEALTH).await;
        assert_eq!(first.answer().await.status, 200);
    }
    let nothing = second.stream.try_read(&mut [0; 1]);
    assert_eq!(nothing.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    drop(first);
    assert_eq!(second.answer().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_end_idle_connections_are_closed_and_requests_under_way_are_answered() {
    let edge = Edge::open(Bounds {
        close_grace: Duration::from_secs(60),
        ..Bounds::default()
    })
    .await;
    let (mut idle, mut busy) = (edge.wire().await, edge.wire().await);
    idle.send(HEALTH).await;
    assert_eq!(idle.answer().await.status, 200);
    // It is under way once the host asks for its body.
    let head = post("/api/jobs", 2).replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
    busy.send(head).await;
    assert_eq!(busy.answer().await.status, 100);
    edge.stop.cancel();
    assert_eq!(idle.rest().await, "");
    busy.send("{}").await;
    let answer = busy.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (400, Some("close")));
    soon("the server's end", edge.served).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_never_ends_does_not_hold_up_the_end() {
    let edge = Edge::open(Bounds {
        close_grace: SHORT,
        ..Bounds::default()
    })
    .await;
    let mut wire = edge.wire().await;
    let head = post("/api/jobs", 2).replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
    wire.send(head).await;
    assert_eq!(wire.answer().await.status, 100);
    edge.stop.cancel();
    soon("the server's end", edge.served).await.unwrap();
    assert_eq!(wire.rest().await, "");
}
