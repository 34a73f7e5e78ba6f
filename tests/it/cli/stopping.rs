//! Signals: nothing in hand is lost, and nobody waits for ever.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
};
use tokio_util::sync::{CancellationToken, DropGuard};
use waybill::{
    base::clock::Clock,
    provider::simulator::{Settings, Simulator},
};

use super::{
    process::{Run, WORKER},
    web::{Web, counts, until},
};
use crate::support::orders;

/// ParcelX behind a gate: a call goes through when the test lets it.
struct Gate {
    address: SocketAddr,
    arrived: mpsc::UnboundedReceiver<()>,
    open: Arc<Semaphore>,
    simulator: Simulator,
    _stop: DropGuard,
}

impl Gate {
    async fn new() -> Self {
        let simulator = Simulator::new(Settings::default(), Clock::system()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let behind = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let (double, stopped) = (simulator.clone(), stop.clone().cancelled_owned());
        tokio::spawn(async move { double.serve(listener, stopped).await });

        let gate = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = gate.local_addr().unwrap();
        let (arrives, arrived) = mpsc::unbounded_channel();
        let open = Arc::new(Semaphore::new(0));
        let passes = Arc::clone(&open);
        tokio::spawn(async move {
            while let Ok((mut outside, _)) = gate.accept().await {
                let (arrives, passes) = (arrives.clone(), Arc::clone(&passes));
                tokio::spawn(async move {
                    outside.readable().await.unwrap(); // the request is here
                    let _ended = arrives.send(());
                    passes.acquire().await.unwrap().forget();
                    let mut inside = TcpStream::connect(behind).await.unwrap();
                    let _cut = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
                });
            }
        });
        Self { address, arrived, open, simulator, _stop: stop.drop_guard() }
    }

    /// A program that books through this gate.
    fn before(&self, run: Run) -> Run {
        let url = format!("http://{}", self.address);
        run.set("PARCELX__ACCESS_KEY", "key")
            .set("PARCELX__SECRET_KEY", "secret")
            .set("PARCELX__BASE_URL", &url)
    }
}

fn token(folder: &Path) -> String {
    Run::waybill(folder).args(&["token", "--user", "u1"]).end().out
}

#[tokio::test]
async fn either_signal_ends_an_idle_instance_with_0() {
    for (program, signal) in [
        ("", "TERM"),
        ("", "INT"),
        ("api", "TERM"),
        ("api", "INT"),
        ("worker", "TERM"),
        ("worker", "INT"),
        ("simulator", "TERM"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let run = match program {
            "worker" => Run::new(WORKER, folder.path()),
            "simulator" => Run::waybill(folder.path()).args(&["simulator", "--bind", "127.0.0.1:0"]),
            "" => Run::waybill(folder.path()),
            command => Run::waybill(folder.path()).args(&[command]),
        };
        let run = if program.is_empty() {
            run
        } else {
            run.set("PARCELX__ACCESS_KEY", "k").set("PARCELX__SECRET_KEY", "k")
        };
        let mut process = run.start();
        process.line(if program == "simulator" { "ParcelX simulator on" } else { "Waybill " });
        process.signal(signal);
        let ended = process.end();
        assert_eq!(ended.status.code(), Some(0), "{program} {signal}: {ended:?}");
    }
}

/// Whether the process has a handler for SIGTERM yet.
#[cfg(target_os = "linux")]
fn hears(process: &super::process::Process) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << 14) != 0
}

/// Another process has a file and does not give it back: opening it takes seconds, a signal does not wait.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_a_program_that_is_still_opening_its_databases() {
    for (program, file) in [
        ("", "waybill.db"),
        ("", "queue.db"),
        ("api", "waybill.db"),
        ("api", "queue.db"),
        ("worker", "waybill.db"),
        ("worker", "queue.db"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        assert!(Run::waybill(folder.path()).args(&["migrate"]).end().status.success());
        let locked = rusqlite::Connection::open(folder.path().join("data").join(file)).unwrap();
        locked.execute_batch("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE").unwrap();
        let run = match program {
            "worker" => Run::new(WORKER, folder.path()),
            "" => Run::waybill(folder.path()),
            command => Run::waybill(folder.path()).args(&[command]),
        };
        let run = if program.is_empty() {
            run
        } else {
            run.set("PARCELX__ACCESS_KEY", "k").set("PARCELX__SECRET_KEY", "k")
        };
        let process = run.start();
        until("it hears signals", async || hears(&process).then_some(())).await;
        let asked = std::time::Instant::now();
        process.signal("TERM");
        let ended = process.end();
        assert_eq!(ended.status.code(), Some(0), "{program} {file}: {ended:?}");
        let took = asked.elapsed();
        assert!(took < Duration::from_secs(2), "{program} {file}: {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_instance_says_so_ends_its_call_and_leaves_no_job_active() {
    let folder = tempfile::tempdir().unwrap();
    let token = token(folder.path());
    let mut gate = Gate::new().await;
    let mut waybill = gate.before(Run::waybill(folder.path())).start();
    let web = Web::new(&waybill.url()).token(&token);
    assert_eq!(web.status("/readyz").await, Some(200));
    let id = web.create(&orders::order("S-1")).await;
    gate.arrived.recv().await.unwrap();

    waybill.signal("TERM");
    until("/readyz says no", async || (web.status("/readyz").await == Some(503)).then_some(())).await;
    // Not ready is not dead: requests that still come are answered, and an order that is accepted now is
    // booked after the next start.
    assert_eq!(web.status("/healthz").await, Some(200));
    let later = web.create(&orders::order("S-2")).await;
    assert_eq!(web.order(&id).await["providerSyncStatus"], "processing");
    assert!(waybill.is_running());

    gate.open.add_permits(1);
    let ended = waybill.end();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let left = counts(folder.path()).await;
    assert_eq!((left.active, left.completed, left.waiting), (0, 1, 1), "{left:?}");

    gate.open.add_permits(100);
    let mut again = gate.before(Run::waybill(folder.path())).start();
    let web = Web::new(&again.url()).token(&token);
    assert_eq!(web.order(&id).await["providerSyncStatus"], "success");
    web.order_becomes(&later, "success").await;
    again.stop();
    assert_eq!(gate.simulator.shipments().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_worker_ends_its_call_and_writes_its_outcome_down() {
    let folder = tempfile::tempdir().unwrap();
    let token = token(folder.path());
    let mut gate = Gate::new().await;
    let mut api = gate.before(Run::waybill(folder.path()).args(&["api"])).start();
    let web = Web::new(&api.url()).token(&token);
    let mut worker = gate.before(Run::new(WORKER, folder.path())).start();
    let id = web.create(&orders::order("S-1")).await;
    gate.arrived.recv().await.unwrap();

    worker.signal("TERM");
    worker.log("stopping");
    assert!(worker.is_running());
    gate.open.add_permits(1);
    let ended = worker.end();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");

    let order = web.order(&id).await;
    assert_eq!(order["providerSyncStatus"], "success", "{order}");
    let (_, logs) = web.get(&format!("/v1/orders/{id}/provider-logs")).await;
    assert_eq!(logs["data"].as_array().unwrap().len(), 1, "{logs}");
    assert!(logs.to_string().contains("booked"), "{logs}");
    let left = counts(folder.path()).await;
    assert_eq!((left.open(), left.completed), (0, 1), "{left:?}");
    assert_eq!(gate.simulator.shipments().len(), 1);
    api.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_does_not_wait() {
    let folder = tempfile::tempdir().unwrap();
    let token = token(folder.path());
    let mut gate = Gate::new().await;
    let mut waybill = gate.before(Run::waybill(folder.path())).start();
    let web = Web::new(&waybill.url()).token(&token);
    let id = web.create(&orders::order("S-1")).await;
    gate.arrived.recv().await.unwrap();
    waybill.signal("INT");
    // An echo of the first one is no second one.
    waybill.signal("TERM");
    waybill.log("stopping");
    assert_eq!(web.status("/healthz").await, Some(200));
    until("it ends", async || {
        if waybill.is_running() {
            waybill.signal("INT");
        }
        (!waybill.is_running()).then_some(())
    })
    .await;
    let ended = waybill.end();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");

    // The call's end is unknown now. The next start must not simply send it again.
    let left = counts(folder.path()).await;
    assert_eq!((left.active, left.completed), (1, 0), "{left:?}");
    let mut again = gate.before(Run::waybill(folder.path())).start();
    assert_eq!(Web::new(&again.url()).token(&token).order(&id).await["providerSyncStatus"], "processing");
    again.stop();
}

/// One client of a balancer: writes requests on kept connections, and connects anew when it is told to.
/// Gives how many were answered, and how many it had written whole without any answer.
async fn hammer(address: SocketAddr, over: CancellationToken) -> (usize, usize) {
    let request = b"POST /orders/create HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";
    let (mut answered, mut unanswered) = (0, 0);
    while !over.is_cancelled() {
        let Ok(mut stream) = TcpStream::connect(address).await else {
            tokio::task::yield_now().await;
            continue;
        };
        while !over.is_cancelled() {
            if stream.write_all(request).await.is_err() {
                unanswered += 1;
                break;
            }
            let mut answer = Vec::new();
            let mut buffer = [0; 4096];
            while !answer.ends_with(b"}") {
                match stream.read(&mut buffer).await {
                    Ok(n @ 1..) => answer.extend_from_slice(&buffer[..n]),
                    _ => break,
                }
            }
            if answer.is_empty() {
                unanswered += 1;
                break;
            }
            answered += 1;
            if String::from_utf8_lossy(&answer).to_lowercase().contains("connection: close") {
                break;
            }
        }
    }
    (answered, unanswered)
}

/// A balancer gives its client an error for each request that it has written and nobody answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_leaves_no_written_request_unanswered() {
    let folder = tempfile::tempdir().unwrap();
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let api = |folder: &Path| {
        let run = Run::waybill(folder).args(&["api"]).set("HTTP__BIND", &address.to_string());
        run.set("HTTP__LINGER", "1s").set("PARCELX__ACCESS_KEY", "k").set("PARCELX__SECRET_KEY", "k")
    };
    let mut first = api(folder.path()).start();
    first.url();
    let over = CancellationToken::new();
    let clients: Vec<_> = (0..64).map(|_| tokio::spawn(hammer(address, over.clone()))).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    first.signal("TERM");
    let web = Web::new(&format!("http://{address}"));
    until("/readyz says no", async || (web.status("/readyz").await == Some(503)).then_some(())).await;
    let ended = first.end();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let mut second = api(folder.path()).start();
    second.url();
    tokio::time::sleep(Duration::from_secs(1)).await;
    over.cancel();
    let (mut answered, mut unanswered) = (0, 0);
    for client in clients {
        let (yes, no) = client.await.unwrap();
        (answered, unanswered) = (answered + yes, unanswered + no);
    }
    assert!(answered > 64, "{answered}");
    assert_eq!(unanswered, 0, "of {answered}");
    second.stop();
}
