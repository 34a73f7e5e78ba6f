//! What is done to the processes, one file for each kind of death.

mod booking_points;
mod cancels;
mod create_points;
mod crowd;
mod frozen;
mod kills;
mod locked;
mod notifications;
mod queue_lost;
mod replica_set;
mod twins;
mod webhooks;
