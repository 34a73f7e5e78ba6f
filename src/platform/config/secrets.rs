//! The signing secret of the bearer tokens, which is generated on a local installation.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};

use super::{Config, ConfigError, Problem};
use crate::base::ids;

const FILE: &str = "jwt.secret";

/// The problem to report if a secret must be set and is not.
pub(super) fn missing(config: &Config) -> Option<Problem> {
    let set = !config.auth.jwt_secret.expose_secret().is_empty();
    (!set && !config.is_local()).then(|| {
        Problem::new(
            "auth.jwt_secret",
            "is missing: set WAYBILL_AUTH__JWT_SECRET to 32 bytes or more; `openssl rand -hex 32` makes one \
             (Waybill generates one only on SQLite and a loopback address)",
        )
    })
}

pub(super) fn file(config: &Config) -> Option<PathBuf> {
    let set = !config.auth.jwt_secret.expose_secret().is_empty();
    (!set).then(|| config.data_folder().join(FILE))
}

pub(super) fn jwt_secret(config: &Config) -> Result<SecretString, ConfigError> {
    if let Some(problem) = missing(config) {
        return Err(ConfigError(vec![problem]));
    }
    if !config.auth.jwt_secret.expose_secret().is_empty() {
        return Ok(config.auth.jwt_secret.clone());
    }
    let folder = &config.data_folder();
    let path = folder.join(FILE);
    let problem = |key: &str, detail: String| ConfigError(vec![Problem::new(key, detail)]);
    let name = path.display().to_string();
    match read_or_generate(folder, &path) {
        Ok(secret) if secret.expose_secret().len() >= 32 => Ok(secret),
        Ok(_) => {
            let detail = "the generated key is shorter than 32 bytes: remove the file, and a new one is made";
            Err(problem(&name, detail.to_owned()))
        }
        Err(e) if path.exists() => Err(problem(&name, format!("the generated key cannot be read: {e}"))),
        Err(e) => {
            let folder = folder.display();
            let hint = "name a writable one (WAYBILL_STORE__URL=sqlite:PATH)";
            Err(problem("store.url", format!("the directory {folder} cannot be used: {e}; {hint}")))
        }
    }
}

/// Several processes may start at once: the first to link its complete file wins, and all of them read it.
fn read_or_generate(folder: &Path, path: &Path) -> std::io::Result<SecretString> {
    match fs::read_to_string(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        found => return found.map(|text| SecretString::from(text.trim())),
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let own = folder.join(format!("{FILE}.{}", ids::lease_token()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&own)?;
    writeln!(file, "{}", ids::secret())?;
    file.sync_all()?;
    let linked = fs::hard_link(&own, path);
    fs::remove_file(&own)?;
    match linked {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e),
        _ => fs::read_to_string(path).map(|text| SecretString::from(text.trim())),
    }
}
