//! The one parameter of a path that names something.

/// Makes an extractor of it. What cannot be an id (bytes that are no UTF-8) is the id of nothing, and no
/// other kind of refusal: `$nothing` is what is answered for an id that names none.
macro_rules! path_id {
    ($(#[$doc:meta])* $vis:vis $name:ident, $nothing:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        $vis struct $name($vis String);

        impl<S: Send + Sync> ::axum::extract::FromRequestParts<S> for $name {
            type Rejection = $crate::platform::http::Problem;

            async fn from_request_parts(
                parts: &mut ::http::request::Parts,
                state: &S,
            ) -> Result<Self, Self::Rejection> {
                let id = ::axum::extract::Path::from_request_parts(parts, state).await;
                id.map(|::axum::extract::Path(id)| Self(id)).map_err(|_| $nothing)
            }
        }
    };
}
pub(crate) use path_id;
