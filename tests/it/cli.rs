//! The programs as people and service managers meet them: real processes, real signals, real sockets.

mod commands;
mod demo;
mod first_start;
mod logs;
mod process;
mod processes;
mod refused;
mod repair;
mod stopping;
mod web;
