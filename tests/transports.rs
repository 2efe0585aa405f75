//! A hostile network, over real sockets and real TLS, the same for every adapter.
//!
//! Each row is a scenario that runs on every adapter: outcome and message must agree, the fate must be the one that is
//! stated, and a server whose client says `Unsent` must not have read one byte of a request. A line is printed for each row.
//!
//! What needs a program from outside (nginx) says so when it is skipped; `VOLC_STRICT=1` makes that a failure.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use peak_alloc::PeakAlloc;

#[path = "transports/adapters.rs"]
mod adapters;
#[path = "transports/answers.rs"]
mod answers;
#[path = "transports/connections.rs"]
mod connections;
#[path = "transports/environment.rs"]
mod environment;
#[path = "transports/load.rs"]
mod load;
#[path = "transports/logs.rs"]
mod logs;
#[path = "transports/nginx.rs"]
mod nginx;
#[path = "transports/table.rs"]
mod table;
#[path = "transports/time.rs"]
mod time;
#[path = "transports/tls.rs"]
mod tls;
#[path = "transports/watching.rs"]
mod watching;

/// How much memory ten thousand calls take.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;
