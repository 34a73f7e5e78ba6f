//! Correcting orders that the provider refused.

use super::{OrderService, StoreError};
use crate::features::orders::{amend::Amend, model::Order, payload::NewOrder};

impl OrderService {
    /// A merchant corrects an order of theirs. Of several at once one is first; the others are decided on
    /// what it made. Nothing: they have no such order.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn amend(
        &self,
        user_id: &str,
        id: &str,
        draft: &NewOrder,
    ) -> Result<Option<(Order, Amend)>, StoreError> {
        let mut came_to = None;
        let order = self.change(id, |order, now| {
            if order.user_id != user_id {
                return false;
            }
            let what = order.amend(draft.clone(), now);
            came_to = Some(what);
            what == Amend::Accepted
        });
        let order = order.await?;
        Ok(order.zip(came_to))
    }
}
