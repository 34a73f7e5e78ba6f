//! Sends due webhooks one after the other, as long as some are queued.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Weak},
    time::Duration,
};

use reqwest::{Client, header, redirect::Policy};

use super::{Delivery, Outgoing};
use crate::{
    base::timestamp::Timestamp,
    provider::simulator::{Inner, Simulator, WebhookUrl, state::State},
};

/// A receiver that takes longer counts as failed.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How often the clock is read while something waits: moving a manual clock wakes no task.
const POLL: Duration = Duration::from_millis(10);

/// Starts the sending task if something is queued and none is running.
pub(in crate::provider::simulator) fn start(simulator: &Simulator, state: &mut State) {
    if state.webhooks.waiting.is_empty() || state.webhooks.sending {
        return;
    }
    // Without a runtime (a shipment moved from outside one), the next change starts the task.
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        state.webhooks.sending = true;
        let sending = Sending(Arc::downgrade(&simulator.0));
        runtime.spawn(async move { sending.run().await });
    }
}

/// What the task does next.
enum Next {
    Send(WebhookUrl, Delivery),
    Wait(Duration),
    End,
}

/// The only sending task of a simulator; it does not keep the simulator alive. When it ends, in whatever way,
/// another one may start.
struct Sending(Weak<Inner>);

impl Drop for Sending {
    fn drop(&mut self) {
        if let Some(inner) = self.0.upgrade() {
            let simulator = Simulator(inner);
            let webhooks = &mut simulator.lock().webhooks;
            webhooks.sending = false;
            webhooks.interrupted();
        }
    }
}

impl Sending {
    async fn run(mut self) {
        let client = match client() {
            Ok(client) => client,
            Err(error) => return tracing::error!(%error, "the simulator cannot send webhooks"),
        };
        while let Some(inner) = self.0.upgrade() {
            let next = Simulator(inner).next_webhook();
            match next {
                Next::Send(url, delivery) => {
                    let delivered = send(&client, url, delivery.body.clone()).await;
                    self.done(delivery, delivered);
                }
                Next::Wait(time) => tokio::time::sleep(time).await,
                // Another task may be sending from now on: dropping this one must not change the state.
                Next::End => self.0 = Weak::new(),
            }
        }
    }

    fn done(&self, delivery: Delivery, delivered: bool) {
        if let Some(inner) = self.0.upgrade() {
            let simulator = Simulator(inner);
            let now = simulator.now();
            let mut state = simulator.lock();
            let attempts = state.faults().webhook_attempts;
            state.webhooks.ended(delivery, delivered, attempts, now);
        }
    }
}

impl Simulator {
    fn next_webhook(&self) -> Next {
        let now = self.now();
        let mut state = self.lock();
        let url = state.faults().webhook_url.clone();
        let next = state.webhooks.next(url, now);
        // Under the same lock as the check of the queue: a webhook that is queued later starts a new task.
        state.webhooks.sending = !matches!(next, Next::End);
        next
    }
}

impl Outgoing {
    fn next(&mut self, url: Option<WebhookUrl>, now: Timestamp) -> Next {
        let Some(url) = url else {
            self.drop_all();
            return Next::End;
        };
        while let Some(first) = self.waiting.first_entry() {
            let (due, _) = *first.key();
            if due > now {
                return Next::Wait(due.since(now).min(POLL));
            }
            let delivery = first.remove();
            if let Some(delivery) = self.in_turn(delivery) {
                self.counts.retried = self.counts.retried.saturating_add(u64::from(delivery.tries > 0));
                return Next::Send(url, delivery);
            }
        }
        Next::End
    }
}

/// Without proxy and redirects, and with a fixed address for `localhost`: webhooks never leave this machine.
fn client() -> reqwest::Result<Client> {
    // Fails if another part has installed one, which is fine.
    drop(rustls::crypto::ring::default_provider().install_default());
    let here = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))];
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .timeout(TIMEOUT)
        .resolve_to_addrs("localhost", &here)
        .build()
}

async fn send(client: &Client, url: WebhookUrl, body: String) -> bool {
    let sent = client
        .post(String::from(url))
        .header(header::CONTENT_TYPE, "application/json")
        .body(body)
        .send()
        .await;
    sent.is_ok_and(|response| response.status().is_success())
}
