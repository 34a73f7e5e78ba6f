//! Whether two settings name one file, however each of them is spelt.
//!
//! Guards against documents and jobs in one file by a symbolic link, or by another way to the same folder.

use std::{
    fs,
    path::{Component, Path, PathBuf, absolute},
};

use crate::platform::sqlite::file::Identity;

/// Links to files that are not there yet are followed so often.
const LINKS: u8 = 8;

/// `store` and `queue` are URLs.
pub(super) fn same_file(store: &str, queue: &str) -> bool {
    let (Some(store), Some(queue)) = (file_of(store), file_of(queue)) else { return store == queue };
    let (Ok(store), Ok(queue)) = (absolute(store), absolute(queue)) else { return false };
    let there = Identity::of(&store);
    (there.is_some() && there == Identity::of(&queue)) || real(&store, LINKS) == real(&queue, LINKS)
}

/// `sqlite:` and `sqlite://` mean the same, for both settings.
fn file_of(url: &str) -> Option<&str> {
    let path = url.strip_prefix("sqlite:").filter(|path| !path.is_empty())?;
    Some(path.strip_prefix("//").unwrap_or(path))
}

/// Without links and `..`, also where a part of it is not there.
fn real(path: &Path, links: u8) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    let Some(folder) = path.parent() else { return path.to_owned() };
    let mut real_path = real(folder, links);
    match path.components().next_back() {
        Some(Component::ParentDir) => {
            real_path.pop();
        }
        Some(Component::Normal(name)) => real_path.push(name),
        _ => {}
    }
    match fs::read_link(&real_path) {
        Ok(to) if links > 0 => {
            real_path.pop();
            real(&real_path.join(to), links - 1)
        }
        _ => real_path,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn two_slashes_before_a_relative_path_change_nothing() {
        for (store, queue, same) in [
            ("sqlite://data/w.db", "sqlite://data/w.db", true),
            ("sqlite:data/w.db", "sqlite://data/w.db", true),
            ("sqlite:/data/w.db", "sqlite://data/w.db", false),
            ("sqlite:///data/w.db", "sqlite:/data/w.db", true),
        ] {
            assert_eq!(same_file(store, queue), same, "{store} {queue}");
            assert_eq!(same_file(queue, store), same, "{store} {queue}");
        }
    }

    #[test]
    fn a_file_is_the_same_whatever_it_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
        fs::create_dir(folder.path().join("data")).unwrap();
        symlink("data", folder.path().join("same")).unwrap();
        symlink("waybill.db", folder.path().join("data/queue.db")).unwrap();
        symlink("round.db", folder.path().join("data/round.db")).unwrap();
        let store = at("data/waybill.db");
        let same = |queue: &str| same_file(&store, queue);
        for there in [false, true] {
            for queue in
                ["data/waybill.db", "data/./waybill.db", "data/../data/waybill.db", "same/waybill.db"]
            {
                assert!(same(&at(queue)), "{queue} {there}");
            }
            assert!(same(&at("data/queue.db")) && same(&at("same/queue.db")), "{there}");
            assert!(same(&store.replace("sqlite:", "sqlite://")), "{there}");
            for queue in ["data/other.db", "waybill.db", "none/waybill.db", "data/round.db"] {
                assert!(!same(&at(queue)), "{queue} {there}");
            }
            fs::write(folder.path().join("data/waybill.db"), "").unwrap();
        }
        fs::hard_link(folder.path().join("data/waybill.db"), folder.path().join("linked.db")).unwrap();
        assert!(same(&at("linked.db")));
        assert!(same_file(&at("none/w.db"), &at("none/../none/w.db")), "its folder is not there yet");
        assert!(!same("redis://waybill.db") && !same_file("mongodb://a/b", &store));
        assert!(same_file("sqlite:w.db", "sqlite:./w.db") && same_file("sqlite:", "sqlite:"));
    }
}
