//! Several processes on one file: this test program starts itself again as a worker, and kills it.

use std::{
    io::{BufRead, BufReader, Write, stdin},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use waybill::{
    base::clock::Clock,
    platform::queue::{JobState, Keep, LeaseState},
};

use super::{File, LEASE, LONG, Lab, Q, check, counts, job, open};
use crate::support::{ADD, Ending};

/// Not a test by itself: the worker process. Is told the file, and whether to hold what it claims first or to
/// work until it is killed.
#[tokio::test]
#[ignore = "started by the test below"]
async fn worker_process() {
    let mut told = stdin().lines().map(Result::unwrap);
    let (path, task) = (told.next().unwrap(), told.next().unwrap());
    let queue = open(path.as_ref(), &Clock::system(), Keep::default()).await.unwrap();
    if task == "hold" {
        assert_eq!(queue.broker.next_from(Q, 2, Duration::from_millis(200), LONG).await.unwrap().len(), 2);
        writeln!(std::io::stdout(), "\nholding").unwrap();
        std::future::pending::<()>().await;
    }
    loop {
        for held in queue.broker.next_from(Q, 2, LEASE, LONG).await.unwrap() {
            assert_eq!(queue.broker.complete(&held, "\"worker\"").await.unwrap(), LeaseState::Owned);
        }
    }
}

struct Worker(Child, BufReader<ChildStdout>);

impl Worker {
    fn start(lab: &File, task: &str) -> Self {
        let args = ["--exact", "queue::sqlite::processes::worker_process", "--ignored", "--nocapture"];
        let program = std::env::current_exe().unwrap();
        let mut child =
            Command::new(program).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{}\n{task}", lab.path().display()).unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self(child, out)
    }

    fn says(&mut self, word: &str) -> bool {
        std::io::Read::by_ref(&mut self.1).lines().any(|line| line.unwrap() == word)
    }
}

/// Killed without a chance to tidy up.
impl Drop for Worker {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_process_held_is_run_by_others() {
    let lab = File::new();
    let queue = lab.open(&Clock::system()).await;
    let jobs = |round| (0..100).map(|n| job(format!("job-{round}-{n}"))).collect::<Vec<_>>();
    for round in 0..3 {
        queue.broker.add(&jobs(round), ADD).await.unwrap();
        assert!(Worker::start(&lab, "hold").says("holding"), "the worker ended by itself");
    }
    let workers = [Worker::start(&lab, "work"), Worker::start(&lab, "work")];
    queue.broker.add(&jobs(3), ADD).await.unwrap();
    let mut recovered = 0;
    tokio::time::timeout(LONG * 2, async {
        while counts(&queue).await.open() > 0 {
            recovered += queue.broker.recover(Q, 99).await.len();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    assert_eq!(recovered, 6, "each dead worker held two");
    drop(workers);
    let done = queue.inspect.list(Q, JobState::Completed, None, 999).await.unwrap().jobs;
    assert_eq!(done.len(), 400);
    assert!(done.iter().all(|j| j.attempts_made == 1 && j.return_value.as_deref() == Some("\"worker\"")));
    check(&lab.path());
}
