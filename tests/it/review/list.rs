//! Finding what waits.

use std::time::Duration;

use waybill::features::orders::{model::ReviewOf, service::review::ReviewFilter};

use crate::support::{TestApp, orders::order};

async fn ids(app: &TestApp, filter: &ReviewFilter) -> Vec<String> {
    app.app
        .state
        .orders
        .in_review(filter, None, 100)
        .await
        .unwrap()
        .orders
        .into_iter()
        .map(|order| order.id().to_owned())
        .collect()
}

#[tokio::test]
async fn those_that_wait_longest_come_first_and_filters_narrow() {
    let app = TestApp::start().await;
    let mut made = Vec::new();
    for (n, (user, why)) in [
        ("u1", "outcome-unknown"),
        ("u2", "internal-error: it panicked"),
        ("u1", "outcome-found"),
        ("u1", "internal-error"),
    ]
    .iter()
    .enumerate()
    {
        let id = app.merchant(user).create(&order(&format!("A-{n}"))).await;
        app.app.state.orders.review(&id, why).await.unwrap();
        made.push((id, app.clock.now()));
        app.advance(Duration::from_secs(60));
    }
    let not_waiting = app.merchant("u1").create(&order("booked")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    let all = ReviewFilter::default();
    let expect = |at: &[usize]| at.iter().map(|n| made[*n].0.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&app, &all).await, expect(&[0, 1, 2, 3]));
    assert!(!ids(&app, &all).await.contains(&not_waiting));
    let code = |code: &str| ReviewFilter { code: Some(code.to_owned()), ..all.clone() };
    assert_eq!(ids(&app, &code("internal-error")).await, expect(&[1, 3]));
    assert_eq!(ids(&app, &code("internal")).await, expect(&[]));
    assert_eq!(ids(&app, &code("outcome-*")).await, expect(&[0, 2]));
    assert_eq!(ids(&app, &code("*")).await, expect(&[0, 1, 2, 3]));
    let user = ReviewFilter { user_id: Some("u1".to_owned()), ..all.clone() };
    assert_eq!(ids(&app, &user).await, expect(&[0, 2, 3]));
    assert_eq!(
        ids(&app, &ReviewFilter { user_id: Some("u1".to_owned()), ..code("internal-error") }).await,
        expect(&[3])
    );
    let between = ReviewFilter { from: Some(made[1].1), before: Some(made[3].1), ..all.clone() };
    assert_eq!(ids(&app, &between).await, expect(&[1, 2]));
    assert_eq!(
        ids(&app, &ReviewFilter { of: Some(ReviewOf::Cancellation), ..all.clone() }).await,
        expect(&[])
    );

    // Pages, also where the filter leaves orders out.
    for filter in [all.clone(), code("outcome-*")] {
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let page = app.app.state.orders.in_review(&filter, cursor, 1).await.unwrap();
            seen.extend(page.orders.iter().map(|order| order.id().to_owned()));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, ids(&app, &filter).await);
    }
}
