//! Who opens a stream: by a token, or by a ticket that stands for one. Checked again as long as it is open.

use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, header, request::Parts},
};

use crate::{
    features::{
        Services,
        merchants::caller::{Actor, Caller},
    },
    platform::{
        auth::{Again, Merchant},
        http::{Kind, Problem},
    },
};

/// A merchant who watches.
#[derive(Debug, Clone)]
pub(super) struct Watcher {
    pub(super) merchant: String,
    /// The person who has signed in, if it is one.
    pub(super) person: Option<String>,
    parts: Parts,
    services: Services,
}

impl FromRequestParts<Services> for Watcher {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self, Problem> {
        let mut parts = parts.clone();
        if let Some(ticket) = ticket(&parts) {
            if parts.headers.contains_key(header::AUTHORIZATION) {
                // Ambiguous: nothing says which of the two is meant.
                return Err(Problem::new(Kind::Unauthenticated, "Send a ticket or a token, not both."));
            }
            let redeemed = services.tickets.redeem(&ticket).await?.ok_or_else(bad_ticket)?;
            let value = HeaderValue::from_bytes(&redeemed).map_err(|_| bad_ticket())?;
            parts.headers.insert(header::AUTHORIZATION, value);
        }
        // Without what the first answer leaves in it: later ones must be new.
        let mut again = parts.clone();
        again.extensions.insert(Again);
        let merchant = Merchant::from_request_parts(&mut parts, services).await?.user_id;
        let person = match parts.extensions.get::<Caller>().map(|caller| &caller.actor) {
            Some(Actor::Person { id, .. }) => Some(id.clone()),
            _ => None,
        };
        Ok(Self { merchant, person, parts: again, services: services.clone() })
    }
}

impl Watcher {
    /// Whether the same token still says the same. A database that does not answer takes no right away.
    pub(super) async fn still(&self) -> bool {
        let mut parts = self.parts.clone();
        match Merchant::from_request_parts(&mut parts, &self.services).await {
            Ok(merchant) => merchant.user_id == self.merchant,
            Err(problem) => !matches!(problem.kind(), Kind::Unauthenticated | Kind::Forbidden),
        }
    }
}

fn ticket(parts: &Parts) -> Option<String> {
    let query = parts.uri.query().unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "ticket").map(|(_, value)| value.into_owned())
}

fn bad_ticket() -> Problem {
    let detail = "The ticket is not valid, was used, or is older than 30 seconds. Get a new one.";
    Problem::new(Kind::Unauthenticated, detail)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"waybill\""))
}

/// A ticket stands for a token in the one header that has it.
pub(super) fn credential() -> Problem {
    Problem::new(Kind::Unauthenticated, "Send an access token: Authorization: Bearer <token>.")
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"waybill\""))
}
