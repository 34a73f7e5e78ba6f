//! A child process that never outlives its test.

use std::{
    fs::{self, OpenOptions},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use tokio::time::sleep;

/// How often something is looked at that no event tells of.
pub(crate) const LOOK: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
    pub(crate) name: String,
}

impl Process {
    /// Starts `program` with nothing of our environment but what a program needs to run.
    pub(crate) fn start(
        name: &str,
        program: &str,
        arguments: &[&str],
        variables: &[(String, String)],
        log: &Path,
    ) -> Self {
        let out = OpenOptions::new().create(true).append(true).open(log).unwrap();
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("RUST_BACKTRACE", "0")
            .env("WAYBILL_AUTH__PASSWORD_COST", "least")
            .envs(variables.iter().map(|(k, v)| (k, v)))
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap_or_else(|e| panic!("{program}: {e}"));
        Self { child, log: log.to_owned(), name: name.to_owned() }
    }

    /// Waits until it says `word`, and gives what stands behind it, up to a blank or comma.
    pub(crate) async fn says(&mut self, word: &str) -> String {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let text = fs::read_to_string(&self.log).unwrap_or_default();
            let rest = text.split_once(word).map(|(_, rest)| rest);
            if let Some((found, _)) = rest.and_then(|rest| rest.split_once([' ', ',', '\n'])) {
                return found.to_owned();
            }
            if let Some(status) = self.ended() {
                panic!("{} ended with {status} before it said {word:?}:\n{text}", self.name);
            }
            assert!(Instant::now() < until, "{} does not say {word:?}:\n{text}", self.name);
            sleep(LOOK).await;
        }
    }

    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end; nothing when it still runs after `patience`.
    pub(crate) async fn end(&mut self, patience: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + patience;
        loop {
            match self.ended() {
                None if Instant::now() < until => sleep(LOOK).await,
                ended => return ended,
            }
        }
    }

    /// Waits until a fault point has ended it.
    pub(crate) async fn dies_at_its_point(&mut self) {
        let status = self.end(Duration::from_secs(30)).await;
        let status =
            status.unwrap_or_else(|| panic!("{} never reached its fault point:\n{}", self.name, self.tail()));
        assert_eq!(status.signal(), Some(6), "{} ended in another way: {status}\n{}", self.name, self.tail());
    }

    /// Waits until it stands still.
    pub(crate) async fn freezes(&mut self) {
        let until = Instant::now() + Duration::from_secs(30);
        while self.state() != Some('T') {
            assert!(Instant::now() < until, "{} never froze:\n{}", self.name, self.tail());
            assert_eq!(self.ended(), None, "{} ended:\n{}", self.name, self.tail());
            sleep(LOOK).await;
        }
    }

    /// The letter of `/proc/PID/stat`.
    fn state(&self) -> Option<char> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        stat.rsplit_once(") ")?.1.chars().next()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        // An error says that it has ended already.
        drop(self.child.kill());
        self.child.wait().unwrap();
    }

    /// A signal by name, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let sent =
            Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status().unwrap();
        assert!(sent.success(), "{name} to {}", self.name);
    }

    /// SIGTERM, and an end in order within its drain.
    pub(crate) async fn stop(mut self) {
        self.signal("TERM");
        let status = self.end(Duration::from_secs(15)).await;
        let status = status.unwrap_or_else(|| panic!("{} does not stop:\n{}", self.name, self.tail()));
        assert!(status.success(), "{} stopped with {status}:\n{}", self.name, self.tail());
    }

    /// The end of its output.
    pub(crate) fn tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
