//! ParcelX behind a proxy: what goes through it, and what it is told.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use crate::support::{TestApp, orders::order};

/// A proxy, and the heads of what it was asked. Plain requests are passed on; a tunnel is refused.
struct Proxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self { address: listener.local_addr().unwrap(), asked: Arc::default() };
        let asked = Arc::clone(&proxy.asked);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass_on(client, Arc::clone(&asked)));
            }
        });
        proxy
    }

    /// With a user and a password that must be written otherwise in a URL.
    fn url(&self) -> String {
        format!("http://asha:p%40ss%2Fw%3A@{}", self.address)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn pass_on(mut client: TcpStream, asked: Arc<Mutex<Vec<String>>>) {
    let (mut begun, mut buffer) = (Vec::new(), [0; 4096]);
    while !begun.windows(4).any(|end| end == b"\r\n\r\n") {
        match client.read(&mut buffer).await {
            Ok(n @ 1..) => begun.extend_from_slice(&buffer[..n]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&begun).into_owned();
    asked.lock().unwrap().push(head.clone());
    let target = head.split_whitespace().nth(1).unwrap();
    let Some(target) = target.strip_prefix("http://").and_then(|url| url.split('/').next()) else {
        drop(client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await);
        return;
    };
    let mut provider = TcpStream::connect(target).await.unwrap();
    provider.write_all(&begun).await.unwrap();
    let _ended = copy_bidirectional(&mut client, &mut provider).await;
}

#[tokio::test]
async fn orders_are_booked_through_the_proxy_that_the_settings_name() {
    let proxy = Proxy::start().await;
    let app = TestApp::builder().setting("WAYBILL_PARCELX__PROXY", &proxy.url()).start().await;
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    assert_eq!(merchant.order(&id).await["status"], "booked");
    let asked = proxy.asked();
    let [head] = &asked[..] else { panic!("{asked:?}") };
    assert!(head.starts_with(&format!("POST http://{}/api/", app.provider_address)), "{head}");
    let credentials = format!("proxy-authorization: Basic {}", STANDARD.encode("asha:p@ss/w:"));
    assert!(head.to_lowercase().contains(&credentials.to_lowercase()), "{head}");
}

/// The proxy looks the name up, and sees neither keys nor orders.
#[tokio::test]
async fn what_is_encrypted_goes_through_a_tunnel_and_one_that_is_refused_sends_nothing() {
    let proxy = Proxy::start().await;
    let app = TestApp::builder()
        .provider("https://parcelx.example.test")
        .setting("WAYBILL_PARCELX__PROXY", &proxy.url())
        .start()
        .await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    let seen = merchant.order(&id).await;
    assert_eq!(seen["providerSyncStatus"], "retrying", "certainly not booked");
    let asked = proxy.asked();
    let [head] = &asked[..] else { panic!("{asked:?}") };
    assert!(head.starts_with("CONNECT parcelx.example.test:443 "), "{head}");
    assert!(head.to_lowercase().contains("proxy-authorization: basic "), "{head}");
    assert!(!head.to_lowercase().contains("access-token") && !head.contains("9000000001"), "{head}");
    let logs = merchant.provider_logs(&id).await;
    assert_eq!(logs[0]["outcome"]["errorCode"], "not-connected", "{logs:?}");
    assert!(!format!("{logs:?} {seen}").contains("p@ss"), "{logs:?}");
}
