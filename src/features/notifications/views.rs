//! What members see of their notifications.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    decided::APPROVED,
    model::{Channels, Notification, NotificationKind, Reader},
};
use crate::{
    base::timestamp::Timestamp,
    features::merchants::scope::{Role, Scope},
};

/// One notification.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Notification)]
pub(super) struct NotificationView {
    #[schema(example = "ntf_5d41402abc4b2a76b9719d911017c592")]
    pub(super) id: String,
    pub(super) kind: NotificationKind,
    /// Whether you have read it.
    pub(super) read: bool,
    /// In words.
    #[schema(example = "Order ORD-8WPR1M0A6Q2XN has failed.")]
    pub(super) title: String,
    /// Why, without personal data; of a notice what it says, of a KYC what the desk asks for (viewers, who
    /// may not read it, do not see that).
    pub(super) detail: Option<String>,
    pub(super) order_id: Option<String>,
    pub(super) order_number: Option<String>,
    pub(super) client_order_id: Option<String>,
    pub(super) endpoint_id: Option<String>,
    pub(super) message_id: Option<String>,
    /// When it happened.
    pub(super) at: Timestamp,
    pub(super) created_at: Timestamp,
}

impl NotificationView {
    pub(super) fn new(one: Notification, read: bool, role: Role) -> Self {
        let title = title(&one);
        // Whoever may not read the KYC does not read here what is wrong with it.
        let hidden = one.kind == NotificationKind::KycDecided && !role.grants(Scope::KycRead);
        let (order_id, endpoint_id) = match one.kind {
            NotificationKind::EndpointDisabled => (None, Some(one.subject)),
            NotificationKind::ServiceNotice | NotificationKind::KycDecided => (None, None),
            _ => (Some(one.subject), None),
        };
        Self {
            id: one.id,
            kind: one.kind,
            read,
            title,
            detail: one.detail.filter(|_| !hidden),
            order_id,
            order_number: one.order_number,
            client_order_id: one.client_order_id,
            endpoint_id,
            message_id: one.message_id,
            at: one.at,
            created_at: one.created_at,
        }
    }
}

fn title(one: &Notification) -> String {
    let number = one.order_number.as_deref().unwrap_or_default();
    match one.kind {
        NotificationKind::OrderFailed => format!("Order {number} has failed."),
        NotificationKind::OrderNeedsReview => format!("Order {number} has waited for the desk for an hour."),
        NotificationKind::CancelRefused => format!("The cancellation of order {number} was refused."),
        NotificationKind::EndpointDisabled => "An address for webhooks was given up.".to_owned(),
        NotificationKind::Message => format!("The desk has written about order {number}."),
        NotificationKind::ServiceNotice => "A notice of the service.".to_owned(),
        NotificationKind::KycDecided if one.subject == APPROVED => "Your KYC is approved.".to_owned(),
        NotificationKind::KycDecided => "Your KYC needs a change.".to_owned(),
    }
}

/// Notifications, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct NotificationList {
    pub(super) success: bool,
    pub(super) data: Vec<NotificationView>,
    pub(super) has_more: bool,
    pub(super) next_cursor: Option<String>,
    /// All that you have not read, not only those of this page.
    pub(super) unread: usize,
}

/// By which ways you are told of each kind.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NotificationPreferences)]
pub(super) struct PreferencesView {
    order_failed: Channels,
    order_needs_review: Channels,
    cancel_refused: Channels,
    endpoint_disabled: Channels,
    message: Channels,
    service_notice: Channels,
    kyc_decided: Channels,
}

impl PreferencesView {
    pub(super) fn new(reader: &Reader, role: Role) -> Self {
        let of = |kind| reader.channels(kind, role);
        Self {
            order_failed: of(NotificationKind::OrderFailed),
            order_needs_review: of(NotificationKind::OrderNeedsReview),
            cancel_refused: of(NotificationKind::CancelRefused),
            endpoint_disabled: of(NotificationKind::EndpointDisabled),
            message: of(NotificationKind::Message),
            service_notice: of(NotificationKind::ServiceNotice),
            kyc_decided: of(NotificationKind::KycDecided),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NotificationPreferencesResponse)]
pub(super) struct PreferencesResponse {
    pub(super) success: bool,
    pub(super) data: PreferencesView,
}
