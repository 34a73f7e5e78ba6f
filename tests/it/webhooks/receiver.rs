//! A server of a merchant, which answers as the test says.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;

/// What arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Arrived {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn id(&self) -> &str {
        self.header("webhook-id")
    }

    pub(crate) fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// Whether one of its signatures is of this secret, as the standard says it is made.
    pub(crate) fn is_signed_with(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let message = format!("{}.{}.{}", self.id(), self.header("webhook-timestamp"), self.text);
        let mac = Hmac::<Sha256>::new_from_slice(&key).unwrap().chain_update(message);
        let right = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.header("webhook-signature").split(' ').any(|given| given == right)
    }
}

type Answers = Box<dyn Fn(usize) -> Option<Response> + Send + Sync>;

struct Shared {
    arrived: Mutex<Vec<Arrived>>,
    answers: Mutex<Answers>,
}

#[derive(Clone)]
pub(crate) struct Receiver {
    shared: Arc<Shared>,
    pub(crate) url: String,
}

impl Receiver {
    /// One that answers 200.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let ok: Answers = Box::new(|_| Some(StatusCode::OK.into_response()));
        let shared = Arc::new(Shared { arrived: Mutex::default(), answers: Mutex::new(ok) });
        let router = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { shared, url }
    }

    /// The answer to the n-th request from now on, counted from 0; none: it never comes.
    pub(crate) fn answers(&self, answers: impl Fn(usize) -> Option<Response> + Send + Sync + 'static) {
        *self.shared.answers.lock().unwrap() = Box::new(answers);
    }

    pub(crate) fn always(&self, status: u16) {
        let status = StatusCode::from_u16(status).unwrap();
        self.answers(move |_| Some(status.into_response()));
    }

    /// What arrived since the last time.
    pub(crate) fn take(&self) -> Vec<Arrived> {
        std::mem::take(&mut self.shared.arrived.lock().unwrap())
    }

    pub(crate) fn count(&self) -> usize {
        self.shared.arrived.lock().unwrap().len()
    }
}

async fn receive(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let n = {
        let mut arrived = shared.arrived.lock().unwrap();
        arrived.push(Arrived { headers, text: String::from_utf8(body.to_vec()).unwrap() });
        arrived.len() - 1
    };
    let answer = shared.answers.lock().unwrap()(n);
    match answer {
        Some(answer) => answer,
        None => std::future::pending().await,
    }
}
