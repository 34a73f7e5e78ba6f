//! Defaults, file, environment.

use super::{CANARY, DEFAULTS, load, load_file, refused};

/// Another good value for each key, and how `Debug` shows it. Secrets are not shown: see below.
const OTHERS: &[(&str, &str, &str)] = &[
    ("http.bind", "127.0.0.9:8080", "127.0.0.9:8080"),
    ("http.timeout", "11s", "11s"),
    ("http.header_timeout", "34s", "34s"),
    ("http.idle", "35s", "35s"),
    ("http.linger", "36s", "36s"),
    ("http.connections", "37", "connections: 37"),
    ("store.url", "sqlite:elsewhere/w.db", "sqlite:elsewhere/w.db"),
    ("queue.url", "sqlite:elsewhere/q.db", "sqlite:elsewhere/q.db"),
    ("queue.lease", "12s", "12s"),
    ("queue.backoff", "13s", "13s"),
    ("queue.attempts", "14", "attempts: 14"),
    ("queue.concurrency", "15", "concurrency: 15"),
    ("queue.max_stalled", "16", "max_stalled: 16"),
    ("queue.keep_completed", "17", "keep_completed: 17"),
    ("queue.keep_failed", "18", "keep_failed: 18"),
    ("queue.prefix", "ship", "ship"),
    ("queue.per_queue.parcelx-orders-queue.lease", "19s", "19s"),
    ("http.public_url", "https://api.example.test", "https://api.example.test"),
    ("http.proxies", "10.2.0.0/16", "10.2.0.0"),
    ("http.origins", "https://shop.example.test", "https://shop.example.test"),
    ("limits.address", "51", "address: 51"),
    ("limits.sign_in", "52", "sign_in: 52"),
    ("limits.register", "53", "register: 53"),
    ("limits.merchant", "54", "merchant: 54"),
    ("limits.key", "55", "key: 55"),
    ("mail.url", "smtps://u:secret-of-mails@mail.example.test", ""),
    ("mail.from", "Shop <post@example.test>", "post@example.test"),
    ("files.url", "file:/srv/of-this-test", "file:/srv/of-this-test"),
    ("files.endpoint", "https://s3.example.test", "https://s3.example.test"),
    ("files.region", "eu-north-7", "eu-north-7"),
    ("files.access_key", CANARY, ""),
    ("files.secret_key", CANARY, ""),
    ("kyc.required", "true", "required: true"),
    ("admin.bind", "127.0.0.1:3017", "127.0.0.1:3017"),
    ("admin.idle", "16m", "960s"),
    ("admin.life", "17h", "61200s"),
    ("admin.proxies", "10.1.0.0/16", "10.1.0.0"),
    ("admin.user_header", "x-forwarded-user", "x-forwarded-user"),
    ("parcelx.access_key", CANARY, ""),
    ("parcelx.secret_key", CANARY, ""),
    ("parcelx.simulator_on_servers", "true", "true"),
    ("parcelx.base_url", "http://127.0.0.1:4321", "http://127.0.0.1:4321"),
    ("parcelx.proxy", "http://c4n4ry:c4n4ry@proxy.example.test:3128", ""),
    ("parcelx.timeout", "21s", "21s"),
    ("parcelx.reconcile", "22s,23m", "[22s, 1380s]"),
    ("parcelx.confirm_cancel", "7s,8m", "[7s, 480s]"),
    ("parcelx.lookup", "untrusted", "Untrusted"),
    ("parcelx.rate", "31", "rate: 31"),
    ("parcelx.concurrency", "32", "concurrency: 32"),
    ("parcelx.breaker_after", "33", "breaker_after: 33"),
    ("parcelx.refusals_in_a_row", "34", "refusals_in_a_row: 34"),
    ("parcelx.words.wallet", "plan over", "\"plan\""),
    ("parcelx.words.credentials", "gate over", "\"gate\""),
    ("parcelx.words.account", "shop over", "\"shop\""),
    ("parcelx.words.try_again", "come back", "\"come\""),
    ("parcelx.words.timed_out", "no echo", "\"echo\""),
    ("parcelx.label_life", "31m", "1860s"),
    ("parcelx.label_wait", "3s", "label_wait: Span(3s)"),
    ("parcelx.label_hosts", "labels.example.test,*.example.org", "\"*.example.org\""),
    ("parcelx.send_within", "24s", "24s"),
    ("parcelx.settle_within", "29s", "29s"),
    ("outbox.relay_after", "26s", "26s"),
    ("outbox.grace", "27s", "27s"),
    ("outbox.every", "28s", "28s"),
    ("auth.jwt_secret", CANARY, ""),
    ("auth.password_cost", "least", "Least"),
    ("texts.url", "https://gateway.example.test/send?key=s3cret", ""),
    ("texts.header", "X-Key: s3cret", ""),
    ("texts.body", "to={to}&text={text}", ""),
    ("texts.expect", "success", "success"),
    ("texts.countries", "+91,+971", "+971"),
    ("worker.drain", "44s", "44s"),
    ("worker.bind", "127.0.0.1:9100", "127.0.0.1:9100"),
    ("webhooks.allow_private", "no", "No"),
    ("webhooks.source_addresses", "203.0.113.7,2001:db8::/48", "2001:db8::/48"),
    ("log.level", "warn,waybill=debug", "warn,waybill=debug"),
    ("log.format", "pretty", "Pretty"),
];

fn variable(key: &str) -> String {
    format!("WAYBILL_{}", key.to_uppercase().replace('.', "__"))
}

fn line(key: &str, value: &str) -> String {
    let (section, name) = key.rsplit_once('.').unwrap();
    match (value.parse::<u32>(), value.parse::<bool>()) {
        (Err(_), Err(_)) => format!("[{section}]\n{name} = \"{value}\"\n"),
        _ => format!("[{section}]\n{name} = {value}\n"),
    }
}

#[test]
fn the_table_of_this_test_has_every_key_of_the_defaults() {
    let defaults: toml::Table = toml::from_str(DEFAULTS).unwrap();
    let mut keys: Vec<String> = Vec::new();
    for (section, values) in &defaults {
        for (name, value) in values.as_table().unwrap() {
            match value.as_table() {
                Some(below) if !below.is_empty() => {
                    keys.extend(below.keys().map(|key| format!("{section}.{name}.{key}")));
                }
                Some(_) => keys.push(format!("{section}.{name}.parcelx-orders-queue.lease")),
                None => keys.push(format!("{section}.{name}")),
            }
        }
    }
    keys.sort();
    let mut tested: Vec<_> = OTHERS.iter().map(|(key, ..)| (*key).to_owned()).collect();
    tested.sort();
    assert_eq!(keys, tested);
}

#[test]
fn every_key_can_be_set_by_its_variable_and_by_a_file() {
    let plain = format!("{:?}", load(&[]).unwrap());
    for (key, value, shown) in OTHERS {
        let bucket = [
            ("WAYBILL_FILES__URL", "s3://shop"),
            ("WAYBILL_FILES__ACCESS_KEY", "a"),
            ("WAYBILL_FILES__SECRET_KEY", "b"),
        ];
        let own = variable(key);
        let beside: Vec<(&str, &str)> = match *key {
            // A header counts for nothing without the proxies that may send it.
            "admin.user_header" => vec![("WAYBILL_ADMIN__PROXIES", "10.9.9.9")],
            // Nor what opens a bucket without one.
            "files.endpoint" | "files.access_key" | "files.secret_key" => {
                bucket.into_iter().filter(|(name, _)| *name != own).collect()
            }
            _ => Vec::new(),
        };
        let all = [&[(own.as_str(), *value)], &beside[..]].concat();
        let by_variable = load(&all).unwrap_or_else(|e| panic!("{key}: {e}"));
        let by_file = load_file(&line(key, value), &beside).unwrap_or_else(|e| panic!("{key}: {e}"));
        let text = format!("{by_variable:?}");
        assert_eq!(text, format!("{by_file:?}"), "{key}");
        assert!(!text.contains(CANARY), "{key}: {text}");
        if !shown.is_empty() {
            assert!(text != plain && text.contains(shown) && !plain.contains(shown), "{key}: {text}");
        }
    }
}

#[test]
fn secrets_arrive_from_both() {
    use secrecy::ExposeSecret;
    for key in ["parcelx.access_key", "parcelx.secret_key", "auth.jwt_secret"] {
        for config in
            [load(&[(&variable(key), CANARY)]).unwrap(), load_file(&line(key, CANARY), &[]).unwrap()]
        {
            let all = [&config.parcelx.access_key, &config.parcelx.secret_key, &config.auth.jwt_secret];
            assert_eq!(all.iter().filter(|s| s.expose_secret() == CANARY).count(), 1, "{key}");
        }
    }
    // Digits alone are a text too.
    let digits = "12345678901234567890123456789012";
    assert_eq!(
        load(&[("WAYBILL_AUTH__JWT_SECRET", digits)]).unwrap().auth.jwt_secret.expose_secret(),
        digits
    );
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let file = "[queue]\nattempts = 7\nconcurrency = 8\n\
                [queue.per_queue.parcelx-orders-queue]\nattempts = 9\nbackoff = \"9s\"";
    let config = load_file(
        file,
        &[
            ("WAYBILL_QUEUE__CONCURRENCY", "10"),
            ("WAYBILL_QUEUE__PER_QUEUE__PARCELX-ORDERS-QUEUE__ATTEMPTS", "11"),
        ],
    )
    .unwrap();
    assert_eq!((config.queue.attempts, config.queue.concurrency, config.queue.keep_failed), (7, 10, 1000));
    let policy = config.policy("parcelx-orders-queue");
    assert_eq!((policy.attempts, policy.backoff.as_secs()), (11, 9));
    let other = config.policy("another-queue");
    assert_eq!((other.attempts, other.backoff.as_secs()), (7, 5));
    assert_eq!(config.queue_settings("parcelx-orders-queue").concurrency, 10);
}

/// No shell sets a variable with a hyphen in its name.
#[test]
fn a_queue_is_named_with_underscores_in_variables() {
    let of = |name: &str| load(&[(name, "3")]).unwrap().queue_settings("parcelx-orders-queue").concurrency;
    assert_eq!(of("WAYBILL_QUEUE__PER_QUEUE__PARCELX_ORDERS_QUEUE__CONCURRENCY"), 3);
    assert_eq!(of("WAYBILL_QUEUE__PER_QUEUE__PARCELX-ORDERS-QUEUE__CONCURRENCY"), 3);
    assert_ne!(of("WAYBILL_QUEUE__PER_QUEUE__PARCELX_LABELS_QUEUE__CONCURRENCY"), 3);
    // The setting's own underscore stays.
    let config = load(&[("WAYBILL_QUEUE__PER_QUEUE__PARCELX_ORDERS_QUEUE__MAX_STALLED", "4")]).unwrap();
    let own = &config.queue.per_queue["parcelx-orders-queue"];
    assert_eq!(own.max_stalled, Some(4));
    config.only_queues(&["parcelx-orders-queue"]).unwrap();
}

#[test]
fn a_variable_mends_what_a_file_has_wrong() {
    assert!(load_file("[http]\nbind = \"nonsense\"", &[("WAYBILL_HTTP__BIND", "127.0.0.1:1")]).is_ok());
}

#[test]
fn variables_of_others_are_left_alone() {
    let others = [
        ("WAYBILL_SERVICE_HOST", "10.0.0.1"),
        ("WAYBILL_SERVICE_PORT", "3000"),
        ("WAYBILL_PORT", "tcp://10.0.0.1:3000"),
        ("WAYBILL_PORT_3000_TCP", "tcp://10.0.0.1:3000"),
        ("WAYBILL_QUEUE_SERVICE_HOST", "10.0.0.2"),
        ("WAYBILL_QUEUE_SERVICE_PORT_REDIS", "6379"),
        ("WAYBILL_QUEUE_PORT", "tcp://10.0.0.2:6379"),
        ("WAYBILL_QUEUE_PORT_6379_TCP_ADDR", "10.0.0.2"),
        ("WAYBILL_HTTP_API_SERVICE_HOST", "10.0.0.3"),
        ("WAYBILL_CONFIG", "/etc/waybill.toml"),
        ("WAYBILL_HOME", "/srv"),
        ("HTTP__BIND", "nonsense"),
        ("PATH", "/bin"),
    ];
    assert_eq!(format!("{:?}", load(&others).unwrap()), format!("{:?}", load(&[]).unwrap()));
}

#[test]
fn a_single_underscore_is_a_slip() {
    for name in [
        "WAYBILL_HTTP_BIND",
        "WAYBILL_QUEUE_LEASE",
        "WAYBILL_PARCELX_ACCESS_KEY",
        "WAYBILL_HTTP_PORT",
        "WAYBILL_HTTP",
    ] {
        let lines = refused(load(&[(name, CANARY)]));
        super::assert_lines(&lines, &[&[name, "two underscores"]]);
    }
}

#[test]
fn a_url_with_two_slashes_names_the_same_file() {
    for (given, path) in [
        ("sqlite://data/w.db", "sqlite:data/w.db"),
        ("sqlite:///srv/w.db", "sqlite:/srv/w.db"),
        ("sqlite:w.db", "sqlite:w.db"),
    ] {
        let config = waybill::platform::config::Config::load(
            None,
            [("WAYBILL_STORE__URL".to_owned(), given.to_owned())],
        )
        .unwrap();
        assert_eq!(config.store.url, path, "{given}");
    }
}
