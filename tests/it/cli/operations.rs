//! Bulk work of workers that are processes of their own.

use std::{path::Path, time::Duration};

use waybill::{
    app::App,
    base::clock::Clock,
    features::{
        audit::{Audit, AuditContext, Outcome, Via},
        operations::{Filter, Kind, NewOperation, Operation, Operations, State},
        orders::{payload::NewOrder, reason, request::CreateOrder, service::Created},
    },
    platform::config::Config,
    provider::carrier::ProviderEnv,
};

use super::process::{Process, Run, WORKER};
use crate::support::orders::order;

const ORDERS: usize = 150;

async fn open(folder: &Path) -> App {
    std::fs::create_dir(folder.join("data")).unwrap();
    let url = |file: &str| format!("sqlite:{}", folder.join("data").join(file).display());
    let settings = [("WAYBILL_STORE__URL", url("waybill.db")), ("WAYBILL_QUEUE__URL", url("queue.db"))];
    let settings = settings.map(|(name, value)| (name.to_owned(), value));
    let config = Config::load(None, settings).unwrap();
    App::open_without_merchants(config, ProviderEnv::Live, Clock::system()).await.unwrap()
}

async fn in_review(app: &App) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..ORDERS {
        let body: CreateOrder = serde_json::from_value(order(&format!("K-{n}"))).unwrap();
        let created = app.state.orders.create("u1", NewOrder::from(body)).await.unwrap();
        let Created::New(order) = created else { panic!("it is new") };
        app.state.orders.review(order.id(), reason::PROVIDER_UNREACHABLE).await.unwrap();
        ids.push(order.id().to_owned());
    }
    ids
}

fn worker(folder: &Path) -> Process {
    let keys = [("ACCESS_KEY", "k"), ("SECRET_KEY", "s"), ("BASE_URL", "http://127.0.0.1:9")];
    let run = Run::new(WORKER, folder);
    keys.into_iter().fold(run, |run, (name, value)| run.set(&format!("PARCELX__{name}"), value)).start()
}

async fn until(operations: &Operations, id: &str, what: impl Fn(&Operation) -> bool) -> Operation {
    for _ in 0..3000 {
        let operation = operations.get(id).await.unwrap().unwrap();
        if what(&operation) {
            return operation;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{:?}", operations.get(id).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_worker_goes_on_after_kill_9_and_acts_on_each_order_once() {
    let folder = tempfile::tempdir().unwrap();
    let app = open(folder.path()).await;
    let ids = in_review(&app).await;
    let orders = app.state.orders.clone();
    let operations = Operations::new(app.store.clone(), app.clock.clone(), orders, app.queue.clone(), vec![]);
    let by = AuditContext::new("asha", Via::Http, "they are too old").unwrap();
    let wanted = NewOperation {
        kind: Kind::ReviewFail,
        filter: Filter::default(),
        ids: Vec::new(),
        rate_per_minute: 1500,
        stop_after: 5,
        force: false,
        notice: None,
        fate: None,
    };
    let id = operations.start(&wanted, None, &by).await.unwrap().id;

    let first = worker(folder.path());
    let half = until(&operations, &id, |operation| operation.done >= 20).await;
    first.signal("KILL");
    drop(first);
    assert!(half.done < 140, "it was killed half way: {half:?}");
    let second = worker(folder.path());
    let ended = until(&operations, &id, |operation| operation.state == State::Done).await;
    second.stop();
    assert_eq!((ended.done, ended.refused, ended.failed), (150, 0, 0), "{ended:?}");

    let audit = Audit::new(app.store.clone(), app.clock.clone());
    for order in &ids {
        let lines = audit.list(Some(order), None, 10).await.unwrap();
        let done = lines.iter().filter(|line| line.outcome == Outcome::Done).count();
        assert!(done <= 1, "{lines:?}");
        let order = app.state.orders.load(order).await.unwrap().unwrap();
        assert_eq!(order.status().as_str(), "failed");
        assert_eq!(order.history().iter().filter(|e| e.audit_id.is_some()).count(), 1, "acted on once");
    }
}
