//! One run of a program in a folder of its own. Whatever a test does, the process is ended with it, by its
//! own number.

use std::{
    io::Read,
    path::Path,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

pub(super) const WAYBILL: &str = env!("CARGO_BIN_EXE_waybill");
pub(super) const WORKER: &str = env!("CARGO_BIN_EXE_worker");

/// Nothing here takes a tenth of it on an idle machine; it only ends tests that would wait for ever.
const PATIENCE: Duration = Duration::from_secs(60);
const BETWEEN_POLLS: Duration = Duration::from_millis(10);

/// How to run a program: in `folder`, with no variable but those given.
pub(super) struct Run {
    command: Command,
}

/// A running program.
pub(super) struct Process {
    child: Child,
    out: Output,
    err: Output,
}

/// What is left of a program.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) out: String,
    pub(super) err: String,
}

struct Output {
    /// Kept open and never read.
    _unread: Option<ChildStderr>,
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Run {
    pub(super) fn new(program: &str, folder: &Path) -> Self {
        let mut command = Command::new(program);
        command.current_dir(folder).env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
        // Nobody balances load here.
        command.env("WAYBILL_HTTP__LINGER", "0");
        // Nobody guesses passwords either.
        command.env("WAYBILL_AUTH__PASSWORD_COST", "least");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command }
    }

    /// `waybill` in a folder, on a free port.
    pub(super) fn waybill(folder: &Path) -> Self {
        Self::new(WAYBILL, folder).set("HTTP__BIND", "127.0.0.1:0")
    }

    pub(super) fn args(mut self, args: &[&str]) -> Self {
        self.command.args(args);
        self
    }

    /// A setting, as `("HTTP__BIND", "127.0.0.1:0")`.
    pub(super) fn set(mut self, name: &str, value: &str) -> Self {
        self.command.env(format!("WAYBILL_{name}"), value);
        self
    }

    /// A variable of other programs.
    pub(super) fn variable(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Who sits at the machine.
    pub(super) fn user(mut self, name: &str) -> Self {
        self.command.env("USER", name);
        self
    }

    /// With this as its standard input.
    pub(super) fn reading(mut self, input: impl Into<Stdio>) -> Self {
        self.command.stdin(input);
        self
    }

    pub(super) fn start(mut self) -> Process {
        let mut child = self.command.spawn().unwrap();
        let (out, err) = (Output::of(child.stdout.take().unwrap()), Output::of(child.stderr.take().unwrap()));
        Process { child, out, err }
    }

    /// Nobody reads its standard error, and nobody closes it.
    pub(super) fn start_unread(mut self) -> Process {
        let mut child = self.command.spawn().unwrap();
        let err = Output { _unread: child.stderr.take(), text: Arc::default(), reader: None };
        Process { out: Output::of(child.stdout.take().unwrap()), child, err }
    }

    /// Its standard error goes there.
    pub(super) fn start_telling(mut self, place: impl Into<Stdio>) -> Process {
        let mut child = self.command.stderr(place).spawn().unwrap();
        let err = Output { _unread: None, text: Arc::default(), reader: None };
        Process { out: Output::of(child.stdout.take().unwrap()), child, err }
    }

    /// As the first process of a container: the signals go to the program itself.
    #[cfg(target_os = "linux")]
    pub(super) fn as_pid_1(program: &str, folder: &Path) -> Self {
        let mut run = Self::new("unshare", folder).args(&["--pid", "--fork", "--kill-child"]);
        let me = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap());
        if me != 0 {
            run = run.args(&["--user", "--map-root-user"]);
        }
        run.args(&["--", program])
    }

    /// Runs it to its end.
    pub(super) fn end(self) -> Ended {
        self.start().end()
    }
}

impl Process {
    /// Waits for a line of standard output with `words` in it, and gives it.
    pub(super) fn line(&mut self, words: &str) -> String {
        self.wait(words, |p| p.out.line(words))
    }

    /// The same on standard error.
    pub(super) fn log(&mut self, words: &str) -> String {
        self.wait(words, |p| p.err.line(words))
    }

    /// The URL that the program says it listens on.
    pub(super) fn url(&mut self) -> String {
        let line = self.line("http://127.0.0.1:");
        let url =
            line.split(|c: char| c.is_whitespace() || c == ',').find(|word| word.starts_with("http://"));
        url.unwrap().to_owned()
    }

    fn wait<T>(&mut self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let limit = Instant::now() + PATIENCE;
        loop {
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() {
                self.out.join();
                self.err.join();
            }
            if let Some(found) = look(self) {
                return found;
            }
            assert!(
                ended.is_none(),
                "ended ({ended:?}) before `{what}`:\n{}\n{}",
                self.out.text(),
                self.err.text()
            );
            assert!(Instant::now() < limit, "no `{what}`:\n{}\n{}", self.out.text(), self.err.text());
            std::thread::sleep(BETWEEN_POLLS);
        }
    }

    /// Sends a signal: `TERM`, `INT`, `KILL`.
    pub(super) fn signal(&self, name: &str) {
        send(name, &self.child.id().to_string());
    }

    /// The same to the process that it has started.
    #[cfg(target_os = "linux")]
    pub(super) fn signal_child(&self, name: &str) {
        let pid = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        send(name, children.trim());
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for the end.
    pub(super) fn end(mut self) -> Ended {
        let limit = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < limit, "does not end:\n{}\n{}", self.out.text(), self.err.text());
            std::thread::sleep(BETWEEN_POLLS);
        };
        self.out.join();
        self.err.join();
        Ended { status, out: self.out.text(), err: self.err.text() }
    }

    /// Stops it as a service manager does, and expects that it ends well.
    pub(super) fn stop(self) -> Ended {
        self.signal("TERM");
        let ended = self.end();
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        ended
    }
}

fn send(signal: &str, pid: &str) {
    let sent = Command::new("sh").args(["-c", r#"kill -s "$0" "$1""#, signal, pid]).status().unwrap();
    assert!(sent.success());
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error says that it has ended already.
        if self.child.kill().is_ok() {
            self.child.wait().unwrap();
        }
    }
}

impl Output {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = pipe.read(&mut buffer) {
                written.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..n]));
            }
        });
        Self { _unread: None, text, reader: Some(reader) }
    }

    fn join(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
    }

    fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    /// A whole line with `words` in it.
    fn line(&self, words: &str) -> Option<String> {
        let text = self.text();
        let (whole, _) = text.rsplit_once('\n')?;
        whole.lines().find(|line| line.contains(words)).map(str::to_owned)
    }
}

impl Ended {
    /// Asserts exit 1, nothing on standard output, and on standard error exactly these lines, each given by
    /// some words of it.
    #[track_caller]
    pub(super) fn refused(&self, expected: &[&[&str]]) {
        assert_eq!(self.status.code(), Some(1), "{self:?}");
        assert_eq!(self.out, "", "{self:?}");
        let lines: Vec<_> = self.err.lines().collect();
        assert_eq!(lines.len(), expected.len(), "{lines:#?}");
        for words in expected {
            assert!(
                lines.iter().any(|line| words.iter().all(|word| line.contains(word))),
                "{words:?} in {lines:#?}"
            );
        }
        assert!(!self.err.contains("panic"), "{self:?}");
    }
}
