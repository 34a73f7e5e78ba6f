//! Counts requests by the address that they come from: single routes by an extractor, whole routers by a
//! layer.
//!
//! Guards against work for whoever is over a limit: a request is counted before anything else is done for it.

use axum::{
    extract::{FromRef, FromRequestParts, Request, State},
    middleware::Next,
    response::Response,
};
use http::request::Parts;

use super::{Limiter, Rule, tell};
use crate::platform::http::{Peer, Problem, Proxies};

/// Counts a request by its address, before anything else is done for it.
macro_rules! counted {
    ($(#[$doc:meta])* $name:ident, $rule:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl<S: Send + Sync> FromRequestParts<S> for $name
        where
            Limiter: FromRef<S>,
            Proxies: FromRef<S>,
        {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
                let Ok(peer) = Peer::from_request_parts(parts, state).await;
                let left = Limiter::from_ref(state).take_address($rule, peer.address)?;
                tell(&parts.extensions, left);
                Ok(Self)
            }
        }
    };
}

counted!(
    /// By [`Rule::SignIn`].
    SignInCounted,
    Rule::SignIn
);
counted!(
    /// By [`Rule::Register`].
    RegisterCounted,
    Rule::Register
);

/// The same by [`Rule::Address`], for whole routers.
///
/// # Errors
/// 429.
pub async fn by_address(
    State((limiter, proxies)): State<(Limiter, Proxies)>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let peer = proxies.peer(request.extensions(), request.headers());
    let left = limiter.take_address(Rule::Address, peer.address)?;
    tell(request.extensions(), left);
    Ok(next.run(request).await)
}
