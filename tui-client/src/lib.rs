//! A chat for the terminal: a full screen, and commands that scripts can trust.
//!
//! `net`, `api` and `cache` know the contract and nothing of the screen; `app` and `ui` are pure; `runtime` and `cli`
//! tie them together.

pub mod api;
pub mod app;
pub mod cache;
pub mod cli;
pub mod command;
pub mod config;
pub mod credentials;
mod guest;
pub mod keymap;
pub mod net;
pub mod notify;
pub mod runtime;
pub mod server_url;
pub mod settings;
pub mod theme;
pub mod ui;
