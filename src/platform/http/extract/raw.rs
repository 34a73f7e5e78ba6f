//! A body as it is: a file, of whatever type. Guards against one that is larger than its route takes,
//! whatever it says of itself.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::header;

use super::json::{check_encoding, read};
use crate::platform::http::{Kind, Problem};

/// At most `MOST` bytes. Refusals: 415 with a content encoding, 413 above the limit.
#[derive(Clone, Debug, Default)]
pub struct RawBody<const MOST: usize>(pub Bytes);

impl<S: Send + Sync, const MOST: usize> FromRequest<S> for RawBody<MOST> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        check_encoding(request.headers()).map_err(|why| Problem::new(Kind::UnsupportedMediaType, why))?;
        let waits = request.headers().contains_key(header::EXPECT);
        read(request.into_body(), MOST, waits).await.map(Self)
    }
}
