//! What lies there, whatever it is called: the proof that something was erased is that nothing under its key
//! is listed. Guards against files that the library does not show: in a folder a write that is cut off leaves
//! the bytes of `KEY` in `KEY#1`, which is in none of its listings.

use std::{
    fs,
    io::{Error, ErrorKind},
    path::{Path, PathBuf},
};

use object_store::{
    aws::AmazonS3,
    list::{PaginatedListOptions, PaginatedListStore},
};

use super::{FilesError, timed};

/// Writes of one key that were cut off; each key is written once.
const STAGED: u32 = 100;

/// The keys of a bucket that begin with `prefix`, all of which are below `own`.
pub(super) async fn of_bucket(store: &AmazonS3, own: &str, prefix: &str) -> Result<Vec<String>, FilesError> {
    let own = if own.is_empty() { String::new() } else { format!("{own}/") };
    let begins = format!("{own}{prefix}");
    let (mut keys, mut page_token) = (Vec::new(), None);
    loop {
        let options = PaginatedListOptions { page_token, ..PaginatedListOptions::default() };
        let page = timed(async { Ok(store.list_paginated(Some(&begins), options).await?) }).await?;
        for file in &page.result.objects {
            let key: &str = file.location.as_ref();
            keys.extend(key.strip_prefix(own.as_str()).map(str::to_owned));
        }
        page_token = page.page_token;
        if page_token.is_none() {
            return Ok(keys);
        }
    }
}

/// The same of a folder; of one that is not there nothing.
pub(super) async fn of_folder(at: &Path, prefix: &str) -> Result<Vec<String>, FilesError> {
    let (at, prefix) = (at.to_owned(), prefix.to_owned());
    aside(move || walk(at, &prefix)).await
}

fn walk(at: PathBuf, prefix: &str) -> Result<Vec<String>, Error> {
    let (mut keys, mut folders) = (Vec::new(), vec![(at, String::new())]);
    while let Some((folder, key)) = folders.pop() {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let key = format!("{key}{}", entry.file_name().to_string_lossy());
            if !entry.file_type()?.is_dir() {
                keys.extend(key.starts_with(prefix).then_some(key));
                continue;
            }
            let below = format!("{key}/");
            if below.starts_with(prefix) || prefix.starts_with(&below) {
                folders.push((entry.path(), below));
            }
        }
    }
    Ok(keys)
}

/// Removes what writes of `key` left that were cut off. The key is one of ours.
pub(super) async fn remove_staged(at: &Path, key: &str) -> Result<(), FilesError> {
    let file = at.join(key);
    aside(move || {
        for number in 1..=STAGED {
            let mut staged = file.clone().into_os_string();
            staged.push(format!("#{number}"));
            match fs::remove_file(PathBuf::from(staged)) {
                Ok(()) => {}
                // The library takes the first number that is free.
                Err(error) if error.kind() == ErrorKind::NotFound => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    })
    .await
}

/// Off the threads that answer requests.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, FilesError> {
    timed(async {
        let done = tokio::task::spawn_blocking(work).await;
        let done = done.map_err(|error| FilesError::Fault(error.to_string()))?;
        done.map_err(|error| FilesError::Unavailable(format!("the folder cannot be used: {error}")))
    })
    .await
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::{FilePlace, Files};

    async fn listed(files: &Files, prefix: &str) -> Vec<String> {
        let mut keys = files.list(prefix).await.unwrap();
        keys.sort_unstable();
        keys
    }

    #[tokio::test]
    async fn all_that_lies_in_a_folder_is_listed_whatever_it_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("files");
        let files = Files::open(Some(FilePlace::Folder(at.clone()))).unwrap();
        assert_eq!(listed(&files, "").await, Vec::<String>::new());
        assert!(!at.exists(), "looking makes nothing");
        files.put("kyc/fil_1", Bytes::from_static(b"one")).await.unwrap();
        files.put("kyc/fil_22", Bytes::from_static(b"two")).await.unwrap();
        std::fs::create_dir_all(at.join("kyc/Old Ones/fil_1")).unwrap();
        for odd in ["kyc/fil_1#1", "kyc/Old Ones/fil_1/पैन.pdf", "kyc/fil_1~", "other"] {
            std::fs::write(at.join(odd), "left").unwrap();
        }
        assert_eq!(
            listed(&files, "kyc/").await,
            ["kyc/Old Ones/fil_1/पैन.pdf", "kyc/fil_1", "kyc/fil_1#1", "kyc/fil_1~", "kyc/fil_22"]
        );
        assert_eq!(listed(&files, "kyc/fil_1").await, ["kyc/fil_1", "kyc/fil_1#1", "kyc/fil_1~"]);
        assert_eq!(listed(&files, "kyc/Old").await, ["kyc/Old Ones/fil_1/पैन.pdf"]);
        assert_eq!(listed(&files, "").await.len(), 6);
    }

    /// A process that is killed while it writes leaves the bytes under another name.
    #[tokio::test]
    async fn what_a_write_that_was_cut_off_left_goes_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("files");
        let files = Files::open(Some(FilePlace::Folder(at.clone()))).unwrap();
        files.put("kyc/fil_1", Bytes::from_static(b"one")).await.unwrap();
        for left in ["kyc/fil_1#1", "kyc/fil_1#2", "kyc/fil_2#1"] {
            std::fs::write(at.join(left), "left").unwrap();
        }
        files.erase("kyc/fil_1").await.unwrap();
        assert_eq!(listed(&files, "").await, ["kyc/fil_2#1"]);
        // Also of one that never came to be a file.
        files.erase("kyc/fil_2").await.unwrap();
        assert_eq!(listed(&files, "").await, Vec::<String>::new());
    }
}
