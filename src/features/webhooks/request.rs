//! Bodies and queries of the routes.

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::{model::DeliveryState, replay::ReplayOf, service::Change};
use crate::{
    base::timestamp::Timestamp,
    features::{
        events::shown::EventType,
        orders::text::{Lines, Text},
    },
};

pub(super) const DEFAULT_LIMIT: usize = 20;
const MOST: usize = 100;

/// What the OpenAPI document says of an address: its form. Plain http is for installations with the
/// simulator; which hosts may be called is not in the form.
struct HookUrl;

impl utoipa::PartialSchema for HookUrl {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::{ObjectBuilder, SchemaFormat, Type};
        let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(2000));
        let form = r#"^https?://[A-Za-z0-9._~%\[\]:-]+([/?][!-"$-~]*)?$"#;
        text.format(Some(SchemaFormat::Custom("uri".to_owned()))).pattern(Some(form)).into()
    }
}

impl ToSchema for HookUrl {}

#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "url": "https://shop.example/hooks", "eventTypes": ["order.status_changed"] }))]
pub(super) struct CreateEndpoint {
    /// Where to: `https://`, a host on the public internet, no user name and no `#` in it.
    #[validate(nested)]
    #[schema(inline, value_type = HookUrl)]
    pub(super) url: Text<1, 2000>,
    /// Absent or empty: all.
    #[validate(length(max = 20))]
    #[schema(max_items = 20)]
    pub(super) event_types: Option<Vec<EventType>>,
    #[validate(nested)]
    #[schema(inline)]
    pub(super) description: Option<Lines<0, 500>>,
}

/// What is absent stays as it is.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ChangeEndpoint {
    #[validate(nested)]
    #[schema(inline, value_type = Option<HookUrl>)]
    pub(super) url: Option<Text<1, 2000>>,
    /// Empty: all.
    #[validate(length(max = 20))]
    #[schema(max_items = 20)]
    pub(super) event_types: Option<Vec<EventType>>,
    /// Empty: none.
    #[validate(nested)]
    #[schema(inline)]
    pub(super) description: Option<Lines<0, 500>>,
}

#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ReplayEvents {
    /// Events of this time or later. Events are kept for seven days.
    #[schema(inline)]
    pub(super) since: Timestamp,
    /// Absent: `missing`.
    pub(super) events: Option<ReplayOf>,
}

#[derive(Debug, Clone, Default, Deserialize, IntoParams, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(super) struct DeliveriesQuery {
    pub(super) state: Option<DeliveryState>,
    /// How many at most; 20 when absent.
    #[validate(range(min = 1, max = MOST))]
    #[param(minimum = 1, maximum = 100)]
    pub(super) limit: Option<usize>,
    /// `nextCursor` of the page before, with the same state.
    pub(super) cursor: Option<String>,
}

fn words(types: Vec<EventType>) -> Vec<String> {
    types.into_iter().map(|kind| kind.as_str().to_owned()).collect()
}

impl From<CreateEndpoint> for Change {
    fn from(body: CreateEndpoint) -> Self {
        Self {
            url: Some(body.url.into_inner()),
            event_types: body.event_types.map(words),
            description: body.description.map(Lines::into_inner),
        }
    }
}

impl From<ChangeEndpoint> for Change {
    fn from(body: ChangeEndpoint) -> Self {
        Self {
            url: body.url.map(Text::into_inner),
            event_types: body.event_types.map(words),
            description: body.description.map(Lines::into_inner),
        }
    }
}
