//! The samples' shared parts: the Graph client, logging, and which store backends they link.

pub mod background_worker;
pub mod demo;
pub mod graph;
pub mod logging;
pub mod serve;
pub mod stores;
pub mod web_api;
pub mod web_app;
