//! Mails and texts of what was not read: one for each member, with numbers, and never soon after another.
//!
//! A mail and the note that its member was mailed are one commit, so whoever goes over the same inbox again
//! sends none twice. Nothing that a person typed gets into a mail: only numbers, and our own order numbers.

use std::collections::BTreeMap;

use super::model::{BETWEEN, Channels, Inbox, KEPT, Notification, NotificationKind, Reader};
use crate::{
    base::{clock::Clock, fault, timestamp::Timestamp},
    features::{
        mail::{Mails, model::Email, template::Template},
        merchants::user::User,
        messages::Thread,
    },
    platform::store::{Batch, CommitError, Order as Sort, Query, Store, StoreError},
};

/// Inboxes of one pass, and members of one merchant.
const INBOXES: usize = 20;
const MEMBERS: usize = 1000;
/// Order numbers that a line names.
const NAMED: usize = 5;
/// What was made longer ago is in the list, and in no mail any more.
const NEWS: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// Mails what was not read. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Digests {
    store: Store,
    clock: Clock,
    mails: Mails,
}

/// What became of one member.
enum Told {
    /// A mail is on its way.
    Mailed,
    /// There is nothing to be told.
    Nothing,
    /// Not before this.
    Later(Timestamp),
}

impl Digests {
    #[must_use]
    pub fn new(store: Store, clock: Clock, mails: Mails) -> Self {
        Self { store, clock, mails }
    }

    /// Mails the members of merchants whose time has come, and tells how many mails that were.
    ///
    /// # Errors
    /// When the store fails; the next pass goes on.
    pub async fn pass(&self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let due = Query::sorted_by("digestAt", Sort::Ascending).limit(INBOXES);
        let due = due.before(now + std::time::Duration::from_millis(1));
        let mut mailed = 0;
        for inbox in self.store.find::<Inbox>(&due).await?.docs {
            mailed += self.merchant(inbox, now).await?;
        }
        Ok(mailed)
    }

    async fn merchant(&self, mut inbox: Inbox, now: Timestamp) -> Result<usize, StoreError> {
        let all = self.kept(&inbox, now).await?;
        let (mut mailed, mut again) = (0, None::<Timestamp>);
        for user in self.members(&inbox.id).await? {
            match self.member(&inbox, &all, &user, now).await? {
                Told::Mailed => mailed += 1,
                Told::Nothing => {}
                Told::Later(at) => again = Some(again.map_or(at, |known| known.min(at))),
            }
        }
        fault::reach("notifications:mailed");
        inbox.digest_at = again;
        if mailed > 0 {
            inbox.mailed_at = Some(now);
        }
        // A new one came meanwhile: the next pass looks at all of it again, and mails nobody twice.
        let _later = self.store.replace(&inbox).await?;
        Ok(mailed)
    }

    /// What may be told, but for what the shop has read where it was said.
    async fn kept(&self, inbox: &Inbox, now: Timestamp) -> Result<Vec<Notification>, StoreError> {
        let limit = usize::try_from(KEPT).unwrap_or(usize::MAX);
        let query = Query::sorted_by("no", Sort::Ascending)
            .equal("merchant", inbox.id.as_str())
            .from(inbox.first_kept())
            .limit(limit);
        let mut all = self.store.find::<Notification>(&query).await?.docs;
        all.retain(|one| now.since(one.created_at) < NEWS);
        let mut orders: Vec<_> =
            all.iter().filter(|one| one.message_no.is_some()).map(|one| one.subject.as_str()).collect();
        orders.sort_unstable();
        orders.dedup();
        if !orders.is_empty() {
            let threads = self.store.get_many::<Thread>(&orders).await?.docs;
            let read: BTreeMap<_, _> = threads.into_iter().map(|t| (t.id, t.shop.read_to)).collect();
            all.retain(|one| {
                one.message_no.is_none_or(|no| read.get(&one.subject).is_none_or(|to| no > *to))
            });
        }
        Ok(all)
    }

    async fn members(&self, merchant: &str) -> Result<Vec<User>, StoreError> {
        let query = Query::sorted_by("createdAt", Sort::Ascending).equal("merchantId", merchant);
        let mut all = self.store.find::<User>(&query.limit(MEMBERS)).await?.docs;
        all.retain(User::is_member);
        Ok(all)
    }

    async fn member(
        &self,
        inbox: &Inbox,
        all: &[Notification],
        user: &User,
        now: Timestamp,
    ) -> Result<Told, StoreError> {
        let stored = self.store.get::<Reader>(&user.id).await?;
        let first = stored.is_none();
        let mut reader = stored.unwrap_or_else(|| Reader::new(user));
        let (by_mail, by_text) = news(&reader, all, user);
        if by_mail.is_empty() && by_text.is_empty() {
            return Ok(Told::Nothing);
        }
        if let Some(soonest) = reader.mailed_at.map(|at| at + BETWEEN).filter(|soonest| *soonest > now) {
            return Ok(Told::Later(soonest));
        }
        (reader.mailed_to, reader.mailed_at) = (inbox.last, Some(now));
        let mail = self.mails.mail(Template::Digest, user.email.as_deref(), None);
        let text = user.phone.confirmed().map(|to| self.mails.text(Template::TextDigest, &user.id, to, None));
        let letter = |letter: Option<Email>, news: &[&Notification], named| {
            let mut letter = letter.filter(|_| !news.is_empty())?;
            letter.lines = lines(news, named);
            Some(letter)
        };
        let letters = [letter(Some(mail), &by_mail, NAMED), letter(text, &by_text, 0)];
        let batch = Batch::new();
        let batch = if first { batch.insert(&reader) } else { batch.replace(&reader) };
        match self.store.commit(letters.iter().flatten().fold(batch, Mails::within)).await {
            Ok(()) => {
                for letter in letters.iter().flatten() {
                    self.mails.stored(letter).await;
                }
                Ok(Told::Mailed)
            }
            // It reads at this moment: the next pass sees what.
            Err(CommitError::Lost { .. } | CommitError::Conflict { .. }) => Ok(Told::Later(now)),
            Err(CommitError::Store(error)) => Err(error),
        }
    }
}

/// What a member has not read and wants to be told of by mail, and by text.
fn news<'n>(
    reader: &Reader,
    all: &'n [Notification],
    user: &User,
) -> (Vec<&'n Notification>, Vec<&'n Notification>) {
    let unread = all.iter().filter(|one| one.no > reader.mailed_to && !reader.has_read(one.no));
    let unread: Vec<_> = unread.filter(|one| one.created_at >= user.created_at).collect();
    let by = |wanted: fn(Channels) -> bool| {
        let wanted = |one: &&&Notification| wanted(reader.channels(one.kind, user.role));
        unread.iter().filter(wanted).copied().collect()
    };
    let has_phone = user.phone.confirmed().is_some();
    (by(|ways| ways.email), if has_phone { by(|ways| ways.text) } else { Vec::new() })
}

/// A line for each kind: how many, and the first orders, of which so many are named.
fn lines(news: &[&Notification], named: usize) -> Vec<String> {
    let of_kind = |kind: NotificationKind| {
        let all: Vec<_> = news.iter().filter(|one| one.kind == kind).collect();
        let mut orders: Vec<&str> = Vec::new();
        for number in all.iter().filter_map(|one| one.order_number.as_deref()) {
            if !orders.contains(&number) {
                orders.push(number);
            }
        }
        let more = orders.len().saturating_sub(named);
        let named = orders.iter().take(named).copied().collect::<Vec<_>>().join(", ");
        let which = match (named.is_empty(), more) {
            (true, _) => String::new(),
            (false, 0) => format!(": {named}"),
            (false, more) => format!(": {named} and {more} more"),
        };
        (!all.is_empty()).then(|| format!("{} {}{which}", all.len(), words(kind, all.len() == 1)))
    };
    NotificationKind::ALL.into_iter().filter_map(of_kind).collect()
}

fn words(kind: NotificationKind, one: bool) -> &'static str {
    match (kind, one) {
        (NotificationKind::OrderFailed, true) => "order has failed",
        (NotificationKind::OrderFailed, false) => "orders have failed",
        (NotificationKind::OrderNeedsReview, true) => "order has waited for the desk for an hour",
        (NotificationKind::OrderNeedsReview, false) => "orders have waited for the desk for an hour",
        (NotificationKind::CancelRefused, true) => "cancellation was refused",
        (NotificationKind::CancelRefused, false) => "cancellations were refused",
        (NotificationKind::EndpointDisabled, true) => "address for webhooks was given up",
        (NotificationKind::EndpointDisabled, false) => "addresses for webhooks were given up",
        (NotificationKind::Message, true) => "message from the desk",
        (NotificationKind::Message, false) => "messages from the desk",
        (NotificationKind::ServiceNotice, true) => "notice of the service",
        (NotificationKind::ServiceNotice, false) => "notices of the service",
        (NotificationKind::KycDecided, true) => "decision on your KYC",
        (NotificationKind::KycDecided, false) => "decisions on your KYC",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::notifications::model::Draft;

    fn notifications(n: usize, kind: NotificationKind) -> Vec<Notification> {
        let now = Timestamp::from_millis(1_769_851_800_000);
        let mut inbox = Inbox::new("shop", now);
        let draft = |n: usize| Draft {
            cause: n.to_string(),
            merchant: "shop".to_owned(),
            kind,
            at: now,
            subject: format!("ord_{n}"),
            order_number: (kind != NotificationKind::EndpointDisabled).then(|| format!("ORD-{n}")),
            client_order_id: Some("typed by somebody".to_owned()),
            message: None,
            detail: Some("Asha Example".to_owned()),
        };
        (1..=n).map(|n| inbox.add(draft(n), now)).collect()
    }

    #[test]
    fn three_hundred_orders_are_one_line_with_our_own_numbers() {
        let failed = notifications(300, NotificationKind::OrderFailed);
        let gone = notifications(1, NotificationKind::EndpointDisabled);
        let news: Vec<_> = gone.iter().chain(&failed).collect();
        assert_eq!(
            lines(&news, NAMED),
            [
                "300 orders have failed: ORD-1, ORD-2, ORD-3, ORD-4, ORD-5 and 295 more",
                "1 address for webhooks was given up",
            ]
        );
        // As a text has it.
        assert_eq!(lines(&news, 0), ["300 orders have failed", "1 address for webhooks was given up"]);
    }
}
