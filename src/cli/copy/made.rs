//! What a copy makes on the disk.
//!
//! Guards against a part of the documents, or none of them, that is left under the name of a backup.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf, absolute},
};

use super::file_of;

/// A file that is not there yet, and the folders that will be made for it, the innermost first.
pub(super) struct Made {
    file: PathBuf,
    folders: Vec<PathBuf>,
}

impl Made {
    /// Nothing where there is a file already, or the database is a server's.
    pub(super) fn by_opening(url: &str) -> Option<Self> {
        let file = absolute(file_of(url)?).ok()?;
        let is_missing = |path: &Path| fs::symlink_metadata(path).is_err();
        if !is_missing(&file) {
            return None;
        }
        let folders = file.ancestors().skip(1).take_while(|folder| is_missing(folder));
        let folders = folders.map(Path::to_path_buf).collect();
        Some(Self { file, folders })
    }

    /// Takes all of it away again.
    pub(super) fn remove(&self) {
        for suffix in ["-wal", "-shm", ""] {
            drop(fs::remove_file(beside(&self.file, suffix)));
        }
        // Where there is something else in a folder by now, it stays.
        let _left = self.folders.iter().try_for_each(fs::remove_dir);
    }
}

/// The file beside it that has a part of what was written, unless there is none.
pub(super) fn log_of(file: &Path) -> Option<PathBuf> {
    let log = beside(file, "-wal");
    log.metadata().is_ok_and(|m| m.len() > 0).then_some(log)
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_goes_again_and_what_was_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("there")).unwrap();
        let at = |name: &str| folder.path().join(name);
        let made = |name: &str| Made::by_opening(&format!("sqlite:{}", at(name).display()));
        let new = made("there/deep/er/backup.db").unwrap();
        fs::create_dir_all(at("there/deep/er")).unwrap();
        for end in ["", "-wal", "-shm"] {
            fs::write(at(&format!("there/deep/er/backup.db{end}")), "x").unwrap();
        }
        assert!(made("there/deep/er/backup.db").is_none(), "it is there");
        assert_eq!(log_of(&at("there/deep/er/backup.db")), Some(at("there/deep/er/backup.db-wal")));
        assert_eq!(log_of(&at("there/deep/er/other.db")), None);
        new.remove();
        assert_eq!(fs::read_dir(at("there")).unwrap().count(), 0);

        fs::create_dir_all(at("there/deep/er")).unwrap();
        fs::write(at("there/deep/er/backup.db"), "x").unwrap();
        fs::write(at("there/deep/mine"), "x").unwrap();
        new.remove();
        assert!(!at("there/deep/er").exists() && at("there/deep/mine").exists());
        assert!(Made::by_opening("mongodb://a/b").is_none());
    }
}
