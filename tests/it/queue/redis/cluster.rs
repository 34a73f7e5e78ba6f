//! A cluster of three servers: all keys of the queues are on one of them, by the braces of the prefix.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::{Duration, Instant},
};

use waybill::{
    base::clock::Clock,
    platform::queue::{Added, Keep, LeaseState, Presence, Queue, QueueError},
};

use super::{Raw, redis::Server};
use crate::{
    queue::contract::{LEASE, LONG, Q, add, claim, claim_one, counts, delayed, ids, job, secs},
    support::{ADD, Ending},
};

/// Slots of a cluster.
const SLOTS: usize = 16_384;

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// One server of the cluster, and the port on which the servers talk to each other.
fn node() -> (Server, String) {
    for _ in 0..20 {
        let (addr, bus): (SocketAddr, _) =
            ((Ipv4Addr::LOCALHOST, free_port()).into(), free_port().to_string());
        // Another program may have taken a port since.
        if let Some(server) = Server::start_at(addr, &["--cluster-enabled", "yes", "--cluster-port", &bus]) {
            return (server, bus);
        }
    }
    panic!("redis-server does not start as one of a cluster")
}

fn cluster() -> [Server; 3] {
    let nodes = [node(), node(), node()];
    for (at, (server, _)) in nodes.iter().enumerate() {
        let mut raw = Raw::connect(server.addr);
        let (first, last) = ((SLOTS * at / 3).to_string(), (SLOTS * (at + 1) / 3 - 1).to_string());
        assert_eq!(raw.cmd(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]).text(), "OK");
        for (other, bus) in &nodes {
            raw.cmd(&["CLUSTER", "MEET", "127.0.0.1", &other.addr.port().to_string(), bus]);
        }
    }
    let whole = |server: &Server| {
        let told = Raw::connect(server.addr).cmd(&["CLUSTER", "INFO"]).text();
        told.contains("cluster_state:ok") && told.contains("cluster_known_nodes:3")
    };
    let begun = Instant::now();
    while !nodes.iter().all(|(server, _)| whole(server)) {
        assert!(begun.elapsed() < LONG, "the cluster does not come together");
        std::thread::sleep(Duration::from_millis(20));
    }
    nodes.map(|(server, _)| server)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queues_on_a_cluster_are_on_one_of_its_servers() {
    let nodes = cluster();
    let url = |prefix: &str| format!("redis-cluster://{}?prefix={prefix}", nodes[0].addr);
    let refused = Queue::open(&url("bull"), Clock::system(), Keep::default()).await.unwrap_err();
    assert!(matches!(&refused, QueueError::Fault(why) if why.contains("in braces")), "{refused}");

    // These have their slots on a server each.
    for prefix in ["%7Bbull%7D", "%7Borders%7D", "%7Bqueue%7D"] {
        let queue = Queue::open(&url(prefix), Clock::system(), Keep::default()).await.unwrap();
        queue.inspect.ping().await.unwrap();
        add(&queue, &["a", "b"]).await;
        queue.broker.add(&[delayed("later", secs(99))], ADD).await.unwrap();
        assert_eq!(queue.broker.add(&[job("a")], ADD).await.unwrap(), [Added::Known]);
        queue.broker.announce("w", &[Q.to_owned()], LEASE).await.unwrap();
        let held = claim_one(&queue).await;
        let owned = queue.broker.extend(std::slice::from_ref(&held), LEASE).await.unwrap();
        assert_eq!(owned, [LeaseState::Owned]);
        assert_eq!(queue.broker.complete(&held, "1").await.unwrap(), LeaseState::Owned);
        let (known, gone) = ("later".to_owned(), "gone".to_owned());
        assert_eq!(
            queue.inspect.presence(Q, &[known, gone]).await.unwrap(),
            [Presence::Open, Presence::Absent]
        );
        assert_eq!(queue.inspect.queues().await.unwrap(), [Q]);
        assert_eq!(queue.inspect.workers(Q).await.unwrap().len(), 1);
        assert_eq!(queue.inspect.examine(Some(Q)).await.unwrap(), []);
        assert_eq!(ids(&claim(&queue, 9).await), ["b"]);

        // One that sleeps is woken.
        let waiter = queue.clone();
        let woken = tokio::spawn(async move { waiter.broker.next_from(Q, 1, LEASE, LONG).await.unwrap() });
        tokio::time::sleep(Duration::from_millis(100)).await;
        let begun = Instant::now();
        add(&queue, &["c"]).await;
        assert_eq!(ids(&woken.await.unwrap()), ["c"]);
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        assert_eq!(counts(&queue).await.open(), 3);
    }
    for node in &nodes {
        assert!(Raw::connect(node.addr).cmd(&["DBSIZE"]).int() > 0, "a server that no prefix is on");
    }
}
