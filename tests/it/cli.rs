//! The programs as people and service managers meet them: real processes, real signals, real sockets.

mod account;
mod admin;
mod commands;
mod damaged;
mod demo;
mod doctor;
mod first_start;
mod label;
mod listen;
mod logs;
mod looking;
#[cfg(target_os = "linux")]
mod memory;
mod merchant;
mod merchant_erase;
mod merchant_kyc;
mod merchants_guide;
mod metrics;
mod migrate;
mod mongodb_roles;
mod operations;
mod probe;
mod process;
mod processes;
mod queue;
mod redaction;
mod refused;
mod repair;
mod resend;
mod restored;
mod review;
mod stopping;
mod terminal;
mod unread;
mod web;
