//! Orders that wait for a person.

use axum::{extract::State, response::Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    order_views::{OrderBrief, ReviewView},
    orders::{TAG, read_place, write_place},
    queries::ReviewQuery,
};
use crate::{
    admin::{
        paging::{Cursors, DEFAULT_LIMIT, ListQuery},
        state::AdminState,
    },
    features::orders::service::{OrderService, review::ReviewFilter},
    platform::{
        http::{Problem, answer},
        store::Count,
    },
};

pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new().routes(routes!(list_review))
}

/// An order that waits for a person.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewItem {
    #[serde(flatten)]
    pub order: OrderBrief,
    pub review: Option<ReviewView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CodeCount {
    pub code: String,
    pub count: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ReasonCount {
    #[schema(value_type = String)]
    pub code: &'static str,
    pub count: u64,
    /// There are more.
    pub capped: bool,
}

impl From<(&'static str, Count)> for ReasonCount {
    fn from((code, count): (&'static str, Count)) -> Self {
        Self { code, count: count.n, capped: count.capped }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReviewPage {
    /// Those that wait longest first.
    pub data: Vec<ReviewItem>,
    pub next_cursor: Option<String>,
    /// How many wait for each reason, whatever the filters.
    pub codes: Vec<ReasonCount>,
}

/// Orders that wait for a person
#[utoipa::path(get, path = "/review", tag = TAG, operation_id = "listReview", params(ReviewQuery),
    responses(
        (status = 200, description = "A page", body = ReviewPage),
        (status = 400, description = "An unknown parameter, or a cursor of another list"),
        (status = 422, description = "The limit is out of its range"),
    ))]
async fn list_review(
    State(orders): State<OrderService>,
    State(cursors): State<Cursors>,
    ListQuery(query): ListQuery<ReviewQuery>,
) -> Result<Response, Problem> {
    let filter = ReviewFilter {
        code: query.code.clone(),
        of: query.of,
        user_id: query.user_id.clone(),
        from: query.from,
        before: query.before,
    };
    let bound = ("review", &filter);
    let after = query.cursor.as_deref().map(|text| read_place(&cursors, &bound, text)).transpose()?;
    let page = orders.in_review(&filter, after, query.limit.unwrap_or(DEFAULT_LIMIT)).await?;
    let data =
        page.orders.iter().map(|order| ReviewItem { order: order.into(), review: ReviewView::of(order) });
    let next_cursor = page.next.as_ref().map(|next| write_place(&cursors, &bound, next));
    let codes = orders.review_codes().await?.into_iter().map(ReasonCount::from);
    Ok(answer::ok(&ReviewPage { data: data.collect(), next_cursor, codes: codes.collect() }))
}
