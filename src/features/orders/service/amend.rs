//! Correcting orders that the provider refused.

use super::{OrderService, StoreError};
use crate::features::orders::{
    model::{Amend, Applied, Event, Order},
    payload::NewOrder,
};

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
        Ok(match self.apply_own(user_id, id, Event::Amend { draft }).await? {
            Some((order, Applied::Amend(what))) => Some((order, what)),
            _ => None,
        })
    }
}
