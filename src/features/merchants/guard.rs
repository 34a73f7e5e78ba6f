//! Decides whether a credential counts, for the route that it is used on.
//!
//! Guards against a caller who does more than it may (each route has one row in `app`'s table; one without is
//! answered to nobody), and against one who goes on after it was ended: key, session and merchant are looked
//! at each second, in every process.

use std::collections::HashMap;

use async_trait::async_trait;
use http::Extensions;

use super::{
    caller::{Actor, Caller},
    key::{self, Mode},
    keys::Keys,
    people::People,
    scope::{Needs, Row},
    service::Merchants,
};
use crate::{
    base::clock::Clock,
    platform::{
        auth::{Again, Asked, Claims, Credential, Gate, Merchant, Refusal, digest},
        http::limits::{self, Limiter, Rule},
    },
};

/// See the head of this file.
#[derive(Debug)]
pub struct Guard {
    pub merchants: Merchants,
    pub keys: Keys,
    pub people: People,
    pub clock: Clock,
    pub limiter: Limiter,
    pub table: Table,
    /// Whether orders wait for an approved KYC.
    pub kyc_required: bool,
}

/// The rows of all routes, by method and path.
#[derive(Debug)]
pub struct Table(HashMap<&'static str, Vec<Row>>);

impl Table {
    #[must_use]
    pub fn new(rows: &[Row]) -> Self {
        let mut by_path: HashMap<_, Vec<_>> = HashMap::new();
        for row in rows {
            by_path.entry(row.path).or_default().push(*row);
        }
        Self(by_path)
    }

    fn row(&self, asked: Asked<'_>) -> Option<&Row> {
        // The paths of the old system take a slash behind them.
        let rows = self.0.get(asked.route.strip_suffix('/').unwrap_or(asked.route))?;
        rows.iter().find(|row| row.method == asked.method)
    }
}

#[async_trait]
impl Gate for Guard {
    fn is_key(&self, text: &str) -> bool {
        key::is_key(text)
    }

    async fn admit(
        &self,
        credential: Credential<'_>,
        asked: Asked<'_>,
        extensions: &mut Extensions,
    ) -> Result<Merchant, Refusal> {
        let caller = match credential {
            Credential::Key(text) => self.of_key(text, extensions).await?,
            Credential::Token(claims) => self.of_token(claims).await?,
        };
        // Whoever is refused below has asked all the same.
        self.count(&caller, extensions)?;
        let standing = self.merchants.standing(&caller.merchant_id).await?;
        if standing.suspended {
            return Err(Refusal::Suspended);
        }
        let row = self.table.row(asked);
        match row.map(|row| row.needs) {
            Some(Needs::Scope(scope)) if caller.may(scope) => {}
            Some(Needs::Scope(scope)) => return Err(Refusal::Scope(scope.as_str())),
            Some(Needs::Person) if matches!(caller.actor, Actor::Person { .. }) => {}
            Some(Needs::Person) => return Err(Refusal::Person),
            None => {
                tracing::error!(route = asked.route, "the route has no row in the table of scopes");
                return Err(Refusal::Scope("of no caller"));
            }
        }
        if self.kyc_required && !standing.approved && row.is_some_and(|row| row.books) {
            return Err(Refusal::Kyc);
        }
        let merchant = Merchant { user_id: caller.merchant_id.clone() };
        extensions.insert(caller);
        Ok(merchant)
    }
}

impl Guard {
    /// A key's own limit is told where there is one, since it is the one that its system can keep.
    fn count(&self, caller: &Caller, extensions: &Extensions) -> Result<(), Refusal> {
        if extensions.get::<Again>().is_some() {
            return Ok(());
        }
        if let Actor::Key { id, .. } = &caller.actor {
            limits::tell(extensions, self.limiter.take(Rule::Key, id)?);
        }
        limits::tell(extensions, self.limiter.take(Rule::Merchant, &caller.merchant_id)?);
        Ok(())
    }

    async fn of_key(&self, text: &str, extensions: &Extensions) -> Result<Caller, Refusal> {
        let mode = key::read(text)
            .ok_or(Refusal::Invalid("The API key is mistyped: its check digits do not fit the rest."))?;
        let ours = self.keys.mode();
        let key = self.keys.of_hash(&digest(text)).await?.filter(|key| key.counts(self.clock.now()));
        let key = key.ok_or(Refusal::Invalid("The API key is unknown, was removed, or has expired."))?;
        let is_foreign = mode != ours || key.mode != ours;
        let actor = Actor::Key { id: key.id, scopes: key.scopes };
        let caller = Caller { merchant_id: key.merchant_id, actor };
        // A key that was copied with its database books nothing else than its name says.
        if is_foreign {
            self.count(&caller, extensions)?;
            return Err(Refusal::OtherEnvironment(match ours {
                Mode::Live => {
                    "A test key books with the ParcelX simulator only, and this installation books with \
                     ParcelX itself. Use a key that begins with wbk_live_, or an installation for tests."
                }
                Mode::Test => {
                    "A live key books with ParcelX itself, and this installation has only its simulator. \
                     Use a key that begins with wbk_test_."
                }
            }));
        }
        Ok(caller)
    }

    async fn of_token(&self, claims: Claims) -> Result<Caller, Refusal> {
        let Some(person) = claims.person else {
            return Ok(Caller { merchant_id: claims.user_id, actor: Actor::Token });
        };
        let standing = self.people.standing(&person.session).await?;
        // What the store says counts, not what the token was made with.
        let standing = standing.filter(|s| s.user == person.user && s.merchant_id == claims.user_id);
        let standing = standing.ok_or(Refusal::Invalid("The session is over: sign in again."))?;
        let actor = Actor::Person { id: standing.user, role: standing.role, session: person.session };
        Ok(Caller { merchant_id: standing.merchant_id, actor })
    }
}
