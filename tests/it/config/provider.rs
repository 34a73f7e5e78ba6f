//! The simulator can never stand in for production, and credentials never go where they could be read.

use secrecy::ExposeSecret;
use waybill::platform::config::{Provider, Role};

use super::{CANARY, assert_lines, load, refused};

const KEY: &str = "c4n4ry-key";
const ROLES: [Role; 3] = [Role::AllInOne, Role::Api, Role::Worker];

/// Settings, as variables without their prefix.
fn with(settings: &[(&str, &str)]) -> waybill::platform::config::Config {
    let names: Vec<_> = settings.iter().map(|(name, value)| (format!("WAYBILL_{name}"), *value)).collect();
    load(&names.iter().map(|(name, value)| (name.as_str(), *value)).collect::<Vec<_>>()).unwrap()
}

/// Gives the lines of the refusal.
#[track_caller]
fn no(settings: &[(&str, &str)], role: Role) -> Vec<String> {
    let lines = refused(with(settings).provider(role));
    assert!(!lines.iter().any(|l| l.contains("c4n4ry")), "{lines:?}");
    lines
}

#[test]
fn without_credentials_only_the_local_all_in_one_program_runs_and_on_the_simulator() {
    assert!(matches!(with(&[]).provider(Role::AllInOne), Ok(Provider::Simulator)));
    assert!(matches!(
        with(&[("HTTP__BIND", "[::1]:3000")]).provider(Role::AllInOne),
        Ok(Provider::Simulator)
    ));
    // Blank is absent.
    let blank = [("PARCELX__ACCESS_KEY", " "), ("PARCELX__SECRET_KEY", "\t"), ("PARCELX__BASE_URL", " ")];
    assert!(matches!(with(&blank).provider(Role::AllInOne), Ok(Provider::Simulator)));

    for role in [Role::Api, Role::Worker, Role::Tool] {
        assert_lines(
            &no(&[], role),
            &[&["parcelx.access_key", "WAYBILL_PARCELX__ACCESS_KEY", "WAYBILL_PARCELX__SECRET_KEY"]],
        );
    }
    let lines = no(&[("PARCELX__BASE_URL", "https://app.parcelx.in")], Role::AllInOne);
    assert_lines(&lines, &[&["parcelx.base_url", "without credentials"]]);
    for bind in ["0.0.0.0:3000", "[::]:3000", "192.0.2.1:3000"] {
        let lines = no(&[("HTTP__BIND", bind), ("AUTH__JWT_SECRET", CANARY)], Role::AllInOne);
        assert_lines(&lines, &[&["parcelx.access_key", "loopback"]]);
    }
}

/// A development machine has its databases on loopback, and says so; a production one never says so.
#[test]
fn on_database_servers_the_simulator_runs_only_where_a_setting_says_so_and_all_is_on_this_machine() {
    let base = [
        ("STORE__URL", "mongodb://127.0.0.1:27017/waybill?replicaSet=rs0"),
        ("QUEUE__URL", "redis://127.0.0.1:6379"),
        ("AUTH__JWT_SECRET", CANARY),
        ("PARCELX__SIMULATOR_ON_SERVERS", "true"),
    ];
    assert!(matches!(with(&base).provider(Role::AllInOne), Ok(Provider::Simulator)));
    assert!(with(&base).provider(Role::Api).is_err());
    for other in [
        ("PARCELX__SIMULATOR_ON_SERVERS", "false"),
        ("STORE__URL", "mongodb://127.0.0.1,db.example.test/waybill"),
        ("QUEUE__URL", "redis://10.0.0.5:6379"),
        ("HTTP__BIND", "0.0.0.0:3000"),
    ] {
        let mut settings: Vec<_> = base.into_iter().filter(|(name, _)| *name != other.0).collect();
        settings.push(other);
        assert_lines(&no(&settings, Role::AllInOne), &[&["parcelx.access_key", "simulator_on_servers"]]);
    }
}

#[test]
fn half_of_the_credentials_is_an_error_in_every_role() {
    for role in ROLES {
        let lines = no(&[("PARCELX__ACCESS_KEY", KEY)], role);
        assert_lines(&lines, &[&["parcelx.secret_key: is missing", "both or neither"]]);
        let lines = no(&[("PARCELX__SECRET_KEY", KEY), ("PARCELX__ACCESS_KEY", "  ")], role);
        assert_lines(&lines, &[&["parcelx.access_key: is missing", "both or neither"]]);
    }
}

#[test]
fn with_credentials_every_role_speaks_to_parcelx() {
    let both = [("PARCELX__ACCESS_KEY", " c4n4ry-key\n"), ("PARCELX__SECRET_KEY", "c4n4ry-secret")];
    for role in ROLES {
        let provider = with(&both).provider(role).unwrap();
        assert!(!format!("{provider:?}").contains("c4n4ry"));
        let Provider::Live(account) = provider else { panic!("the simulator") };
        assert_eq!(account.base_url.as_str(), "https://app.parcelx.in/");
        assert_eq!(
            (account.access_key.expose_secret(), account.secret_key.expose_secret()),
            ("c4n4ry-key", "c4n4ry-secret")
        );
    }
    for url in [
        "http://127.0.0.1:4000",
        "http://localhost:4000/",
        "http://[::1]:4000",
        "https://parcelx.example.test/base/",
    ] {
        let all = [both[0], both[1], ("PARCELX__BASE_URL", url)];
        let Ok(Provider::Live(account)) = with(&all).provider(Role::Worker) else { panic!("{url}") };
        assert!(account.base_url.as_str().starts_with(url.trim_end_matches('/')), "{url}");
    }
}

#[test]
fn credentials_do_not_travel_in_the_open_nor_stand_in_the_url() {
    let urls = [
        "http://parcelx.example.test",
        "http://127.0.0.1.example.test:4000",
        "http://10.0.0.1",
        "http://localhost.example.test",
        "ftp://127.0.0.1",
        "file:///tmp/x",
        "app.parcelx.in",
        "https://",
        "https://c4n4ry@parcelx.example.test",
        "https://user:c4n4ry@parcelx.example.test",
        "https://parcelx.example.test/?key=c4n4ry",
    ];
    for url in urls {
        let lines = refused(load(&[("WAYBILL_PARCELX__BASE_URL", url)]));
        assert_lines(&lines, &[&["parcelx.base_url (WAYBILL_PARCELX__BASE_URL): must"]]);
        assert!(!lines[0].contains("c4n4ry"), "{lines:?}");
    }
}

#[test]
fn a_proxy_is_named_by_its_host_alone() {
    let host = |url: &str| with(&[("PARCELX__PROXY", url)]).proxy_host();
    for (url, shown) in [
        ("", None),
        (" ", None),
        ("http://proxy.example.test:3128", Some("proxy.example.test:3128")),
        ("http://proxy.example.test", Some("proxy.example.test:80")),
        ("http://c4n4ry:c4n4%40ry@10.0.0.7:3128/", Some("10.0.0.7:3128")),
        ("http://c4n4ry@[::1]:3128", Some("[::1]:3128")),
    ] {
        assert_eq!(host(url).as_deref(), shown, "{url}");
    }
    for url in [
        "proxy.example.test:3128",
        "https://proxy.example.test",
        "socks5://c4n4ry@proxy.example.test",
        "http://",
        "http://c4n4ry:c4n4ry@",
        "http://proxy.example.test/c4n4ry",
        "http://proxy.example.test?key=c4n4ry",
        "http://proxy.example.test#c4n4ry",
        "c4n4ry",
    ] {
        let lines = refused(load(&[("WAYBILL_PARCELX__PROXY", url)]));
        assert_lines(&lines, &[&["parcelx.proxy (WAYBILL_PARCELX__PROXY): must be http://HOST:PORT"]]);
        assert!(!lines[0].contains("c4n4ry"), "{lines:?}");
    }
    let lines = no(&[("PARCELX__PROXY", "http://c4n4ry:c4n4ry@proxy.example.test:3128")], Role::AllInOne);
    assert_lines(&lines, &[&["parcelx.proxy", "without credentials"]]);
}

#[test]
fn off_this_machine_all_that_is_missing_is_told_at_once() {
    for role in ROLES {
        let lines = no(&[("HTTP__BIND", "0.0.0.0:3000")], role);
        if role == Role::Worker {
            // It answers no merchant, so it needs no key of theirs.
            assert_lines(&lines, &[&["parcelx.access_key"]]);
            let both =
                [("HTTP__BIND", "0.0.0.0:3000"), ("PARCELX__ACCESS_KEY", KEY), ("PARCELX__SECRET_KEY", KEY)];
            assert!(matches!(with(&both).provider(role), Ok(Provider::Live(_))));
            continue;
        }
        assert_lines(
            &lines,
            &[&["parcelx.access_key"], &["auth.jwt_secret", "WAYBILL_AUTH__JWT_SECRET", "32 bytes"]],
        );
        let both =
            [("HTTP__BIND", "0.0.0.0:3000"), ("PARCELX__ACCESS_KEY", KEY), ("PARCELX__SECRET_KEY", KEY)];
        assert_lines(&no(&both, role), &[&["auth.jwt_secret"]]);
        let all = [both[0], both[1], both[2], ("AUTH__JWT_SECRET", CANARY)];
        assert!(matches!(with(&all).provider(role), Ok(Provider::Live(_))));
    }
}
