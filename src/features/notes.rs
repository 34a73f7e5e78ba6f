//! Throw-away: shows what a new resource costs.

mod jobs;
mod model;
mod routes;

use super::Feature;
use crate::{platform::queue::job::Payload, provider::carrier::Needs};

pub fn feature() -> Feature {
    Feature::new()
        .tag("Notes", "What somebody wrote down")
        .collection::<model::Note>()
        .queue(jobs::CountWords::QUEUE, Needs::nothing())
        .job::<jobs::CountWords>()
        .routes(routes::routes())
}
