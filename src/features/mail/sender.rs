//! Hands mails to a mail server, or, on an installation of one machine that has none, to whoever runs it.
//!
//! Guards against mails that come twice or never: what is known of a send is one of three things. A mail that
//! a server may have taken is sent again only with the same message id; one that no server will ever take is
//! given up at once.

use std::{
    fmt,
    fs::OpenOptions,
    io::{IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    time::Duration,
};

use async_trait::async_trait;
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, SinglePart},
    transport::smtp,
};

use super::template::Words;
use crate::platform::telemetry;

/// For each step of the talk with a mail server.
const TIMEOUT: Duration = Duration::from_secs(15);
/// A file of mails that is longer begins anew.
const LONGEST_FILE: u64 = 1024 * 1024;

/// One mail, ready to go.
#[derive(Debug)]
pub struct Outgoing<'m> {
    pub id: &'m str,
    pub to: &'m str,
    pub words: &'m Words,
    /// What a gateway may choose its own words by.
    pub kind: &'static str,
}

/// Why it is not known that a mail was sent. No text names its address.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Trying again cannot help.
    #[error("{0}")]
    Never(String),
    /// It was certainly not taken, and may be later.
    #[error("{0}")]
    Later(String),
    /// The server had all of it and did not say what it did with it.
    #[error("{0}")]
    Unclear(String),
}

/// Sends mails.
#[async_trait]
pub trait Sender: fmt::Debug + Send + Sync {
    /// # Errors
    /// [`SendError`].
    async fn send(&self, mail: &Outgoing<'_>) -> Result<(), SendError>;
}

/// A mail server.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp").finish_non_exhaustive()
    }
}

impl Smtp {
    /// # Errors
    /// What is wrong with the settings, in words that have no secret.
    pub fn new(url: &str, from: &str) -> Result<Self, &'static str> {
        let from = from.parse().map_err(|_| "must be an address such as Waybill <post@shop.example>")?;
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            .map_err(|_| "must be smtps://USER:PASSWORD@HOST, or smtp://…?tls=required")?;
        Ok(Self { transport: builder.timeout(Some(TIMEOUT)).build(), from })
    }

    fn message(&self, mail: &Outgoing<'_>) -> Result<Message, SendError> {
        let never = |what: &str| SendError::Never(format!("the mail cannot be written: {what}"));
        let to: Address = mail.to.parse().map_err(|_| never("its address"))?;
        // Of ours alone: the library's own would name this machine, and differ at each try.
        let id = format!("<{}@{}>", mail.id, self.from.email.domain());
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .message_id(Some(id))
            .subject(mail.words.subject.clone())
            .singlepart(SinglePart::plain(mail.words.text.clone()))
            .map_err(|_| never("its text"))
    }
}

#[async_trait]
impl Sender for Smtp {
    async fn send(&self, mail: &Outgoing<'_>) -> Result<(), SendError> {
        let message = self.message(mail)?;
        self.transport.send(message).await.map(|_| ()).map_err(|error| told(&error))
    }
}

/// What an error says. An answer that ends in the middle, or does not come in time, may be that to the whole
/// text: the server may have the mail.
fn told(error: &smtp::Error) -> SendError {
    let code = error.status().map_or(String::new(), |code| format!(" ({code})"));
    if error.is_permanent() {
        SendError::Never(format!("the mail server refuses it{code}"))
    } else if error.is_client() {
        SendError::Never("the mail server cannot take such an address".to_owned())
    } else if error.is_transient() {
        // 421 is also what an idle server says after it took a mail and gave no answer.
        let busy = format!("the mail server cannot take it now{code}");
        if code.contains("421") { SendError::Unclear(busy) } else { SendError::Later(busy) }
    } else if error.is_response() || error.is_timeout() {
        SendError::Unclear("the mail server did not say whether it took it".to_owned())
    } else {
        SendError::Later("the mail server cannot be reached".to_owned())
    }
}

/// Whoever runs this installation: the terminal, and a file that only this user reads. Never the log.
#[derive(Debug)]
pub struct Local {
    path: PathBuf,
}

impl Local {
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn write(&self, text: &str) -> std::io::Result<()> {
        let long = std::fs::metadata(&self.path).is_ok_and(|file| file.len() > LONGEST_FILE);
        let mut options = OpenOptions::new();
        options.create(true).mode(0o600);
        let mut file = if long {
            options.write(true).truncate(true).open(&self.path)?
        } else {
            options.append(true).open(&self.path)?
        };
        file.write_all(text.as_bytes())?;
        file.sync_data()
    }
}

#[async_trait]
impl Sender for Local {
    async fn send(&self, mail: &Outgoing<'_>) -> Result<(), SendError> {
        let Outgoing { id, to, words, .. } = mail;
        let text = format!("{id} to {to}: {}\n{}\n", words.subject, words.text);
        self.write(&text).map_err(|_| SendError::Later("mails.txt cannot be written".to_owned()))?;
        if std::io::stderr().is_terminal() {
            telemetry::write_line(text.into_bytes());
        }
        Ok(())
    }
}

/// There is no server and nobody to tell: mails, or texts, wait for this setting.
#[derive(Debug)]
pub struct Unset(pub &'static str);

#[async_trait]
impl Sender for Unset {
    async fn send(&self, _mail: &Outgoing<'_>) -> Result<(), SendError> {
        Err(SendError::Later(format!("{} is not set: nothing can be sent", self.0)))
    }
}
