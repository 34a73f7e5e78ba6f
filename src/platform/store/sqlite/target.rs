//! The file that documents are copied into.
//!
//! Guards against a copy that was cut off and passes for an installation without orders, and against a
//! process that starts on it meanwhile and takes some: a file that is nobody's is marked as unfinished before
//! anything else is in it, and until then nobody opens it.

use std::{
    io,
    path::{Path, absolute},
    sync::Arc,
};

use rusqlite::{Connection, OpenFlags};

use super::connection;
use crate::platform::sqlite::{
    file::{self, Pinned},
    mark::Mark,
};

/// [`connection::open_writer`] for such a file. One that is somebody's is opened as it is, or refused.
pub(super) fn open_writer(path: &Path) -> Result<(Connection, Arc<Pinned>), String> {
    let path = absolute(path).map_err(|e: io::Error| format!("{}: {e}", path.display()))?;
    let lock = file::make(&path, || Ok(()))?;
    let pinned = Pinned::new(&path)?;
    if !begun(&path).map_err(|e| file::explain(&path, &e))? {
        drop(lock); // it is taken again
        return connection::open_writer(&path);
    }
    Ok((file::open_writer(&path, Mark::Unfinished, connection::settings)?, Arc::new(pinned)))
}

/// Whether the file was nobody's. Then it is unfinished from now on, if it can be written.
fn begun(path: &Path) -> rusqlite::Result<bool> {
    let conn = file::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    if !Mark::is_missing(&conn)? {
        return Ok(false);
    }
    if !conn.is_readonly("main")? {
        Mark::Unfinished.set(&conn)?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_nobodys_is_unfinished_at_once_and_what_is_somebodys_stays_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("empty.db"), "").unwrap();
        drop(connection::open_writer(&path("ours.db")).unwrap());
        for (name, mark) in
            [("new.db", Mark::Unfinished), ("empty.db", Mark::Unfinished), ("ours.db", Mark::Documents)]
        {
            let (conn, _) = open_writer(&path(name)).unwrap();
            assert!(mark.is_on(&conn).unwrap(), "{name}");
        }
        for name in ["new.db", "empty.db"] {
            for refused in [open_writer(&path(name)), connection::open_writer(&path(name))] {
                let told = refused.unwrap_err();
                assert!(told.contains(name) && told.contains("a copy into it was cut off"), "{told}");
            }
        }
    }
}
