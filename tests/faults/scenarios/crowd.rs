//! Eight processes on one file, under load, each of them killed now and then.

use std::time::Duration;

use tokio::time::sleep;

use crate::{audit::audit, process::Process, rig::Rig, seed};

const APIS: usize = 2;
const WORKERS: usize = 6;
const MERCHANTS: usize = 4;

/// All of them at once.
async fn power_cut(rig: &Rig, all: &mut [Process]) {
    for process in &mut *all {
        process.kill();
        rig.killed();
    }
    let another = futures_util::future::join_all(all.iter().map(|process| rig.another(process))).await;
    for (process, another) in all.iter_mut().zip(another) {
        *process = another;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_processes_that_die_now_and_then_agree_on_every_order() {
    let rig = Rig::new("crowd", &[("WAYBILL_QUEUE__MAX_STALLED", "1000")]).await;
    let mut random = rig.seed.clone();
    rig.simulator.pace(20, 60).await;
    let mut all = Vec::new();
    for n in 0..APIS + WORKERS {
        all.push(if n < APIS { rig.api(None).await } else { rig.worker(None).await });
    }
    let (kills, orders) = if seed::full() { (80, 150) } else { (10, 15) };
    let load = (0..MERCHANTS).map(|merchant| {
        let rig = &rig;
        async move {
            for n in 0..orders {
                rig.merchant.create(&format!("E-{merchant}-{n}")).await;
                sleep(Duration::from_millis(50)).await;
            }
        }
    });
    let deaths = async {
        for _ in 0..kills {
            sleep(random.ms(50, 500)).await;
            let n = random.pick(all.len());
            match random.below(8) {
                0 => power_cut(&rig, &mut all).await,
                // One is told to stop in the middle of its work, with another of its kind already there.
                1 => {
                    let another = rig.another(&all[n]).await;
                    std::mem::replace(&mut all[n], another).stop().await;
                }
                _ => rig.replace(&mut all[n]).await,
            }
        }
    };
    tokio::join!(futures_util::future::join_all(load), deaths);
    let workers = all.split_off(APIS);
    audit(&rig, workers, all).await;
}
