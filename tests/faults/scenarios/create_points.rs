//! The API dies at each step of a create; the merchant sends the same order until it is told 2xx.

use crate::{audit::audit, rig::Rig, seed};

const POINTS: [&str; 5] = [
    "create:before-insert",
    "create:after-insert",
    "create:before-add",
    "create:after-add",
    "create:before-answer",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_dies_at_any_step_of_a_create_makes_one_order() {
    let rig = Rig::new("create-points", &[]).await;
    let worker = rig.worker(None).await;
    let times: u64 = if seed::full() { 12 } else { 2 };
    for point in POINTS {
        for nth in 1..=times {
            let mut dying = rig.api(Some(&format!("{point}:{nth}"))).await;
            // As many orders at once as it takes to get there, one of them twice: a merchant's two systems
            // may disagree.
            let orders: Vec<_> = (0..nth.max(2)).map(|n| format!("C-{point}-{nth}-{n}")).collect();
            let sent = async {
                let all = orders.iter().chain(orders.first()).map(|order| rig.merchant.create(order));
                futures_util::future::join_all(all).await
            };
            let replaced = async {
                dying.dies_at_its_point().await;
                rig.killed();
                rig.api(None).await
            };
            let (_, api) = tokio::join!(sent, replaced);
            api.stop().await;
        }
    }
    let api = rig.api(None).await;
    let findings = audit(&rig, vec![worker], vec![api]).await;
    assert_eq!(findings.states.get("success"), Some(&findings.orders), "{findings:?}");
}
