//! Bodies and queries of the routes.

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::model::{Channels, NotificationKind};

pub(super) const DEFAULT_LIMIT: usize = 20;
const MOST: usize = 100;

#[derive(Debug, Clone, Default, Deserialize, IntoParams, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(super) struct NotificationsQuery {
    /// `true`: only those that you have not read.
    pub(super) unread: Option<bool>,
    /// How many at most; 20 when absent.
    #[validate(range(min = 1, max = MOST))]
    #[param(minimum = 1, maximum = 100)]
    pub(super) limit: Option<usize>,
    /// `nextCursor` of the page before, with the same `unread`.
    pub(super) cursor: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize, IntoParams, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(super) struct ReadAllQuery {
    /// The id of the newest one that you have seen: what came after it stays unread. Absent: all.
    pub(super) up_to: Option<String>,
}

/// By which ways you are told of one kind.
#[derive(Debug, Clone, Copy, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ChooseChannels)]
pub(super) struct ChooseChannels {
    inbox: bool,
    email: bool,
    /// Needs a phone number that you have confirmed.
    #[serde(default)]
    text: bool,
}

/// What you choose. A kind that is absent has its default again.
#[derive(Debug, Clone, Copy, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "orderFailed": { "inbox": true, "email": false } }))]
pub(super) struct ChoosePreferences {
    order_failed: Option<ChooseChannels>,
    order_needs_review: Option<ChooseChannels>,
    cancel_refused: Option<ChooseChannels>,
    endpoint_disabled: Option<ChooseChannels>,
    message: Option<ChooseChannels>,
    service_notice: Option<ChooseChannels>,
    kyc_decided: Option<ChooseChannels>,
}

impl ChoosePreferences {
    pub(super) fn chosen(self) -> Vec<(NotificationKind, Channels)> {
        let all = [
            (NotificationKind::OrderFailed, self.order_failed),
            (NotificationKind::OrderNeedsReview, self.order_needs_review),
            (NotificationKind::CancelRefused, self.cancel_refused),
            (NotificationKind::EndpointDisabled, self.endpoint_disabled),
            (NotificationKind::Message, self.message),
            (NotificationKind::ServiceNotice, self.service_notice),
            (NotificationKind::KycDecided, self.kyc_decided),
        ];
        let ways = |ways: ChooseChannels| Channels { inbox: ways.inbox, email: ways.email, text: ways.text };
        all.into_iter().filter_map(|(kind, chosen)| Some((kind, ways(chosen?)))).collect()
    }
}
