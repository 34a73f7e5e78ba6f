//! The contract on a real mongod, and what only a server can get wrong.

use waybill::platform::store::{Store, StoreError};

use crate::support::mongodb::Lab;

mod failing;
mod neighbours;
mod opening;
mod plans;
mod service;

contract_suite!(contract, crate::store::mongo::fresh().await);

/// A store on a database of its own, which goes with the second value.
pub(crate) async fn fresh() -> (Store, Lab) {
    let lab = Lab::new().await;
    (lab.store().await, lab)
}

/// The text of the refusal, which must be one line.
async fn refusal(url: &str) -> String {
    let Err(StoreError::Unavailable(text)) = Store::open(url).await else { panic!("{url} was opened") };
    assert!(!text.contains('\n'), "{text}");
    text
}
