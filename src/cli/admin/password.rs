//! Where passwords come from and go to: a terminal without echo, or standard input; never an argument, never
//! a log line.

use std::{
    fs::OpenOptions,
    io::{self, BufRead, IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use secrecy::{ExposeSecret, SecretString};

use crate::base::ids;

/// The longest line that is read, in bytes.
const LONGEST: usize = 4096;

/// A new password: typed twice on a terminal, else the first line of standard input.
pub(super) fn ask() -> anyhow::Result<SecretString> {
    if !io::stdin().is_terminal() {
        return read();
    }
    let first = typed("New password: ")?;
    let again = typed("The same again: ")?;
    if first.expose_secret() != again.expose_secret() {
        bail!("the two passwords differ");
    }
    Ok(first)
}

fn typed(prompt: &str) -> anyhow::Result<SecretString> {
    let mut err = io::stderr();
    write!(err, "{prompt}")?;
    err.flush()?;
    let quiet = Quiet::new()?;
    let read = read();
    drop(quiet);
    writeln!(err)?;
    read
}

fn read() -> anyhow::Result<SecretString> {
    let mut line = String::new();
    let mut input = io::Read::take(io::stdin().lock(), u64::try_from(LONGEST)?);
    input.read_line(&mut line).context("the password cannot be read")?;
    Ok(SecretString::from(line.trim_end_matches(['\r', '\n'])))
}

/// A terminal that does not show what is typed, for as long as this lives.
struct Quiet(Termios);

impl Quiet {
    fn new() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // Nothing else could be done about a terminal that is gone.
        let _gone = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// 100 random bits, in letters that nobody confuses.
pub(in crate::cli) fn generated() -> SecretString {
    let letters: Vec<char> = ids::secret().chars().take(25).collect();
    let groups: Vec<String> = letters.chunks(5).map(|five| five.iter().collect()).collect();
    SecretString::from(groups.join("-"))
}

/// Writes the first login to a file that this user alone can read, in the place of an older one.
pub(in crate::cli) fn write_first(folder: &Path, password: &SecretString) -> io::Result<PathBuf> {
    let path = folder.join("first-login.txt");
    // Never into a file that was there: others may read that one.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    writeln!(file, "user: {}\npassword: {}", super::FIRST, password.expose_secret())?;
    file.sync_all()?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn generated_passwords_are_long_and_new() {
        let (a, b) = (generated(), generated());
        assert_eq!(a.expose_secret().len(), 29);
        assert_ne!(a.expose_secret(), b.expose_secret());
    }

    #[test]
    fn the_first_login_is_for_this_user_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("first-login.txt"), "of somebody who reads along").unwrap();
        let path = write_first(folder.path(), &SecretString::from("abc")).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "user: admin\npassword: abc\n");
    }
}
