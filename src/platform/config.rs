//! Settings: compiled-in defaults, then a file, then the environment.
//!
//! Unknown keys are refused, so a typo cannot silently have no effect. All problems are reported at once,
//! also pairs of values that cannot work together. Error texts contain no secrets.

mod check;
mod client;
mod countries;
mod debug;
pub mod duration;
mod files;
mod hosts;
mod in_force;
mod layers;
mod list;
mod networks;
mod operator;
mod origins;
mod phrases;
mod problem;
mod proxy;
mod same_file;
mod secrets;
mod sections;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

pub use client::secret_variable;
pub use countries::Countries;
pub use debug::shown;
pub use duration::{Offsets, Pause, Span};
pub use files::{Bucket, FilePlace};
pub use hosts::HostNames;
pub use in_force::InForce;
pub use networks::Networks;
pub use operator::operator;
pub use origins::Origins;
pub use phrases::Phrases;
pub use problem::{ConfigError, Problem};
pub use proxy::proxy_of_others;
use secrecy::{ExposeSecret, SecretString};
pub use sections::{
    Admin, Auth, Files, Http, Kyc, Log, Lookup, Mail, Outbox, ParcelX, PasswordCost, PerQueue, Private,
    Queues, RateLimits, StoreUrl, Texts, Webhooks, Words, Worker,
};
use serde::Deserialize;
use url::Url;
use validator::Validate;

use crate::platform::{
    outbound::Rules,
    queue::{
        Keep,
        retry::{Policies, Policy},
        runner::QueueSettings,
    },
};

/// All settings. `config/default.toml` documents each key.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub http: Http,
    pub store: StoreUrl,
    pub queue: Queues,
    pub parcelx: ParcelX,
    pub auth: Auth,
    pub admin: Admin,
    pub limits: RateLimits,
    pub mail: Mail,
    pub texts: Texts,
    pub files: Files,
    pub kyc: Kyc,
    pub worker: Worker,
    pub outbox: Outbox,
    pub webhooks: Webhooks,
    pub log: Log,
}

/// How the program is run. The rules for some settings depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// API and worker, and without credentials also the simulator.
    AllInOne,
    Api,
    Worker,
    /// A command that only reads or writes the databases.
    Tool,
}

/// Which `ParcelX` a process calls.
#[derive(Debug, Clone)]
pub enum Provider {
    /// The built-in simulator.
    Simulator,
    Live(Account),
}

/// A `ParcelX` account.
#[derive(Debug, Clone)]
pub struct Account {
    pub base_url: Url,
    pub access_key: SecretString,
    pub secret_key: SecretString,
}

/// Every setting that is in force, and where it comes from.
///
/// # Errors
/// As [`Config::from_process`].
pub fn in_force(file: Option<&Path>, queues: &[&str]) -> Result<Vec<InForce>, ConfigError> {
    let (file, variables) = process(file)?;
    layers::read_with_places(file.as_deref(), variables, Some(queues)).map(|(_, settings)| settings)
}

type Variables = Vec<(String, String)>;

/// The file and the variables of this process.
fn process(file: Option<&Path>) -> Result<(Option<PathBuf>, Variables), ConfigError> {
    let mut variables = Vec::new();
    let mut problems = Vec::new();
    for (name, value) in std::env::vars_os() {
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => variables.push((name, value)),
            (Ok(name), Err(_)) if name.starts_with("WAYBILL_") => {
                problems.push(Problem::new(&name, "is not UTF-8"));
            }
            _ => {} // not ours
        }
    }
    if !problems.is_empty() {
        return Err(ConfigError(problems));
    }
    let named = variables.iter().find(|(name, value)| name == "WAYBILL_CONFIG" && !value.is_empty());
    let named = named.map(|(_, path)| PathBuf::from(path));
    Ok((file.map(Path::to_path_buf).or(named), variables))
}

impl Config {
    /// Defaults, then `file`, then the `WAYBILL_…` variables among `environment`.
    ///
    /// # Errors
    /// Lists every invalid value and every pair of values that cannot work together.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        layers::read_with_places(file, environment, None).map(|(config, _)| config)
    }

    /// As [`Config::load`], with the environment of this process; `queues` are all that may have settings of
    /// their own.
    ///
    /// # Errors
    /// As [`Config::load`], and of [`Config::only_queues`].
    pub fn from_process(file: Option<&Path>, queues: &[&str]) -> Result<Self, ConfigError> {
        let (file, variables) = process(file)?;
        #[cfg(feature = "fault-points")]
        if let Some((_, point)) = variables.iter().find(|(name, _)| name == "WAYBILL_FAULT_POINT") {
            crate::base::fault::arm(point);
        }
        layers::read_with_places(file.as_deref(), variables, Some(queues)).map(|(config, _)| config)
    }

    /// Refuses settings of queues that are not in `known`: such a typo would have no effect.
    ///
    /// # Errors
    /// Lists every unknown name.
    pub fn only_queues(&self, known: &[&str]) -> Result<(), ConfigError> {
        let unknown = self.queue.per_queue.keys().filter(|name| !known.contains(&name.as_str()));
        let detail = format!("is not a queue; there are: {}", known.join(", "));
        let problems: Vec<_> =
            unknown.map(|name| Problem::new(&format!("queue.per_queue.{name}"), detail.clone())).collect();
        if problems.is_empty() { Ok(()) } else { Err(ConfigError(problems)) }
    }

    /// The `ParcelX` this process calls.
    ///
    /// # Errors
    /// Fails if required credentials are missing, if only one of the two keys is set, or if the signing
    /// secret of the bearer tokens is missing and may not be generated.
    pub fn provider(&self, role: Role) -> Result<Provider, ConfigError> {
        check::provider(self, role)
    }

    /// The signing secret of the bearer tokens: the configured one, or one generated next to the database.
    ///
    /// # Errors
    /// Fails if none is set and none may be generated, or if its file cannot be read or written.
    pub fn jwt_secret(&self) -> Result<SecretString, ConfigError> {
        secrets::jwt_secret(self)
    }

    /// Where the generated signing secret is, or will be; `None` if one is set.
    #[must_use]
    pub fn secret_file(&self) -> Option<PathBuf> {
        secrets::file(self)
    }

    /// Where a worker process serves its health and metrics; `None` if it does not.
    #[must_use]
    pub fn worker_bind(&self) -> Option<SocketAddr> {
        self.worker.bind.trim().parse().ok()
    }

    /// Where the dashboard has a listener of its own; `None` if it is on that of the API.
    #[must_use]
    pub fn admin_bind(&self) -> Option<SocketAddr> {
        self.admin.bind.trim().parse().ok()
    }

    /// The header in which proxies name a user; `None` if none counts.
    #[must_use]
    pub fn admin_user_header(&self) -> Option<http::HeaderName> {
        self.admin.user_header.trim().parse().ok()
    }

    /// Where the API is for those who get mails, without a slash at the end.
    #[must_use]
    pub fn public_url(&self) -> String {
        match self.http.public_url.trim().trim_end_matches('/') {
            "" => format!("http://{}", self.http.bind),
            url => url.to_owned(),
        }
    }

    /// The mail server's address; `None` if there is none.
    #[must_use]
    pub fn mail_url(&self) -> Option<String> {
        let url = self.mail.url.expose_secret().trim();
        (!url.is_empty()).then(|| url.to_owned())
    }

    /// The address of the gateway for texts; `None` if there is none.
    #[must_use]
    pub fn texts_url(&self) -> Option<Url> {
        Url::parse(self.texts.url.expose_secret().trim()).ok()
    }

    /// Whose phone numbers are taken; `None`: nobody's, as no text could be sent.
    #[must_use]
    pub fn text_countries(&self) -> Option<Countries> {
        (self.texts_url().is_some() || self.is_local()).then(|| self.texts.countries.clone())
    }

    /// Where merchants' files are; `None` if nowhere.
    #[must_use]
    pub fn file_place(&self) -> Option<FilePlace> {
        files::place(self)
    }

    /// The directory of the database file; with a database server, of what else this process keeps.
    #[must_use]
    pub fn data_folder(&self) -> PathBuf {
        let Some(file) = self.store.url.strip_prefix("sqlite:") else { return "data".into() };
        let folder = Path::new(file).parent().filter(|p| !p.as_os_str().is_empty());
        folder.map_or_else(|| ".".into(), Path::to_path_buf)
    }

    #[must_use]
    pub fn keep(&self) -> Keep {
        Keep { completed: self.queue.keep_completed, failed: self.queue.keep_failed }
    }

    /// The retry policy of `queue`.
    #[must_use]
    pub fn policy(&self, queue: &str) -> Policy {
        let own = self.queue.per_queue.get(queue);
        Policy {
            attempts: own.and_then(|q| q.attempts).unwrap_or(self.queue.attempts),
            backoff: own.and_then(|q| q.backoff).unwrap_or(self.queue.backoff).get(),
        }
    }

    /// The retry policies of all queues.
    #[must_use]
    pub fn policies(&self) -> Policies {
        let of_queues =
            self.queue.per_queue.keys().map(|queue| (queue.clone(), self.policy(queue))).collect();
        Policies::new(Policy { attempts: self.queue.attempts, backoff: self.queue.backoff.get() }, of_queues)
    }

    /// The settings of the workers of `queue`.
    #[must_use]
    pub fn queue_settings(&self, queue: &str) -> QueueSettings {
        let own = self.queue.per_queue.get(queue);
        QueueSettings {
            name: queue.to_owned(),
            concurrency: usize::try_from(own.and_then(|q| q.concurrency).unwrap_or(self.queue.concurrency))
                .unwrap_or(1),
            lease: own.and_then(|q| q.lease).unwrap_or(self.queue.lease).get(),
            max_stalled: own.and_then(|q| q.max_stalled).unwrap_or(self.queue.max_stalled),
            policy: self.policy(queue),
        }
    }

    #[must_use]
    pub fn call_timeout(&self) -> Duration {
        self.parcelx.timeout.get()
    }

    /// Whether the simulator may run: on a loopback address, and on SQLite or, where
    /// `parcelx.simulator_on_servers` says so, on databases of this machine.
    #[must_use]
    pub fn may_simulate(&self) -> bool {
        let here = |url: &str| url.starts_with("sqlite:") || hosts::all_loopback(url);
        let on_servers = self.parcelx.simulator_on_servers && here(&self.store.url) && here(&self.queue.url);
        self.is_local() || (on_servers && self.http.bind.ip().is_loopback())
    }

    /// Which addresses merchants may name, in a process that works with the simulator or not.
    #[must_use]
    pub fn webhook_rules(&self, simulated: bool) -> Rules {
        let allow_private = match self.webhooks.allow_private {
            Private::Auto => simulated && self.may_simulate(),
            Private::Yes => true,
            Private::No => false,
        };
        Rules { allow_private }
    }

    /// Whether generated secrets are allowed: only on SQLite and a loopback address.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.http.bind.ip().is_loopback()
            && self.store.url.starts_with("sqlite:")
            && self.queue.url.starts_with("sqlite:")
    }
}
