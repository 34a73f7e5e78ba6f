//! Hands texts to the service that sends them to phones, in the form that its settings describe.

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::sender::{Outgoing, SendError, Sender};
use crate::{
    base::clock::Clock,
    platform::{
        config::Texts,
        outbound::{Answer, CallError, Form, Outbound, Rules, header as one_header},
    },
};

/// The same for each try of a text, for gateways that tell it apart from a new one by this.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A gateway.
pub struct Gateway {
    outbound: Outbound,
    clock: Clock,
    /// May hold a key of ours.
    url: SecretString,
    header: Option<(HeaderName, HeaderValue)>,
    form: Form,
    expect: String,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").finish_non_exhaustive()
    }
}

impl Gateway {
    /// # Errors
    /// What is wrong with the settings, in words that have no secret.
    pub fn new(texts: &Texts, clock: Clock) -> Result<Self, &'static str> {
        // The operator's own choice: it may well be a machine of the own network.
        let rules = Rules { allow_private: true };
        Ok(Self {
            outbound: Outbound::new(rules).map_err(|_| "has no client: the certificates cannot be read")?,
            clock,
            url: texts.url.clone(),
            header: one_header(&texts.header).map_err(|_| "has no good header")?,
            form: Form::new(&texts.body).map_err(|_| "has no good body")?,
            expect: texts.expect.clone(),
        })
    }

    fn headers(&self, id: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, self.form.content_type());
        if let Ok(id) = HeaderValue::from_str(id) {
            headers.insert(KEY, id);
        }
        // The operator's own counts for more than ours.
        if let Some((name, value)) = &self.header {
            headers.insert(name, value.clone());
        }
        headers
    }
}

#[async_trait]
impl Sender for Gateway {
    async fn send(&self, text: &Outgoing<'_>) -> Result<(), SendError> {
        let url = Url::parse(self.url.expose_secret().trim());
        let url = url.map_err(|_| SendError::Later("texts.url is no address".to_owned()))?;
        let body = self.form.fill(|gap| match gap {
            "to" => text.to,
            "digits" => text.to.trim_start_matches('+'),
            "text" => text.words.text.trim(),
            "kind" => text.kind,
            _ => text.id,
        });
        let sent = self.outbound.post(&url, self.headers(text.id), body, self.clock.now()).await;
        judged(sent, &self.expect)
    }
}

/// What an answer says. None, or an error of the gateway's own, may come after it took the text.
fn judged(sent: Result<Answer, CallError>, expect: &str) -> Result<(), SendError> {
    match sent {
        Ok(Answer { status: 200..=299, first, .. }) if expect.is_empty() || first.contains(expect) => Ok(()),
        // Not again: a wrong setting would send everything three times.
        Ok(Answer { status: 200..=299, .. }) => {
            Err(SendError::Never("the gateway's answer does not have what texts.expect wants".to_owned()))
        }
        Ok(Answer { status: status @ (429 | 503), .. }) => {
            Err(SendError::Later(format!("the gateway cannot take it now ({status})")))
        }
        Ok(Answer { status: status @ (408 | 500..=599), .. }) => {
            Err(SendError::Unclear(format!("the gateway did not say whether it took it ({status})")))
        }
        // Our own key or address is wrong: an operator mends that within the day.
        Ok(Answer { status: status @ (300..=399 | 401 | 402 | 403 | 404), .. }) => {
            Err(SendError::Later(format!("the gateway refuses us ({status})")))
        }
        Ok(Answer { status, .. }) => Err(SendError::Never(format!("the gateway refuses it ({status})"))),
        Err(CallError::TimedOut | CallError::Cut) => {
            Err(SendError::Unclear("the gateway did not say whether it took it".to_owned()))
        }
        Err(_) => Err(SendError::Later("the gateway cannot be reached".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, first: &str) -> Result<Answer, CallError> {
        Ok(Answer { status, retry_after: None, first: first.to_owned() })
    }

    #[test]
    fn an_answer_is_taken_not_yet_never_or_unclear() {
        assert_eq!(judged(answered(202, ""), ""), Ok(()));
        assert_eq!(judged(answered(200, r#"{"type":"success"}"#), "\"success\""), Ok(()));
        let unclear = [
            judged(answered(500, ""), ""),
            judged(Err(CallError::TimedOut), ""),
            judged(Err(CallError::Cut), ""),
        ];
        assert!(unclear.iter().all(|one| matches!(one, Err(SendError::Unclear(_)))), "{unclear:?}");
        let later = [
            judged(answered(429, ""), ""),
            judged(answered(402, "no credit"), ""),
            judged(answered(301, ""), ""),
            judged(Err(CallError::NoConnection), ""),
            judged(Err(CallError::UnknownHost), ""),
        ];
        assert!(later.iter().all(|one| matches!(one, Err(SendError::Later(_)))), "{later:?}");
        for status in [200, 400, 422] {
            let refused = judged(answered(status, r#"{"type":"error"}"#), "\"success\"");
            assert!(matches!(refused, Err(SendError::Never(_))), "{status}");
        }
    }
}
