//! The connections of a client: at most so many at once, and those that are idle are used again.
//!
//! hyper-util's pool starts a connection beside each wait for an idle one and finishes it in the background if the idle one
//! comes first. Under load it so has more sockets than calls, and no number bounds them. It also polls connections in tasks,
//! which outlive a call that was dropped. Here a call owns its connection: where the call ends, so does it, unless it is
//! given back.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Uri;
use http::uri::{Authority, Scheme};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::yield_now;
use tokio::time::Instant;

use crate::connection::Connection;

/// As in ureq: shorter than the idle times of servers and balancers, which are 60 seconds and more.
const MAX_IDLE: Duration = Duration::from_secs(15);

/// Where a connection leads.
pub(crate) type Origin = (Option<Scheme>, Option<Authority>);

pub(crate) fn origin(uri: &Uri) -> Origin {
    (uri.scheme().cloned(), uri.authority().cloned())
}

pub(crate) struct Pool {
    places: Semaphore,
    /// The one that was used last is at the end.
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    origin: Origin,
    since: Instant,
    connection: Connection,
}

impl Pool {
    /// For at least one connection.
    pub(crate) fn new(connections: usize) -> Self {
        Self { places: Semaphore::new(connections.clamp(1, Semaphore::MAX_PERMITS)), idle: Mutex::default() }
    }

    /// Waits until one more connection may be in use, in the order in which calls came.
    pub(crate) async fn place(&self) -> SemaphorePermit<'_> {
        self.places.acquire().await.expect("the semaphore is never closed")
    }

    /// An idle connection that its server has not closed.
    pub(crate) async fn idle(&self, origin: &Origin) -> Option<Connection> {
        let mut connection = self.take(origin)?;
        // Lets the runtime look at its sockets: a close that came meanwhile is seen then.
        yield_now().await;
        while !connection.is_ready().await {
            connection = self.take(origin)?;
        }
        Some(connection)
    }

    fn take(&self, origin: &Origin) -> Option<Connection> {
        let mut idle = self.lock();
        idle.retain(|idle| idle.since.elapsed() < MAX_IDLE);
        let index = idle.iter().rposition(|idle| idle.origin == *origin)?;
        Some(idle.remove(index).connection)
    }

    /// Closes idle connections to other origins where one more would be too many. To be called with a place in hand.
    pub(crate) fn make_room(&self) {
        let mut idle = self.lock();
        let too_many = idle.len().saturating_sub(self.places.available_permits());
        idle.drain(..too_many);
    }

    /// Keeps a connection for a later call. To be called before its place is given up.
    pub(crate) fn keep(&self, origin: Origin, connection: Connection) {
        self.lock().push(Idle { origin, since: Instant::now(), connection });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Idle>> {
        // Nothing is ever half written under this lock.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
