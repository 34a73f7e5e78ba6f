//! Turns a reply into an HTTP response, or into one that is broken on purpose.

use std::{
    io::{self, Write},
    sync::OnceLock,
    time::Duration,
};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use futures_util::{StreamExt, stream};
use http::{HeaderName, HeaderValue, StatusCode, header};

use super::{answer::Answer, call::Reply};

/// A response, and how much of it reaches the client.
#[derive(Debug)]
pub(super) enum Sent {
    Whole(Response),
    /// Cut on purpose, after this status was sent.
    Cut(Response, u16),
    /// Closed without a byte.
    Silence,
}

const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=UTF-8";
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Error</title></head>\
    <body><h1>An Error Was Encountered</h1></body></html>\n";

/// `target`: path and query of the call.
pub(super) fn build(answer: &Answer, reply: Reply, target: &str) -> Sent {
    let status = reply.status;
    let full = Bytes::from(reply.body);
    let half = full.slice(..full.len() / 2);
    let whole =
        |status: u16, kind: &'static str, body: Bytes| Sent::Whole(response(status, kind, Body::from(body)));
    match answer {
        Answer::LostAfterBooking | Answer::LostBeforeBooking => Sent::Silence,
        Answer::CutBody => {
            let length = HeaderValue::from(full.len());
            Sent::Cut(with(response(status, JSON, cut_after(half)), header::CONTENT_LENGTH, length), status)
        }
        Answer::Html200 => whole(200, HTML, Bytes::from_static(PAGE.as_bytes())),
        Answer::Html502 => whole(502, HTML, Bytes::from_static(PAGE.as_bytes())),
        Answer::Empty200 => whole(200, JSON, Bytes::new()),
        Answer::TruncatedJson => whole(status, JSON, half),
        Answer::WrongContentType => whole(status, HTML, full),
        Answer::InvalidUtf8 => whole(status, JSON, invalid_utf8(&full)),
        Answer::DuplicateKeys => whole(status, JSON, duplicate_status(&full)),
        Answer::GzipBomb => match bomb(&full) {
            Ok(body) => Sent::Whole(with(
                response(status, JSON, Body::from(body)),
                header::CONTENT_ENCODING,
                HeaderValue::from_static("gzip"),
            )),
            Err(error) => {
                tracing::error!(%error, "the gzip bomb could not be built");
                Sent::Silence
            }
        },
        Answer::HugeBody => Sent::Whole(response(status, JSON, huge())),
        Answer::Redirect { to } => {
            let location = HeaderValue::from_str(&format!("{}{target}", to.trim_end_matches('/')));
            let location = location.unwrap_or_else(|_| HeaderValue::from_static("/"));
            Sent::Whole(with(response(307, HTML, Body::empty()), header::LOCATION, location))
        }
        Answer::Status { retry_after: Some(text), .. } => {
            let retry_after = HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("0"));
            Sent::Whole(with(response(status, JSON, Body::from(full)), header::RETRY_AFTER, retry_after))
        }
        Answer::Normal
        | Answer::HangAfterBooking { .. }
        | Answer::StatusTrueWithoutAwb
        | Answer::OtherReference
        | Answer::AwbOfAnother
        | Answer::Status { .. } => whole(status, JSON, full),
    }
}

pub(super) fn response(status: u16, kind: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    with(response, header::CONTENT_TYPE, HeaderValue::from_static(kind))
}

fn with(mut response: Response, name: HeaderName, value: HeaderValue) -> Response {
    response.headers_mut().insert(name, value);
    response
}

fn torn() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "cut on purpose")
}

/// Closes the connection without a byte. hyper writes the headers and the first body frame into its buffer
/// before it flushes: if the body fails at the first poll, the connection is dropped with the headers unsent.
/// Layers around the router pass the error on.
pub(super) fn closed() -> Response {
    Response::new(Body::from_stream(stream::once(async { Err::<Bytes, _>(torn()) })))
}

/// The pause lets hyper, and a compressing layer around the router, flush their data.
fn cut_after(part: Bytes) -> Body {
    let end = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        Err(torn())
    };
    Body::from_stream(stream::iter([Ok(part)]).chain(stream::once(end)))
}

/// 50 MB of JSON in pieces of 64 KiB.
fn huge() -> Body {
    static PIECE: [u8; 65_536] = [b'x'; 65_536];
    let middle = stream::iter(0..763).map(|_| Bytes::from_static(&PIECE));
    let pieces = stream::iter([Bytes::from_static(br#"{"status":true,"responsemsg":""#)]).chain(middle);
    let pieces = pieces.chain(stream::iter([Bytes::from_static(br#""}"#)]));
    Body::from_stream(pieces.map(Ok::<_, io::Error>))
}

/// Inserts a byte that is not UTF-8 at the start of the first string, or of the whole text if there is none.
fn invalid_utf8(json: &[u8]) -> Bytes {
    let at = json.windows(2).position(|w| w == b":\"").map_or(0, |at| at.saturating_add(2));
    let (before, after) = json.split_at_checked(at).unwrap_or((json, &[]));
    [before, b"\xFF", after].concat().into()
}

/// `status` twice: a reader that keeps the first value gets the opposite of one that keeps the last.
fn duplicate_status(json: &[u8]) -> Bytes {
    let wrong: &[u8] =
        if json.starts_with(br#"{"status":true"#) { br#"{"status":false,"# } else { br#"{"status":true,"# };
    [wrong, json.strip_prefix(b"{").unwrap_or(json)].concat().into()
}

const BLANK: usize = 1 << 20;
const BLANKS: usize = 64;

/// One gzip member that inflates to 64 MiB of blanks and `json`. The deflate blocks of one mebibyte are made
/// once and repeated, since they do not refer to earlier data.
fn bomb(json: &[u8]) -> io::Result<Bytes> {
    static BLANK_BLOCKS: OnceLock<(Vec<u8>, Crc)> = OnceLock::new();
    let blank = match BLANK_BLOCKS.get() {
        Some(blank) => blank,
        None => {
            let text = vec![b' '; BLANK];
            let made = (blocks(&text, FlushCompress::Full)?, sum(&text));
            BLANK_BLOCKS.get_or_init(|| made)
        }
    };
    let mut whole = Crc::new();
    let mut file = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF];
    for _ in 0..BLANKS {
        file.write_all(&blank.0)?;
        whole.combine(&blank.1);
    }
    file.write_all(&blocks(json, FlushCompress::Finish)?)?;
    whole.combine(&sum(json));
    file.write_all(&whole.sum().to_le_bytes())?;
    file.write_all(&whole.amount().to_le_bytes())?;
    Ok(file.into())
}

fn sum(text: &[u8]) -> Crc {
    let mut crc = Crc::new();
    crc.update(text);
    crc
}

/// Raw deflate of `text`, ended with `flush`.
fn blocks(text: &[u8], flush: FlushCompress) -> io::Result<Vec<u8>> {
    let mut packed = Vec::with_capacity(text.len().saturating_add(256));
    let status = Compress::new(Compression::best(), false)
        .compress_vec(text, &mut packed, flush)
        .map_err(io::Error::other)?;
    match status {
        Status::BufError => Err(io::Error::other("the buffer was too small")),
        Status::Ok | Status::StreamEnd => Ok(packed),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn the_bomb_is_one_valid_gzip_member() {
        let packed = bomb(br#"{"status":true}"#).unwrap();
        assert!(packed.len() < 1 << 20, "{} bytes on the wire", packed.len());
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut text).unwrap();
        assert_eq!(text.len(), BLANK * BLANKS + 15);
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(value["status"], true);
    }

    #[test]
    fn bodies_get_the_invalid_byte_and_the_second_status() {
        let json = br#"{"status":true,"responsemsg":"ok"}"#;
        assert!(std::str::from_utf8(&invalid_utf8(json)).is_err());
        assert_eq!(duplicate_status(json), &br#"{"status":false,"status":true,"responsemsg":"ok"}"#[..]);
        assert_eq!(duplicate_status(br#"{"status":false}"#), &br#"{"status":true,"status":false}"#[..]);
    }
}
