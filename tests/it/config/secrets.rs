//! The generated key of the bearer tokens.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    sync::Barrier,
};

use secrecy::ExposeSecret;
use waybill::platform::config::Config;

use super::{CANARY, assert_lines, load, refused};

fn local(folder: &Path) -> Config {
    load(&[("WAYBILL_STORE__URL", &format!("sqlite:{}", folder.join("waybill.db").display()))]).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn it_is_long_kept_and_for_the_owner_alone() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("some/data");
    let first = local(&folder).jwt_secret().unwrap();
    assert!(first.expose_secret().len() >= 32);
    assert_eq!((mode(&folder), mode(&folder.join("jwt.secret"))), (0o700, 0o600));
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["jwt.secret"], "nothing else is left behind");

    assert_eq!(local(&folder).jwt_secret().unwrap().expose_secret(), first.expose_secret());
    let other = local(&outer.path().join("other")).jwt_secret().unwrap();
    assert_ne!(other.expose_secret(), first.expose_secret());
    assert!(!format!("{first:?}").contains(first.expose_secret()));
}

#[test]
fn processes_that_start_at_once_agree_on_it() {
    const STARTS: usize = 8;
    for _ in 0..20 {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("data");
        let together = Barrier::new(STARTS);
        let secrets: Vec<String> = std::thread::scope(|scope| {
            let start = || {
                together.wait();
                local(&folder).jwt_secret().unwrap().expose_secret().to_owned()
            };
            let starts: Vec<_> = (0..STARTS).map(|_| scope.spawn(start)).collect();
            starts.into_iter().map(|s| s.join().unwrap()).collect()
        });
        assert!(secrets.iter().all(|s| *s == secrets[0]));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }
}

#[test]
fn one_that_is_set_wins_and_makes_no_file() {
    let outer = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", outer.path().join("data/waybill.db").display());
    let config = load(&[("WAYBILL_STORE__URL", &url), ("WAYBILL_AUTH__JWT_SECRET", CANARY)]).unwrap();
    assert_eq!(config.jwt_secret().unwrap().expose_secret(), CANARY);
    assert!(!outer.path().join("data").exists());
}

#[test]
fn none_is_made_off_this_machine() {
    let outer = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", outer.path().join("data/waybill.db").display());
    let config = load(&[("WAYBILL_STORE__URL", &url), ("WAYBILL_HTTP__BIND", "0.0.0.0:3000")]).unwrap();
    assert_lines(&refused(config.jwt_secret()), &[&["auth.jwt_secret", "WAYBILL_AUTH__JWT_SECRET"]]);
    assert!(!outer.path().join("data").exists());
}

#[test]
fn short_and_blank_ones_are_refused() {
    for secret in ["short", "c4n4ry-c4n4ry-c4n4ry-c4n4ry-c4n", &" ".repeat(40)] {
        let lines = refused(load(&[("WAYBILL_AUTH__JWT_SECRET", secret)]));
        assert_lines(
            &lines,
            &[&["auth.jwt_secret (WAYBILL_AUTH__JWT_SECRET)", "32 bytes", "openssl rand -hex 32"]],
        );
        assert!(!lines[0].contains(secret), "{lines:?}");
    }
}

#[test]
fn a_file_that_is_too_short_or_no_file_is_refused_with_its_path() {
    let outer = tempfile::tempdir().unwrap();
    let file = outer.path().join("jwt.secret");
    for text in ["", "\n", "c4n4ry\n"] {
        fs::write(&file, text).unwrap();
        let lines = refused(local(outer.path()).jwt_secret());
        assert_lines(&lines, &[&[file.to_str().unwrap(), "shorter than 32 bytes", "remove"]]);
        assert!(!lines[0].contains("c4n4ry"), "{lines:?}");
    }
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_lines(&refused(local(outer.path()).jwt_secret()), &[&[file.to_str().unwrap(), "cannot be read"]]);

    // A path through a plain file can never be made, not even by root.
    fs::write(outer.path().join("plain"), "").unwrap();
    let lines = refused(local(&outer.path().join("plain/data")).jwt_secret());
    assert_lines(&lines, &[&["store.url", "plain/data", "WAYBILL_STORE__URL"]]);
    symlink("/nowhere", outer.path().join("dangling")).unwrap();
    assert_lines(&refused(local(&outer.path().join("dangling")).jwt_secret()), &[&["store.url", "dangling"]]);
}
