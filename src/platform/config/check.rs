//! Checks that concern several settings, and the limits of single ones.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Account, Config, ConfigError, Problem, Provider, Role, files, same_file::same_file, secrets};
use crate::platform::{
    outbound::{self, Form},
    queue, store, telemetry,
};

const LIVE: &str = "https://app.parcelx.in";

/// A stopping worker needs this long after the end of a call to store its outcome.
const OUTCOME_MARGIN: Duration = Duration::from_secs(2);

/// The minimum time for the database writes before and after a call.
const MIN_WRITE_TIME: Duration = Duration::from_millis(200);

const MAX_LABEL_WAIT: Duration = Duration::from_secs(5);

pub(super) fn pairs(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut unless = |ok: bool, key: &str, detail: &str| {
        if !ok {
            problems.push(Problem::new(key, detail));
        }
    };
    let call = config.call_timeout();
    unless(
        store::can_open(&config.store.url),
        "store.url",
        "must be sqlite:PATH, such as sqlite:data/waybill.db, or mongodb://HOST/DATABASE?replicaSet=NAME",
    );
    unless(
        queue::can_open(&config.queue.url),
        "queue.url",
        "must be sqlite:PATH, such as sqlite:data/queue.db, or redis://HOST:PORT",
    );
    if let Err(error) = queue::check_prefix(&config.queue.url, &config.queue.prefix) {
        unless(false, "queue.url", &error.to_string());
    }
    unless(
        !same_file(&config.store.url, &config.queue.url),
        "queue.url",
        "must be another file than store.url",
    );
    unless(call >= Duration::from_millis(100), "parcelx.timeout", "must be 100ms or more");
    unless(
        config.proxy().is_none() || config.proxy_host().is_some(),
        "parcelx.proxy",
        "must be http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, or empty",
    );
    for (key, span) in [
        ("parcelx.send_within", config.parcelx.send_within),
        ("parcelx.settle_within", config.parcelx.settle_within),
    ] {
        unless(
            span.get() >= MIN_WRITE_TIME,
            key,
            "must be 200ms or more: the database is written in that time",
        );
    }
    unless(
        config.parcelx.label_wait.get() <= MAX_LABEL_WAIT,
        "parcelx.label_wait",
        "must be 5s or less: a merchant is waiting for the response",
    );
    unless(
        config.worker.drain.get() >= call + OUTCOME_MARGIN,
        "worker.drain",
        "must be at least parcelx.timeout plus 2s: a stopping worker stores the outcome of its calls",
    );
    unless(
        config.worker.bind.trim().is_empty() || config.worker_bind().is_some(),
        "worker.bind",
        "must be an address and a port, such as 127.0.0.1:9100, or empty",
    );
    admin(config, &mut unless);
    merchants(config, &mut unless);
    texts(config, &mut unless);
    files::check(config, &mut unless);
    for (name, lease) in leases(config) {
        unless(
            lease >= Duration::from_millis(500),
            &name,
            "must be 500ms or more: it is renewed four times in that time",
        );
    }
    unless(config.queue.attempts >= 1, "queue.attempts", "must be 1 or more");
    unless((1..=1000).contains(&config.queue.concurrency), "queue.concurrency", "must be from 1 to 1000");
    for (name, own) in &config.queue.per_queue {
        unless(
            own.attempts.is_none_or(|n| n >= 1),
            &format!("queue.per_queue.{name}.attempts"),
            "must be 1 or more",
        );
        unless(
            own.concurrency.is_none_or(|n| (1..=1000).contains(&n)),
            &format!("queue.per_queue.{name}.concurrency"),
            "must be from 1 to 1000",
        );
    }
    for (key, limit) in [
        ("parcelx.rate", config.parcelx.rate),
        ("parcelx.concurrency", config.parcelx.concurrency),
        ("parcelx.breaker_after", config.parcelx.breaker_after),
    ] {
        unless(limit <= 10_000, key, "must be from 0 (none) to 10000");
    }
    unless(
        config.parcelx.refusals_in_a_row <= 100,
        "parcelx.refusals_in_a_row",
        "must be from 0 (never) to 100",
    );
    unless(config.http.idle.get() >= Duration::from_secs(1), "http.idle", "must be 1s or more");
    unless((1..=1_000_000).contains(&config.http.connections), "http.connections", "must be 1 or more");
    let secret = config.auth.jwt_secret.expose_secret();
    unless(
        secret.is_empty() || secret.trim().len() >= 32,
        "auth.jwt_secret",
        "must have 32 bytes or more; `openssl rand -hex 32` makes one",
    );
    if let Err(error) = telemetry::check_level(&config.log.level) {
        problems.push(Problem::new("log.level", error.to_string()));
    }
    if let Err(ConfigError(more)) = base_url(config) {
        problems.extend(more);
    }
    problems
}

fn admin(config: &Config, unless: &mut impl FnMut(bool, &str, &str)) {
    let own = &config.admin;
    unless(
        own.bind.trim().is_empty() || config.admin_bind().is_some(),
        "admin.bind",
        "must be an address and a port, such as 127.0.0.1:3001, or empty",
    );
    unless(
        config.admin_bind().is_none_or(|bind| bind.port() == 0 || bind != config.http.bind),
        "admin.bind",
        "must be another address than http.bind, or empty",
    );
    unless(own.idle <= own.life, "admin.idle", "must not be longer than admin.life");
    unless(
        own.user_header.trim().is_empty() || config.admin_user_header().is_some(),
        "admin.user_header",
        "must be the name of a header, such as X-Forwarded-User, or empty",
    );
    unless(
        own.user_header.trim().is_empty() || !own.proxies.is_empty(),
        "admin.user_header",
        "needs admin.proxies: otherwise anybody could name a user",
    );
}

fn merchants(config: &Config, unless: &mut impl FnMut(bool, &str, &str)) {
    let public = config.http.public_url.trim();
    let plain = |url: &Url| {
        let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        let here = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        bare && url.fragment().is_none() && (url.scheme() == "https" || (url.scheme() == "http" && here))
    };
    unless(
        public.is_empty() || Url::parse(public).is_ok_and(|url| plain(&url)),
        "http.public_url",
        "must be an address such as https://api.example.com: people get one-time codes behind it",
    );
    let limits = config.limits;
    for (key, limit) in [
        ("limits.address", limits.address),
        ("limits.sign_in", limits.sign_in),
        ("limits.register", limits.register),
        ("limits.merchant", limits.merchant),
        ("limits.key", limits.key),
    ] {
        unless(limit <= 60_000_000, key, "must be from 0 (none) to 60000000");
    }
    let Some(url) = config.mail_url() else { return };
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    let is_file = url.strip_prefix("file:").is_some_and(|path| !path.is_empty());
    unless(
        is_file
            || matches!(scheme, Some("smtp" | "smtps"))
                && Url::parse(&url).is_ok_and(|url| url.host_str().is_some_and(|h| !h.is_empty())),
        "mail.url",
        "must be smtps://USER:PASSWORD@HOST, or smtp://USER:PASSWORD@HOST:587?tls=required",
    );
    unless(
        !public.is_empty() || config.http.bind.ip().is_loopback(),
        "http.public_url",
        "is needed with mail.url: links in mails begin with it",
    );
}

fn texts(config: &Config, unless: &mut impl FnMut(bool, &str, &str)) {
    let own = &config.texts;
    let here = |url: &Url| matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    let good = |url: &Url| {
        let plain = url.username().is_empty() && url.password().is_none();
        plain && url.has_host() && (url.scheme() == "https" || (url.scheme() == "http" && here(url)))
    };
    unless(
        own.url.expose_secret().trim().is_empty() || config.texts_url().is_some_and(|url| good(&url)),
        "texts.url",
        "must be an address such as https://gateway.example/send, or empty: credentials go into texts.header",
    );
    unless(
        outbound::header(&own.header).is_ok(),
        "texts.header",
        "must be one header, such as Authorization: Bearer …, or empty",
    );
    unless(
        Form::new(&own.body).is_ok(),
        "texts.body",
        "must be JSON or a form that has {text}, and {to} or {digits}",
    );
}

fn leases(config: &Config) -> impl Iterator<Item = (String, Duration)> {
    let own = config
        .queue
        .per_queue
        .iter()
        .filter_map(|(name, q)| Some((format!("queue.per_queue.{name}.lease"), q.lease?.get())));
    std::iter::once(("queue.lease".to_owned(), config.queue.lease.get())).chain(own)
}

fn base_url(config: &Config) -> Result<Url, ConfigError> {
    let text = config.parcelx.base_url.trim().trim_end_matches('/');
    let refuse = |detail: &str| ConfigError(vec![Problem::new("parcelx.base_url", detail)]);
    let url = Url::parse(if text.is_empty() { LIVE } else { text })
        .map_err(|_| refuse("must be a URL such as https://app.parcelx.in"))?;
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => return Err(refuse("must be a URL with a host")),
    };
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err(refuse(
            "must be a plain address, such as https://app.parcelx.in: credentials have their own keys",
        ));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if loopback => Ok(url),
        "http" => Err(refuse("must be https: credentials and addresses would be sent unencrypted")),
        _ => Err(refuse("must start with https://")),
    }
}

/// Reports all missing credentials at once.
pub(super) fn provider(config: &Config, role: Role) -> Result<Provider, ConfigError> {
    // A worker checks no tokens.
    let secret = if role == Role::Worker { None } else { secrets::missing(config) };
    match (account(config, role), secret) {
        (provider, None) => provider,
        (Ok(_), Some(problem)) => Err(ConfigError(vec![problem])),
        (Err(ConfigError(mut problems)), Some(problem)) => {
            problems.push(problem);
            Err(ConfigError(problems))
        }
    }
}

fn account(config: &Config, role: Role) -> Result<Provider, ConfigError> {
    let is_set = |key: &SecretString| !key.expose_secret().trim().is_empty();
    let problem = |key: &str, detail: &str| Err(ConfigError(vec![Problem::new(key, detail)]));
    match (is_set(&config.parcelx.access_key), is_set(&config.parcelx.secret_key)) {
        (true, true) => {
            let trimmed = |key: &SecretString| SecretString::from(key.expose_secret().trim());
            Ok(Provider::Live(Account {
                base_url: base_url(config)?,
                access_key: trimmed(&config.parcelx.access_key),
                secret_key: trimmed(&config.parcelx.secret_key),
            }))
        }
        (true, false) => {
            problem("parcelx.secret_key", "is missing while parcelx.access_key is set: set both or neither")
        }
        (false, true) => {
            problem("parcelx.access_key", "is missing while parcelx.secret_key is set: set both or neither")
        }
        (false, false) if role != Role::AllInOne => problem(
            "parcelx.access_key",
            "ParcelX credentials are missing: set WAYBILL_PARCELX__ACCESS_KEY and \
             WAYBILL_PARCELX__SECRET_KEY (only the all-in-one program, `waybill` without a command, runs \
             without them, on its simulator)",
        ),
        (false, false) if !config.parcelx.base_url.trim().is_empty() => problem(
            "parcelx.base_url",
            "is set without credentials: set parcelx.access_key and parcelx.secret_key too, or leave all \
             three out for the simulator",
        ),
        (false, false) if config.proxy().is_some() => problem(
            "parcelx.proxy",
            "is set without credentials: the simulator is not called through a proxy",
        ),
        (false, false) if !config.may_simulate() => problem(
            "parcelx.access_key",
            "ParcelX credentials are missing, and the simulator runs only on SQLite and a loopback address \
             (http.bind = 127.0.0.1:…), or with parcelx.simulator_on_servers on databases of this machine",
        ),
        (false, false) => Ok(Provider::Simulator),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_around_a_call_are_settings_and_leave_time_for_a_write() {
        let set = |send: &str, settle: &str| {
            let variable = |key: &str, value: &str| (format!("WAYBILL_PARCELX__{key}"), value.to_owned());
            Config::load(None, [variable("SEND_WITHIN", send), variable("SETTLE_WITHIN", settle)])
        };
        let times = set("2s", "200ms").unwrap().parcelx;
        assert_eq!(
            (times.send_within.get(), times.settle_within.get()),
            (Duration::from_secs(2), Duration::from_millis(200))
        );
        let refused = set("199ms", "100ms").unwrap_err().0;
        let keys: Vec<_> = refused.iter().filter_map(|p| p.key.split(' ').next()).collect();
        assert_eq!(keys, ["parcelx.send_within", "parcelx.settle_within"]);
    }

    #[test]
    fn the_defaults_are_the_usual_times() {
        let times = Config::load(None, []).unwrap().parcelx;
        assert_eq!(
            (times.send_within.get(), times.settle_within.get()),
            (Duration::from_secs(10), Duration::from_secs(5))
        );
    }
}
