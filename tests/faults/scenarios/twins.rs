//! The same order a thousand times at once, over four processes.

use std::collections::BTreeMap;

use crate::{audit::audit, rig::Rig};

const APIS: usize = 4;
const TWINS: usize = 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_twins_over_four_processes_one_is_created_and_the_others_are_replays() {
    let rig = Rig::on_servers("twins", None).await;
    let mut apis = Vec::new();
    for _ in 0..APIS {
        apis.push(rig.api(None).await);
    }
    let all = (0..TWINS).map(|n| rig.merchant.create_once(n % APIS, "T-1"));
    let mut answers = BTreeMap::new();
    for answer in futures_util::future::join_all(all).await {
        *answers.entry(answer.map(|(status, _)| status)).or_insert(0) += 1;
    }
    assert_eq!(answers, BTreeMap::from([(Some(200), TWINS - 1), (Some(201), 1)]));
    let worker = rig.worker(None).await;
    let findings = audit(&rig, vec![worker], apis).await;
    assert_eq!((findings.orders, findings.creates), (1, 1), "{findings:?}");
}
