//! Reading a request's body, all of it, before anything is done for it.

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::Response;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::Bounds;
use super::error::Failure;

/// The bytes of a body of at most `bytes_max`, or why there are none.
pub(super) async fn read(body: Body, bytes_max: usize, bounds: &Bounds) -> Result<Bytes, Response> {
    let reading = tokio::time::timeout(bounds.body_time, Limited::new(body, bytes_max).collect());
    match reading.await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(bytes_max)),
        Ok(Err(error)) => {
            let message = format!("the body did not arrive whole: {error}");
            Err(Failure::new("invalid_argument", &message).ending(StatusCode::BAD_REQUEST))
        }
        Err(_) => {
            let message = format!(
                "the body did not arrive within {} s: send it again",
                bounds.body_time.as_secs_f32()
            );
            Err(Failure::new("unavailable", &message).ending(StatusCode::REQUEST_TIMEOUT))
        }
    }
}

/// Refuses a body that says it is too large, before a byte of it is read.
pub(super) fn check_announced(headers: &axum::http::HeaderMap, bytes_max: usize) -> Result<(), Response> {
    let announced = headers.get(header::CONTENT_LENGTH);
    let length: Option<u64> = announced.and_then(|it| it.to_str().ok()?.parse().ok());
    if length.is_some_and(|length| length > bytes_max as u64) {
        return Err(too_large(bytes_max));
    }
    Ok(())
}

fn too_large(bytes_max: usize) -> Response {
    let message = format!("the body has more than {bytes_max} bytes");
    Failure::new("invalid_argument", &message).ending(StatusCode::PAYLOAD_TOO_LARGE)
}
