//! Mails: to a mail server over a real socket, whatever that does.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use waybill::{
    features::mail::{
        job::SendEmail,
        model::{Email, State},
    },
    platform::{
        queue::job::Payload,
        store::{Order, Query},
    },
};

use super::{mail, sign_up};
use crate::support::TestApp;

/// What a server does with the next mails; then it takes all.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Manner {
    Takes,
    /// Says so at the recipient.
    RefusesForGood,
    RefusesForNow,
    /// Takes the text and closes without a word.
    SaysNothing,
}

/// A mail server that keeps what it got.
#[derive(Clone, Default)]
struct Server {
    manners: Arc<Mutex<Vec<Manner>>>,
    got: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start() -> (Self, SocketAddr) {
        let (server, listener) = (Self::default(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = listener.local_addr().unwrap();
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = serving.clone();
                tokio::spawn(async move { drop(server.talk(stream).await) });
            }
        });
        (server, address)
    }

    fn then(&self, manners: &[Manner]) {
        self.manners.lock().unwrap().extend(manners);
    }

    fn mails(&self) -> Vec<String> {
        self.got.lock().unwrap().clone()
    }

    async fn talk(&self, stream: TcpStream) -> std::io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 test ESMTP\r\n").await?;
        let mut manner = Manner::Takes;
        while let Some(line) = lines.next_line().await? {
            let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let answer = match (word.as_str(), manner) {
                ("EHLO", _) => "250 test\r\n",
                ("MAIL", _) => {
                    let mut next = self.manners.lock().unwrap();
                    manner = if next.is_empty() { Manner::Takes } else { next.remove(0) };
                    "250 ok\r\n"
                }
                ("RCPT", Manner::RefusesForGood) => "550 no such user\r\n",
                ("RCPT", Manner::RefusesForNow) => "451 come again\r\n",
                ("DATA", _) => {
                    write.write_all(b"354 go on\r\n").await?;
                    let mut text = String::new();
                    while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                        text += &line;
                        text += "\n";
                    }
                    self.got.lock().unwrap().push(text);
                    if manner == Manner::SaysNothing {
                        return Ok(());
                    }
                    "250 taken\r\n"
                }
                ("QUIT", _) => "221 bye\r\n",
                _ => "250 ok\r\n",
            };
            write.write_all(answer.as_bytes()).await?;
        }
        Ok(())
    }
}

async fn app(address: &str) -> TestApp {
    TestApp::builder()
        .setting("WAYBILL_MAIL__URL", &format!("smtp://{address}"))
        .setting("WAYBILL_MAIL__FROM", "Waybill <post@shop.example>")
        .setting("WAYBILL_HTTP__PUBLIC_URL", "https://api.shop.example/")
        .start()
        .await
}

async fn register(app: &TestApp, email: &str) {
    let body = json!({ "email": email, "password": super::PASSWORD, "name": "A", "shop": "A" });
    let asked = app.anybody().post("/auth/register", &body).await;
    assert_eq!(asked.status, 202, "{}", asked.text());
}

/// The last mail, as it is stored.
async fn stored(app: &TestApp) -> Email {
    let newest = Query::sorted_by("createdAt", Order::Descending).limit(1);
    app.app.store.find::<Email>(&newest).await.unwrap().docs.remove(0)
}

#[tokio::test]
async fn a_mail_reaches_a_server_with_the_headers_that_programs_need() {
    let (server, address) = Server::start().await;
    let app = app(&address.to_string()).await;
    register(&app, "asha@example.com").await;
    // The board shows which mail, not to whom.
    let job =
        app.app.queue.inspect.list(SendEmail::QUEUE, waybill::platform::queue::JobState::Waiting, None, 9);
    let data = job.await.unwrap().jobs.remove(0).data;
    assert!(!data.contains("asha") && data.contains("eml_"), "{data}");
    app.run_pending_jobs().await;

    let got = server.mails().remove(0);
    let email = stored(&app).await;
    for header in [
        "From: Waybill <post@shop.example>".to_owned(),
        "To: asha@example.com".to_owned(),
        "Subject: Confirm your address".to_owned(),
        "MIME-Version: 1.0".to_owned(),
        "Content-Type: text/plain; charset=utf-8".to_owned(),
        format!("Message-ID: <{}@shop.example>", email.id),
    ] {
        assert!(got.lines().any(|line| line == header), "{header}: {got}");
    }
    let joined = got.replace("=\n", "").replace("=3D", "=");
    assert!(joined.contains("https://api.shop.example/auth/verify#token="), "{got}");
    // Nothing personal and no code is left.
    assert_eq!((email.state, email.to, email.token), (State::Sent, None, None));
}

#[tokio::test]
async fn a_server_that_is_down_delays_and_loses_nothing() {
    let (server, address) = Server::start().await;
    server.then(&[Manner::RefusesForNow, Manner::RefusesForNow]);
    let app = app(&address.to_string()).await;
    register(&app, "asha@example.com").await;
    for (wait, state) in [(30, State::Waiting), (60, State::Waiting), (60, State::Sent)] {
        app.run_pending_jobs().await;
        assert_eq!(stored(&app).await.state, state, "{wait}");
        app.advance(Duration::from_secs(wait));
    }
    assert_eq!(server.mails().len(), 1);
    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let away = self::app(&nowhere.to_string()).await;
    register(&away, "asha@example.com").await;
    away.run_pending_jobs().await;
    assert_eq!(stored(&away).await.reason.as_deref(), Some("the mail server cannot be reached"));
    // For a day: then its code is of no use any more.
    away.advance(Duration::from_secs(24 * 3600));
    away.run_pending_jobs().await;
    let given_up = stored(&away).await;
    assert_eq!((given_up.state, given_up.to), (State::Failed, None));
}

#[tokio::test]
async fn a_refused_mail_is_given_up_and_an_unclear_one_comes_again_with_the_same_id() {
    let (server, address) = Server::start().await;
    server.then(&[Manner::RefusesForGood]);
    let app = app(&address.to_string()).await;
    register(&app, "asha@example.com").await;
    app.run_pending_jobs().await;
    let refused = stored(&app).await;
    assert_eq!((refused.state, refused.token), (State::Failed, None));
    assert!(refused.reason.unwrap().contains("550"));
    assert_eq!(server.mails().len(), 0);

    app.advance(Duration::from_secs(1));
    server.then(&[Manner::SaysNothing]);
    register(&app, "ravi@example.com").await;
    app.run_pending_jobs().await;
    assert_eq!((stored(&app).await.state, stored(&app).await.unclear), (State::Waiting, 1));
    app.advance(Duration::from_secs(30));
    app.run_pending_jobs().await;
    assert_eq!(stored(&app).await.state, State::Sent);
    let got = server.mails();
    let ids = got.iter().map(|mail| mail.lines().find(|line| line.starts_with("Message-ID:")).unwrap());
    let ids: Vec<_> = ids.collect();
    assert!(ids.len() == 2 && ids[0] == ids[1], "{ids:?}");

    // Not for ever.
    app.advance(Duration::from_secs(1));
    server.then(&[Manner::SaysNothing; 9]);
    register(&app, "mina@example.com").await;
    for _ in 0..5 {
        app.run_pending_jobs().await;
        app.advance(Duration::from_secs(900));
    }
    assert_eq!((stored(&app).await.state, server.mails().len()), (State::Failed, 2 + 3));
}

/// The queue was lost with the mail's job: the outbox brings another.
#[tokio::test]
async fn a_lost_queue_loses_no_mail() {
    let app = TestApp::start().await;
    let body = json!({ "email": "asha@example.com", "password": super::PASSWORD, "name": "A", "shop": "A" });
    app.anybody().post("/auth/register", &body).await;
    app.backend.lose_queue();
    app.advance(Duration::from_secs(60));
    app.app.walker().pass().await.unwrap();
    app.run_pending_jobs().await;
    assert!(mail(&app).contains("to asha@example.com: Confirm your address"));
}

/// The file is for whoever runs the installation.
#[tokio::test]
async fn mails_of_a_local_installation_are_in_a_file_that_nobody_else_reads() {
    use std::os::unix::fs::PermissionsExt;
    let app = TestApp::builder().on_files().start().await;
    sign_up(&app, "asha@example.com").await;
    let file = std::fs::metadata(app.folder.path().join("mails.txt")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
}
