//! The events of one order over a WebSocket, at the path that older clients know.
//!
//! Guards against sockets that die without a word: each ends with a close that says why, so that clients know
//! whether to come back. Whoever does not read is cut; what a client sends is not needed, and bounded.

use std::time::Duration;

use axum::{
    extract::{
        State,
        ws::{
            CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection,
        },
    },
    response::Response,
};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite;

use super::{TAG, lists::bad_cursor, query::EventsQuery, watcher::Watcher};
use crate::{
    features::{
        Services,
        events::{
            feed::{Bye, Listener, Next, Quiet},
            seq_of,
        },
        orders::routes::{OrderId, no_such_order},
    },
    platform::{
        http::{Kind, Problem, ValidQuery},
        telemetry::Counter,
    },
};

static ENDED: Counter = Counter::new("waybill_websockets_ended_total", "WebSockets that ended, by reason.");

/// What clients may ask for as a subprotocol.
const PROTOCOL: &str = "waybill.v1";
/// Largest message of a client, in bytes: none is needed.
const LARGEST: usize = 4096;
/// How long the other side's close is waited for.
const FAREWELL: Duration = Duration::from_secs(1);

/// The process stops. Not 1012, "service restart": some libraries take that for a protocol error.
const GOING_AWAY: u16 = 1001;
const TOO_LARGE: u16 = 1009;
const UNAUTHORIZED: u16 = 4001;
const SILENT: u16 = 4002;

/// Watch an order
///
/// A WebSocket: each message is an event of this order as in `GET /v1/events`, from now on or behind
/// `?cursor=`. Closes: 1001, the service restarts: come again; 1009, you sent a message of more than 4 KiB;
/// 4001, your token is not valid any more; 4002, you have not answered pings: come again. A client that does
/// not read is cut. In browsers with `?ticket=`. The subprotocol, if you offer any, is `waybill.v1`.
#[utoipa::path(get, path = "/ws/orders/{id}", tag = TAG, operation_id = "watchOrder",
    params(("id" = String, Path, description = "The order's id, `ord_…`"), EventsQuery),
    responses(
        (status = 101, description = "The WebSocket"),
        (status = 400, description = "No WebSocket, an unknown subprotocol, or a bad parameter; or the \
            cursor is the id of no event, or the events behind it are not kept any more"),
        (status = 404, description = "No order of yours has this id"),
        (status = 429, description = "Too many streams"),
    ))]
pub(super) async fn watch_order(
    State(services): State<Services>,
    watcher: Watcher,
    OrderId(id): OrderId,
    ValidQuery(query): ValidQuery<EventsQuery>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    services.orders.of_user(&watcher.merchant, &id).await?.ok_or_else(no_such_order)?;
    let upgrade =
        upgrade.map_err(|_| Problem::new(Kind::BadRequest, "This path is a WebSocket (RFC 6455)."))?;
    let upgrade = upgrade.protocols([PROTOCOL]);
    if upgrade.selected_protocol().is_none() && upgrade.requested_protocols().next().is_some() {
        // Clients that offer one and are given none fail, each in its own way.
        return Err(Problem::new(
            Kind::BadRequest,
            "The only subprotocol is waybill.v1; you may offer none.",
        ));
    }
    let after = query.cursor.as_deref().map(|id| seq_of(id).ok_or_else(bad_cursor)).transpose()?;
    let listener = services.feed.listen(&watcher.merchant, after).await?.about(&id);
    if listener.has_missed() {
        return Err(bad_cursor());
    }
    // Thousands are open, and their messages are small.
    let upgrade = upgrade
        .read_buffer_size(1024)
        .write_buffer_size(0)
        .max_write_buffer_size(1024 * 1024)
        .max_message_size(LARGEST)
        .max_frame_size(LARGEST);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let reason = watch(socket, listener, &watcher).await;
        ENDED.increment(&[("reason", reason)]);
        tracing::debug!(reason, "a WebSocket ended");
    }))
}

/// Sends until one side ends it, and says why.
async fn watch(mut socket: WebSocket, mut listener: Listener, watcher: &Watcher) -> &'static str {
    let still = || async { watcher.still().await };
    let (mut heard, quiet) = (Instant::now(), listener.quiet());
    loop {
        let next = tokio::select! {
            biased;
            received = socket.recv() => match received {
                None => return "gone",
                Some(Ok(Message::Close(_))) => return end(&mut socket, quiet, None).await,
                Some(Ok(_)) => {
                    heard = Instant::now();
                    continue;
                }
                Some(Err(error)) if is_too_large(&error) => {
                    let words = "messages may have 4096 bytes";
                    end(&mut socket, quiet, Some((TOO_LARGE, words))).await;
                    return "too_large";
                }
                Some(Err(_)) => return "gone",
            },
            next = listener.next(&still) => next,
        };
        let sent = match next {
            Next::Frames(frames) => {
                let mut all = Ok(());
                for frame in frames {
                    let Ok(text) = Utf8Bytes::try_from(frame.json()) else { continue };
                    all = send(&mut socket, quiet, Message::Text(text)).await;
                    if all.is_err() {
                        break;
                    }
                }
                all
            }
            Next::Heartbeat if heard.elapsed() > quiet.silent => {
                end(&mut socket, quiet, Some((SILENT, "you do not answer pings"))).await;
                return "silent";
            }
            Next::Heartbeat => send(&mut socket, quiet, Message::Ping(Vec::new().into())).await,
            Next::End(Bye::Stopping) => {
                end(&mut socket, quiet, Some((GOING_AWAY, "the service restarts"))).await;
                return "stopping";
            }
            Next::End(Bye::Unauthorized) => {
                end(&mut socket, quiet, Some((UNAUTHORIZED, "the token is not valid any more"))).await;
                return "unauthorized";
            }
        };
        if let Err(reason) = sent {
            return reason;
        }
    }
}

/// Sends one message, in time or not at all.
async fn send(socket: &mut WebSocket, quiet: Quiet, message: Message) -> Result<(), &'static str> {
    match timeout(quiet.slow, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err("gone"),
        Err(_) => {
            tracing::info!("a WebSocket was cut: its client does not read");
            Err("slow")
        }
    }
}

/// Says why it ends, and waits a moment for the other side, so that the words arrive.
async fn end(socket: &mut WebSocket, quiet: Quiet, why: Option<(u16, &'static str)>) -> &'static str {
    if let Some((code, reason)) = why {
        let close = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        if send(socket, quiet, Message::Close(Some(close))).await.is_err() {
            return "gone";
        }
    }
    let rest = async { while let Some(Ok(_)) = socket.recv().await {} };
    // In time or not: what was to be said is said.
    drop(timeout(FAREWELL, rest).await);
    "closed"
}

fn is_too_large(error: &axum::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<tungstenite::Error>());
    matches!(cause, Some(tungstenite::Error::Capacity(_)))
}
