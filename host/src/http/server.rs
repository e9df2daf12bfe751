//! Connections: accepted, bounded, closed.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, Response, header};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;

use super::Bounds;
use crate::limits::RETRY_WAIT_MAX;

/// Whose connection a request came over; a reverse proxy's, where there is one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

/// Serves a router until `stop` ends: then requests under way get their grace time, and every
/// connection is closed. It is so as well when the future is dropped, without the grace time.
pub async fn serve(listener: TcpListener, router: Router, bounds: Bounds, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(bounds.connections));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(bounds.head_time)
        .max_headers(bounds.headers)
        .max_header_size(bounds.head_bytes)
        .max_buf_size(bounds.head_bytes);
    let watch = GracefulShutdown::new();
    let closed = CancellationToken::new();
    let close = closed.clone().drop_guard();
    let mut stop = pin!(stop);
    loop {
        let next = async {
            // The semaphore is never closed.
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (place, accept(&listener).await)
        };
        let (place, (stream, peer)) = tokio::select! {
            () = &mut stop => break,
            next = next => next,
        };
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(bounds.write_time));
        let router = TowerToHyperService::new(router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            let chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
            let answer = router.call(request);
            async move { Ok::<_, Infallible>(last_if(chunked, answer.await?)) }
        });
        let connection = watch.watch(http.serve_connection(TokioIo::new(Box::pin(stream)), service));
        let closed = closed.clone();
        tokio::spawn(async move {
            let ended = tokio::select! {
                ended = connection => ended,
                () = closed.cancelled() => Ok(()),
            };
            if let Err(error) = ended {
                tracing::debug!(%peer, %error, "a connection failed");
            }
            drop(place);
        });
    }
    drop(listener);
    // What is still open then, such as a stream that a client holds, is closed with `close`.
    let _ = tokio::time::timeout(bounds.close_grace, watch.shutdown()).await;
    drop(close);
}

/// The next connection. That there is none for want of file descriptors passes.
async fn accept(listener: &TcpListener) -> (TcpStream, IpAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are written whole: to wait for more only delays them.
                let _ = stream.set_nodelay(true);
                return (stream, peer.ip().to_canonical());
            }
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
                ) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                tokio::time::sleep(RETRY_WAIT_MAX).await;
            }
        }
    }
}

/// Makes the answer to a chunked request its connection's last. A request that says its length in
/// two ways may end at different places for a proxy in front and for us; what follows it is never
/// read (RFC 9112, section 6.1: the server must close the connection).
fn last_if<B>(last: bool, mut response: Response<B>) -> Response<B> {
    if last {
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
