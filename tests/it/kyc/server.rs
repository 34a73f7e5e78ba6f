//! Documents on a real S3-compatible server, and on one behind a relay that does not keep its word.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, extract::State};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::json;
use tower::ServiceExt;
use waybill::app::{AppError, install_crypto};

use super::{call, pdf, upload};
use crate::support::TestApp;

/// A bucket of one test's own on moto, which all tests of the process share: `WAYBILL_TEST_S3_SERVER` names
/// its program, which is otherwise the one on the path. `scripts/test` installs it.
pub(crate) struct Bucket {
    pub(crate) server: SocketAddr,
    pub(crate) name: String,
}

impl Bucket {
    pub(crate) fn new() -> Self {
        static SERVER: OnceLock<SocketAddr> = OnceLock::new();
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let server = *SERVER.get_or_init(start_for_the_process);
        let bucket = Self { server, name: format!("shop-{}", COUNT.fetch_add(1, Ordering::Relaxed)) };
        assert!(bucket.ask("PUT", &format!("/{}", bucket.name)).starts_with("HTTP/1.1 200"));
        bucket
    }

    /// Its whole answer.
    fn ask(&self, method: &str, path: &str) -> String {
        self.tell(method, path, "")
    }

    fn tell(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.server).unwrap();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.server);
        write!(stream, "{head}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Whether it keeps versions from now on: `Enabled`, `Suspended`.
    fn keeps_versions(&self, status: &str) {
        let body = format!("<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>");
        let set = self.tell("PUT", &format!("/{}?versioning", self.name), &body);
        assert!(set.starts_with("HTTP/1.1 200"), "{set}");
    }

    /// The keys of all that it keeps.
    fn keys(&self) -> Vec<String> {
        let listed = self.ask("GET", &format!("/{}?list-type=2", self.name));
        assert!(listed.starts_with("HTTP/1.1 200"), "{listed}");
        let keys = listed.split("<Key>").skip(1);
        keys.map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
    }
}

/// On a thread that lives as long as the process: the kernel ends the server with it.
fn start_for_the_process() -> SocketAddr {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let server = (0..20).find_map(|_| start());
        tell.send(server.as_ref().map(|(address, _)| *address)).unwrap();
        loop {
            std::thread::park();
        }
    });
    told.recv()
        .unwrap()
        .expect("moto_server does not start: `scripts/test` installs what tests/s3/requirements.txt names")
}

#[expect(clippy::disallowed_methods, reason = "this variable is for the tests alone")]
fn start() -> Option<(SocketAddr, Child)> {
    // Another program may take the port before the server does.
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let program = std::env::var("WAYBILL_TEST_S3_SERVER").unwrap_or_else(|_| "moto_server".to_owned());
    let mut child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", &program, "-H", "127.0.0.1", "-p", &address.port().to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let patience = Instant::now() + Duration::from_secs(60);
    while Instant::now() < patience && child.try_wait().unwrap().is_none() {
        if TcpStream::connect(address).is_ok() {
            return Some((address, child));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}

/// What a relay leaves out.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Deaf {
    /// Writes are done whatever they are conditional on.
    ToConditions,
    /// Writes with a condition are answered with this status, and not done.
    Refusing(u16),
    /// Connections with such a write are closed without an answer.
    HangingUp,
    /// Erasures are answered, and not done.
    ToErasures,
}

#[derive(Clone)]
struct Relay {
    to: SocketAddr,
    deaf: Deaf,
    client: reqwest::Client,
}

pub(crate) async fn relay(to: SocketAddr, deaf: Deaf) -> SocketAddr {
    install_crypto();
    let client = reqwest::Client::builder().no_proxy().no_gzip().build().unwrap();
    let router = Router::new().fallback(pass_on).with_state(Relay { to, deaf, client });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum_serve(listener, router).await });
    address
}

/// As much of a server as one connection after the other needs.
async fn axum_serve(listener: tokio::net::TcpListener, router: Router) {
    while let Ok((stream, _)) = listener.accept().await {
        let router = router.clone();
        let service = hyper::service::service_fn(move |request| answer(router.clone(), request));
        tokio::spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(hyper_util::rt::TokioIo::new(stream), service),
        );
    }
}

/// What is in no answer: the connection is closed instead.
const HANGS_UP: &str = "x-hangs-up";

async fn answer(
    router: Router,
    request: http::Request<hyper::body::Incoming>,
) -> Result<axum::response::Response, std::io::Error> {
    let response = router.oneshot(request).await.unwrap();
    let hangs_up = response.headers().contains_key(HANGS_UP);
    if hangs_up { Err(std::io::Error::other("hangs up")) } else { Ok(response) }
}

async fn pass_on(
    State(relay): State<Relay>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap, Bytes) {
    if relay.deaf == Deaf::ToErasures && method == Method::DELETE {
        return (StatusCode::NO_CONTENT, HeaderMap::new(), Bytes::new());
    }
    let conditional = headers.contains_key("if-none-match");
    match relay.deaf {
        Deaf::ToConditions => drop(headers.remove("if-none-match")),
        Deaf::Refusing(status) if conditional => {
            let said = Bytes::from_static(b"<Error><Code>NotImplemented</Code></Error>");
            return (StatusCode::from_u16(status).unwrap(), HeaderMap::new(), said);
        }
        Deaf::HangingUp if conditional => {
            let headers = HeaderMap::from_iter([(HANGS_UP.parse().unwrap(), "1".parse().unwrap())]);
            return (StatusCode::OK, headers, Bytes::new());
        }
        Deaf::Refusing(_) | Deaf::HangingUp | Deaf::ToErasures => {}
    }
    let url = format!("http://{}{uri}", relay.to);
    let answer = relay.client.request(method, url).headers(headers).body(body).send().await.unwrap();
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove("transfer-encoding");
    headers.remove("connection");
    (status, headers, answer.bytes().await.unwrap())
}

async fn app(server: SocketAddr, bucket: &str) -> TestApp {
    TestApp::builder()
        .setting("WAYBILL_FILES__URL", &format!("s3://{bucket}/one/two/"))
        .setting("WAYBILL_FILES__ENDPOINT", &format!("http://{server}"))
        .setting("WAYBILL_FILES__ACCESS_KEY", "the-access-key")
        .setting("WAYBILL_FILES__SECRET_KEY", "the-secret-key")
        .start()
        .await
}

#[tokio::test]
async fn documents_are_kept_on_a_server_and_gone_when_they_are_erased() {
    let bucket = Bucket::new();
    let app = app(bucket.server, &bucket.name).await;
    app.app.try_files().await.unwrap();
    assert_eq!(bucket.keys(), Vec::<String>::new(), "the try leaves nothing");
    let shop = app.merchant("shop");
    for text in ["first", "second"] {
        let kept = upload(&shop, "pan_card", pdf(text)).await;
        assert_eq!(kept.status, 200, "{}", kept.text());
        let keys = bucket.keys();
        assert!(keys.len() == 1 && keys[0].starts_with("one/two/kyc/fil_"), "{keys:?}");
        assert_eq!(shop.get("/v1/kyc/documents/pan_card").await.body, pdf(text));
    }
    let key = bucket.keys()[0].strip_prefix("one/two/").unwrap().to_owned();
    let files = app.app.state.kyc.files();
    assert!(files.put(&key, pdf("third").into()).await.is_err(), "a file takes no other's place");
    let elsewhere = app.merchant("other").get("/v1/kyc/documents/pan_card").await;
    elsewhere.problem(404, "not-found");
    assert_eq!(call(&shop, Method::DELETE, "/v1/kyc/documents/pan_card", "").await.status, 204);
    assert_eq!(bucket.keys(), Vec::<String>::new());
    files.erase(&key).await.unwrap();
}

#[tokio::test]
async fn a_server_that_ignores_conditions_is_not_begun_with() {
    let bucket = Bucket::new();
    let deaf = relay(bucket.server, Deaf::ToConditions).await;
    let app = app(deaf, &bucket.name).await;
    let error = app.app.try_files().await.unwrap_err();
    assert!(matches!(error, AppError::FileServer(_)));
    let line = error.to_string();
    assert!(
        line.starts_with("files.url: ") && line.contains("If-None-Match") && !line.contains('\n'),
        "{line}"
    );
    assert_eq!(bucket.keys(), Vec::<String>::new());
}

/// It takes writes without one, so it is not away.
#[tokio::test]
async fn a_server_that_refuses_conditions_is_not_begun_with() {
    let bucket = Bucket::new();
    for status in [400, 501] {
        let deaf = relay(bucket.server, Deaf::Refusing(status)).await;
        let error = app(deaf, &bucket.name).await.app.try_files().await.unwrap_err();
        assert!(matches!(error, AppError::FileServer(_)));
        let line = error.to_string();
        assert!(line.contains("refuses writes with If-None-Match") && !line.contains('\n'), "{line}");
        assert_eq!(bucket.keys(), Vec::<String>::new(), "{status}");
    }
    // One that was there a moment ago may be back in a moment.
    let leaves = relay(bucket.server, Deaf::HangingUp).await;
    app(leaves, &bucket.name).await.app.try_files().await.unwrap();
    assert_eq!(bucket.keys(), Vec::<String>::new());
}

/// There each file that is erased stays under its version.
#[tokio::test]
async fn a_bucket_that_keeps_versions_is_not_begun_with_until_it_keeps_none() {
    let bucket = Bucket::new();
    bucket.keeps_versions("Enabled");
    let app = app(bucket.server, &bucket.name).await;
    let error = app.app.try_files().await.unwrap_err();
    assert!(matches!(error, AppError::FileServer(_)));
    let line = error.to_string();
    assert!(line.contains("keeps versions") && line.contains("suspend its versioning"), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    bucket.keeps_versions("Suspended");
    app.app.try_files().await.unwrap();
}

#[tokio::test]
async fn all_keys_of_a_bucket_are_listed_and_no_neighbours() {
    let bucket = Bucket::new();
    let app = app(bucket.server, &bucket.name).await;
    let files = app.app.state.kyc.files();
    for key in ["kyc/fil_1", "kyc/fil_2"] {
        files.put(key, pdf(key).into()).await.unwrap();
    }
    for other in ["one/two/kyc/fil_1.Old", "one/two-kyc/fil_1", "kyc/fil_1"] {
        let put = bucket.tell("PUT", &format!("/{}/{other}", bucket.name), "x");
        assert!(put.starts_with("HTTP/1.1 200"), "{put}");
    }
    let listed = async |prefix: &str| {
        let mut keys = files.list(prefix).await.unwrap();
        keys.sort_unstable();
        keys
    };
    assert_eq!(listed("").await, ["kyc/fil_1", "kyc/fil_1.Old", "kyc/fil_2"]);
    assert_eq!(listed("kyc/fil_1").await, ["kyc/fil_1", "kyc/fil_1.Old"]);
    files.erase("kyc/fil_1").await.unwrap();
    assert_eq!(listed("kyc/fil_1").await, ["kyc/fil_1.Old"]);
}

#[tokio::test]
async fn what_a_server_says_it_erased_is_looked_for() {
    let bucket = Bucket::new();
    let deaf = relay(bucket.server, Deaf::ToErasures).await;
    let app = app(deaf, &bucket.name).await;
    let line = app.app.try_files().await.unwrap_err().to_string();
    assert!(line.contains("there still"), "{line}");
    let shop = app.merchant("shop");
    assert_eq!(upload(&shop, "pan_card", pdf("mine")).await.status, 200);
    let refused = call(&shop, Method::DELETE, "/v1/kyc/documents/pan_card", "").await;
    refused.problem(503, "temporarily-unavailable");
    // It is shown no more, and not forgotten.
    shop.get("/v1/kyc/documents/pan_card").await.problem(404, "not-found");
    assert_eq!(app.app.state.kyc.sweep().await.unwrap(), 0);
    assert!(bucket.keys().iter().any(|key| key.contains("/kyc/fil_")), "{:?}", bucket.keys());
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_told_and_a_server_that_is_away_hinders_no_order() {
    let bucket = Bucket::new();
    let line = app(bucket.server, "another-bucket").await.app.try_files().await.unwrap_err().to_string();
    assert!(line.contains("write failed") && !line.contains("the-secret-key"), "{line}");

    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = app(nowhere, &bucket.name).await;
    away.app.try_files().await.unwrap();
    let shop = away.merchant("shop");
    let refused = upload(&shop, "pan_card", pdf("mine")).await;
    assert!(!refused.problem(503, "temporarily-unavailable").to_string().contains("127.0.0.1"));
    assert_eq!(shop.get("/v1/kyc").await.json()["data"]["documents"], json!([]));
    away.leave_jobs();
    assert_eq!(shop.post("/v1/orders", &crate::support::orders::order("A-1")).await.status, 201);
}
