//! The API of the instance whose events are read.
//!
//! Guards against an event that is lost between the start and the first one that comes: where the stream
//! begins is asked for before it is opened.

use std::{error::Error as _, time::Duration};

use http::{HeaderValue, StatusCode, header};
use reqwest::{Client, RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use url::{Host, Url};

use crate::{base::ids, features::events::seq_of};

const CONNECT: Duration = Duration::from_secs(5);
/// A line on which nothing comes for so long is lost: heartbeats come every 15 s.
const SILENT: Duration = Duration::from_secs(50);
/// Events that are asked for at once, the most that may be.
const AT_ONCE: i64 = 200;

/// An instance, and a key to its events.
pub(super) struct Source {
    http: Client,
    url: Url,
    authorization: HeaderValue,
}

/// Why there is no answer of use.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// It would be the same again.
    #[error("{0}")]
    Lasting(String),
    #[error("{words}")]
    Passing {
        words: String,
        /// How long we are asked to wait.
        wait: Option<Duration>,
    },
}

/// What a page of events says of where they are.
struct Page {
    /// The number of its last one; none: it is empty.
    last: Option<i64>,
    more: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    has_more: bool,
    next_cursor: Option<String>,
}

/// Where an API is: over a network only by TLS, since the key goes with each request.
pub(super) fn address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let here = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    let plain = url.username().is_empty() && url.password().is_none();
    let bare = url.query().is_none() && url.fragment().is_none();
    let safe = url.scheme() == "https" || (url.scheme() == "http" && here);
    (plain && bare && safe).then_some(url)
}

/// A key as it is sent; nothing when it cannot be one.
pub(super) fn authorization(key: &SecretString) -> Option<HeaderValue> {
    let key = key.expose_secret().trim();
    let good = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
    let mut value = good.then(|| HeaderValue::try_from(format!("Bearer {key}")).ok())??;
    value.set_sensitive(true);
    Some(value)
}

impl Source {
    pub(super) fn new(url: Url, authorization: HeaderValue) -> reqwest::Result<Self> {
        crate::app::install_crypto();
        let client = Client::builder()
            .user_agent(concat!("Waybill-Listen/", env!("CARGO_PKG_VERSION")))
            // The key is for this address alone.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .no_gzip()
            .connect_timeout(CONNECT)
            .read_timeout(SILENT);
        Ok(Self { http: client.build()?, url, authorization })
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The stream behind the event with this id.
    pub(super) async fn open(&self, after: &str) -> Result<Response, Trouble> {
        let ask = self.ask("/v1/events/stream", "text/event-stream").header("last-event-id", after);
        let answer = self.answer(ask).await?;
        if answer.status() != StatusCode::OK {
            return Err(self.refusal(answer).await);
        }
        let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if !kind.is_some_and(|kind| kind.starts_with("text/event-stream")) {
            return Err(self.stranger());
        }
        Ok(answer)
    }

    /// The number of the newest event; 0 when there is none. Lists begin with the oldest one, so it is looked
    /// for in steps that double, and then between the last two of them.
    pub(super) async fn newest(&self) -> Result<i64, Trouble> {
        let Page { last, mut more } = self.page(None).await?;
        let (mut newest, mut step, mut none) = (last.unwrap_or(0), AT_ONCE, None);
        while more {
            let probe = match none {
                None => newest.saturating_add(step),
                Some(none) if none - newest > 1 => newest + (none - newest) / 2,
                Some(_) => break,
            };
            let page = self.page(Some(probe)).await?;
            match page.last {
                Some(last) => (newest, more, step) = (last, page.more, step.saturating_mul(2)),
                None => none = Some(probe),
            }
        }
        Ok(newest)
    }

    /// The page behind this number, or the first one.
    async fn page(&self, after: Option<i64>) -> Result<Page, Trouble> {
        let after = after.map(ids::event);
        let mut ask = self.ask("/v1/events", "application/json").query(&[("limit", AT_ONCE.to_string())]);
        if let Some(after) = &after {
            ask = ask.query(&[("cursor", after)]);
        }
        let answer = self.answer(ask).await?;
        match answer.status() {
            StatusCode::OK => {
                let listed = answer.json::<Listed>().await.map_err(|_| self.stranger())?;
                let last = listed.next_cursor.filter(|last| after.as_ref() != Some(last));
                let last = last.and_then(|last| seq_of(&last));
                Ok(Page { more: listed.has_more && last.is_some(), last })
            }
            // Behind what there is, no number is a place.
            StatusCode::BAD_REQUEST if after.is_some() => Ok(Page { last: None, more: false }),
            _ => Err(self.refusal(answer).await),
        }
    }

    fn ask(&self, path: &str, accept: &'static str) -> RequestBuilder {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        let request = self.http.get(url).header(header::AUTHORIZATION, self.authorization.clone());
        request.header(header::ACCEPT, accept)
    }

    async fn answer(&self, ask: RequestBuilder) -> Result<Response, Trouble> {
        ask.send().await.map_err(|error| {
            let words = format!("{} does not answer: {}", self.url, cause(&error));
            Trouble::Passing { words, wait: None }
        })
    }

    /// What an answer other than 200 means.
    async fn refusal(&self, answer: Response) -> Trouble {
        let (status, wait) = (answer.status(), wait(&answer));
        let body = answer.json::<Value>().await.unwrap_or_default();
        let detail = body.get("detail").and_then(Value::as_str);
        match (status, detail) {
            (StatusCode::UNAUTHORIZED, Some(detail)) => {
                Trouble::Lasting(format!("{} refuses the key: {detail}", self.url))
            }
            (StatusCode::FORBIDDEN, Some(detail)) => {
                let url = &self.url;
                Trouble::Lasting(format!(
                    "{url} gives the key no events, it needs the scope `events`: {detail}"
                ))
            }
            (StatusCode::TOO_MANY_REQUESTS, _) => {
                Trouble::Passing { words: format!("{} has no room for it", self.url), wait }
            }
            (status, _) if status.is_server_error() => {
                let words = format!("{} cannot answer now ({})", self.url, status.as_u16());
                Trouble::Passing { words, wait }
            }
            (status, Some(detail)) => {
                Trouble::Lasting(format!("{} answers {}: {detail}", self.url, status.as_u16()))
            }
            (_, None) => self.stranger(),
        }
    }

    fn stranger(&self) -> Trouble {
        Trouble::Lasting(format!("--url: what answers at {} is no Waybill", self.url))
    }
}

fn wait(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// What is behind an error of the client: its own words only repeat the address.
pub(super) fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "nothing came in time".to_owned();
    }
    let (mut words, mut below) = (error.to_string(), error.source());
    while let Some(cause) = below {
        words = cause.to_string();
        below = cause.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_only_over_tls_or_to_this_machine() {
        for good in [
            "http://127.0.0.1:3000",
            "http://localhost:3000/",
            "http://[::1]:3000",
            "https://waybill.example/api",
        ] {
            assert!(address(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:3000",
            "http://waybill.example",
            "http://10.0.0.7:3000",
            "ftp://127.0.0.1",
            "https://key@waybill.example",
            "https://waybill.example/?key=x",
        ] {
            assert!(address(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_key_is_one_word_and_is_not_shown() {
        let read = |text: &str| authorization(&SecretString::from(text));
        let key = read(" wbk_test_1\n").unwrap();
        assert_eq!(key.as_bytes(), b"Bearer wbk_test_1");
        assert!(!format!("{key:?}").contains("wbk"));
        assert!(read("").is_none() && read("two words").is_none() && read("k\u{e9}y").is_none());
    }
}
