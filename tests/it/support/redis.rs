//! A Redis server for tests, and a client that shows what is really in it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{OnceLock, mpsc},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use waybill::base::clock::Clock;

/// The server of this test process: `WAYBILL_TEST_REDIS` (`redis://host:port`), or one that ends with the
/// process.
#[expect(clippy::disallowed_methods, reason = "this variable is for the tests alone")]
pub(crate) fn shared() -> SocketAddr {
    static SERVER: OnceLock<SocketAddr> = OnceLock::new();
    *SERVER.get_or_init(|| match std::env::var("WAYBILL_TEST_REDIS") {
        Ok(url) => {
            let addr = url.strip_prefix("redis://").and_then(|addr| addr.parse().ok());
            addr.expect("WAYBILL_TEST_REDIS is an address, such as redis://127.0.0.1:6379")
        }
        Err(_) => start_for_the_process(),
    })
}

/// On a thread that lives as long as the process: the kernel ends the server with it.
fn start_for_the_process() -> SocketAddr {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let server = Server::start();
        tell.send(server.addr).unwrap();
        loop {
            std::thread::park();
        }
    });
    told.recv().unwrap()
}

/// A server of one test's own.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    child: Child,
    /// What it writes.
    _folder: TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        for _ in 0..20 {
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
            // Another program may have taken the port since.
            if let Some(server) = Self::start_at((Ipv4Addr::LOCALHOST, port).into(), &[]) {
                return server;
            }
        }
        panic!(
            "redis-server does not start: it must be installed (Debian, Ubuntu: apt-get install redis-server)"
        )
    }

    /// One that watches others, as its file says.
    pub(crate) fn start_sentinel(config: &Path) -> Self {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let sentinel = [config.to_str().unwrap(), "--sentinel"];
        Self::launch((Ipv4Addr::LOCALHOST, port).into(), &sentinel, &[]).expect("a port that was free")
    }

    /// Also on the port of one that ended.
    pub(crate) fn start_at(addr: SocketAddr, options: &[&str]) -> Option<Self> {
        let options = [&["--save", "", "--appendonly", "no"], options].concat();
        Self::launch(addr, &[], &options)
    }

    fn launch(addr: SocketAddr, first: &[&str], options: &[&str]) -> Option<Self> {
        let port = addr.port().to_string();
        let folder = TempDir::new().unwrap();
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "redis-server"])
            .args(first)
            .args(["--bind", "127.0.0.1", "--port", &port, "--daemonize", "no"])
            .args(["--dir", folder.path().to_str().unwrap()])
            .args(options)
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        let mut server = Self { addr, child, _folder: folder };
        let patience = Instant::now() + Duration::from_secs(20);
        while Instant::now() < patience {
            if server.child.try_wait().unwrap().is_some() {
                return None;
            }
            // A port that another server has answers as well: this one must be ours.
            if let Ok(mut raw) = Raw::try_connect(addr) {
                let info = raw.cmd(&["INFO", "server"]).text();
                return info.contains(&format!("process_id:{}\r", server.child.id())).then_some(server);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }
}

impl Server {
    /// Freezes or thaws it: `-STOP`, `-CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Nil,
    Int(i64),
    Text(String),
    List(Vec<Self>),
    Error(String),
}

impl Answer {
    pub(crate) fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Int(n) => n.to_string(),
            other => panic!("no text: {other:?}"),
        }
    }
}

impl Answer {
    pub(crate) fn int(self) -> i64 {
        match self {
            Self::Int(n) => n,
            other => panic!("no number: {other:?}"),
        }
    }

    pub(crate) fn list(self) -> Vec<Self> {
        match self {
            Self::List(list) => list,
            other => panic!("no list: {other:?}"),
        }
    }

    pub(crate) fn texts(self) -> Vec<String> {
        self.list().into_iter().map(Self::text).collect()
    }
}

/// One connection; each command waits for its answer.
pub(crate) struct Raw(BufReader<TcpStream>);

impl Raw {
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        Self::try_connect(addr).unwrap()
    }

    fn try_connect(addr: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// An error of the server fails the test.
    pub(crate) fn cmd(&mut self, args: &[&str]) -> Answer {
        match self.ask(args) {
            Answer::Error(error) => panic!("{args:?}: {error}"),
            answer => answer,
        }
    }

    pub(crate) fn ask(&mut self, args: &[&str]) -> Answer {
        let mut text = format!("*{}\r\n", args.len());
        for arg in args {
            text += &format!("${}\r\n{arg}\r\n", arg.len());
        }
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
        self.answer()
    }

    fn answer(&mut self) -> Answer {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        let (kind, rest) = line.trim_end().split_at(1);
        let length = || rest.parse::<i64>().unwrap();
        match kind {
            "+" => Answer::Text(rest.to_owned()),
            "-" => Answer::Error(rest.to_owned()),
            ":" => Answer::Int(length()),
            "$" | "*" if length() < 0 => Answer::Nil,
            "$" => {
                let mut bytes = vec![0; usize::try_from(length()).unwrap() + 2];
                self.0.read_exact(&mut bytes).unwrap();
                bytes.truncate(bytes.len() - 2);
                Answer::Text(String::from_utf8_lossy(&bytes).into_owned())
            }
            "*" => Answer::List((0..length()).map(|_| self.answer()).collect()),
            _ => panic!("no answer of Redis: {line:?}"),
        }
    }
}

/// Leases end when the test's clock says so, however long the test takes; other keys live as much shorter.
const ADVANCE: &str = "
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. ':*')) do
    local left = redis.call('PTTL', key)
    local ends = string.sub(key, -5) == ':lock' and redis.call('HGET', string.sub(key, 1, -6), 'x_until')
    if ends and tonumber(ends) >= tonumber(ARGV[3]) then
        redis.call('PEXPIRE', key, 3600000)
    elseif ends or (left >= 0 and left <= tonumber(ARGV[2])) then
        redis.call('DEL', key)
    elseif left >= 0 then
        redis.call('PEXPIRE', key, left - tonumber(ARGV[2]))
    end
end";

/// The queues under this prefix see that `time` has passed, until `clock`'s now.
pub(crate) fn advance(addr: SocketAddr, prefix: &str, clock: &Clock, time: Duration) {
    let (time, now) = (time.as_millis().to_string(), clock.now().as_millis().to_string());
    Raw::connect(addr).cmd(&["EVAL", ADVANCE, "0", prefix, &time, &now]);
}

/// Removes everything under this prefix.
pub(crate) fn forget(addr: SocketAddr, prefix: &str) {
    let forget = "for _, key in ipairs(redis.call('KEYS', ARGV[1] .. ':*')) do redis.call('DEL', key) end";
    Raw::connect(addr).cmd(&["EVAL", forget, "0", prefix]);
}
