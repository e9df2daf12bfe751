//! What clients may take of the edge before they are anybody's.

use std::time::Duration;

use crate::limits;

/// The bounds of connections and requests. The defaults are those of [`crate::limits`].
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections open at once.
    pub connections: usize,
    /// Bytes of a request's head, at least 8,192.
    pub head_bytes: usize,
    /// Headers in a head.
    pub headers: usize,
    /// Until a head is there, and until the next one is.
    pub head_time: Duration,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// Bytes of a component that an operator uploads.
    pub upload_bytes: usize,
    /// Until a body is there.
    pub body_time: Duration,
    /// Until the answer is.
    pub answer_time: Duration,
    /// Without a client taking anything of its answer.
    pub write_time: Duration,
    /// For requests under way when the server ends.
    pub close_grace: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: limits::HTTP_CONNECTIONS_MAX,
            head_bytes: limits::HTTP_HEAD_BYTES_MAX,
            headers: limits::HTTP_HEADERS_MAX,
            head_time: limits::HTTP_HEAD_TIME,
            body_bytes: limits::HTTP_BODY_BYTES_MAX,
            // The loader itself tells what is a byte too large.
            upload_bytes: limits::COMPONENT_BYTES_MAX + 1,
            body_time: limits::HTTP_BODY_TIME,
            answer_time: limits::HTTP_ANSWER_TIME,
            write_time: limits::HTTP_WRITE_TIME,
            close_grace: limits::HTTP_CLOSE_GRACE,
        }
    }
}
