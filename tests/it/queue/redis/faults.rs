//! Servers that restart, freeze, refuse, or lose the connection at the worst moment.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::Instant,
};
use waybill::{
    base::clock::Clock,
    platform::queue::{Added, Claim, End, JobState, Keep, LeaseState, Options, Queue, QueueError},
};

use super::Keys;
use crate::{
    queue::contract::{LEASE, Lab, Q, add, claim, claim_one, clock, counts, ids, job, view},
    support::{ADD, Ending, redis::Server},
};

/// Everything is to work again within this.
const BACK: Duration = Duration::from_secs(10);

async fn open(addr: SocketAddr) -> (Keys, Queue) {
    let keys = Keys::on(addr);
    let queue = Queue::open(&keys.url(), Clock::system(), Keep::default()).await.unwrap();
    (keys, queue)
}

/// Asks until the queue answers.
async fn comes_back(queue: &Queue) {
    let begun = Instant::now();
    while let Err(error) = queue.inspect.ping().await {
        assert!(matches!(error, QueueError::Unavailable(_)), "{error}");
        assert!(begun.elapsed() < BACK, "not after {:?}: {error}", begun.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn unavailable<T: std::fmt::Debug>(told: &Result<T, QueueError>) {
    assert!(matches!(told, Err(QueueError::Unavailable(_))), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flushed_scripts_are_loaded_again() {
    let server = Server::start();
    let (keys, queue) = open(server.addr).await;
    for n in 0..3 {
        keys.raw().cmd(&["SCRIPT", "FLUSH"]);
        add(&queue, &[&format!("job-{n}")]).await;
        let held = claim_one(&queue).await;
        keys.raw().cmd(&["SCRIPT", "FLUSH"]);
        assert_eq!(
            queue.broker.extend(std::slice::from_ref(&held), LEASE).await.unwrap(),
            [LeaseState::Owned]
        );
        assert_eq!(queue.broker.complete(&held, "1").await.unwrap(), LeaseState::Owned);
    }
    assert_eq!(counts(&queue).await.completed, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_and_started_again_is_used_again() {
    let server = Server::start();
    let addr = server.addr;
    let (_, queue) = open(addr).await;
    let epoch = queue.inspect.epoch().await.unwrap();
    add(&queue, &["a"]).await;
    let waits = {
        let queue = queue.clone();
        tokio::spawn(async move { queue.broker.wait("other", Duration::from_secs(60)).await })
    };
    drop(server);
    let begun = Instant::now();
    unavailable(&queue.broker.add(&[job("b")], Duration::from_millis(100)).await);
    unavailable(&queue.broker.claim(Claim { queue: Q, max: 1, lease: LEASE }).await);
    unavailable(&queue.inspect.ping().await);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());

    let _server = Server::start_at(addr, &[]).unwrap();
    comes_back(&queue).await;
    assert_ne!(queue.inspect.epoch().await.unwrap().id, epoch.id, "it kept nothing");
    let begun = Instant::now();
    while let Err(error) = queue.broker.add(&[job("b")], ADD).await {
        assert!(begun.elapsed() < BACK, "{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(ids(&claim(&queue, 9).await), ["b"]);
    waits.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_at_first_is_used_once_it_is_there() {
    let server = Server::start();
    let addr = server.addr;
    drop(server);
    let (_, queue) = open(addr).await;
    let begun = Instant::now();
    unavailable(&queue.broker.add(&[job("a")], Duration::from_millis(100)).await);
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    let _server = Server::start_at(addr, &[]).unwrap();
    comes_back(&queue).await;
}

/// The calls of a command that a server had.
fn calls(keys: &Keys, command: &str) -> usize {
    let stats = keys.raw().cmd(&["INFO", "commandstats"]).text();
    let told = stats.split_once(&format!("cmdstat_{command}:calls=")).map(|(_, rest)| rest);
    told.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adds_at_the_same_time_share_calls_and_each_has_its_own_answer() {
    const MANY: usize = 400;
    let server = Server::start();
    let (keys, queue) = open(server.addr).await;
    add(&queue, &["job-7"]).await;
    let before = calls(&keys, "evalsha");
    // Each id is added twice; one of both is told that it is known.
    let adds = (0..2 * MANY).map(|n| {
        let queue = queue.clone();
        tokio::spawn(async move { queue.broker.add(&[job(format!("job-{}", n % MANY))], ADD).await })
    });
    let mut new = 0;
    for add in adds.collect::<Vec<_>>() {
        new += usize::from(add.await.unwrap().unwrap() == [Added::New]);
    }
    assert_eq!((new, counts(&queue).await.waiting), (MANY - 1, u64::try_from(MANY).unwrap()));
    let used = calls(&keys, "evalsha") - before;
    assert!(used < MANY / 2, "{used} calls for {} adds", 2 * MANY);

    // Those that wait behind a call are over in time, too, and nobody adds their jobs later.
    server.signal("-STOP");
    let within = |name: &'static str, ms: u64| {
        let queue = queue.clone();
        tokio::spawn(async move { queue.broker.add(&[job(name)], Duration::from_millis(ms)).await })
    };
    let first = within("first", 1500);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let begun = Instant::now();
    let others = ["late-1", "late-2", "late-3"].map(|name| within(name, 100));
    for late in others {
        unavailable(&late.await.unwrap());
    }
    assert!(begun.elapsed() < Duration::from_millis(1000), "{:?}", begun.elapsed());
    unavailable(&first.await.unwrap());
    server.signal("-CONT");
    comes_back(&queue).await;
    while queue.broker.add(&[job("last")], ADD).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let waiting = claim(&queue, 2 * MANY).await;
    assert!(!ids(&waiting).iter().any(|id| id.starts_with("late")), "{:?}", ids(&waiting));
    assert!(ids(&waiting).contains(&"last"));
}

/// Away at the start, so that nobody could look whose queues they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_another_installation_is_refused_once_it_is_there() {
    let server = Server::start();
    let addr = server.addr;
    drop(server);
    let keys = Keys::on(addr);
    let options = Options { installation: Some("one".to_owned()), ..Options::default() };
    let queue = Queue::open(&keys.url(), Clock::system(), options).await.unwrap();
    let _server = Server::start_at(addr, &[]).unwrap();
    let owner = format!("{}:x:installation", keys.prefix);
    keys.raw().cmd(&["SET", &owner, "two"]);
    let begun = Instant::now();
    let told = loop {
        match queue.broker.add(&[job("a")], ADD).await {
            Err(QueueError::Fault(told)) => break told,
            told => unavailable(&told),
        }
        assert!(begun.elapsed() < BACK);
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(told.contains("queue.prefix") && told.contains(&format!("DEL '{owner}'")), "{told}");
    keys.raw().cmd(&["DEL", &owner]);
    add(&queue, &["a"]).await;
    assert_eq!(claim_one(&queue).await.id, "a");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_holds_nobody_up_and_is_used_again() {
    let server = Server::start();
    let (_, queue) = open(server.addr).await;
    add(&queue, &["a"]).await;
    let waiter = queue.clone();
    let next = tokio::spawn(async move {
        // As the runner does: an error is a pause.
        loop {
            match waiter.broker.next_from("idle", 1, LEASE, Duration::from_secs(60)).await {
                Ok(jobs) => return jobs,
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.signal("-STOP");
    for _ in 0..3 {
        let begun = Instant::now();
        unavailable(&queue.broker.add(&[job("b")], Duration::from_millis(100)).await);
        assert!(begun.elapsed() < Duration::from_millis(400), "{:?}", begun.elapsed());
    }
    // Long enough for the connections to be given up.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(9) {
        let call = Instant::now();
        unavailable(&queue.inspect.ping().await);
        assert!(call.elapsed() < Duration::from_secs(3), "{:?}", call.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.signal("-CONT");
    comes_back(&queue).await;
    let begun = Instant::now();
    let wanted = waybill::platform::queue::NewJob { queue: "idle".into(), ..job("woken") };
    while queue.broker.add(std::slice::from_ref(&wanted), ADD).await.is_err() {
        assert!(begun.elapsed() < BACK);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let got = tokio::time::timeout(BACK, next).await.expect("the worker sleeps").unwrap();
    assert_eq!(ids(&got), ["woken"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_no_writes_is_unavailable_not_at_fault() {
    let server = Server::start();
    let (keys, queue) = open(server.addr).await;
    add(&queue, &["a"]).await;
    let mut raw = keys.raw();
    // The port of nobody: it stays a replica without its main server.
    raw.cmd(&["REPLICAOF", "127.0.0.1", "1"]);
    unavailable(&queue.broker.add(&[job("b")], ADD).await);
    unavailable(&queue.inspect.ping().await);
    raw.cmd(&["REPLICAOF", "NO", "ONE"]);
    comes_back(&queue).await;

    raw.cmd(&["CONFIG", "SET", "maxmemory", "1"]);
    unavailable(&queue.inspect.ping().await);
    raw.cmd(&["CONFIG", "SET", "maxmemory", "0"]);
    comes_back(&queue).await;
    assert_eq!(queue.broker.add(&[job("a")], ADD).await.unwrap(), [Added::Known]);
    assert_eq!(claim_one(&queue).await.id, "a");
}

#[tokio::test]
async fn a_server_that_refuses_us_is_told_at_once_without_the_password() {
    let server = Server::start();
    let raw = &mut super::Raw::connect(server.addr);
    raw.cmd(&["ACL", "SETUSER", "ship", "on", ">right-word", "~ship:*", "+@all", "-@dangerous"]);
    let open = async |user: &str, word: &str| {
        let url = format!("redis://{user}:{word}@{}?prefix=ship", server.addr);
        Queue::open(&url, Clock::system(), Keep::default()).await
    };
    let told = open("ship", "wrong-word").await.unwrap_err().to_string();
    assert!(told.contains("WRONGPASS") && !told.contains("wrong-word") && !told.contains('\n'), "{told}");
    // Without the dangerous commands, and with keys of its own alone.
    let queue = open("ship", "right-word").await.unwrap();
    add(&queue, &["a"]).await;
    queue.broker.announce("w", &[Q.to_owned()], LEASE).await.unwrap();
    assert_eq!(queue.inspect.workers(Q).await.unwrap().len(), 1);
    assert_eq!(queue.inspect.queues().await.unwrap(), [Q]);
    let held = claim_one(&queue).await;
    assert_eq!(queue.broker.complete(&held, "1").await.unwrap(), LeaseState::Owned);
}

/// The main server dies, and Sentinel makes another one the main server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_main_server_is_found_by_sentinel() {
    let main = Server::start();
    let replica = Server::start();
    let mut second = super::Raw::connect(replica.addr);
    second.cmd(&["REPLICAOF", "127.0.0.1", &main.addr.port().to_string()]);
    let folder = tempfile::TempDir::new().unwrap();
    let config = folder.path().join("sentinel.conf");
    let watch = format!(
        "sentinel monitor m 127.0.0.1 {} 1\nsentinel down-after-milliseconds m 300\n\
         sentinel failover-timeout m 3000\n",
        main.addr.port()
    );
    std::fs::write(&config, watch).unwrap();
    let sentinel = Server::start_sentinel(&config);
    let url = format!("redis-sentinel://127.0.0.1:{}?sentinelServiceName=m", sentinel.addr.port());
    let queue = Queue::open(&url, Clock::system(), Keep::default()).await.unwrap();
    add(&queue, &["a"]).await;
    let begun = Instant::now();
    // It has the job, and Sentinel knows of it.
    let mut asked = super::Raw::connect(sentinel.addr);
    while second.cmd(&["EXISTS", "bull:orders:a"]).int() == 0
        || asked.cmd(&["SENTINEL", "REPLICAS", "m"]).list().is_empty()
    {
        assert!(begun.elapsed() < Duration::from_secs(30), "the replica does not follow");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(main);
    comes_back(&queue).await;
    assert_eq!(claim_one(&queue).await.id, "a");
}

/// Forwards, and on demand lets Redis work but keeps its answer and cuts the connection.
struct Proxy {
    addr: SocketAddr,
    cut: watch::Sender<bool>,
}

impl Proxy {
    async fn to(redis: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (addr, (cut, cuts)) = (listener.local_addr().unwrap(), watch::channel(false));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let cuts = cuts.clone();
                tokio::spawn(
                    async move { relay(client, TcpStream::connect(redis).await.unwrap(), cuts).await },
                );
            }
        });
        Self { addr, cut }
    }
}

async fn relay(client: TcpStream, redis: TcpStream, cuts: watch::Receiver<bool>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_redis, mut to_redis) = redis.into_split();
    let there = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_redis).await });
    let mut buffer = vec![0; 65_536];
    while let Ok(read @ 1..) = from_redis.read(&mut buffer).await {
        if *cuts.borrow() || to_client.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
    there.abort();
}

/// Redis did it and the answer was lost: nothing is done a second time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_connection_repeats_nothing() {
    let lab = Keys::new();
    let proxy = Arc::new(Proxy::to(lab.addr).await);
    let through = Keys { addr: proxy.addr, prefix: lab.prefix.clone() };
    let (direct, cut) = (lab.open(&clock()).await, through.open(&clock()).await);
    let jobs: Vec<_> = (0..10).map(|n| job(format!("job-{n}"))).collect();
    direct.broker.add(&jobs, ADD).await.unwrap();
    // The scripts are loaded: the first answer is that of the script, not that it is not known.
    let held = claim(&direct, 2).await;
    let first = [(held[0].clone(), End::Complete("1".to_owned()))];
    let _first = direct.broker.end(&first, None).await.unwrap();
    let _given_back = direct.broker.release(&held).await.unwrap();
    let broken = async |call: &dyn Fn() -> futures_util::future::BoxFuture<'static, bool>| {
        proxy.cut.send_replace(true);
        assert!(call().await, "the answer came through");
        proxy.cut.send_replace(false);
        comes_back(&cut).await;
    };
    let claiming = cut.clone();
    broken(&|| {
        let queue = claiming.clone();
        Box::pin(async move {
            matches!(
                queue.broker.claim(Claim { queue: Q, max: 2, lease: LEASE }).await,
                Err(QueueError::Unavailable(_))
            )
        })
    })
    .await;
    assert_eq!((counts(&direct).await.active, counts(&direct).await.waiting), (2, 7), "one claim was made");

    let held = claim(&cut, 1).await;
    assert_eq!(ids(&held), ["job-3"]);
    let (ending, ended) = (cut.clone(), held[0].clone());
    broken(&|| {
        let (queue, job) = (ending.clone(), ended.clone());
        Box::pin(async move {
            let next = Claim { queue: Q, max: 1, lease: LEASE };
            let told = queue.broker.end(&[(job, End::Complete("1".to_owned()))], Some(next)).await;
            matches!(told, Err(QueueError::Unavailable(_)))
        })
    })
    .await;
    assert_eq!((view(&direct, "job-3").await.state, counts(&direct).await.active), (JobState::Completed, 3));
    assert_eq!(cut.broker.complete(&held[0], "1").await.unwrap(), LeaseState::Lost, "it was told before");
    assert_eq!(view(&direct, "job-3").await.attempts_made, 1);

    let (adding, new) = (cut.clone(), job("new"));
    broken(&|| {
        let (queue, new) = (adding.clone(), new.clone());
        Box::pin(async move { queue.broker.add(&[new], Duration::from_millis(500)).await.is_err() })
    })
    .await;
    let counter = lab.show("id");
    assert_eq!(counter, "11", "it was added once");
}
